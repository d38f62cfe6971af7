"""What a connector promises when it cannot work: an error of ours with its remedy, no secret anywhere, an honest call count."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kamsync.contract import Connection
from kamsync.errors import AccessDenied, BadAnswer, KamsyncError, PlanRefused, TryLater
from kamsync.model import AccountUpdate, Stream
from kamsync.sandbox.company import Company
from kamsync.testing.harness import SAMPLE_DAY, Promises, RunningCrm

# Longer than any retry policy waits, so that a test of giving up need not wait either.
NOT_TODAY = {"retry-after": "86400"}
WRONG = "wrong-secret-wrong-secret"
DAILY_LIMIT, SHARE = 80, 0.25


class ErrorPromises(Promises):
    def test_a_wrong_secret_is_denied_with_its_remedy(self, crm: RunningCrm) -> None:
        for name in crm.secrets():
            with pytest.raises(AccessDenied) as caught:
                crm.connect(crm.settings(**{name: WRONG}))
            _assert_helpful(caught.value, WRONG)

    def test_a_crm_that_is_down_asks_us_to_come_later(self, crm: RunningCrm, connection: Connection) -> None:
        for status in (500, 502, 503, 504):
            crm.server.faults.clear()
            crm.server.faults.add("html", times=None, status=status, headers=NOT_TODAY)
            with pytest.raises(TryLater) as opening:
                crm.connect()
            with pytest.raises(TryLater) as pulling:
                crm.pull(connection, Stream.ACCOUNTS)
            _assert_helpful(opening.value)
            _assert_helpful(pulling.value)

    def test_a_proxys_page_is_not_taken_for_the_crm(self, crm: RunningCrm, connection: Connection) -> None:
        for status in (200, 407):
            crm.server.faults.clear()
            crm.server.faults.add("html", times=None, status=status)
            with pytest.raises(BadAnswer) as opening:
                crm.connect()
            _assert_helpful(opening.value)
        with pytest.raises(BadAnswer) as pulling:
            crm.pull(connection, Stream.ACCOUNTS)
        _assert_helpful(pulling.value)

    def test_answers_that_always_break_off_end_in_an_error_of_ours(self, crm: RunningCrm, connection: Connection) -> None:
        crm.server.faults.add("truncate", times=None)

        with pytest.raises((TryLater, BadAnswer)) as caught:
            crm.connect()
        _assert_helpful(caught.value)

    @pytest.mark.parametrize("body", [b"null", [], {}, 7, "text", {"results": 7}, {"records": None}, [[]]])
    def test_an_answer_of_an_unknown_shape_is_an_error_of_ours_or_none(
        self, crm: RunningCrm, connection: Connection, body: Any
    ) -> None:
        task = crm.new_task("1", "shapeless")
        crm.server.faults.add("status", times=None, status=200, body=body)
        for act in (
            lambda: crm.pull(connection, Stream.ACCOUNTS),
            lambda: connection.fetch_accounts(["1"], ["tier"]),
            lambda: list(connection.push_accounts([AccountUpdate("1", "One", {"tier": "A"})])),
            lambda: list(connection.create_tasks([task])),
            connection.identity,
            crm.connect,
        ):
            try:
                act()
            except KamsyncError as error:
                _assert_helpful(error)

    def test_no_secret_is_shown_even_if_the_crm_repeats_it(
        self, crm: RunningCrm, connection: Connection, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secrets = list(crm.secrets().values())
        said = f"not with {' or '.join(secrets)}"
        shown = [repr(connection), str(connection), repr(crm.settings()), repr(connection.identity())]
        crm.pull(crm.connect(), Stream.OWNERS)
        for status, body in ((400, {"message": said}), (403, [{"message": said, "errorCode": said}]), (418, said.encode())):
            crm.server.faults.clear()
            crm.server.faults.add("status", times=None, status=status, body=body)
            with pytest.raises(KamsyncError) as caught:
                crm.pull(connection, Stream.ACCOUNTS)
            _assert_helpful(caught.value, *secrets)
            with pytest.raises(KamsyncError) as caught:
                crm.connect()
            _assert_helpful(caught.value, *secrets)

        printed = capfd.readouterr()
        everything = "\n".join([*shown, *crm.logged, caplog.text, printed.out, printed.err])
        assert not [secret for secret in secrets if secret in everything]

    def test_usage_counts_the_calls_that_the_crm_counts(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "counted")
        counted, used = crm.server.calls(), connection.usage().used_by_us

        crm.pull_all(connection, [crm.request(stream) for stream in (Stream.ACCOUNTS, Stream.OPPORTUNITIES, Stream.TASKS)])
        list(connection.push_accounts([AccountUpdate(account, "One", {"tier": "B"})]))
        list(connection.create_tasks([task]))

        usage = connection.usage()
        assert usage.used_by_us - used == crm.server.calls() - counted > 0
        assert usage.limit is None or usage.remaining is None or 0 <= usage.remaining <= usage.limit

    def test_a_connection_takes_no_more_than_its_share_of_the_days_calls(self) -> None:
        crm = RunningCrm(self.harness, Company(4, 4, today=SAMPLE_DAY), daily_limit=DAILY_LIMIT)
        try:
            connection = crm.connect(api_budget_share=SHARE)
            opened = crm.server.calls()
            with pytest.raises(PlanRefused) as caught:
                for _ in range(DAILY_LIMIT):
                    crm.pull(connection, Stream.OWNERS)
            _assert_helpful(caught.value)
            assert 0 < crm.server.calls() - opened <= DAILY_LIMIT * SHARE
        finally:
            crm.stop()

    def test_a_connection_may_be_closed_again(self, crm: RunningCrm) -> None:
        connection = crm.connect()

        connection.close()
        connection.close()


def _assert_helpful(error: KamsyncError, *secrets: str) -> None:
    """A user can act on it, and anybody may see it."""
    assert error.message
    assert error.fix
    assert not [secret for secret in secrets if secret in f"{error.message} {error.fix} {error!r}"]
