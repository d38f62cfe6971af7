"""Plans as JSON: the shape that `plan --json` prints, `plan --out` saves and `apply` reads back (docs/json.md). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteTask,
    FieldChange,
    HeldBack,
    Plan,
    UpdateAccount,
    op_of,
)
from kamsync.flags import FLAGS, from_json, to_json

VERSION = 1
DIGEST = "digest"


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON-ready value."""
    return {
        "version": VERSION,
        "as_of": plan.as_of.isoformat(),
        "crm": plan.crm,
        "org_id": plan.org_id,
        "run_id": plan.run_id,
        "criteria_hash": plan.criteria_hash,
        "base": plan.base,
        "rehearsal": plan.rehearsal,
        "summary": dict(plan.summary),
        "changes": [change_to_json(change) for change in plan.changes],
        "held_back": [
            {"account_id": h.account_id, "name": h.name, "what": h.what, "reason": h.reason, "key": h.key, "waits": h.waits}
            for h in plan.held_back
        ],
        "problems": list(plan.problems),
    }


def change_to_json(change: Change) -> dict[str, Any]:
    """One change, named by its `op`."""
    value: dict[str, Any] = {"op": op_of(change)}
    match change:
        case UpdateAccount():
            value |= {"account_id": change.account_id, "name": change.name}
            value["fields"] = {n: {"from": to_json(f.before), "to": to_json(f.after)} for n, f in change.fields.items()}
        case CreateTask():
            value |= _task_to_json(change)
        case DeleteTask():
            value |= _reference(change) | {"task": _task_to_json(change.task)}
        case CloseTask() | AttachTask():
            value |= _reference(change) | {"owner_id": change.owner_id, "due": to_json(change.due)}
    value["reasons"] = list(change.reasons)
    return value


def _task_to_json(task: CreateTask) -> dict[str, Any]:
    return {
        "key": task.key,
        "account_id": task.account_id,
        "account_name": task.account_name,
        "owner_id": task.owner_id,
        "subject": task.subject,
        "body": task.body,
        "due": task.due.isoformat(),
        "playbook": task.playbook,
        "priority": task.priority,
        "type": task.type,
    }


def _reference(change: CloseTask | AttachTask | DeleteTask) -> dict[str, Any]:
    return {
        "key": change.key,
        "task_id": change.task_id,
        "account_id": change.account_id,
        "account_name": change.account_name,
        "subject": change.subject,
    }


def fingerprint_of(changes: Iterable[Change]) -> str:
    """Names what the changes would write, whenever it is planned: the moment of evaluation is left out."""
    described = []
    for change in changes:
        value = change_to_json(change)
        value.pop("reasons")
        value.get("fields", {}).pop("evaluated_at", None)
        described.append(value)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def seal(document: Mapping[str, Any]) -> str:
    """The digest by which an altered plan is told: over everything but itself."""
    text = json.dumps({k: v for k, v in document.items() if k != DIGEST}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plan_from_json(document: Mapping[str, Any]) -> Plan:
    """The plan that `plan_to_json` wrote. Raises KeyError, TypeError, ValueError or AttributeError on anything else."""
    return Plan(
        run_id=document["run_id"],
        as_of=date.fromisoformat(document["as_of"]),
        crm=document["crm"],
        criteria_hash=document["criteria_hash"],
        base=document["base"],
        changes=tuple(_change(value) for value in document["changes"]),
        held_back=tuple(HeldBack(**held) for held in document["held_back"]),
        problems=tuple(document["problems"]),
        summary=MappingProxyType(dict(document["summary"])),
        org_id=document["org_id"],
        rehearsal=document["rehearsal"],
    )


def _change(value: Mapping[str, Any]) -> Change:
    reasons = tuple(value["reasons"])
    match value["op"]:
        case "update_account":
            unknown = set(value["fields"]) - set(FLAGS)
            if unknown:
                raise ValueError(f"unknown fields {sorted(unknown)}")
            fields = {n: FieldChange(from_json(n, f["from"]), from_json(n, f["to"])) for n, f in value["fields"].items()}
            return UpdateAccount(value["account_id"], value["name"], MappingProxyType(fields), reasons)
        case "create_task":
            return _task(value, reasons)
        case "delete_task":
            return DeleteTask(**_referred(value), task=_task(value["task"], ()), reasons=reasons)
        case "close_task":
            due = date.fromisoformat(value["due"]) if value["due"] else None
            return CloseTask(**_referred(value), reasons=reasons, owner_id=value["owner_id"], due=due)
        case "attach_task":
            due = date.fromisoformat(value["due"])
            return AttachTask(**_referred(value), reasons=reasons, owner_id=value["owner_id"], due=due)
    raise ValueError(f"unknown op {value['op']!r}")


def _task(value: Mapping[str, Any], reasons: tuple[str, ...]) -> CreateTask:
    names = ("key", "account_id", "account_name", "owner_id", "subject", "body", "playbook", "priority", "type")
    return CreateTask(**{name: value[name] for name in names}, due=date.fromisoformat(value["due"]), reasons=reasons)


def _referred(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("key", "task_id", "account_id", "account_name", "subject")}
