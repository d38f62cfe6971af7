"""A task of the account plan as the record that this org's Task takes. What it takes is read from describe; the rest is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kamsync.model import TaskType
from kamsync.model.exchange import NewTask
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.push.task_lookup import no_key_field

SUBJECT_LENGTH = 255
BODY_LENGTH = 32_000

# Object Reference, "Task": TaskSubtype has the icon and the actions of a call or an e-mail (Task, Email, Call, …) and is set on
# creation only; Type is the org's own picklist, "such as Call or Meeting". A plain to-do leaves both to the org's defaults.
_KINDS: Mapping[TaskType, Mapping[str, str]] = {
    "todo": {},
    "call": {"TaskSubtype": "Call", "Type": "Call"},
    "email": {"TaskSubtype": "Email", "Type": "Email"},
    "meeting": {"Type": "Meeting"},
}


@dataclass(frozen=True, slots=True)
class Target:
    """What this org's Task accepts. `kinds`: the fields that say a task's type, for types that this org has a value for."""

    key_field: str
    is_unique_key: bool
    priorities: Mapping[str, str]  # ours → the org's value
    kinds: Mapping[TaskType, Mapping[str, str]]
    has_reminder: bool


def target_of(fields: Fields, key_field: str) -> Target:
    """Raises AccessDenied where our user may not write the key."""
    described = fields.of("Task")
    key = described.get(key_field.lower())
    if key is None or not key.get("createable", True):
        raise no_key_field(key_field, "write")
    priorities = choices_of(described.get("priority"))
    return Target(
        key_field=str(key.get("name") or key_field),
        is_unique_key=bool(key.get("externalId")) and bool(key.get("unique")),
        priorities={name: priorities[name] for name in ("low", "normal", "high") if name in priorities},
        kinds={kind: _offered(described, values) for kind, values in _KINDS.items()},
        has_reminder="isreminderset" in described,
    )


def choices_of(field: Mapping[str, Any] | None) -> dict[str, str]:
    """A picklist's active values by their lower-case form."""
    entries = (field or {}).get("picklistValues") or ()
    active = (str(entry.get("value", "")) for entry in entries if entry.get("active", True))
    return {value.lower(): value for value in active}


def _offered(described: Mapping[str, Mapping[str, Any]], values: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        field = described.get(name.lower())
        if field is not None and field.get("createable", True) and value.lower() in (choices := choices_of(field)):
            found[name] = choices[value.lower()]
    return found


def record_of(task: NewTask, target: Target) -> dict[str, Any]:
    """The task as REST takes it. Status is left to the org's default; no reminder, and REST sends no mail by itself."""
    record: dict[str, Any] = {
        target.key_field: task.key,
        "WhatId": task.account_id,
        "OwnerId": task.owner_id,
        "Subject": _shortened(task.subject, SUBJECT_LENGTH),
        "Description": _shortened(task.body, BODY_LENGTH),
        "ActivityDate": task.due.isoformat(),
        **target.kinds.get(task.type, {}),
    }
    if task.priority in target.priorities:
        record["Priority"] = target.priorities[task.priority]
    if target.has_reminder:
        record["IsReminderSet"] = False
    return record


def _shortened(text: str, length: int) -> str:
    """Cut at a word's end, with an ellipsis."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip() + "…"
