"""The journal says what a run meant to write and what came of it, whatever became of the run itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, FieldChange, UpdateAccount
from kamsync.model.exchange import Outcome
from kamsync.store.database import Cache, open_cache
from kamsync.store.journal import entries, fields_of, note_intents, note_outcomes, settle_entries, task_of, unsettled
from kamsync.store.runs import (
    RunKind,
    RunStatus,
    describe_run,
    find_run,
    finish_run,
    held_since_undo,
    is_running,
    list_runs,
    start_run,
    undone_by,
    was_applied,
    written_so_far,
)

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
TODAY = NOW.date()
TASK = CreateTask("care:call:once:1", "1", "Acme", "u1", "Call Acme", "Because.", date(2026, 12, 1), "care", "high", (), "call")
UPDATE = UpdateAccount(
    "1",
    "Acme",
    {
        "tier": FieldChange(None, "A"),
        "since": FieldChange(date(2026, 1, 5), TODAY),
        "score": FieldChange(None, 86.5),
        "evaluated_at": FieldChange(None, NOW),
        "override_until": FieldChange(None, None),
    },
    ("score 86.5 ≥ 75",),
)
EVERY_CHANGE: tuple[Change, ...] = (
    UPDATE,
    TASK,
    AttachTask("care:mail:once:1", "T2", "1", "Acme", "Mail", "u1", date(2026, 12, 2)),
    CloseTask("care:fax:once:1", "T3", "1", "Acme", "Fax", (), "u1", date(2026, 12, 3)),
    DeleteTask("care:old:once:1", "T4", "1", "Acme", "Old", TASK),
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "cache.db") as opened:
        yield opened


def a_run(
    cache: Cache,
    run_id: str,
    *,
    kind: RunKind = "apply",
    status: RunStatus | None = "done",
    undoes: str = "",
    criteria: str = "h1",
    minute: int = 0,
) -> None:
    """A run that began at that minute and ended as it says; None: it is still under way, or was killed."""
    start_run(cache, run_id, kind, NOW + timedelta(minutes=minute), TODAY)
    describe_run(cache, run_id, as_of=TODAY, criteria_hash=criteria, undoes=undoes)
    if status is not None:
        finish_run(cache, run_id, status, NOW + timedelta(minutes=minute + 1))


def noted(cache: Cache, run_id: str, *changes: Change) -> None:
    with cache.transaction():
        note_intents(cache, run_id, changes)


def answered(cache: Cache, run_id: str, op: str, *outcomes: Outcome) -> None:
    with cache.transaction():
        note_outcomes(cache, run_id, op, outcomes, NOW)


# --- entries ------


def test_every_kind_of_change_is_noted_with_all_that_undoing_it_needs(cache: Cache) -> None:
    noted(cache, "r1", *EVERY_CHANGE)

    found = list(entries(cache, "r1"))

    assert [(one.seq, one.op, one.ref, one.account_id, one.name) for one in found] == [
        (1, "update_account", "1", "1", "Acme"),
        (2, "create_task", "care:call:once:1", "1", "Acme"),
        (3, "attach_task", "care:mail:once:1", "1", "Acme"),
        (4, "close_task", "care:fax:once:1", "1", "Acme"),
        (5, "delete_task", "care:old:once:1", "1", "Acme"),
    ]
    assert fields_of(found[0]) == UPDATE.fields
    assert task_of(found[1]) == TASK
    assert [one.intent.get("task_id") for one in found[2:]] == ["T2", "T3", "T4"]
    assert all(one.outcome is None for one in found)


def test_a_task_to_be_deleted_is_noted_as_it_was_made_so_that_it_can_be_made_again(cache: Cache) -> None:
    noted(cache, "r1", DeleteTask(TASK.key, "T1", "1", "Acme", TASK.subject, TASK))

    (entry,) = entries(cache, "r1")

    assert task_of(entry) == TASK


def test_a_task_that_an_older_version_noted_without_body_or_type_is_read_with_the_plain_ones(cache: Cache) -> None:
    noted(cache, "r1", TASK)
    with cache.transaction() as connection:
        old = '{"name": "Acme", "owner_id": "u1", "subject": "Call Acme", "due": "2026-12-01"}'
        connection.execute("UPDATE journal SET intent = ?", (old,))

    task = task_of(next(entries(cache, "r1")))

    assert (task.body, task.playbook, task.priority, task.type) == ("", "care", "normal", "todo")


def test_further_intents_of_a_run_go_on_counting(cache: Cache) -> None:
    noted(cache, "r1", UPDATE)
    noted(cache, "r2", UPDATE)
    noted(cache, "r1", TASK)

    assert [one.seq for one in entries(cache, "r1")] == [1, 2]
    assert [one.seq for one in entries(cache, "r2")] == [1]


def test_what_the_crm_answered_is_kept_with_its_own_entry_alone(cache: Cache) -> None:
    noted(cache, "r1", UPDATE, TASK)
    noted(cache, "r2", UPDATE)

    answered(cache, "r1", "update_account", Outcome("1", "rejected", message="No."))
    answered(cache, "r1", "create_task", Outcome(TASK.key, "done", "T1"))

    told = [(one.run_id, one.outcome, one.record_id, one.message) for one in (*entries(cache, "r1"), *entries(cache, "r2"))]
    assert told == [("r1", "rejected", "", "No."), ("r1", "done", "T1", ""), ("r2", None, None, None)]


def test_what_nobody_knows_is_unsettled_until_recovery_has_looked(cache: Cache) -> None:
    noted(cache, "r1", UPDATE, TASK)
    noted(cache, "r2", UPDATE)
    answered(cache, "r1", "update_account", Outcome("1", "unknown"))
    answered(cache, "r2", "update_account", Outcome("1", "done"))

    open_entries = unsettled(cache)
    assert [(one.run_id, one.op) for one in open_entries] == [("r1", "update_account"), ("r1", "create_task")]

    with cache.transaction():
        settle_entries(cache, [(open_entries[0], "absent", ""), (open_entries[1], "done", "T1")], NOW)
    assert unsettled(cache) == []
    assert [(one.outcome, one.record_id, one.message) for one in entries(cache, "r1")] == [
        ("absent", "", "found by the next run"),
        ("done", "T1", "found by the next run"),
    ]


def test_what_a_run_has_written_is_counted_from_its_entries(cache: Cache) -> None:
    noted(cache, "r1", *EVERY_CHANGE, UpdateAccount("2", "Beta", {}, ()), UpdateAccount("3", "Gamma", {}, ()))
    answered(cache, "r1", "update_account", Outcome("1", "done"), Outcome("2", "rejected"))
    answered(cache, "r1", "create_task", Outcome(TASK.key, "existed", "T1"))
    answered(cache, "r1", "attach_task", Outcome("care:mail:once:1", "done"))
    answered(cache, "r1", "close_task", Outcome("care:fax:once:1", "unknown"))
    (last,) = (one for one in entries(cache, "r1") if one.account_id == "3")
    with cache.transaction():
        settle_entries(cache, [(last, "absent", "")], NOW)

    assert written_so_far(cache, "r1") == {"updated": 1, "rejected": 1, "created": 1, "attached": 1, "unknown": 2}


# --- runs ------


def test_a_run_is_remembered_with_its_day_its_end_and_its_mend(cache: Cache) -> None:
    start_run(cache, "r1", "sync", NOW, TODAY)
    assert is_running(cache, "r1")
    finish_run(cache, "r1", "refused", NOW, message="Guard.", fix="Look.")

    (run,) = list_runs(cache)

    assert not is_running(cache, "r1")
    assert (run.kind, run.as_of, run.started_at, run.finished_at) == (
        "sync",
        "2026-11-23",
        "2026-11-23T06:00:00+00:00",
        "2026-11-23T06:00:00+00:00",
    )
    assert (run.status, run.message, run.fix, run.summary) == ("refused", "Guard.", "Look.", {})


def test_a_run_that_ends_with_an_error_is_counted_from_what_it_had_written(cache: Cache) -> None:
    start_run(cache, "r1", "sync", NOW)
    noted(cache, "r1", UPDATE)
    answered(cache, "r1", "update_account", Outcome("1", "done"))

    finish_run(cache, "r1", "failed", NOW, message="No network.")

    assert list_runs(cache)[0].summary == {"updated": 1}


def test_a_killed_run_is_told_as_interrupted_with_what_it_had_written_when_the_next_one_begins(cache: Cache) -> None:
    a_run(cache, "r1", status=None)
    noted(cache, "r1", UPDATE, TASK)
    answered(cache, "r1", "update_account", Outcome("1", "done"))

    a_run(cache, "r2", status=None, minute=5)

    newest, killed = list_runs(cache)
    assert (newest.run_id, newest.status) == ("r2", "running")
    assert (killed.run_id, killed.status, killed.summary) == ("r1", "interrupted", {"updated": 1, "unknown": 1})


def test_runs_are_listed_newest_first_and_found_by_the_beginning_of_their_id(cache: Cache) -> None:
    for minute, run_id in enumerate(("ab1", "ab2", "ab", "cd_4")):
        a_run(cache, run_id, minute=minute)

    assert [run.run_id for run in list_runs(cache, limit=2)] == ["cd_4", "ab"]
    found = {wanted: find_run(cache, wanted) for wanted in ("ab", "ab1", "a", "c", "cd%", "x")}
    assert {wanted: run.run_id if run else None for wanted, run in found.items()} == {
        "ab": "ab",
        "ab1": "ab1",
        "a": None,
        "c": "cd_4",
        "cd%": None,
        "x": None,
    }


@pytest.mark.parametrize(
    ("kind", "status", "approved"),
    [
        ("apply", "done", True),
        ("apply", "partial", True),
        ("apply", "declined", False),
        ("apply", "failed", False),
        ("apply", "refused", False),
        ("sync", "done", False),
        ("undo", "done", False),
    ],
)
def test_only_a_plan_that_a_person_applied_is_approval(cache: Cache, kind: RunKind, status: RunStatus, approved: bool) -> None:
    a_run(cache, "r1", kind=kind, status=status)
    assert was_applied(cache) is approved


# --- undo ------


def test_a_run_is_undone_by_the_run_that_took_it_back_until_that_is_taken_back_itself(cache: Cache) -> None:
    a_run(cache, "r1")
    assert undone_by(cache, "r1") is None

    a_run(cache, "u1", kind="undo", undoes="r1", minute=1)
    found = undone_by(cache, "r1")
    assert found is not None
    assert found.run_id == "u1"

    a_run(cache, "u2", kind="undo", undoes="u1", minute=2)
    assert undone_by(cache, "r1") is None
    assert undone_by(cache, "u1") is not None

    a_run(cache, "u3", kind="undo", undoes="r1", minute=3)
    found = undone_by(cache, "r1")
    assert found is not None
    assert found.run_id == "u3"


@pytest.mark.parametrize("status", ["partial", "interrupted", "failed", "declined", "refused"])
def test_an_undo_that_did_not_come_to_its_end_may_be_asked_for_again(cache: Cache, status: RunStatus) -> None:
    a_run(cache, "r1")
    a_run(cache, "u1", kind="undo", undoes="r1", status=status, minute=1)
    assert undone_by(cache, "r1") is None


@pytest.mark.parametrize("status", ["done", "partial", "interrupted"])
def test_after_an_undo_the_unattended_runs_are_held(cache: Cache, status: RunStatus) -> None:
    a_run(cache, "r1")
    a_run(cache, "u1", kind="undo", undoes="r1", status=status, minute=1)
    a_run(cache, "s1", kind="sync", status="refused", minute=2)
    assert held_since_undo(cache, "h1") == "r1"


@pytest.mark.parametrize("status", ["declined", "refused", "failed"])
def test_an_undo_that_wrote_nothing_holds_nobody(cache: Cache, status: RunStatus) -> None:
    a_run(cache, "r1")
    a_run(cache, "u1", kind="undo", undoes="r1", status=status, minute=1)
    assert held_since_undo(cache, "h1") == ""


def test_an_apply_other_criteria_or_the_undo_of_the_undo_say_that_writing_may_go_on(cache: Cache) -> None:
    assert held_since_undo(cache, "h1") == ""
    a_run(cache, "r1")
    assert held_since_undo(cache, "h1") == ""
    a_run(cache, "u1", kind="undo", undoes="r1", minute=1)
    assert held_since_undo(cache, "h2") == ""
    a_run(cache, "a1", status="declined", minute=2)
    assert held_since_undo(cache, "h1") == "r1"
    a_run(cache, "u2", kind="undo", undoes="u1", minute=3)
    assert held_since_undo(cache, "h1") == ""
    a_run(cache, "u3", kind="undo", undoes="r1", minute=4)
    assert held_since_undo(cache, "h1") == "r1"
    a_run(cache, "a2", minute=5)
    assert held_since_undo(cache, "h1") == ""
