"""What the promises are tested on: a connector's own sandbox, people who use that CRM, open connections.

All of it is made from the connector's `settings` and `sandbox`; a `Harness` adds what no connector can tell by itself. A sandbox
with an `app` is served on a real port; one without is reached as the connector alone knows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Protocol, cast
from zoneinfo import ZoneInfo

import pytest

from kamsync.contract import Connection, Connector, Context, Page, PullRequest, Secret, TierChoice
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column, CrmMapping, Stream
from kamsync.model.exchange import NewTask
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions, SandboxView
from kamsync.sandbox.server import SandboxServer

TIMEZONE = ZoneInfo("Europe/Berlin")
TIERS = (TierChoice("A", "Strategic"), TierChoice("B", "Growth"), TierChoice("C", "Core"))
# The sample company's last day: long enough ago that no connector's overlap reaches back to it.
SAMPLE_DAY = datetime.now(UTC).date() - timedelta(days=90)
ACTIVITIES_SINCE = SAMPLE_DAY - timedelta(days=700)
DUE = datetime.now(UTC).date() + timedelta(days=30)


class People(Protocol):
    """What people do in this CRM that the sandbox's page (`SandboxView`) has no button for."""

    def delete_account(self, account_id: str) -> None:
        """To the recycle bin, as a person does."""
        ...

    def merge_accounts(self, winner_id: str, loser_id: str) -> str:
        """Merges the loser into the winner; returns the id that lives on, which is the winner's or a new one."""
        ...

    def delete_task(self, task_id: str) -> None:
        """To the recycle bin, as a person does: nothing but the task itself is touched."""
        ...

    def detach_task(self, task_id: str) -> None:
        """Takes the task off its account."""
        ...


@dataclass(frozen=True, slots=True)
class Harness:
    """One connector under test. `people` makes the people of a sandbox; `vendor` are options of its sandbox (no index lag).

    Limits: burst limits are off, as they are the connector's own to test; the daily limit is on where a promise needs it.
    """

    connector: Connector
    mapping: CrmMapping
    people: Callable[[Any], People]
    vendor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pulled:
    """One stream, read to its end: rows by column name."""

    pages: Sequence[Page]
    rows: Sequence[Mapping[str, Any]]
    deleted: frozenset[str]
    merged: Mapping[str, str]
    problems: tuple[str, ...]

    @property
    def last(self) -> Page:
        """The page that ended the stream."""
        return self.pages[-1]

    @property
    def is_full(self) -> bool:
        """Whether the stream was read whole."""
        return any(page.full for page in self.pages)

    def by_id(self) -> dict[str, Mapping[str, Any]]:
        """The rows by their ids; the last of an id counts."""
        return {row["id"]: row for row in self.rows}


class RunningCrm:
    """A sandbox over the sample company, served where it has an app, and whoever connects to it."""

    def __init__(self, harness: Harness, company: Company, *, daily_limit: int | None = None) -> None:
        self.harness = harness
        self.company = company
        self._stack = ExitStack()
        options = SandboxOptions(SAMPLE_DAY, daily_limit=daily_limit, enforce_rate_limits=False, vendor=harness.vendor)
        self.sandbox = cast(SandboxCrm, harness.connector.sandbox(company, options))
        self._server = None if self.sandbox.app is None else self._stack.enter_context(SandboxServer(self.sandbox))
        self.people = harness.people(self.sandbox)
        self.logged: list[str] = []

    def stop(self) -> None:
        """Closes every connection, then the server."""
        self._stack.close()

    @property
    def server(self) -> SandboxServer:
        """Where the sandbox is served; for promises about HTTP alone."""
        assert self._server is not None, "this sandbox has no app, so it is no subject of a promise about HTTP"
        return self._server

    @property
    def view(self) -> SandboxView:
        """The people's window on it."""
        return self.sandbox.view

    # --- connecting ----------------------------------------------------------------------------------------------------------

    def given(self, base_url: str = "") -> Mapping[str, Any]:
        """The settings as an admin has them, secrets in plain text."""
        return self.sandbox.settings(base_url or (self._server.base_url if self._server else ""))

    def secrets(self) -> dict[str, str]:
        """Secret settings that the sandbox asks for, by name."""
        names = {setting.name for setting in self.harness.connector.settings if setting.secret}
        return {name: str(value) for name, value in self.given().items() if name in names}

    def settings(self, base_url: str = "", **changes: Any) -> dict[str, Any]:
        """As the core gives them to `connect`: every key, defaults filled in, secrets wrapped."""
        values: dict[str, Any] = {setting.name: setting.default for setting in self.harness.connector.settings}
        values |= {**self.given(base_url), **changes}
        secret = {setting.name for setting in self.harness.connector.settings if setting.secret}
        return {
            name: Secret(str(value), f"the contract's {name}") if name in secret and value is not None else value
            for name, value in values.items()
        }

    def context(self, **changes: Any) -> Context:
        """What a connection is opened with; `changes` replace fields of it."""
        context = Context(self.harness.mapping, TIMEZONE, TIERS, log=self._note)
        return replace(context, **changes)

    def connect(self, settings: Mapping[str, Any] | None = None, **context: Any) -> Connection:
        connection = self.harness.connector.connect(self.settings() if settings is None else settings, self.context(**context))
        self._stack.callback(connection.close)
        return connection

    def _note(self, event: str, **fields: Any) -> None:
        self.logged.append(f"{event} {fields!r}")

    def provide(self) -> None:
        """Lets the connector's own `setup` prepare the CRM."""
        failed = [step for step in self.connect().setup(dry_run=False) if step.status == "failed"]
        assert not failed, f"setup failed: {failed}"

    def calls_of(self, act: Callable[[], object]) -> int:
        """How many calls reach the CRM while `act` runs."""
        if self._server is None:
            before = self.sandbox.calls()
            act()
            return self.sandbox.calls() - before
        counter = self.server.faults.add("slow", skip=sys.maxsize)
        act()
        self.server.faults.clear()
        return counter.seen

    def clear_faults(self) -> None:
        """The line is whole again."""
        if self._server is not None:
            self._server.faults.clear()

    # --- pulling -------------------------------------------------------------------------------------------------------------

    def request(self, stream: Stream, cursor: str | None = None) -> PullRequest:
        """What the core asks for: every mapped column, and on accounts every flag."""
        mapping = self.harness.mapping
        columns = mapping.asked(stream)
        if stream is Stream.ACCOUNTS:
            columns += tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, crm_field) for name, crm_field in mapping.flags.items())
        return PullRequest(stream, columns, cursor, None if STREAMS[stream].months is None else ACTIVITIES_SINCE)

    def pull(self, connection: Connection, stream: Stream, cursor: str | None = None) -> Pulled:
        return self.pull_all(connection, [self.request(stream, cursor)])[stream]

    def pull_all(self, connection: Connection, requests: Iterable[PullRequest]) -> dict[Stream, Pulled]:
        """Several streams, each read to its end, in the order asked."""
        asked = list(requests)
        columns = {request.stream: [column.name for column in request.columns] for request in asked}
        pages: dict[Stream, list[Page]] = {request.stream: [] for request in asked}
        rows: dict[Stream, list[Mapping[str, Any]]] = {request.stream: [] for request in asked}
        for page in connection.pull(asked):
            # Rows may be an iterator over the answer, so they are read while the page is at hand.
            rows[page.stream] += [dict(zip(columns[page.stream], row, strict=True)) for row in page.rows]
            pages[page.stream].append(page)
        return {stream: _pulled(pages[stream], rows[stream]) for stream in pages}

    # --- the company's records -----------------------------------------------------------------------------------------------

    @cached_property
    def _unused(self) -> Iterator[str]:
        return iter(sorted(self.pull(self.connect(), Stream.ACCOUNTS).by_id()))

    def take_accounts(self, count: int) -> list[str]:
        """Ids of accounts that no other test has touched."""
        return [next(self._unused) for _ in range(count)]

    @cached_property
    def owner_id(self) -> str:
        """Somebody who may own tasks."""
        owners = self.pull(self.connect(), Stream.OWNERS).rows
        return next(str(row["id"]) for row in owners if is_true(row["is_active"]) and row["email"])

    def new_task(self, account_id: str, key: str, **changes: Any) -> NewTask:
        """A task for that account; `changes` replace fields of it."""
        subject = f"Account plan {key}"
        return replace(
            NewTask(key, account_id, self.owner_id, subject, "Ask <them> & listen\nthen write", DUE, "high"), **changes
        )

    def tasks_named(self, task: NewTask) -> int:
        """How many living tasks of that subject its account has, as its manager sees them."""
        return sum(shown.subject == task.subject for shown in self.view.tasks(task.account_id))


def _pulled(pages: Sequence[Page], rows: Sequence[Mapping[str, Any]]) -> Pulled:
    return Pulled(
        pages,
        rows,
        frozenset(gone for page in pages for gone in page.deleted_ids),
        {old: new for page in pages for old, new in page.merged},
        tuple(problem for page in pages for problem in page.problems),
    )


def is_true(value: object) -> bool:
    """A boolean as rows carry it."""
    return value is True or value == "true"


def as_date(value: object) -> date:
    """A date as rows carry it: an ISO date, or an instant in any offset."""
    text = str(value)
    if len(text) == len("2026-11-23"):
        return date.fromisoformat(text)
    return datetime.fromisoformat(text).astimezone(TIMEZONE).date()


class Promises:
    """The fixtures of every group of promises. One sandbox serves a class; tests take accounts of their own from it."""

    harness: ClassVar[Harness]

    @pytest.fixture(scope="class")
    @classmethod
    def crm(cls) -> Iterator[RunningCrm]:
        """A CRM that setup has prepared: 130 accounts, some opportunities without an account, some activities."""
        crm = RunningCrm(cls.harness, Company(130, 450, today=SAMPLE_DAY, line_items=120, activities=90))
        try:
            crm.provide()
            yield crm
        finally:
            crm.stop()

    @pytest.fixture
    def bare_crm(self) -> Iterator[RunningCrm]:
        """A small CRM as it is before setup."""
        crm = RunningCrm(self.harness, Company(6, 10, today=SAMPLE_DAY, activities=5))
        yield crm
        crm.stop()

    @pytest.fixture
    def quiet_crm(self) -> Iterator[RunningCrm]:
        """A CRM that setup has prepared and in which nobody has touched a record for long."""
        crm = RunningCrm(self.harness, Company(30, 80, today=SAMPLE_DAY, line_items=20, activities=20))
        crm.provide()
        yield crm
        crm.stop()

    @pytest.fixture
    def connection(self, crm: RunningCrm) -> Iterator[Connection]:
        """A connection of its own; faults are gone after the test."""
        yield crm.connect()
        crm.clear_faults()
