"""A plan as JSON and back: the shape that `plan --json` prints and `plan --out` saves (DESIGN.md, commands).

Reading back trusts nothing: a file that somebody edited or that was cut in the middle is found here, before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal

from kamsync.decide.plan import Change, CloseTask, CreateTask, FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.flags import FLAGS, from_json, to_json

VERSION = 1
PRIORITIES: Final[tuple[Literal["low", "normal", "high"], ...]] = ("low", "normal", "high")


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


def plan_from_json(document: Mapping[str, Any]) -> Plan:
    """The plan that `plan_to_json` made this of; KeyError, TypeError or ValueError where it made no such thing."""
    return Plan(
        run_id=_text(document, "run_id"),
        as_of=_day(document, "as_of"),
        crm=_text(document, "crm"),
        criteria_hash=_text(document, "criteria_hash"),
        base=_text(document, "base"),
        changes=tuple(_change(value) for value in _tables(document, "changes")),
        held_back=tuple(_held_back(held) for held in _tables(document, "held_back")),
        problems=_texts(document, "problems"),
        summary=MappingProxyType({str(name): int(count) for name, count in document["summary"].items()}),
    )


def _change(value: Mapping[str, Any]) -> Change:
    match value["op"]:
        case "update_account":
            fields = {name: _field(name, pair) for name, pair in value["fields"].items()}
            return UpdateAccount(
                _text(value, "account_id"), _text(value, "name"), MappingProxyType(fields), _texts(value, "reasons")
            )
        case "create_task":
            return CreateTask(
                key=_text(value, "key"),
                account_id=_text(value, "account_id"),
                account_name=_text(value, "account_name"),
                owner_id=_text(value, "owner_id"),
                subject=_text(value, "subject"),
                body=_text(value, "body"),
                due=_day(value, "due"),
                playbook=_text(value, "playbook"),
                priority=_priority(value),
                reasons=_texts(value, "reasons"),
            )
        case "close_task":
            return CloseTask(
                _text(value, "key"),
                _text(value, "task_id"),
                _text(value, "account_id"),
                _text(value, "account_name"),
                _text(value, "subject"),
                _texts(value, "reasons"),
            )
    raise ValueError(f"unknown op {value['op']!r}")


def _held_back(value: Mapping[str, Any]) -> HeldBack:
    if not isinstance(value["waits"], bool):
        raise ValueError("waits is neither true nor false")
    names = ("account_id", "name", "what", "reason", "key")
    return HeldBack(**{name: _text(value, name) for name in names}, waits=value["waits"])


def _field(name: str, pair: Mapping[str, Any]) -> FieldChange:
    if name not in FLAGS:
        raise ValueError(f"unknown field {name!r}")
    for side in ("from", "to"):
        if isinstance(pair[side], list | dict):
            raise ValueError(f"{name} is no single value")
    return FieldChange(from_json(name, pair["from"]), from_json(name, pair["to"]))


def _priority(value: Mapping[str, Any]) -> Literal["low", "normal", "high"]:
    for word in PRIORITIES:
        if value["priority"] == word:
            return word
    raise ValueError(f"unknown priority {value['priority']!r}")


def _text(value: Mapping[str, Any], key: str) -> str:
    if not isinstance(value[key], str):
        raise ValueError(f"{key} is no text")
    return str(value[key])


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    if not isinstance(value[key], list) or not all(isinstance(item, str) for item in value[key]):
        raise ValueError(f"{key} is no list of texts")
    return tuple(value[key])


def _tables(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    if not isinstance(value[key], list) or not all(isinstance(item, dict) for item in value[key]):
        raise ValueError(f"{key} is no list of objects")
    return list(value[key])


def _day(value: Mapping[str, Any], key: str) -> date:
    return date.fromisoformat(_text(value, key))
