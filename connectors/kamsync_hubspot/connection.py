"""An open link to a portal: kamsync's contract, carried out by the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kamsync.contract import (
    AccountField,
    Capabilities,
    Context,
    DoctorRequest,
    Finding,
    GoalsKept,
    Page,
    PeopleShown,
    PullRequest,
    SetupStep,
    Writes,
)
from kamsync.errors import ConfigError
from kamsync.foreign import understands, understands_sign_in
from kamsync.model import Value
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
from kamsync_hubspot.api.auth import read_credentials
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import BATCH
from kamsync_hubspot.pull.contacts import fetch_people
from kamsync_hubspot.pull.goals import fetch_goals
from kamsync_hubspot.pull.probes import probe
from kamsync_hubspot.pull.streams import Puller
from kamsync_hubspot.push.accounts import fetch_accounts, push_accounts
from kamsync_hubspot.push.cost import calls_for
from kamsync_hubspot.push.notes import Notes
from kamsync_hubspot.push.tasks import Tasks
from kamsync_hubspot.settings import DEFAULT_BASE_URL
from kamsync_hubspot.setup.choices import lacking_choices
from kamsync_hubspot.setup.doctor import Doctor
from kamsync_hubspot.setup.metadata import REASONS_LENGTH
from kamsync_hubspot.setup.provision import Setup


@understands("HubSpot")
class HubSpotConnection:
    """An open link to one portal."""

    capabilities = Capabilities(reasons_length=REASONS_LENGTH, batch_size=BATCH, attaches_later=True, reassigns=True)

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context
        self._definitions = Definitions(client)
        self._tasks = Tasks(client, portal, context, self._definitions)
        self._notes = Notes(client, portal)

    def identity(self) -> Identity:
        return self._portal.identity()

    def usage(self) -> Usage:
        return self._client.usage()

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        self._definitions.forget()  # a new run asks anew, once
        return Puller(self._client, self._portal, self._context, self._definitions).pull(requests)

    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        return fetch_accounts(self._client, self._context, ids, flags)

    def calls_for(self, writes: Writes) -> int:
        return calls_for(writes)

    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        return push_accounts(self._client, self._portal, self._context, updates)

    def fetch_people(self, account_id: str, request: PullRequest) -> PeopleShown:
        return fetch_people(self._client, account_id, request)

    def fetch_goals(self, account_id: str) -> GoalsKept:
        return fetch_goals(self._client, self._context.mapping.plan, account_id)

    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        return self._tasks.create(tasks)

    def fetch_tasks(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        return self._tasks.fetch(tasks, with_accounts=with_accounts)

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
        return lacking_choices(self._definitions, self._context)

    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Iterator[SetupStep]:
        self._definitions.forget()
        return Setup(self._client, self._context, dry_run=dry_run).run(metadata_folder)

    def diagnose(self, request: DoctorRequest) -> Iterator[Finding]:
        return Doctor(self._client, self._portal, self._context, self._probe).examine(request)

    def _probe(self, request: PullRequest) -> Iterator[Finding]:
        return probe(self._client, self._portal, self._context, request)

    def fetch_account_fields(self) -> Sequence[AccountField]:
        return self._portal.account_fields()

    def record_url(self, account_id: str) -> str:
        return self._portal.record_url(account_id)

    def close(self) -> None:
        self._client.close()


@understands_sign_in("HubSpot")
def open_connection(settings: Mapping[str, Any], context: Context) -> HubSpotConnection:
    """Signs in. Raises AccessDenied, TryLater, BadAnswer or ConfigError."""
    if context.mapping.plan.account_plans:
        raise ConfigError(
            "The mapping's [plan] says account_plans = true, and HubSpot has no object for the plans of a company.",
            fix="Take account_plans out; map multi-line properties of your own as customer_goals and our_objectives.",
        )
    burst_limit = settings.get("burst_limit")
    client = Client(
        read_credentials(settings),
        base_url=str(settings.get("base_url") or DEFAULT_BASE_URL),
        ca_bundle=str(settings.get("ca_bundle") or ""),
        burst_limit=None if burst_limit in (None, "") else int(burst_limit),
        budget_share=context.api_budget_share,
        log=context.log,
    )
    details = client.open()
    return HubSpotConnection(client, Portal(client, details, context.mapping), context)
