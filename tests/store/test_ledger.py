"""The ledger knows every key that ever existed, and how this program made its own tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kamsync.decide.plan import CreateTask
from kamsync.decide.task_values import CreatedTask, ExistingTask
from kamsync.model.exchange import Outcome, OutcomeStatus
from kamsync.store.accounts import note_merges
from kamsync.store.database import Cache, open_cache
from kamsync.store.ledger import (
    Made,
    Status,
    created_tasks,
    follow_merges,
    free_keys,
    keep_made,
    known_keys,
    loose_tasks,
    made_from,
    mark_attached,
    mark_closed,
    open_tasks,
)

DUE = date(2026, 12, 1)
TASK = CreateTask("care:call:once:1", "1", "Acme", "u1", "Call Acme", "Because.", DUE, "care")
MADE = Made(TASK.key, "1", "T1", "u1", "Call Acme", DUE, "created", "r1")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "cache.db") as opened:
        yield opened


def kept(cache: Cache, *tasks: Made) -> None:
    with cache.transaction():
        keep_made(cache, tasks)


def shown(cache: Cache, key: str = TASK.key, **given: Any) -> None:
    """A task as the last pull showed it."""
    row = {"id": "T1", "key": key, "account_id": "1", "owner_id": "u1", "subject": "Call Acme", "due": "2026-12-01", "is_open": 1}
    full = {**row, "is_deleted": 0, "_pull": 1, **given}
    names, marks = ", ".join(f'"{name}"' for name in full), ", ".join("?" * len(full))
    with cache.transaction() as connection:
        connection.execute(f"INSERT INTO tasks ({names}) VALUES ({marks})", tuple(full.values()))


def merged(cache: Cache, *pairs: tuple[str, str]) -> None:
    with cache.transaction():
        note_merges(cache, pairs, DUE)
        follow_merges(cache, pairs)


def keys(tasks: Iterator[ExistingTask]) -> Sequence[str]:
    return [task.key for task in tasks]


@pytest.mark.parametrize(
    ("status", "record_id", "expected"),
    [
        ("done", "T1", "created"),
        ("existed", "T1", "existed"),
        ("rejected", "T1", "loose"),
        ("unknown", "T1", "loose"),
        ("rejected", "", None),
        ("unknown", "", None),
    ],
)
def test_what_is_kept_of_a_creation_is_what_is_known_to_exist(
    status: OutcomeStatus, record_id: str, expected: Status | None
) -> None:
    made = made_from(TASK, Outcome(TASK.key, status, record_id), "r1")
    assert made == (None if expected is None else replace(MADE, task_id=record_id, status=expected))


def test_only_a_task_that_this_program_made_whole_and_that_is_open_is_known_as_its_own(cache: Cache) -> None:
    others: tuple[Status, ...] = ("loose", "existed", "closed")
    kept(cache, MADE, *(replace(MADE, key=f"care:{status}:once:1", status=status) for status in others))

    assert created_tasks(cache) == {TASK.key: CreatedTask("u1", "Call Acme", DUE)}


def test_every_key_is_known_that_the_crm_shows_or_that_was_ever_made(cache: Cache) -> None:
    kept(cache, MADE)
    shown(cache, "care:mail:once:1", id="T2", is_open=0)
    shown(cache, "care:fax:once:1", id="T3", is_deleted=1)
    shown(cache, "", id="T4")
    shown(cache, "care:sms:once:2", id="T5", account_id=None)

    assert known_keys(cache) == {TASK.key, "care:mail:once:1", "care:fax:once:1", "care:sms:once:2"}


def test_keys_of_a_merged_account_are_keys_of_the_one_that_lives_on_however_often_it_merges(cache: Cache) -> None:
    kept(cache, MADE, replace(MADE, key="care:call:once:2", account_id="2", task_id="T2"))
    shown(cache, "care:fax:once:1", id="T3")
    shown(cache, "care:sms:once:1", id="T4", account_id="")
    merged(cache, ("1", "8"))
    merged(cache, ("8", "9"))

    assert {f"care:{task}:once:9" for task in ("call", "fax", "sms")} <= known_keys(cache)
    assert {f"care:{task}:once:1" for task in ("call", "fax", "sms")} <= known_keys(cache)
    assert "care:call:once:2" in known_keys(cache)
    assert "care:sms:once:2" not in known_keys(cache)


def test_a_key_whose_task_hangs_on_another_account_now_counts_for_that_one_too(cache: Cache) -> None:
    shown(cache, account_id="7")
    assert known_keys(cache) == {TASK.key, "care:call:once:7"}


def test_a_closed_task_is_open_nowhere(cache: Cache) -> None:
    kept(cache, MADE)
    shown(cache)
    assert keys(open_tasks(cache)) == [TASK.key]

    with cache.transaction():
        mark_closed(cache, [TASK.key])

    assert keys(open_tasks(cache)) == []
    assert created_tasks(cache) == {}
    assert TASK.key in known_keys(cache)


def test_undo_alone_frees_a_key(cache: Cache) -> None:
    kept(cache, MADE)
    shown(cache)

    with cache.transaction():
        free_keys(cache, [TASK.key])

    assert known_keys(cache) == set()
    assert keys(open_tasks(cache)) == []


def test_open_tasks_are_told_as_the_crm_shows_them(cache: Cache) -> None:
    shown(cache)
    shown(cache, "care:bare:once:1", id="T2", owner_id=None, subject=None, due=None)
    shown(cache, "care:done:once:1", id="T3", is_open=0)
    shown(cache, "care:gone:once:1", id="T4", is_deleted=1)
    shown(cache, "care:loose:once:1", id="T5", account_id=None)

    assert list(open_tasks(cache)) == [
        ExistingTask("care:bare:once:1", "T2", "1", "", "", None, True),
        ExistingTask(TASK.key, "T1", "1", "u1", "Call Acme", DUE, True),
    ]


@pytest.mark.parametrize("account_id", [None, ""])
@pytest.mark.parametrize(
    ("status", "is_loose"), [(None, True), ("loose", True), ("existed", True), ("created", False), ("closed", False)]
)
def test_a_task_that_hangs_on_no_account_is_loose_unless_it_is_known_that_it_did(
    cache: Cache, account_id: str | None, status: Status | None, is_loose: bool
) -> None:
    if status is not None:
        kept(cache, replace(MADE, status=status))
    shown(cache, account_id=account_id)

    assert keys(loose_tasks(cache)) == ([TASK.key] if is_loose else [])


def test_a_task_that_never_hung_on_its_account_is_loose_also_once_it_is_done(cache: Cache) -> None:
    kept(cache, replace(MADE, status="loose"))
    shown(cache, account_id="", is_open=0)
    assert keys(loose_tasks(cache)) == [TASK.key]


def test_a_task_that_a_person_closed_or_deleted_is_not_attached(cache: Cache) -> None:
    shown(cache, account_id="", is_open=0)
    shown(cache, "care:fax:once:1", id="T2", account_id="", is_deleted=1)
    assert keys(loose_tasks(cache)) == []


def test_an_attached_task_hangs_on_its_account_at_once_and_is_the_programs_own(cache: Cache) -> None:
    kept(cache, replace(MADE, status="loose"))
    shown(cache, account_id=None)

    with cache.transaction():
        mark_attached(cache, [(TASK.key, "1")])

    assert keys(loose_tasks(cache)) == []
    assert [(task.key, task.account_id) for task in open_tasks(cache)] == [(TASK.key, "1")]
    assert TASK.key in created_tasks(cache)


def test_attaching_somebodys_task_does_not_make_it_the_programs_own(cache: Cache) -> None:
    kept(cache, replace(MADE, status="existed"))
    shown(cache, account_id=None)

    with cache.transaction():
        mark_attached(cache, [(TASK.key, "1")])

    assert created_tasks(cache) == {}
    assert keys(open_tasks(cache)) == [TASK.key]
