"""What a connector over HTTP promises when what answers is broken: an error of ours with its remedy, no secret anywhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from kamsync.contract import Connection
from kamsync.errors import BadAnswer, KamsyncError, TryLater
from kamsync.model import Stream
from kamsync.model.exchange import AccountUpdate
from kamsync.testing.errors import assert_helpful
from kamsync.testing.harness import Promises, RunningCrm

# Longer than any retry policy waits, so that a test of giving up need not wait either.
NOT_TODAY = {"retry-after": "86400"}


class BrokenAnswerPromises(Promises):
    """What a connector promises where answers are no answers of its CRM."""

    def test_a_crm_that_is_down_asks_us_to_come_later(self, crm: RunningCrm, connection: Connection) -> None:
        for status in (500, 502, 503, 504):
            crm.server.faults.clear()
            crm.server.faults.add("html", times=None, status=status, headers=NOT_TODAY)
            with pytest.raises(TryLater) as opening:
                crm.connect()
            with pytest.raises(TryLater) as pulling:
                crm.pull(connection, Stream.ACCOUNTS)
            assert_helpful(opening.value)
            assert_helpful(pulling.value)

    def test_a_proxys_page_is_not_taken_for_the_crm(self, crm: RunningCrm, connection: Connection) -> None:
        for status in (200, 407):
            crm.server.faults.clear()
            crm.server.faults.add("html", times=None, status=status)
            with pytest.raises(BadAnswer) as opening:
                crm.connect()
            assert_helpful(opening.value)
        with pytest.raises(BadAnswer) as pulling:
            crm.pull(connection, Stream.ACCOUNTS)
        assert_helpful(pulling.value)

    def test_answers_that_always_break_off_end_in_an_error_of_ours(self, crm: RunningCrm, connection: Connection) -> None:
        crm.server.faults.add("truncate", times=None)

        with pytest.raises((TryLater, BadAnswer)) as caught:
            crm.connect()
        assert_helpful(caught.value)

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
                assert_helpful(error)

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
            assert_helpful(caught.value, *secrets)
            with pytest.raises(KamsyncError) as caught:
                crm.connect()
            assert_helpful(caught.value, *secrets)

        printed = capfd.readouterr()
        everything = "\n".join([*shown, *crm.logged, caplog.text, printed.out, printed.err])
        assert not [secret for secret in secrets if secret in everything]
