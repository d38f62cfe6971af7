"""A plan as a value: every write with its reason, and what was held back. Printing, saving and applying live elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from types import MappingProxyType
from typing import Literal

from kamsync.model import Priority, TaskType, Value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One flag's value in the CRM now and as wanted."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    """New flag values of one account (names of flags.FLAGS), only those that differ."""

    account_id: str
    name: str
    fields: Mapping[str, FieldChange]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateTask:
    """A task to make, for the account that it hangs on; `key` is unique for ever (DECISIONS.md §8)."""

    key: str
    account_id: str
    account_name: str
    owner_id: str
    subject: str
    body: str
    due: date
    playbook: str
    priority: Priority = "normal"
    reasons: tuple[str, ...] = ()
    type: TaskType = "todo"


@dataclass(frozen=True, slots=True)
class CloseTask:
    """Closes an open task that nobody touched: `owner_id`, `subject` and `due` are how it must still look by then."""

    key: str
    task_id: str
    account_id: str
    account_name: str
    subject: str
    reasons: tuple[str, ...] = ()
    owner_id: str = ""
    due: date | None = None


@dataclass(frozen=True, slots=True)
class AttachTask:
    """Hangs a task of this program on its account: the CRM lost the association when the task was made."""

    key: str
    task_id: str
    account_id: str
    account_name: str
    subject: str
    owner_id: str
    due: date
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReassignTask:
    """Gives an open task that nobody touched to `new_owner_id`; `owner_id`, `subject` and `due` are how it must still look."""

    key: str
    task_id: str
    account_id: str
    account_name: str
    subject: str
    owner_id: str
    due: date | None
    new_owner_id: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteTask:
    """For undo: frees the key of a task that nobody touched, and removes it. `task` is how it was made, to make it again."""

    key: str
    task_id: str
    account_id: str
    account_name: str
    subject: str
    task: CreateTask
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteNote:
    """The account's plan as a note on it: a new one where `note_id` is "", else in place of what this program wrote before.

    `body` is HTML with its mark (note_text); `before` the body that it replaces, "" until somebody has looked.
    """

    account_id: str
    account_name: str
    note_id: str
    owner_id: str
    title: str
    body: str
    before: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteNote:
    """For undo: removes a note that this program made and nobody edited. `note` is how it was made, to make it again."""

    account_id: str
    account_name: str
    note_id: str
    note: WriteNote
    reasons: tuple[str, ...] = ()


Change = UpdateAccount | CreateTask | CloseTask | AttachTask | ReassignTask | DeleteTask | WriteNote | DeleteNote
Op = Literal[
    "update_account", "create_task", "close_task", "attach_task", "reassign_task", "delete_task", "write_note", "delete_note",
]  # fmt: skip


def op_of(change: Change) -> Op:
    """The change's name in plans, in the journal and for people."""
    match change:
        case UpdateAccount():
            return "update_account"
        case CreateTask():
            return "create_task"
        case CloseTask():
            return "close_task"
        case AttachTask():
            return "attach_task"
        case ReassignTask():
            return "reassign_task"
        case DeleteTask():
            return "delete_task"
        case WriteNote():
            return "write_note"
        case DeleteNote():
            return "delete_note"


def ref_of(change: Change) -> str:
    """What the journal and the CRM's answers know the change by: a task's key, else the account's id."""
    return change.account_id if isinstance(change, UpdateAccount | WriteNote | DeleteNote) else change.key


def account_name_of(change: Change) -> str:
    """The name of the account that the change is about."""
    return change.name if isinstance(change, UpdateAccount) else change.account_name


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A change that the program chose not to make, with the reason for people.

    `key` is the key of the task that it would have been, "" for anything else. `waits` says that nothing is wrong with it: the
    next run wants it again.
    """

    account_id: str
    name: str
    what: str
    reason: str
    key: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Every write of one run. `run_id` includes when it was made, so the same changes at another time are another plan.

    `summary` counts by op. `criteria_hash` names the criteria that decided; `base` names the changes themselves:
    planning anew gives another one where the CRM moved on, by which `apply` refuses a stale plan. `org_id` is the org that it
    was made for; `rehearsal` says that a day other than today was asked for, so that it can be looked at but not applied.
    """

    run_id: str
    as_of: date
    crm: str
    criteria_hash: str
    base: str
    changes: tuple[Change, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    problems: tuple[str, ...] = ()
    summary: Mapping[str, int] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    org_id: str = ""
    rehearsal: bool = False
