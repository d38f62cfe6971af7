"""`on_owner_change = "follow"`: an open task that nobody touched goes to the account's new owner; every other stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from kamsync.model import Stream
from kamsync.testing.memory.faults import FaultKind, Killed
from tests.run.memory_desk import TIERS_BY_POTENTIAL, MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = (
    '[program]\nfallback_owner = "eva@example.com"\n[guard]\nfirst_run = "go"\n'
    + TIERS_BY_POTENTIAL
    + """
[[playbooks]]
name = "welcome"
when = "tier_rank = 1"
every = "entry"
on_owner_change = "follow"
[[playbooks.tasks]]
name = "call"
subject = "Call {{ name }}"
due = 3
[[playbooks.tasks]]
name = "look"
subject = "Look at {{ name }}"
due = 5
assignee = "owner.manager, owner"
[[playbooks]]
name = "stay"
when = "tier_rank = 1"
every = "entry"
[[playbooks.tasks]]
name = "file"
subject = "File {{ name }}"
due = 3
"""
)


class Desk:
    def __init__(self, desk: MemoryDesk) -> None:
        self.desk, self.crm, self.good = desk, desk.crm, desk.good
        self.eva = self.crm.add_owner("Eva", "eva@example.com")
        self.ana = self.crm.add_owner("Ana", "ana@example.com", manager_id=self.eva)
        self.max = self.crm.add_owner("Max", "max@example.com")
        self.bo = self.crm.add_owner("Bo", "bo@example.com", manager_id=self.max)
        self.acme = self.crm.add_account("Acme", owner_id=self.ana, potential=90)

    def owners(self) -> dict[str, str]:
        return {str(one.get("subject")).split()[0]: str(one.get("owner_id")) for one in self.crm.tasks(self.acme)}

    def task(self, verb: str) -> str:
        return next(one.id for one in self.crm.tasks(self.acme) if str(one.get("subject")).startswith(verb))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"}))
    with on(0):
        desk.good("sync")
    assert desk.owners() == {"Call": desk.ana, "Look": desk.eva, "File": desk.ana}
    return desk


def on(day: int) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day), tick=True)


def test_tasks_follow_the_account_to_its_new_owner_and_their_manager(desk: Desk) -> None:
    desk.crm.edit_account(desk.acme, owner_id=desk.bo)
    with on(1):
        shown = desk.good("plan").out
        said = desk.good("sync", "--json").json
        again = desk.good("sync", "--json").json
    assert "2 tasks handed over" in shown and "Ana → Bo" in shown and "Eva → Max" in shown
    assert said["reassigned"] == 2 and again["reassigned"] == 0
    assert desk.owners() == {"Call": desk.bo, "Look": desk.max, "File": desk.ana}


@pytest.mark.parametrize("touch", ["edited", "given to somebody", "completed", "deleted"])
def test_a_task_that_somebody_touched_stays_theirs(desk: Desk, touch: str) -> None:
    call = desk.task("Call")
    match touch:
        case "edited":
            desk.crm.edit_task(call, subject="Call me back")
        case "given to somebody":
            desk.crm.reassign_task(call, desk.max)
        case "completed":
            desk.crm.complete_task(call)
        case _:
            desk.crm.delete_task(call)
    task = desk.crm.records.tables[Stream.TASKS][call]
    before = task.get("owner_id")
    desk.crm.edit_account(desk.acme, owner_id=desk.bo)
    with on(1):
        assert desk.good("sync", "--json").json["reassigned"] == 1
    assert task.get("owner_id") == before


def test_when_the_owner_leaves_the_tasks_go_to_who_stands_in_and_then_to_the_successor(desk: Desk) -> None:
    desk.crm.set_active(desk.ana, False)
    with on(1):
        desk.good("sync")
    assert desk.owners()["Call"] == desk.eva
    desk.crm.edit_account(desk.acme, owner_id=desk.bo)
    with on(2):
        desk.good("sync")
    assert desk.owners() == {"Call": desk.bo, "Look": desk.max, "File": desk.ana}


def test_a_hand_over_is_undone_and_undone_again(desk: Desk) -> None:
    desk.crm.edit_account(desk.acme, owner_id=desk.bo)
    with on(1):
        run = desk.good("sync", "--json").json["run_id"]
        desk.good("undo", run, "--yes")
        back = desk.owners()
        redo = desk.good("runs", "--json").json[0]["run_id"]
        desk.good("undo", redo, "--yes")
    assert back == {"Call": desk.ana, "Look": desk.eva, "File": desk.ana}
    assert desk.owners() == {"Call": desk.bo, "Look": desk.max, "File": desk.ana}


@pytest.mark.parametrize("fault", ["lose", "kill_before", "kill_after"])
def test_a_hand_over_that_was_cut_short_is_settled_by_the_next_run(desk: Desk, fault: FaultKind) -> None:
    desk.crm.edit_account(desk.acme, owner_id=desk.bo)
    desk.crm.faults.add(fault, call="reassign_tasks")
    with on(1):
        try:
            assert desk.desk.run("sync").code == 1
        except Killed:
            assert fault != "lose"
        desk.good("sync")
        assert desk.good("sync", "--json").json["reassigned"] == 0
    assert desk.owners() == {"Call": desk.bo, "Look": desk.max, "File": desk.ana}
