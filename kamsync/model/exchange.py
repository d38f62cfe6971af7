"""What is exchanged with a CRM beside the rows of streams: what is written to it, what it says to that, who we are there.

Frozen values only; a connector turns its vendor's JSON into them and them into its vendor's JSON. Nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kamsync.model.streams import Priority, TaskType, Value


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """New values, by the names of flags.FLAGS, of one account; None clears a field. Only what changes is here."""

    account_id: str
    name: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task of the account plan; `key` is unique for ever (DECISIONS.md §8)."""

    key: str
    account_id: str
    owner_id: str
    subject: str
    body: str
    due: date
    priority: Priority = "normal"
    type: TaskType = "todo"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """An existing task of this program, by key and CRM id; `task_id` is "" where only the key is known."""

    key: str
    task_id: str


@dataclass(frozen=True, slots=True)
class TaskHandOver:
    """An existing task of this program, by key and CRM id, and the person who gets it."""

    key: str
    task_id: str
    owner_id: str


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task of this program as the CRM shows it at this moment. `key` is "" where somebody, or `undo`, has emptied it.

    `account_id` is "" where it hangs on no account. `due` is the date in the programme's time zone, None where it has none.
    """

    task_id: str
    key: str
    account_id: str
    owner_id: str
    subject: str
    due: date | None
    is_open: bool
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class NoteRef:
    """The note of this program on an account; `note_id` is "" where it is not known, or is to be made."""

    account_id: str
    note_id: str


@dataclass(frozen=True, slots=True)
class NoteSeen:
    """A note as the CRM shows it at this moment; `body` is HTML."""

    note_id: str
    body: str


@dataclass(frozen=True, slots=True)
class NewNote:
    """What the note of an account is to say: a new one where `note_id` is "". `body`: HTML of p, b, ul and li only."""

    account_id: str
    note_id: str
    owner_id: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Measure:
    """By what an objective is measured. `target` and `current` are numbers as text, "" where there is none."""

    name: str
    unit: Literal["", "currency", "number", "percent"] = ""
    target: str = ""
    current: str = ""


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective that a person keeps in the CRM for an account. `status`: `new`, `in_progress`, `closed`, or the CRM's word."""

    name: str
    status: str = ""
    start: date | None = None
    end: date | None = None
    about: str = ""
    measures: tuple[Measure, ...] = ()


OutcomeStatus = Literal["done", "existed", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the CRM said to one write.

    `ref` is the account id or the task key. `existed`: the key was already there, nothing was created. `rejected`: the CRM
    refused this record; `message` is in the CRM's words. `unknown`: no answer came; the next pull will tell.
    """

    ref: str
    status: OutcomeStatus
    record_id: str = ""
    message: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are in which org, as the CRM says it. `base_currency` is the unit that RATES refer to, or "".

    `timezone` (an IANA name) and `locale` (language and country of the org, "pt_BR") are "" where the CRM does not say.
    """

    org_id: str
    org_name: str
    user_id: str
    user_name: str
    base_currency: str
    url: str
    is_sandbox: bool = False
    timezone: str = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """API calls: what the CRM allows a day, what is left of it (None where it does not say), what this process made."""

    limit: int | None
    remaining: int | None
    used_by_us: int
