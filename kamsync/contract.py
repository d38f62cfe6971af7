"""The connector protocol: all that the core knows of a CRM.

A connector speaks the canonical model and nothing else. It pulls records, reports deletions and merges, pushes field
updates, creates and closes tasks idempotently by key, tells its limits, provisions the CRM and diagnoses it. It never
decides. It translates its vendor's errors into `kamsync.errors`. `docs/writing-a-connector.md` explains each promise and
`kamsync.testing` checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from kamsync.model import Column, CrmMapping, Kind, Stream, Value
from kamsync.model.exchange import (
    AccountUpdate,
    Identity,
    NewNote,
    NewTask,
    NoteRef,
    NoteSeen,
    Objective,
    Outcome,
    TaskHandOver,
    TaskRef,
    TaskSeen,
    Usage,
)

CONTRACT_VERSION = 2
TASK_KEY = "task_key"  # beside the names of FLAGS: what `Page.lacking` calls the key field of tasks


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of `[crm.<kind>]`. A secret is given as {env=…}, {file=…} or {keyring=…} and reaches `connect` as Secret.

    `holds` says what the text must be, so that a wrong character is named before it is sent: `token` printable ASCII, as
    headers and forms carry it; `pem` a key or certificate of several lines; `text` one line of anything that shows.
    """

    name: str
    help: str
    type: Literal["text", "integer", "number", "boolean", "url", "path"] = "text"
    required: bool = False
    secret: bool = False
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()
    holds: Literal["text", "token", "pem"] = "text"


class Secret:
    """A secret's value that cannot be shown by accident; `reveal()` is the only way to it."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str = "") -> None:
        self._value = value
        self.source = source  # where it came from ("environment variable SF_CLIENT_SECRET"), safe to show

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret(from {self.source or 'somewhere'})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this CRM can do. `reasons_length`: characters of the reasons field; `batch_size`: records a write call.

    `attaches_later`: a task is made first and hung on its account by a further call, so that it may be found without; elsewhere
    a task without an account is a person's doing. `reassigns`: the connection is one that HandsTasksOver.
    `note_length`: characters of a note's body. `keeps_goals`: the goals that a note names (note_text.goals_in) become records.
    """

    reasons_length: int
    batch_size: int
    attaches_later: bool = False
    reassigns: bool = False
    note_length: int = 60_000  # HubSpot takes 65,536 ("Notes" guide), and the mark comes to it
    keeps_goals: bool = False


@dataclass(frozen=True, slots=True)
class TierChoice:
    """A tier as people pick it in the CRM: stored value and label in the programme's language."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a connection needs besides its settings. All pure values but the callbacks.

    `progress(stream, records_so_far, total_or_None)` is called from the pulling thread, `log(event, **fields)` from any.
    `api_budget_share`: of the calls that the CRM has left when the connection opens, the share that this process may use;
    one call more raises PlanRefused.
    """

    mapping: CrmMapping
    timezone: ZoneInfo
    tiers: tuple[TierChoice, ...]
    language: str = "en"
    api_budget_share: float = 0.5
    progress: Callable[[str, int, int | None], None] = lambda stream, count, total: None
    log: Callable[..., None] = lambda event, **fields: None


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One stream to pull: everything (cursor None) or what changed since the cursor, which the connector alone reads.

    `columns` are the columns to fill, in row order; their `field` names the CRM's field. `since` bounds activities.
    """

    stream: Stream
    columns: tuple[Column, ...]
    cursor: str | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of one stream.

    `rows` are sequences in the order of the request's columns; a value is None, a number, a boolean or text: "" is null,
    booleans may be "true"/"false", numbers decimal text, instants ISO 8601 with any offset, dates ISO dates *or* instants
    (the cache turns an instant into the date in the programme's time zone). `deleted_ids` are gone from the CRM, `merged`
    pairs (old id, id that lives on). All pages of a stream come together; the last one has `last` set and the `cursor` from
    which the next pull goes on. `full` says that the stream was read whole, so that ids not seen have vanished.
    `problems` are sentences on bad records (a stage that no pipeline has, a value that cannot be read).
    `lacking`: of the fields that `setup` makes, those that the CRM does not show (names of FLAGS, or TASK_KEY). Their columns
    are null, without the task key there are no tasks; such a page has no cursor, so that the next pull looks again.
    """

    stream: Stream
    rows: Iterable[Sequence[Any]] = ()
    deleted_ids: tuple[str, ...] = ()
    merged: tuple[tuple[str, str], ...] = ()
    last: bool = False
    full: bool = False
    cursor: str | None = None
    problems: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing that `setup` made, found, would make or could not make."""

    kind: str  # field | object | permission | view | group
    name: str
    status: Literal["exists", "created", "would_create", "updated", "would_update", "failed"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of `doctor` with its mend."""

    check: str
    status: Literal["ok", "warning", "failed"]
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class DoctorRequest:
    """What doctor is to verify: every column that pulls would ask for, by stream, and how many calls a run may need.

    `people`: who is named by the configuration, as written there (an id or an e-mail), by the place where it stands. `notes`:
    whether account plans are kept as notes.
    """

    requests: tuple[PullRequest, ...]
    calls_needed: int = 50
    people: Mapping[str, str] = field(default_factory=dict)
    notes: bool = False


class Connection(Protocol):
    """An open, authenticated link to one CRM. Not shared between threads. Raises kamsync.errors only."""

    capabilities: Capabilities

    def identity(self) -> Identity:
        """Who we are in which org; asked once."""
        ...

    def usage(self) -> Usage:
        """API calls: the day's limit, what is left of it, and what this connection has made."""
        ...

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        """Pages of the requested streams, stream after stream in the order asked.

        A stream that the org does not have (no line items, one currency) yields one empty last page with a `problems`
        sentence where the admin should know it. A cursor that has expired makes the connector read the stream whole
        (`full`). Memory stays flat: a page is at most some ten thousand rows.
        """
        ...

    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Present values of the named FLAGS, by account id; an id that is gone is missing from the answer."""
        ...

    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        """One outcome for each update, in any order, as answers arrive. One bad record never stops another."""
        ...

    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task. A key that exists in the CRM (open, done, deleted or archived) is `existed`, never again
        created. Where the answer to a call of this very method was lost, what that call made is `done`, not `existed`.

        A task is whole or not done: where it is attached by a further call (`attaches_later`), one whose account association
        is missing, from this call or an earlier one, is attached; where that fails its outcome is `unknown`, with its id, and
        the next run asks again.
        """
        ...

    def fetch_tasks(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        """What the CRM shows now, by key as asked, of tasks named by id, or by key where no id is given.

        No index lag and no cache: what an earlier call of this connection wrote is seen. A task that is gone for good, or
        whose key nobody has, is missing from the answer; a deleted or archived one that the CRM still shows is `is_deleted`.
        Without accounts `account_id` may be left empty where it would cost a further call.
        """
        ...

    def close_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Closes each task by its id, else by its key; one outcome each. One that is gone or closed already is `done`."""
        ...

    def delete_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """For `undo`: empties the key of tasks that this program created, then deletes them, so that a later run may make the
        key again; one already gone is `done`."""
        ...

    def lacking_choices(self) -> Mapping[str, tuple[str, ...]]:
        """Flag name → tiers that its pick list does not know, so that writing them would be refused."""
        ...

    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Iterator[SetupStep]:
        """Creates what the CRM lacks (fields, permissions, views); idempotent. `metadata_folder`: also writes what it
        creates there in the vendor's reviewable form, where there is one."""
        ...

    def diagnose(self, request: DoctorRequest) -> Iterator[Finding]:
        """Checks, most basic first; one that needs an earlier failed one is left out."""
        ...

    def record_url(self, account_id: str) -> str:
        """The address at which a person opens the account in a browser."""
        ...

    def close(self) -> None:
        """Gives back what the connection holds; it is of no use afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class AccountField:
    """A field of the CRM's accounts as people know it: API name, label, kind, whether it is the org's own."""

    name: str
    label: str
    kind: Kind
    is_custom: bool


@runtime_checkable
class ListsAccountFields(Protocol):
    """A connection that can also tell which fields the CRM's accounts have, for `init` and `mapping`. Optional."""

    def fetch_account_fields(self) -> Sequence[AccountField]:
        """The fields that a mapping could name and our user may read, in the CRM's order."""
        ...


@dataclass(frozen=True, slots=True)
class PeopleShown:
    """The people of one account as the CRM shows them at this moment: for a page that is being made, never for the cache.

    `rows`: as pages of Stream.CONTACTS hold them, in the order of the request's columns, of everybody who has a tie to the
    account. `names`: name and job title by contact id, "" where the CRM has none.
    """

    rows: Sequence[Sequence[Any]]
    names: Mapping[str, tuple[str, str]]


@runtime_checkable
class NamesPeople(Protocol):
    """A connection that can also tell who the people of an account are, for the account's plan. Optional."""

    def fetch_people(self, account_id: str, request: PullRequest) -> PeopleShown:
        """Everybody tied to the account now. `request` is of Stream.CONTACTS; its cursor does not matter."""
        ...


@dataclass(frozen=True, slots=True)
class GoalsKept:
    """What people keep of an account's goals in the CRM, as it is at this moment: for a page that is being made, never for the
    cache.

    `goals` are the customer's own: (heading in the CRM's words, "" where the field is ours to name; text, plain or HTML).
    `ours` are texts of our objectives, `objectives` those that are records. `trouble` says why something could not be read.
    """

    goals: tuple[tuple[str, str], ...] = ()
    ours: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    trouble: str = ""


@runtime_checkable
class TellsGoals(Protocol):
    """A connection that can also tell which goals people keep for an account, where the mapping's [plan] says. Optional."""

    def fetch_goals(self, account_id: str) -> GoalsKept:
        """Nothing, without a call, where the mapping names no place. What one place refuses is no reason for the others to be
        missing."""
        ...


NOTE_MARK = "kamsync plan "  # what the body of every note of this program carries in its first line


@runtime_checkable
class KeepsNotes(Protocol):
    """A connection that can also keep one note with the account's plan on an account. Optional."""

    def fetch_notes(self, notes: Sequence[NoteRef], *, whole: bool = True) -> Mapping[str, NoteSeen]:
        """The notes by account id: by their ids where given, else of what is on the account the one with NOTE_MARK (of several
        the oldest). One that is gone is missing. Not `whole`: the beginning of the body, with the mark, is enough.
        """
        ...

    def write_notes(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """Makes or updates each; one outcome a note, `ref` the account's id, with the note's id. A new one is whole, on its
        account, or not there. Where no answer came the outcome is `unknown`, and the next run looks."""
        ...

    def delete_notes(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        """For `undo`: one that is gone already is `done`."""
        ...


@dataclass(frozen=True, slots=True)
class Writes:
    """How much a plan writes: how many accounts it touches at all, of how many the flags, and tasks by what happens to them."""

    accounts: int = 0
    updates: int = 0
    creates: int = 0
    attaches: int = 0
    closes: int = 0
    deletes: int = 0
    notes: int = 0
    reassigns: int = 0


@runtime_checkable
class HandsTasksOver(Protocol):
    """A connection that gives tasks to other people. Optional: without it no task follows its account's owner."""

    def reassign_tasks(self, tasks: Sequence[TaskHandOver]) -> Iterator[Outcome]:
        """Gives each task to its person; one outcome each, by its key. One that is gone is `done`; nothing else of it changes."""
        ...


@runtime_checkable
class TellsItsCost(Protocol):
    """A connection that knows how many calls a plan will take, for a person who is asked. Optional."""

    def calls_for(self, writes: Writes) -> int:
        """API calls of the last look at the CRM and of the writes, when nothing goes wrong."""
        ...


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """What the CRM says to a run that asks to be the only one that writes.

    `ours`: it is. `held`: another run is, which began on `machine` and is thought dead at `until`. `no_place`: this CRM cannot
    keep a lease, for the reason `why`.
    """

    status: Literal["ours", "held", "no_place"]
    run_id: str = ""
    machine: str = ""
    until: datetime | None = None
    why: str = ""


@runtime_checkable
class GrantsLeases(Protocol):
    """A connection to a CRM that can keep a lease: which run writes, and until when. Optional; one lease a connection.

    Moments are those of the CRM's own clock, so that no machine's clock matters.
    """

    def take_lease(self, run_id: str, machine: str, seconds: int, is_dead: Callable[[str], bool]) -> LeaseAnswer:
        """Of several that ask at once one gets it. A lease whose time is over, or whose run `is_dead` knows to have ended, is
        nobody's. Raises TryLater where the CRM does not answer."""
        ...

    def renew_lease(self, seconds: int) -> bool:
        """Keeps what `take_lease` got for so long from now; False where another has it since, or nobody."""
        ...

    def release_lease(self) -> None:
        """Gives back what `take_lease` got, if it still is ours."""
        ...


class SandboxCrm(Protocol):
    """The embedded copy of the vendor's service, over the sample company. See kamsync.sandbox.crm for its promises."""

    kind: str
    app: Any  # an ASGI application: the vendor's API, without faults and page


@runtime_checkable
class Connector(Protocol):
    """What an entry point in the group `kamsync.connectors` names."""

    kind: str
    label: str
    contract_version: int

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The keys of `[crm.<kind>]`, in the order in which people are asked for them."""
        ...

    def connect(self, settings: Mapping[str, Any], context: Context) -> Connection:
        """Signs in. `settings` has every key of `settings` with defaults filled in, secrets as Secret.

        Raises AccessDenied, TryLater, BadAnswer or ConfigError (a combination of settings that makes no sense).
        """
        ...

    def sandbox(self, company: Any, options: Any) -> SandboxCrm:
        """The sandbox CRM over `company` (kamsync.sandbox.company.Company) with `options` (kamsync.sandbox.crm)."""
        ...


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What one pull brought, by stream: rows read, deletions, merges; sentences for the admin; what setup has not made yet."""

    rows: Mapping[str, int] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    lacking: frozenset[str] = frozenset()
