"""What a connector promises that keeps leases (`GrantsLeases`): of several runs one writes, and the dead hold up nobody for long.

The promises about time are the connector's own to test: no two CRMs let their clock be moved in the same way.
"""

from __future__ import annotations

import pytest

from kamsync.contract import Connection, GrantsLeases
from kamsync.testing.harness import Promises, RunningCrm

SECONDS = 900


def _keeping(connection: Connection) -> GrantsLeases:
    """The connection as one that keeps leases; without that there is nothing to promise."""
    if not isinstance(connection, GrantsLeases):
        pytest.skip("this CRM keeps no lease")
    return connection


def _take(connection: Connection, run_id: str, *dead: str) -> str:
    answer = _keeping(connection).take_lease(run_id, "a machine", SECONDS, lambda other: other in dead)
    if answer.status == "no_place":
        pytest.skip(answer.why)
    return answer.status


class LeasePromises(Promises):
    """What a connector promises about the lease."""

    def test_of_two_that_ask_one_gets_the_lease_and_the_other_is_told_who_has_it(self, crm: RunningCrm) -> None:
        first, second = crm.connect(), crm.connect()

        assert _take(first, "run-1") == "ours"
        answer = _keeping(second).take_lease("run-2", "another machine", SECONDS, lambda other: False)

        assert (answer.status, answer.run_id, answer.machine) == ("held", "run-1", "a machine")
        assert answer.until is not None and answer.until.tzinfo is not None
        assert _keeping(first).renew_lease(SECONDS)
        _keeping(first).release_lease()
        assert _take(second, "run-2") == "ours"
        _keeping(second).release_lease()

    def test_the_lease_of_a_run_that_is_known_to_be_dead_is_nobodys(self, crm: RunningCrm) -> None:
        killed, after = crm.connect(), crm.connect()

        assert _take(killed, "run-1") == "ours"
        assert _take(after, "run-2", "run-1") == "ours"
        assert not _keeping(killed).renew_lease(SECONDS)
        _keeping(killed).release_lease()
        assert _keeping(after).renew_lease(SECONDS)
        _keeping(after).release_lease()
