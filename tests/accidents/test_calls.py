"""What a run costs in API calls: little when nothing changed, and hardly more reads than writes when much did."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path

import pytest

from tests.accidents.programme import SIZE
from tests.accidents.world import World, a_world

QUIET = 11
RECORDS_A_READ = {"salesforce": 200, "hubspot": 100}
ARCHIVE = {"salesforce": 0, "hubspot": 1}  # the list of archived tasks, which no read by key shows: a page for each hundred
WRITING = ("/batch/update", "/batch/upsert", "/batch/archive", "/batch/create", "/composite", "/KAM_Lease__c")  # the lease too


def writes_since(world: World, start: int) -> int:
    calls = list(world.server.requests)[start:]
    reading = "/composite/sobjects/Account"  # a POST there retrieves
    return sum(
        any(part in call.path for part in WRITING) and not (call.method == "POST" and call.path.endswith(reading))
        for call in calls
    )


def hurried(world: World) -> int:
    """The calls of what a schedule of every quarter of an hour does on a quiet org."""
    config = world.folder / "config.toml"
    nightly = '[schedule]\nsync = "*/15 * * * *"\nfull_pull = "0 3 1 1 *"\n'
    config.write_text(config.read_text(encoding="utf-8") + nightly, encoding="utf-8")
    return world.good("run", "--once").calls


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_quiet_sync_takes_eleven_calls_and_writing_hardly_more_reads_than_writes(crm: str, tmp_path: Path) -> None:
    with a_world(crm, tmp_path / crm, accounts=600, opportunities=1_200) as world:
        world.good("sync")
        world.wait_for_index()
        assert world.good("sync").calls <= QUIET
        assert hurried(world) <= QUIET
        world.configure(SIZE)
        moment = world.keep()
        planning = world.good("plan").calls
        world.put_back(moment)
        start = len(world.server.requests)
        ended = world.good("sync", "--json")
        counts = json.loads(ended.out)
    kinds = [counts["updated"], counts["created"], counts["closed"]]
    assert all(count > RECORDS_A_READ[crm] / 8 for count in kinds)
    looked = sum(ceil(count / RECORDS_A_READ[crm]) for count in kinds)
    assert ended.calls - planning - writes_since(world, start) <= looked + ARCHIVE[crm]
