"""The contract suite itself: a connector that breaks one promise, and only that, is caught by the test of that promise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest

import kamsync.testing.memory
import kamsync_salesforce
from kamsync.config.mapping import load_mapping
from kamsync.contract import Connection, Connector, Context, Page, PullRequest, SandboxCrm, Setting
from kamsync.errors import AccessDenied, TryLater
from kamsync.model import Stream, Value
from kamsync.model.exchange import AccountUpdate, NewTask, Outcome, TaskRef, TaskSeen, Usage
from kamsync.sandbox.company import Company
from kamsync.testing import ConnectorContract, Harness, RunningCrm
from kamsync.testing.harness import SAMPLE_DAY
from kamsync.testing.memory import memory_mapping
from kamsync_salesforce.sandbox.org import CLIENT_SECRET as SECRET
from tests.connectors.people import MemoryPeople, SalesforcePeople
from tests.sandboxes import Keeping

GOOD = kamsync_salesforce.CONNECTOR
MEMORY: Connector = kamsync.testing.memory.CONNECTOR
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())
COMPANY = Company(30, 230, today=SAMPLE_DAY, activities=5)


class Sloppy:
    """A connection that does as the good one does, but for what a subclass spoils."""

    def __init__(self, good: Connection) -> None:
        self._good = good

    def __getattr__(self, name: str) -> Any:
        return getattr(self._good, name)


class SloppyConnector:
    """A good connector, handing out spoilt connections."""

    def __init__(self, spoilt: Callable[[Connection], Any], good: Connector = GOOD) -> None:
        self._spoilt, self._good = spoilt, good
        self.kind, self.label, self.contract_version = good.kind, good.label, good.contract_version

    @property
    def settings(self) -> tuple[Setting, ...]:
        return self._good.settings

    def connect(self, settings: Mapping[str, Any], context: Context) -> Connection:
        connection: Connection = self._spoilt(self._good.connect(settings, context))
        return connection

    def sandbox(self, company: Any, options: Any) -> SandboxCrm:
        return self._good.sandbox(company, options)


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


class DropsOrphans(Sloppy):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        by_stream = {request.stream: [column.name for column in request.columns] for request in requests}
        for page in self._good.pull(requests):
            names = by_stream[page.stream]
            place = names.index("account_id") if page.stream is Stream.OPPORTUNITIES else None
            yield page if place is None else replace(page, rows=[row for row in page.rows if row[place]])


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
        (DropsOrphans, "an_opportunity_without_an_account_is_read_like_any_other"),
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
    hold(promise, SloppyConnector(lambda good: good), caplog=caplog, capfd=capfd)
    with pytest.raises((AssertionError, AccessDenied, ValueError, RuntimeError, ConnectionError)):
        hold(promise, SloppyConnector(spoilt), caplog=caplog, capfd=capfd)


class OnMemory(Sloppy):
    """Spoils the in-memory connection, which keeps every promise about tasks."""


class LooksAtAnOldCopy(OnMemory):
    def fetch_tasks(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        return {
            key: replace(seen, is_open=True) for key, seen in self._good.fetch_tasks(tasks, with_accounts=with_accounts).items()
        }


class LooksByIdOnly(OnMemory):
    def fetch_tasks(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        return self._good.fetch_tasks([task for task in tasks if task.task_id], with_accounts=with_accounts)


class KeepsKeys(OnMemory):
    def delete_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        for task in tasks:
            self._good._crm.delete_task(task.task_id)  # type: ignore[attr-defined]  # the in-memory CRM itself, past its contract
            yield Outcome(task.key, "done", task.task_id)


class LeavesTasksLoose(OnMemory):
    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        there = self._good.fetch_tasks([TaskRef(task.key, "") for task in tasks])
        yield from (Outcome(seen.key, "existed", seen.task_id) for seen in there.values())
        yield from self._good.create_tasks([task for task in tasks if task.key not in there])


class WritesTheDecidedTierLater(OnMemory):
    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        for update in updates:
            for name, value in update.fields.items():
                outcomes = list(self._good.push_accounts([replace(update, fields={name: value})]))
            yield from outcomes


class ForgetsTheFirstMerge(OnMemory):
    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return (replace(page, merged=page.merged[1:]) for page in self._good.pull(requests))


@pytest.mark.parametrize(
    ("spoilt", "promise"),
    [
        (LooksAtAnOldCopy, "a_look_at_tasks_sees_what_was_just_written_by_id_and_by_key"),
        (LooksByIdOnly, "a_look_at_many_tasks_leaves_out_the_keys_that_nobody_has"),
        (KeepsKeys, "a_key_that_undo_has_freed_may_be_used_again"),
        (LeavesTasksLoose, "a_task_without_its_account_is_told_without_and_completed_by_the_next_creation"),
        (WritesTheDecidedTierLater, "the_tier_and_what_the_program_decided_come_in_one_update"),
        (ForgetsTheFirstMerge, "a_merge_of_a_merge_leads_every_old_id_to_the_last_survivor"),
    ],
)
def test_a_broken_promise_about_tasks_and_merges_is_caught(spoilt: type[OnMemory], promise: str) -> None:
    def held(connector: Any) -> None:
        hold(promise, connector, harness=Harness(connector, memory_mapping(), MemoryPeople))

    held(SloppyConnector(lambda good: good, MEMORY))
    with pytest.raises((AssertionError, ValueError)):
        held(SloppyConnector(spoilt, MEMORY))


def hold(promise: str, connector: Connector, *, harness: Harness | None = None, **offered: Any) -> None:
    """Runs the test of one promise on a connector whose connections are spoilt."""
    crm = RunningCrm(harness or Harness(connector, MAPPING, SalesforcePeople), COMPANY)
    test = getattr(ConnectorContract(), f"test_{promise}")
    wanted = inspect.signature(test).parameters
    try:
        if "bare_crm" not in wanted and harness is None:
            org(crm).put_back(after_setup())
        elif "bare_crm" not in wanted:
            crm.provide()
        offered |= {"crm": crm, "quiet_crm": crm, "bare_crm": crm, "connection": crm.connect()}
        offered |= {"stream": Stream.OPPORTUNITIES, "cursor": "?"}
        test(**{name: offered[name] for name in wanted})
    finally:
        crm.stop()


@cache
def after_setup() -> object:
    """An org that the good connector's `setup` has prepared, as it is kept."""
    crm = RunningCrm(Harness(GOOD, MAPPING, SalesforcePeople), COMPANY)
    try:
        crm.provide()
        return org(crm).keep()
    finally:
        crm.stop()


def org(crm: RunningCrm) -> Keeping:
    return cast(Keeping, crm.sandbox)
