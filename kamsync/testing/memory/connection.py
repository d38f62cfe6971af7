"""An open link to an in-memory CRM: the whole contract, without a line and without a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from kamsync.contract import (
    Capabilities,
    Context,
    DoctorRequest,
    Finding,
    GoalsKept,
    LeaseAnswer,
    Page,
    PeopleShown,
    PullRequest,
    SetupStep,
)
from kamsync.errors import AccessDenied
from kamsync.http import CallMeter
from kamsync.model import Stream, Value
from kamsync.model.exchange import (
    AccountUpdate,
    Identity,
    NewNote,
    NewTask,
    NoteRef,
    NoteSeen,
    Outcome,
    TaskHandOver,
    TaskRef,
    TaskSeen,
    Usage,
)
from kamsync.portions import portions
from kamsync.testing.memory.crm import MemoryCrm
from kamsync.testing.memory.faults import AnswerLost
from kamsync.testing.memory.mapping import FLAG_FIELDS, TASK_KEY
from kamsync.testing.memory.notes import Notes
from kamsync.testing.memory.pages import goals_of, missing_fields, people_of, pull_stream
from kamsync.testing.memory.tasks import Tasks

REASONS_LENGTH = 1_000
T = TypeVar("T")
L = TypeVar("L", bound=LeaseAnswer | None)


class MemoryConnection:
    """Version 2 of the contract on one MemoryCrm. Every call is counted and open to the CRM's faults.

    The names of calls, for faults: identity, pull_<stream>, fetch_accounts, push_accounts, find_tasks, create_tasks,
    attach_tasks, fetch_tasks, fetch_people, fetch_goals, reassign_tasks, close_tasks, free_keys, delete_tasks, fetch_notes,
    write_notes, delete_notes, read_fields, make_field, take_lease, renew_lease, release_lease.
    """

    def __init__(self, crm: MemoryCrm, context: Context) -> None:
        behaviour = crm.behaviour
        self.capabilities = Capabilities(
            REASONS_LENGTH,
            behaviour.batch_size,
            attaches_later=behaviour.attaches_tasks_later,
            reassigns=True,
        )
        self._crm = crm
        self._context = context
        self._meter = CallMeter(context.api_budget_share)
        limit = crm.daily_limit
        self._meter.start(limit=limit, remaining=None if limit is None else max(0, limit - crm.calls))
        self._tasks = Tasks(crm, self._call)
        self._notes = Notes(crm, self._call)
        self._identity: Identity | None = None
        self._lease: LeaseAnswer | None = None

    def _call(self, name: str, work: Callable[[], T]) -> T:
        self._meter.count()
        self._crm.calls += 1
        return self._crm.faults.run(name, work)

    def identity(self) -> Identity:
        if self._identity is None:
            crm = self._crm
            who = Identity(crm.org_id, f"Memory {crm.org_id}", "own-agent", "kamsync", crm.base_currency, _url(crm), True)
            self._identity = self._call("identity", lambda: who)
        return self._identity

    def usage(self) -> Usage:
        return self._meter.usage()

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        for request in requests:
            page = self._call(f"pull_{request.stream}", partial(pull_stream, self._crm, request))
            self._context.progress(request.stream, len(list(page.rows)), None)
            yield page

    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        found: dict[str, Mapping[str, Value]] = {}
        for some in portions(ids, self._crm.behaviour.batch_size):
            found |= self._call("fetch_accounts", partial(self._shown, some, flags))
        return found

    def _shown(self, ids: Sequence[str], flags: Sequence[str]) -> dict[str, Mapping[str, Value]]:
        accounts = {one: record for one in ids if (record := self._crm.records.find(Stream.ACCOUNTS, one)) is not None}
        return {one: {flag: record.get(FLAG_FIELDS[flag]) for flag in flags} for one, record in accounts.items()}

    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        for some in portions(updates, self._crm.behaviour.batch_size):
            try:
                yield from self._call("push_accounts", partial(self._write_each, some))
            except AnswerLost as lost:
                yield from (Outcome(update.account_id, "unknown", update.account_id, lost.message) for update in some)

    def _write_each(self, updates: Sequence[AccountUpdate]) -> list[Outcome]:
        return [self._write(update) for update in updates]

    def _write(self, update: AccountUpdate) -> Outcome:
        account_id = update.account_id
        account = self._crm.records.find(Stream.ACCOUNTS, account_id)
        refusal = self._crm.faults.refused.get(account_id, "")
        if account is None:
            refusal = "ENTITY_IS_DELETED: the account is deleted"
        elif not self._crm.takes_tier(str(update.fields.get("tier") or "")):
            refusal = f"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: bad value for restricted picklist field: {update.fields['tier']}"
        elif len(str(update.fields.get("reasons") or "")) > REASONS_LENGTH:
            refusal = f"STRING_TOO_LONG: kam_reasons holds {REASONS_LENGTH} characters"
        if account is None or refusal:
            return Outcome(account_id, "rejected", account_id, refusal, self.record_url(account_id))
        values = {FLAG_FIELDS[flag]: value for flag, value in update.fields.items()}
        self._crm.records.write(Stream.ACCOUNTS, account, values, "program")
        return Outcome(account_id, "done", account_id, url=self.record_url(account_id))

    def fetch_people(self, account_id: str, request: PullRequest) -> PeopleShown:
        return self._call("fetch_people", partial(people_of, self._crm, account_id, request))

    def fetch_goals(self, account_id: str) -> GoalsKept:
        plan = self._context.mapping.plan
        if not plan.texts and not plan.account_plans:
            return GoalsKept()
        return self._call("fetch_goals", partial(goals_of, self._crm, plan, account_id))

    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        return self._tasks.create(tasks)

    def fetch_tasks(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        return self._tasks.fetch(tasks)

    def close_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        return self._tasks.close(tasks)

    def reassign_tasks(self, tasks: Sequence[TaskHandOver]) -> Iterator[Outcome]:
        return self._tasks.reassign(tasks)

    def delete_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        return self._tasks.delete(tasks)

    def fetch_notes(self, notes: Sequence[NoteRef], *, whole: bool = True) -> Mapping[str, NoteSeen]:
        return self._notes.fetch(notes)

    def write_notes(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        return self._notes.write(notes)

    def delete_notes(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        return self._notes.delete(notes)

    def lacking_choices(self) -> Mapping[str, tuple[str, ...]]:
        tiers = tuple(tier.name for tier in self._context.tiers)
        lacking = self._call("read_fields", lambda: tuple(one for one in tiers if not self._crm.takes_tier(one)))
        return {"tier": lacking, "override": lacking} if lacking else {}

    def take_lease(self, run_id: str, machine: str, seconds: int, is_dead: Callable[[str], bool]) -> LeaseAnswer:
        if not self._crm.behaviour.keeps_leases:
            return LeaseAnswer("no_place", why="This CRM has no place for a lease.")
        held = self._crm.lease
        if held is not None and held.until is not None and held.until > self._crm.clock and not is_dead(held.run_id):
            return self._call("take_lease", lambda: replace(held, status="held"))
        self._lease = LeaseAnswer("ours", run_id, machine, self._crm.clock + timedelta(seconds=seconds))
        return self._call("take_lease", partial(self._keep_lease, self._lease))

    def renew_lease(self, seconds: int) -> bool:
        held = self._crm.lease
        if held is None or self._lease is None or held.run_id != self._lease.run_id:
            return self._call("renew_lease", lambda: False)
        renewed = replace(held, until=self._crm.clock + timedelta(seconds=seconds))
        return self._call("renew_lease", lambda: self._keep_lease(renewed) is renewed)

    def release_lease(self) -> None:
        held = self._crm.lease
        if held is not None and self._lease is not None and held.run_id == self._lease.run_id:
            self._call("release_lease", lambda: self._keep_lease(None))

    def _keep_lease(self, lease: L) -> L:
        self._crm.lease = lease
        return lease

    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Iterator[SetupStep]:
        """Flags on accounts and the key on tasks, where they are mapped. There is no metadata to write down."""
        lacking = set(self._call("read_fields", self._lacking))
        yield from self._set_up_choices(dry_run=dry_run)
        for name in (*self._context.mapping.flags.values(), TASK_KEY):
            if name not in lacking:
                yield SetupStep("field", name, "exists")
                continue
            if not dry_run:
                self._call("make_field", self._make_fields)
            yield SetupStep("field", name, "would_create" if dry_run else "created")

    def _set_up_choices(self, *, dry_run: bool) -> Iterator[SetupStep]:
        """The tiers of this programme, in pick lists that are there already."""
        missing = self.lacking_choices().get("tier", ())
        if missing and not dry_run:
            self._call("make_field", lambda: self._crm.offer_tiers(missing))
        if missing:
            yield SetupStep("field", "tier choices", "would_update" if dry_run else "updated", ", ".join(missing))

    def _lacking(self) -> list[str]:
        flags = [name for name in self._context.mapping.flags.values() if name not in self._crm.kinds]
        return flags if self._crm.has_task_key else [*flags, TASK_KEY]

    def _make_fields(self) -> None:
        self._crm.provide()
        self._crm.offer_tiers(tuple(tier.name for tier in self._context.tiers))

    def diagnose(self, request: DoctorRequest) -> Iterator[Finding]:
        yield Finding("credentials", "ok", f"{self.identity().user_name} is signed in to {self.identity().org_name}.")
        for one in request.requests:
            missing = self._call("read_fields", partial(missing_fields, self._crm, one))
            for name in missing:
                fix = "Run `kamsync setup`, or correct the mapping."
                yield Finding(f"fields of {one.stream}", "failed", f"The org has no field {name}.", fix)
            if not missing:
                yield Finding(f"fields of {one.stream}", "ok", "Every asked field is there.")
        remaining = self.usage().remaining
        if remaining is not None and remaining < request.calls_needed:
            fix = "Run again tomorrow, or raise the org's limit."
            yield Finding("calls left", "failed", f"{remaining} calls are left, a run needs {request.calls_needed}.", fix)

    def record_url(self, account_id: str) -> str:
        return f"{_url(self._crm)}/accounts/{account_id}"

    def close(self) -> None:
        """Nothing is held."""


def open_connection(crm: MemoryCrm, context: Context, token: str) -> MemoryConnection:
    """Signs in. Raises AccessDenied where the token is another."""
    if token != crm.token:
        raise AccessDenied(
            f"The token does not open the org {crm.org_id}.", fix="Correct token under [crm.memory], then run `kamsync doctor`."
        )
    return MemoryConnection(crm, context)


def _url(crm: MemoryCrm) -> str:
    return f"https://{crm.org_id}.memory.invalid"
