"""An open link to an org: kamsync's contract, carried out by the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kamsync.contract import (
    AccountField,
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
    Writes,
)
from kamsync.errors import BadAnswer, KamsyncError
from kamsync.flags import FLAGS
from kamsync.foreign import understands, understands_sign_in
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
from kamsync_salesforce.api.auth import read_credentials
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.api.fields import Fields, missing_field_error
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.pull.goals import fetch_goals
from kamsync_salesforce.pull.people import fetch_people
from kamsync_salesforce.pull.probes import probe
from kamsync_salesforce.pull.streams import Puller
from kamsync_salesforce.push.account_plans import PLAN_LENGTH, AccountPlans
from kamsync_salesforce.push.accounts import push_accounts
from kamsync_salesforce.push.cost import IDS_PER_READ, calls_for
from kamsync_salesforce.push.lease import Leases
from kamsync_salesforce.push.notes import Notes
from kamsync_salesforce.push.tasks import Tasks
from kamsync_salesforce.settings import DEFAULT_API_VERSION
from kamsync_salesforce.setup.choices import lacking_choices
from kamsync_salesforce.setup.doctor import Doctor
from kamsync_salesforce.setup.metadata import REASONS_LENGTH
from kamsync_salesforce.setup.provision import Setup
from kamsync_salesforce.translate import flag_from_json


@understands("Salesforce")
class SalesforceConnection:
    """An open link to one org."""

    capabilities = Capabilities(reasons_length=REASONS_LENGTH, batch_size=200, reassigns=True)

    def __init__(self, client: Client, context: Context, username: str) -> None:
        self._client = client
        self._context = context
        self._fields = Fields(client)
        self._org = Org(client, self._fields, username)
        self._leases = Leases(client, context.mapping.flags.get("tier", ""))
        self._tasks = Tasks(client, self._fields, context.mapping.task_key, self.record_url)
        self._notes: Notes | AccountPlans = Notes(client)
        if context.mapping.plan.account_plans:
            self._notes = AccountPlans(client, self._fields, self._notes)
            self.capabilities = replace(self.capabilities, note_length=PLAN_LENGTH, keeps_goals=True)

    def identity(self) -> Identity:
        return self._org.identity()

    def usage(self) -> Usage:
        return self._client.usage()

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        for page in Puller(self._client, self._org, self._fields, self._context).pull(requests):
            notice = ""
            if isinstance(self._notes, AccountPlans) and page.last and page.stream is Stream.ACCOUNTS:
                notice = self._notes.notice
            yield replace(page, problems=(*page.problems, notice)) if notice else page

    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """By the collections resource, which answers null for an id that is gone. Raises BadAnswer where that is no list."""
        names = {flag: self._context.mapping.flags[flag] for flag in flags}
        found: dict[str, Mapping[str, Value]] = {}
        for start in range(0, len(ids), IDS_PER_READ):
            body = {"ids": list(ids[start : start + IDS_PER_READ]), "fields": ["Id", *names.values()]}
            try:
                answer = self._client.rest(
                    "POST", "composite/sobjects/Account", json=body, doing="reading accounts", repeatable=True
                )
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or not (fault.missing_field or fault.code == "INVALID_FIELD"):
                    raise
                raise missing_field_error(self._fields, "Account", names.values(), names.values(), error) from error
            records = answer or ()
            if not isinstance(records, Sequence) or not all(record is None or isinstance(record, Mapping) for record in records):
                raise BadAnswer(
                    "Salesforce did not answer the reading of accounts with records.", fix="Run again; report this if it stays."
                )
            for record in records:
                if record:
                    found[record["Id"]] = {flag: flag_from_json(flag, record.get(field)) for flag, field in names.items()}
        return found

    def calls_for(self, writes: Writes) -> int:
        return calls_for(writes)

    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        return push_accounts(self._client, updates, self._context.mapping.flags, self.record_url)

    def fetch_people(self, account_id: str, request: PullRequest) -> PeopleShown:
        return fetch_people(self._client, account_id, request)

    def fetch_goals(self, account_id: str) -> GoalsKept:
        return fetch_goals(self._client, self._context.mapping.plan, account_id)

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

    def take_lease(self, run_id: str, machine: str, seconds: int, is_dead: Callable[[str], bool]) -> LeaseAnswer:
        return self._leases.take(run_id, machine, seconds, is_dead)

    def renew_lease(self, seconds: int) -> bool:
        return self._leases.renew(seconds)

    def release_lease(self) -> None:
        self._leases.release()

    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Iterator[SetupStep]:
        return Setup(self._client, self._org, self._fields, self._context, dry_run=dry_run).run(metadata_folder)

    def diagnose(self, request: DoctorRequest) -> Iterator[Finding]:
        def ask(pull: PullRequest) -> Iterator[Finding]:
            return probe(self._client, self._org, self._context, pull)

        return Doctor(self._client, self._org, self._fields, self._context, ask).examine(request)

    def fetch_notes(self, notes: Sequence[NoteRef], *, whole: bool = True) -> Mapping[str, NoteSeen]:
        return self._notes.fetch(notes, whole=whole)

    def write_notes(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        return self._notes.write(notes)

    def delete_notes(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        return self._notes.delete(notes)

    def lacking_choices(self) -> Mapping[str, tuple[str, ...]]:
        found = lacking_choices(self._fields, self._context)
        return {flag: missing for flag, missing in found.items() if FLAGS[flag].choices.startswith("tiers")}

    def fetch_account_fields(self) -> Sequence[AccountField]:
        return self._fields.of_accounts()

    def record_url(self, account_id: str) -> str:
        return f"{self._client.token.instance_url}/{account_id}" if account_id else ""

    def close(self) -> None:
        self._client.close()


@understands_sign_in("Salesforce")
def open_connection(settings: Mapping[str, Any], context: Context) -> SalesforceConnection:
    """Signs in. Raises AccessDenied, TryLater, BadAnswer or ConfigError."""
    credentials = read_credentials(settings)
    client = Client(
        credentials,
        api_version=str(settings.get("api_version") or DEFAULT_API_VERSION),
        ca_bundle=str(settings.get("ca_bundle") or ""),
        budget_share=context.api_budget_share,
        log=context.log,
    )
    client.open()
    return SalesforceConnection(client, context, credentials.username)
