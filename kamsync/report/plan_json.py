"""Plans as JSON: the shape that `plan --json` prints, `plan --out` saves and `apply` reads back (docs/json.md). Pure.

Reading back trusts nothing: a file that somebody edited or that was cut in the middle is found before anything is written.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_args

from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    FieldChange,
    HeldBack,
    Plan,
    ReassignTask,
    UpdateAccount,
    WriteNote,
    op_of,
)
from kamsync.flags import FLAGS, from_json, to_json
from kamsync.model import Priority, TaskType, Value
from kamsync.note_text import mark_in

VERSION = 1
DIGEST = "digest"
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
TYPES: Final[tuple[TaskType, ...]] = get_args(TaskType)


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
        "moves": _moves(plan.changes),
        "changes": [change_to_json(change) for change in plan.changes],
        "held_back": [
            {"account_id": h.account_id, "name": h.name, "what": h.what, "reason": h.reason, "key": h.key, "waits": h.waits}
            for h in plan.held_back
        ],
        "problems": list(plan.problems),
    }


def _moves(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """How many accounts go from which tier to which, null for none."""
    found = Counter(
        (_word_or_null(change.fields["tier"].before), _word_or_null(change.fields["tier"].after))
        for change in changes
        if isinstance(change, UpdateAccount) and "tier" in change.fields
    )
    ordered = sorted(found.items(), key=lambda move: tuple(word or "" for word in move[0]))
    return [{"from": before, "to": after, "count": count} for (before, after), count in ordered]


def _word_or_null(value: Value) -> str | None:
    return None if value in (None, "") else str(value)


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
        case WriteNote():
            value |= _note_to_json(change)
        case DeleteNote():
            value |= {"account_id": change.account_id, "name": change.account_name, "note_id": change.note_id}
            value["note"] = _note_to_json(change.note)
        case CloseTask() | AttachTask():
            value |= _reference(change) | {"owner_id": change.owner_id, "due": to_json(change.due)}
        case ReassignTask():
            value |= _reference(change) | {"owner_id": change.owner_id, "due": to_json(change.due)}
            value |= {"new_owner_id": change.new_owner_id}
    value["reasons"] = list(change.reasons)
    return value


def _task_to_json(task: CreateTask) -> dict[str, Any]:
    return {
        "key": task.key,
        "account_id": task.account_id,
        "name": task.account_name,
        "owner_id": task.owner_id,
        "subject": task.subject,
        "body": task.body,
        "due": task.due.isoformat(),
        "playbook": task.playbook,
        "priority": task.priority,
        "type": task.type,
    }


def _note_to_json(note: WriteNote) -> dict[str, Any]:
    return {
        "account_id": note.account_id,
        "name": note.account_name,
        "note_id": note.note_id,
        "owner_id": note.owner_id,
        "title": note.title,
        "body": note.body,
        "before": note.before,
    }


def _reference(change: CloseTask | AttachTask | ReassignTask | DeleteTask) -> dict[str, Any]:
    return {
        "key": change.key,
        "task_id": change.task_id,
        "account_id": change.account_id,
        "name": change.account_name,
        "subject": change.subject,
    }


def fingerprint_of(changes: Iterable[Change]) -> str:
    """Names what the changes would write, whenever it is planned: the moment of evaluation is left out."""
    described = []
    for change in changes:
        value = change_to_json(change)
        value.pop("reasons")
        value.get("fields", {}).pop("evaluated_at", None)
        if isinstance(change, WriteNote):  # its figures are those of the moment; it is written for what its mark names
            mark = mark_in(change.body)
            value["body"] = mark.state if mark is not None else change.body
        described.append(value)
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def seal(document: Mapping[str, Any]) -> str:
    """The digest by which an altered plan is told: over everything but itself."""
    text = json.dumps({k: v for k, v in document.items() if k != DIGEST}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
        org_id=_text(document, "org_id"),
        rehearsal=_truth(document, "rehearsal"),
    )


def _change(value: Mapping[str, Any]) -> Change:
    match value["op"]:
        case "update_account":
            fields = {name: _field(name, pair) for name, pair in value["fields"].items()}
            return UpdateAccount(
                _text(value, "account_id"), _text(value, "name"), MappingProxyType(fields), _texts(value, "reasons")
            )
        case "create_task":
            return _task(value, _texts(value, "reasons"))
        case "delete_task":
            return DeleteTask(**_referred(value), task=_task(value["task"], ()), reasons=_texts(value, "reasons"))
        case "close_task":
            due = None if value["due"] is None else _day(value, "due")
            return CloseTask(**_referred(value), reasons=_texts(value, "reasons"), owner_id=_text(value, "owner_id"), due=due)
        case "attach_task":
            day, owner = _day(value, "due"), _text(value, "owner_id")
            return AttachTask(**_referred(value), reasons=_texts(value, "reasons"), owner_id=owner, due=day)
        case "reassign_task":
            due = None if value["due"] is None else _day(value, "due")
            owner, new = _text(value, "owner_id"), _text(value, "new_owner_id")
            reasons = _texts(value, "reasons")
            return ReassignTask(**_referred(value), owner_id=owner, due=due, new_owner_id=new, reasons=reasons)
        case "write_note":
            return _note(value, _texts(value, "reasons"))
        case "delete_note":
            return DeleteNote(
                _text(value, "account_id"),
                _text(value, "name"),
                _text(value, "note_id"),
                _note(value["note"], ()),
                _texts(value, "reasons"),
            )
    raise ValueError(f"unknown op {value['op']!r}")


def _note(value: Mapping[str, Any], reasons: tuple[str, ...]) -> WriteNote:
    names = ("account_id", "note_id", "owner_id", "title", "body", "before")
    return WriteNote(**{name: _text(value, name) for name in names}, account_name=_text(value, "name"), reasons=reasons)


def _task(value: Mapping[str, Any], reasons: tuple[str, ...]) -> CreateTask:
    names = ("key", "account_id", "owner_id", "subject", "body", "playbook")
    return CreateTask(
        **{name: _text(value, name) for name in names},
        account_name=_text(value, "name"),
        due=_day(value, "due"),
        priority=_word(value, "priority", PRIORITIES),
        type=_word(value, "type", TYPES),
        reasons=reasons,
    )


def _referred(value: Mapping[str, Any]) -> dict[str, Any]:
    referred = {name: _text(value, name) for name in ("key", "task_id", "account_id", "subject")}
    return {**referred, "account_name": _text(value, "name")}


def _held_back(value: Mapping[str, Any]) -> HeldBack:
    names = ("account_id", "name", "what", "reason", "key")
    return HeldBack(**{name: _text(value, name) for name in names}, waits=_truth(value, "waits"))


def _field(name: str, pair: Mapping[str, Any]) -> FieldChange:
    if name not in FLAGS:
        raise ValueError(f"unknown field {name!r}")
    for side in ("from", "to"):
        if isinstance(pair[side], list | dict):
            raise ValueError(f"{name} is no single value")
    return FieldChange(from_json(name, pair["from"]), from_json(name, pair["to"]))


W = TypeVar("W", bound=str)


def _word(value: Mapping[str, Any], key: str, words: Sequence[W]) -> W:
    for word in words:
        if value[key] == word:
            return word
    raise ValueError(f"unknown {key} {value[key]!r}")


def _truth(value: Mapping[str, Any], key: str) -> bool:
    if not isinstance(value[key], bool):
        raise ValueError(f"{key} is neither true nor false")
    return bool(value[key])


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
