"""Which run writes to an org: one record, of two that ask at once one gets it, a dead holder's ends by time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kamsync.contract import DoctorRequest, LeaseAnswer
from kamsync.errors import BadAnswer
from kamsync.sandbox.server import SandboxServer
from kamsync_salesforce.connection import SalesforceConnection
from tests.connectors.salesforce.orgs import an_org, connected

QUARTER = 900


@pytest.fixture(scope="module")
def org() -> Iterator[SandboxServer]:
    with an_org(accounts=5, opportunities=5) as server:
        yield server


@pytest.fixture(autouse=True)
def _nobody_has_it(org: SandboxServer) -> Iterator[None]:
    yield
    crm: Any = org.crm
    crm.org.db.execute("DELETE FROM KAM_Lease__c")
    crm.org.options.clock_skew_seconds = 0.0


def take(connection: SalesforceConnection, run_id: str, *dead: str) -> LeaseAnswer:
    return connection.take_lease(run_id, "kam-1", QUARTER, lambda other: other in dead)


def records(server: SandboxServer) -> list[tuple[Any, ...]]:
    crm: Any = server.crm
    return list(crm.org.db.execute("SELECT KAM_Run__c, KAM_Machine__c, IsDeleted, KAM_Key__c FROM KAM_Lease__c ORDER BY Id"))


def time_passes(server: SandboxServer, seconds: float) -> None:
    """On Salesforce's servers."""
    crm: Any = server.crm
    crm.org.options.clock_skew_seconds += seconds


def test_the_first_gets_it_with_one_call_and_the_second_is_told_who_has_it_and_until_when(org: SandboxServer) -> None:
    first, second = connected(org), connected(org)
    before = first.usage().used_by_us

    mine = take(first, "run-1")
    calls = first.usage().used_by_us - before
    theirs = take(second, "run-2")

    assert mine.status == "ours" and calls == 1
    assert (theirs.status, theirs.run_id, theirs.machine) == ("held", "run-1", "kam-1")
    assert theirs.until is not None and 0 < (theirs.until - second._client.server_time).total_seconds() <= QUARTER


def test_what_is_given_back_is_free_at_once_and_keeps_no_key_in_the_recycle_bin(org: SandboxServer) -> None:
    first, second = connected(org), connected(org)
    take(first, "run-1")
    before = first.usage().used_by_us

    first.release_lease()

    assert first.usage().used_by_us - before == 1
    assert records(org) == [("run-1", "kam-1", 1, None)]
    assert take(second, "run-2").status == "ours"


def test_of_many_that_ask_in_the_same_moment_one_gets_it(org: SandboxServer) -> None:
    connections = [connected(org) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: take(connections[place], f"run-{place}"), range(8)))

    assert sorted(answer.status for answer in answers) == ["held"] * 7 + ["ours"]


def test_of_many_that_find_a_dead_one_one_gets_it(org: SandboxServer) -> None:
    take(connected(org), "run-dead")
    time_passes(org, QUARTER + 2)
    connections = [connected(org) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: take(connections[place], f"run-{place}"), range(8)))

    assert sorted(answer.status for answer in answers) == ["held"] * 7 + ["ours"]
    assert len([one for one in records(org) if not one[2]]) == 1


def test_a_dead_machine_holds_up_others_for_a_quarter_of_an_hour_by_salesforces_clock(org: SandboxServer) -> None:
    take(connected(org), "run-1")
    other = connected(org)

    time_passes(org, QUARTER - 5)
    early = take(other, "run-2")
    time_passes(org, 7)
    late = take(connected(org), "run-2")

    assert (early.status, late.status) == ("held", "ours")


def test_a_machines_own_dead_run_holds_it_up_not_at_all(org: SandboxServer) -> None:
    take(connected(org), "run-killed")

    assert take(connected(org), "run-after", "run-killed").status == "ours"


def test_who_lost_it_is_told_so_and_takes_nothing_away_from_who_has_it_now(org: SandboxServer) -> None:
    asleep, awake = connected(org), connected(org)
    take(asleep, "run-1")
    assert asleep.renew_lease(QUARTER)
    time_passes(org, QUARTER + 2)
    take(awake, "run-2")

    assert not asleep.renew_lease(QUARTER)
    asleep.release_lease()
    assert awake.renew_lease(QUARTER)


def test_a_lost_answer_takes_it_once(org: SandboxServer) -> None:
    connection = connected(org)
    fault = org.faults.add("reset_after", method="POST", path="KAM_Lease__c", times=1)

    answer = take(connection, "run-1")
    connection.release_lease()

    assert fault.fired == 1
    assert answer.status == "ours"
    assert take(connected(org), "run-2").status == "ours"


def test_a_lease_without_an_end_is_nobodys(org: SandboxServer) -> None:
    take(connected(org), "run-1")
    crm: Any = org.crm
    crm.org.db.execute("UPDATE KAM_Lease__c SET KAM_Until__c = NULL")

    assert take(connected(org), "run-2").status == "ours"


@pytest.mark.parametrize("body", [[], {}, None, 7])
def test_an_answer_that_tells_no_record_ends_in_an_error_of_ours_or_is_looked_up(org: SandboxServer, body: Any) -> None:
    org.faults.add("status", method="POST", path="KAM_Lease__c", status=200, body=body, times=1)
    try:
        answer = take(connected(org), "run-1")
    except BadAnswer as error:
        assert "the lease" in error.message
    else:
        assert answer.status in ("ours", "no_place")


def test_an_org_without_the_object_has_no_place_for_it_and_doctor_says_so() -> None:
    with an_org(accounts=5, opportunities=5, provisioned=False) as bare:
        connection = connected(bare)
        answer = take(connection, "run-1")
        found = {finding.check: finding for finding in connection.diagnose(DoctorRequest(()))}
        made = [step.name for step in connection.setup(dry_run=False) if step.status == "created"]
        after = {finding.check: finding for finding in connected(bare).diagnose(DoctorRequest(()))}

        assert answer.status == "no_place" and answer.why
        assert found["lease"].status == "warning" and found["lease"].fix == "Run `kamsync setup`."
        assert "KAM_Lease__c" in made
        assert after["lease"].status == "ok"
        assert take(connected(bare), "run-1").status == "ours"


def test_a_user_who_may_not_keep_it_works_without_and_doctor_says_what_is_lacking(org: SandboxServer) -> None:
    crm: Any = org.crm
    crm.org.db.execute("UPDATE ObjectPermissions SET PermissionsCreate = 0")
    try:
        answer = take(connected(org), "run-1")
        found = {finding.check: finding for finding in connected(org).diagnose(DoctorRequest(()))}
    finally:
        crm.org.db.execute("UPDATE ObjectPermissions SET PermissionsCreate = 1")

    assert answer.status == "no_place"
    assert found["lease"].status == "warning" and "createable" in found["lease"].message
