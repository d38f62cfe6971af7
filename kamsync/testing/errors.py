"""What every connector promises when it cannot work: an error of ours with its remedy, an honest call count, an end."""

from __future__ import annotations

import pytest

from kamsync.contract import Connection
from kamsync.errors import AccessDenied, KamsyncError, PlanRefused
from kamsync.model import Stream
from kamsync.model.exchange import AccountUpdate
from kamsync.sandbox.company import Company
from kamsync.testing.harness import SAMPLE_DAY, Promises, RunningCrm

WRONG = "wrong-secret-wrong-secret"
DAILY_LIMIT, SHARE = 80, 0.25


class ErrorPromises(Promises):
    """What a connector promises when it cannot do what it was asked."""

    def test_a_wrong_secret_is_denied_with_its_remedy(self, crm: RunningCrm) -> None:
        for name in crm.secrets():
            with pytest.raises(AccessDenied) as caught:
                crm.connect(crm.settings(**{name: WRONG}))
            assert_helpful(caught.value, WRONG)

    def test_usage_counts_the_calls_that_the_crm_counts(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "counted")
        counted, used = crm.sandbox.calls(), connection.usage().used_by_us

        crm.pull_all(connection, [crm.request(stream) for stream in (Stream.ACCOUNTS, Stream.OPPORTUNITIES, Stream.TASKS)])
        list(connection.push_accounts([AccountUpdate(account, "One", {"tier": "B"})]))
        list(connection.create_tasks([task]))

        usage = connection.usage()
        assert usage.used_by_us - used == crm.sandbox.calls() - counted > 0
        assert usage.limit is None or usage.remaining is None or 0 <= usage.remaining <= usage.limit

    def test_a_connection_takes_no_more_than_its_share_of_the_days_calls(self) -> None:
        crm = RunningCrm(self.harness, Company(4, 4, today=SAMPLE_DAY), daily_limit=DAILY_LIMIT)
        try:
            connection = crm.connect(api_budget_share=SHARE)
            opened = crm.sandbox.calls()
            with pytest.raises(PlanRefused) as caught:
                for _ in range(DAILY_LIMIT):
                    crm.pull(connection, Stream.OWNERS)
            assert_helpful(caught.value)
            assert 0 < crm.sandbox.calls() - opened <= DAILY_LIMIT * SHARE
        finally:
            crm.stop()

    def test_a_connection_may_be_closed_again(self, crm: RunningCrm) -> None:
        connection = crm.connect()

        connection.close()
        connection.close()


def assert_helpful(error: KamsyncError, *secrets: str) -> None:
    """A user can act on it, and anybody may see it."""
    assert error.message
    assert error.fix
    assert not [secret for secret in secrets if secret in f"{error.message} {error.fix} {error!r}"]
