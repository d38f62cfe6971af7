"""What keeps an admin safe: guards, the lock, bad records, faults in the night, a schedule that stops gently."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kamsync.sandbox.faults import Kind
from tests.journeys.command import Started
from tests.journeys.conftest import Desk, Opener

CRMS = ("salesforce", "hubspot")


@pytest.fixture(params=CRMS)
def desk(request: pytest.FixtureRequest, open_desk: Opener) -> Desk:
    """A desk after setup, on each CRM."""
    desk = open_desk(request.param)
    desk.begin("setup")
    return desk


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Looks until it is so; a busy machine only makes it look more often."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def wait_for(process: Started, word: str) -> str:
    """Reads what the process says until a line has the word."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if word in line:
            return said
    raise AssertionError(f"it ended without {word!r}: {said}")


def wait_until_caught(process: int, number: signal.Signals) -> None:
    """Until the process has a handler of its own for the signal."""
    status = Path(f"/proc/{process}/status")

    def caught() -> bool:
        line = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        return bool(int(line.split()[1], 16) >> (number - 1) & 1)

    wait_until(caught)


def tiers(desk: Desk) -> dict[str, str]:
    return {a.id: a.flags["tier"] for a in desk.server.crm.view.accounts(only_flagged=True, limit=1000)}


def test_a_run_that_would_move_too_many_is_held_back_and_writes_nothing(desk: Desk) -> None:
    desk.good("sync")
    before = tiers(desk)
    desk.edit_config('criteria = "balanced"', 'criteria = "retention"')
    desk.edit_config('eligible = "won_count_total > 0"', 'eligible = "won_count_total > 1000"')
    result = desk.run("sync")
    assert result.code == 3 and "max_changed_share" in result.err and "kamsync apply --yes" in result.err
    assert tiers(desk) == before
    assert desk.look("runs", "--json").json[0]["status"] == "refused"


def test_two_runs_never_overlap(desk: Desk) -> None:
    fault = desk.server.faults.add("slow", path="search|query", seconds=4.0, times=2)
    first = desk.start("sync")
    wait_until(lambda: fault.fired > 0)
    second = desk.run("sync")
    assert second.code == 3 and "lock" in second.err
    _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err


@pytest.mark.parametrize("kind", ["status", "reset_before", "truncate"])
def test_a_fault_while_reading_changes_nothing_in_the_end(desk: Desk, kind: Kind) -> None:
    fault = desk.server.faults.add(kind, method="GET", path="companies|query", times=1, status=503)
    desk.good("sync")
    assert fault.fired == 1
    assert "Nothing to write" in desk.good("sync").out


def test_a_lost_answer_to_a_write_makes_no_second_task(desk: Desk) -> None:
    desk.server.faults.add("reset_after", path="tasks/batch/upsert|sobjects/Task", times=1)
    desk.run("sync")
    desk.good("sync", "--full")
    for account_id in tiers(desk):
        subjects = [t.subject for t in desk.server.crm.view.tasks(account_id) if t.by_kamsync]
        assert len(subjects) == len(set(subjects))


def test_tasks_that_did_not_come_about_are_made_by_the_next_run(open_desk: Opener) -> None:
    """Their accounts have entered their tiers by then, so that no playbook would fire for them again."""
    desk = open_desk("hubspot")
    desk.begin("setup")
    wanted = {change["key"] for change in desk.good("plan", "--json").json["changes"] if change["op"] == "create_task"}
    trouble = {"status": "error", "category": "INTERNAL_ERROR", "message": "Some records could not be handled."}
    in_part = {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [trouble]}
    desk.server.faults.add("status", path="tasks/batch/upsert", times=1, status=207, body=in_part)
    first = desk.run("sync")
    assert first.code == 1 and "could not be handled" in first.out
    assert wanted and tiers(desk)
    desk.good("sync")
    made = [task for account_id in tiers(desk) for task in desk.server.crm.view.tasks(account_id) if task.by_kamsync]
    assert len(made) == len(wanted)
    assert "Nothing to write" in desk.good("sync").out


def test_one_record_that_the_crm_rejects_never_blocks_the_others(open_desk: Opener) -> None:
    def refuse_tier_a(row: dict[str, object]) -> bool:
        return row.get("KAM_Tier__c") == "A"

    desk = open_desk("salesforce", validation_rules=(("Account", refuse_tier_a, "Tier A needs a sponsor."),))
    desk.begin("setup")
    result = desk.run("sync")
    assert result.code == 1 and "Tier A needs a sponsor." in result.out
    assert {"B", "C"} <= set(tiers(desk).values()) and "A" not in tiers(desk).values()


def test_an_org_over_its_api_limit_is_told_and_nothing_is_written(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.begin("setup")
    desk.server.crm.org.daily_limit = desk.server.crm.calls()  # type: ignore[attr-defined]  # this sandbox's own org
    result = desk.run("sync")
    assert result.code in (1, 3) and "Traceback" not in result.err
    assert tiers(desk) == {}


def test_a_proxy_page_instead_of_the_crm_is_told_as_such(desk: Desk) -> None:
    desk.server.faults.add("html", path=".*", times=None, status=200)
    result = desk.run("pull")
    assert result.code == 1 and "Traceback" not in result.err and result.err.strip()


def test_the_schedule_stops_gently(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text() + '[schedule]\nsync = "0 6 * * 1-5"\n')
    process = desk.start("run")
    said = wait_for(process, "scheduled")
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0, said + rest
    assert "stopping" in rest


def test_a_schedule_that_has_hardly_begun_ends_cleanly_too(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text() + '[schedule]\nsync = "0 6 * * 1-5"\n')
    process = desk.start_anew("run")
    wait_until_caught(process.pid, signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_a_run_without_a_schedule_says_what_to_add(desk: Desk) -> None:
    result = desk.run("run")
    assert result.code == 2 and "[schedule]" in result.err


def test_the_cache_is_for_its_owner_alone(desk: Desk) -> None:
    desk.good("sync")
    cache = desk.folder / "kamsync.db"
    assert cache.stat().st_mode & 0o077 == 0
    with sqlite3.connect(cache) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
