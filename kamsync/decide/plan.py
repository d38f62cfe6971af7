"""A plan as a value: every write with its reason, and what was held back. Printing, saving and applying live elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from types import MappingProxyType
from typing import Literal

from kamsync.model import Value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One flag's value in the CRM now and as wanted."""

    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    """New flag values of one account (names of model.FLAGS), only those that differ."""

    account_id: str
    name: str
    fields: Mapping[str, FieldChange]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateTask:
    key: str
    account_id: str
    account_name: str
    owner_id: str
    subject: str
    body: str
    due: date
    playbook: str
    priority: Literal["low", "normal", "high"] = "normal"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseTask:
    key: str
    task_id: str
    account_id: str
    account_name: str
    subject: str
    reasons: tuple[str, ...] = ()


Change = UpdateAccount | CreateTask | CloseTask


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A change that the program chose not to make, with the reason for people.

    `key` is the key of the task that it would have been, "" for anything else. `waits` says that nothing is wrong with it: it
    is to be offered again at the next run, also where its playbook fires for one run only (decide.tasks.waiting_tasks).
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

    `summary` counts by op and tier move. `criteria_hash` names the criteria that decided; `base` is the cache state
    (snapshot id) that the plan was made from, by which `apply` refuses a stale one.
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
