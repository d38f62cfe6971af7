"""The contract suite itself: a connector that breaks one promise, and only that, is caught by the test of that promise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kamsync_salesforce
from kamsync.config.mapping import load_mapping
from kamsync.contract import Connection, Context, Page, PullRequest, SandboxCrm, Setting
from kamsync.errors import AccessDenied, TryLater
from kamsync.model import AccountUpdate, NewTask, Outcome, Stream, Usage, Value
from kamsync.sandbox.company import Company
from kamsync.testing import ConnectorContract, Harness, RunningCrm
from kamsync.testing.harness import SAMPLE_DAY
from kamsync_salesforce.sandbox.org import CLIENT_SECRET as SECRET
from tests.connectors.people import SalesforcePeople

GOOD = kamsync_salesforce.CONNECTOR
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())


class Sloppy:
    """A connection that does as the good one does, but for what a subclass spoils."""

    def __init__(self, good: Connection) -> None:
        self._good = good

    def __getattr__(self, name: str) -> Any:
        return getattr(self._good, name)


class SloppyConnector:
    """The good connector, handing out spoilt connections."""

    kind = GOOD.kind
    label = GOOD.label
    contract_version = GOOD.contract_version
    settings: tuple[Setting, ...] = GOOD.settings

    def __init__(self, spoilt: Callable[[Connection], Any]) -> None:
        self._spoilt = spoilt

    def connect(self, settings: Mapping[str, Any], context: Context) -> Connection:
        connection: Connection = self._spoilt(GOOD.connect(settings, context))
        return connection

    def sandbox(self, company: Any, options: Any) -> SandboxCrm:
        return GOOD.sandbox(company, options)


class EndsWithoutALastPage(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (replace(page, last=False) for page in self._good.pull(requests))


class HandsOverVendorObjects(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (
            replace(page, rows=[[{"value": value} for value in row] for row in page.rows]) for page in self._good.pull(requests)
        )


class TurnsColumnsAround(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        by_name = [replace(request, columns=tuple(sorted(request.columns, key=str))) for request in requests]
        return self._good.pull(by_name)


class ForgetsDeletions(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (replace(page, deleted_ids=()) for page in self._good.pull(requests))


class ForgetsMerges(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (replace(page, merged=()) for page in self._good.pull(requests))


class NeverReadsCursors(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return self._good.pull([replace(request, cursor=None) for request in requests])


class StumblesOverCursors(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        for request in requests:
            if request.cursor:
                int(request.cursor)  # raises ValueError on what it did not write
        return self._good.pull(requests)


class KeepsProblemsToItself(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (replace(page, problems=()) for page in self._good.pull(requests))


class RemembersTheGone(Sloppy):
    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        return {one: {} for one in ids} | dict(self._good.fetch_accounts(ids, flags))


class StopsAtABadRecord(Sloppy):
    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        for outcome in self._good.push_accounts(updates):
            if outcome.status == "rejected":
                raise AccessDenied(outcome.message, fix="Give up.")
            yield outcome


class ClearsWhatItIsNotGiven(Sloppy):
    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        everything: Mapping[str, Value] = dict.fromkeys(MAPPING.flags)
        return self._good.push_accounts([replace(update, fields={**everything, **update.fields}) for update in updates])


class MakesTasksAgain(Sloppy):
    made = 0

    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        for task in tasks:
            type(self).made += 1
            (outcome,) = self._good.create_tasks([replace(task, key=f"{task.key}-{self.made}")])
            yield replace(outcome, ref=task.key)


class CountsNothing(Sloppy):
    def usage(self) -> Usage:
        return replace(self._good.usage(), used_by_us=0)


class CannotBeClosedAgain(Sloppy):
    closings = 0

    def close(self) -> None:
        self.closings += 1
        if self.closings == 2:
            raise RuntimeError("closed already")
        self._good.close()


class WritesInARehearsal(Sloppy):
    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Any:
        return self._good.setup(dry_run=False, metadata_folder=metadata_folder)


class FindsWithoutAMend(Sloppy):
    def diagnose(self, request: Any) -> Any:
        return (replace(finding, fix="") for finding in self._good.diagnose(request))


class ThrowsItsLibrarysErrors(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        try:
            yield from self._good.pull(requests)
        except TryLater as error:
            raise ConnectionError("HTTP 503") from error


class TellsSecrets(Sloppy):
    def __repr__(self) -> str:
        return f"Connection({SECRET})"


@pytest.mark.parametrize(
    ("spoilt", "promise"),
    [
        (EndsWithoutALastPage, "a_stream_is_rows_of_plain_values_in_the_columns_asked_and_one_last_page"),
        (HandsOverVendorObjects, "a_stream_is_rows_of_plain_values_in_the_columns_asked_and_one_last_page"),
        (TurnsColumnsAround, "columns_come_in_the_order_asked_and_no_others"),
        (ForgetsDeletions, "a_deleted_account_is_named_by_the_next_pull"),
        (ForgetsMerges, "a_merge_is_told_as_the_old_id_and_the_one_that_lives_on"),
        (NeverReadsCursors, "a_pull_after_no_change_brings_no_change"),
        (StumblesOverCursors, "an_unreadable_cursor_means_the_whole_stream"),
        (KeepsProblemsToItself, "an_opportunity_without_an_account_is_a_sentence_for_the_admin"),
        (RemembersTheGone, "accounts_that_are_gone_are_left_out_of_the_answer"),
        (StopsAtABadRecord, "one_bad_record_never_stops_another"),
        (ClearsWhatItIsNotGiven, "only_the_named_flags_change"),
        (MakesTasksAgain, "a_key_is_used_once"),
        (MakesTasksAgain, "a_task_that_people_finished_or_deleted_is_not_made_again"),
        (CountsNothing, "usage_counts_the_calls_that_the_crm_counts"),
        (CannotBeClosedAgain, "a_connection_may_be_closed_again"),
        (WritesInARehearsal, "a_rehearsal_writes_nothing_and_tells_what_setup_then_makes"),
        (FindsWithoutAMend, "doctor_says_what_is_missing_with_its_mend_and_is_content_after_setup"),
        (ThrowsItsLibrarysErrors, "a_crm_that_is_down_asks_us_to_come_later"),
        (TellsSecrets, "no_secret_is_shown_even_if_the_crm_repeats_it"),
    ],
)
def test_a_broken_promise_is_caught(
    spoilt: type[Sloppy], promise: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    hold(promise, lambda good: good, caplog=caplog, capfd=capfd)
    with pytest.raises((AssertionError, AccessDenied, ValueError, RuntimeError, ConnectionError)):
        hold(promise, spoilt, caplog=caplog, capfd=capfd)


def hold(promise: str, spoilt: Callable[[Connection], Any], **offered: Any) -> None:
    """Runs the test of one promise on a connector whose connections are spoilt."""
    company = Company(30, 230, today=SAMPLE_DAY, activities=5)
    crm = RunningCrm(Harness(SloppyConnector(spoilt), MAPPING, SalesforcePeople), company)
    test = getattr(ConnectorContract(), f"test_{promise}")
    wanted = inspect.signature(test).parameters
    try:
        if "bare_crm" not in wanted:
            list(GOOD.connect(crm.settings(), crm.context()).setup(dry_run=False))
        offered |= {"crm": crm, "quiet_crm": crm, "bare_crm": crm, "connection": crm.connect()}
        offered |= {"stream": Stream.OPPORTUNITIES, "cursor": "?"}
        test(**{name: offered[name] for name in wanted})
    finally:
        crm.stop()
