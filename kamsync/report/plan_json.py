"""NEW MODULE"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from kamsync.decide.plan import Change, CloseTask, CreateTask, FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.flags import FLAGS, from_json, to_json

VERSION = 1


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The plan as a JSON-ready value."""
    return {
        "version": VERSION,
        "as_of": plan.as_of.isoformat(),
        "crm": plan.crm,
        "run_id": plan.run_id,
        "criteria_hash": plan.criteria_hash,
        "base": plan.base,
        "summary": dict(plan.summary),
        "changes": [change_to_json(change) for change in plan.changes],
        "held_back": [
            {"account_id": h.account_id, "name": h.name, "what": h.what, "reason": h.reason, "key": h.key, "waits": h.waits}
            for h in plan.held_back
        ],
        "problems": list(plan.problems),
    }


def change_to_json(change: Change) -> dict[str, Any]:
    match change:
        case UpdateAccount():
            return {
                "op": "update_account",
                "account_id": change.account_id,
                "name": change.name,
                "fields": {n: {"from": to_json(f.before), "to": to_json(f.after)} for n, f in change.fields.items()},
                "reasons": list(change.reasons),
            }
        case CreateTask():
            return {
                "op": "create_task",
                "key": change.key,
                "account_id": change.account_id,
                "account_name": change.account_name,
                "owner_id": change.owner_id,
                "subject": change.subject,
                "body": change.body,
                "due": change.due.isoformat(),
                "playbook": change.playbook,
                "priority": change.priority,
                "reasons": list(change.reasons),
            }
        case CloseTask():
            return {
                "op": "close_task",
                "key": change.key,
                "task_id": change.task_id,
                "account_id": change.account_id,
                "account_name": change.account_name,
                "subject": change.subject,
                "reasons": list(change.reasons),
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


def _plan(document: Mapping[str, Any]) -> Plan:
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
    )


def _change(value: Mapping[str, Any]) -> Change:
    match value["op"]:
        case "update_account":
            unknown = set(value["fields"]) - set(FLAGS)
            if unknown:
                raise ValueError(f"unknown fields {sorted(unknown)}")
            fields = {n: FieldChange(from_json(n, f["from"]), from_json(n, f["to"])) for n, f in value["fields"].items()}
            return UpdateAccount(value["account_id"], value["name"], MappingProxyType(fields), tuple(value["reasons"]))
        case "create_task":
            return CreateTask(
                key=value["key"],
                account_id=value["account_id"],
                account_name=value["account_name"],
                owner_id=value["owner_id"],
                subject=value["subject"],
                body=value["body"],
                due=date.fromisoformat(value["due"]),
                playbook=value["playbook"],
                priority=value["priority"],
                reasons=tuple(value["reasons"]),
            )
        case "close_task":
            return CloseTask(
                value["key"],
                value["task_id"],
                value["account_id"],
                value["account_name"],
                value["subject"],
                tuple(value["reasons"]),
            )
    raise ValueError(f"unknown op {value['op']!r}")
