"""Two installations on one org: on Salesforce one writes at a time, on HubSpot both are noticed. Each command is a process."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.command import Started
from tests.journeys.conftest import Desk, Opener


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Desk]]:
    from tests.journeys.conftest import desks  # the fixture of it is for one test

    with desks(tmp_path_factory.mktemp("machines")) as open_desk:
        yield _several(open_desk, "salesforce", 3)


def _several(open_desk: Opener, crm: str, count: int) -> list[Desk]:
    """The same programme on so many machines, none of which has a cache."""
    first = open_desk(crm, accounts=40, opportunities=150)
    first.begin("setup")
    others = [replace(first, folder=first.folder.with_name(f"{first.folder.name}-{place}")) for place in range(2, count + 1)]
    for other in others:
        other.folder.mkdir()
        shutil.copy(first.config, other.config)
    return [first, *others]


def _ended(process: Started) -> tuple[int, str]:
    _, err = process.communicate(timeout=240)
    assert process.returncode is not None
    return process.returncode, err


def _keys(desk: Desk) -> Counter[str]:
    crm: Any = desk.server.crm
    return Counter(key for (key,) in crm.org.db.execute("SELECT KAM_Task_Key__c FROM Task WHERE KAM_Task_Key__c IS NOT NULL"))


def test_of_machines_that_sync_in_the_same_minute_one_writes_and_in_the_end_nobody_has_anything_left(
    machines: list[Desk],
) -> None:
    crm: Any = machines[0].server.crm

    ended = [_ended(process) for process in [desk.start("sync") for desk in machines]]
    again = [json.loads(desk.good("sync", "--json").out) for desk in machines]

    assert {code for code, _ in ended} <= {0, 3}, ended
    assert all("Another kamsync writes to this org" in err for code, err in ended if code == 3)
    assert max(_keys(machines[0]).values()) == 1
    assert all(one["updated"] == one["created"] == 0 for one in again)
    assert not crm.org.db.execute("SELECT 1 FROM KAM_Lease__c WHERE IsDeleted = 0").fetchall()


def _dies_while_it_writes(desk: Desk) -> None:
    """A person moves an account; the run that would write what follows is killed while Salesforce lets it wait."""
    desk.good("sync")
    account = next(one for one in desk.server.crm.view.accounts() if one.flags["tier"])
    desk.server.crm.view.set_flag(account.id, "override", "C" if account.flags["tier"] == "B" else "B")
    busy = desk.server.faults.add(
        "status", method="PATCH", path="composite/sobjects", status=503, headers={"Retry-After": "60"}, times=1
    )
    dying = desk.start("sync")
    while not busy.fired:
        assert dying.poll() is None, dying.communicate()
        time.sleep(0.05)
    dying.kill()
    dying.communicate()


def test_a_machine_that_dies_while_it_writes_holds_up_others_and_itself_not_at_all(machines: list[Desk]) -> None:
    first, second, third = machines
    _dies_while_it_writes(first)

    held = second.run("sync", "--json")
    (recorded, *_) = second.look("runs", "--json").json
    own = first.run("sync", "--json")

    assert held.code == 3 and "Another kamsync writes to this org: run 2" in held.err and "Nothing was written" in held.err
    assert 0 < held.json["error"]["retry_after_seconds"] <= 900
    assert recorded["status"] == "refused" and "keep one" in recorded["fix"]
    assert own.code == 0 and own.json["updated"] > 0, own.err
    assert third.good("sync", "--json").json["updated"] == 0


def test_what_a_dead_machine_held_ends_after_a_quarter_of_an_hour(machines: list[Desk]) -> None:
    first, second, _ = machines
    crm: Any = first.server.crm
    _dies_while_it_writes(first)

    crm.org.options.clock_skew_seconds = 905.0
    late = second.run("sync", "--json")
    crm.org.options.clock_skew_seconds = 0.0

    assert late.code == 0 and late.json["updated"] > 0, late.err


def test_a_night_with_nothing_to_do_takes_no_lease_and_at_most_eleven_calls(machines: list[Desk]) -> None:
    first = machines[0]
    first.good("sync")
    said = first.good("sync", "--json").json
    paths = [request.path for request in first.server.requests][-said["api_calls"] :]

    assert said["updated"] == said["created"] == 0
    assert said["api_calls"] <= 11
    assert not [path for path in paths if "KAM_Lease__c" in path]


def test_an_org_that_was_set_up_before_there_was_a_lease_is_written_to_as_before(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk("salesforce", accounts=20, opportunities=60)
    desk.begin("setup")
    crm: Any = desk.server.crm
    crm.org.objects.pop("kam_lease__c")

    said = desk.good("sync", "--json").json

    assert said["updated"] > 0
    assert "KAM_Lease__c" in desk.run("doctor").out
