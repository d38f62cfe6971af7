"""The journal: what a run meant to write, then what the CRM said. Recovery, undo and `runs` read it.

Intents are kept before the first call of a batch, outcomes as they arrive, so that a killed process leaves no doubt about what
may have happened. Nothing here talks to a CRM.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    FieldChange,
    ReassignTask,
    UpdateAccount,
    WriteNote,
    op_of,
    ref_of,
)
from kamsync.flags import from_json, to_json
from kamsync.model.exchange import Outcome
from kamsync.redaction import kept_words
from kamsync.store.database import Cache

# What an entry came to besides what the CRM answers: recovery looked, and the write had not happened; or people changed the
# record since, so that nobody can tell; or a task's key is freed, and the task still there.
Settled = Literal["done", "absent", "unclear", "halved"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One write of a run: the intent and its outcome (None: no answer is known). `at` is when it was known, in ISO form."""

    run_id: str
    seq: int
    op: str
    ref: str
    account_id: str
    intent: Mapping[str, Any]
    outcome: str | None
    record_id: str | None
    message: str | None
    at: str | None = None

    @property
    def name(self) -> str:
        """The account's name at the time."""
        return str(self.intent["name"])


def note_intents(cache: Cache, run_id: str, changes: Sequence[Change]) -> None:
    """Every write that the run is about to try, in order; call it inside a transaction."""
    first = cache.connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run_id = ?", (run_id,)).fetchone()[0]
    rows = [
        (run_id, seq, op_of(change), ref_of(change), change.account_id, json.dumps(_intent(change), ensure_ascii=False))
        for seq, change in enumerate(changes, start=first)
    ]
    cache.connection.executemany("INSERT INTO journal (run_id, seq, op, ref, account_id, intent) VALUES (?, ?, ?, ?, ?, ?)", rows)


def note_outcomes(cache: Cache, run_id: str, op: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the CRM answered; call it inside the transaction that also keeps what follows from it."""
    cache.connection.executemany(
        "UPDATE journal SET outcome = ?, record_id = ?, message = ?, at = ? WHERE run_id = ? AND op = ? AND ref = ?",
        [(o.status, o.record_id, kept_words(o.message), now.isoformat(timespec="seconds"), run_id, op, o.ref) for o in outcomes],
    )


def settle_entries(cache: Cache, settled: Iterable[tuple[Entry, Settled, str]], now: datetime) -> None:
    """What recovery found, as (entry, how it is, record id); call it inside the transaction that keeps what follows from it."""
    moment = now.isoformat(timespec="seconds")
    cache.connection.executemany(
        "UPDATE journal SET outcome = ?, record_id = ?, at = ?, message = 'found by the next run' WHERE run_id = ? AND seq = ?",
        [(how, record_id, moment, entry.run_id, entry.seq) for entry, how, record_id in settled],
    )


_ENTRY_COLUMNS = "run_id, seq, op, ref, account_id, intent, outcome, record_id, message, at"


def entries(cache: Cache, run_id: str) -> Iterator[Entry]:
    """The run's writes in the order in which they were tried."""
    rows = cache.connection.execute(f"SELECT {_ENTRY_COLUMNS} FROM journal WHERE run_id = ? ORDER BY seq", (run_id,))
    return map(_entry, rows)


def unsettled(cache: Cache) -> list[Entry]:
    """Writes of earlier runs of which nobody knows whether they happened, oldest first."""
    rows = cache.connection.execute(
        f"SELECT {_ENTRY_COLUMNS} FROM journal WHERE outcome IS NULL OR outcome = 'unknown' ORDER BY rowid"
    )
    return [_entry(row) for row in rows]


def halved_deletions(cache: Cache) -> list[Entry]:
    """Tasks that an undo was about to remove: their keys are free, the tasks are still there, and no later run finds them."""
    rows = cache.connection.execute(f"SELECT {_ENTRY_COLUMNS} FROM journal WHERE outcome = 'halved' ORDER BY rowid")
    return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    run_id, seq, op, ref, account_id, intent, outcome, record_id, message, at = row
    return Entry(run_id, seq, op, ref, account_id, json.loads(intent), outcome, record_id, message, at)


def fields_of(entry: Entry) -> dict[str, FieldChange]:
    """The field changes of an `update_account` entry, values back in their types."""
    return {
        flag: FieldChange(from_json(flag, change["from"]), from_json(flag, change["to"]))
        for flag, change in entry.intent["fields"].items()
    }


def task_of(entry: Entry) -> CreateTask:
    """The task of a `create_task` or `delete_task` entry, as it was or was to be made."""
    intent = entry.intent
    return CreateTask(
        key=entry.ref,
        account_id=entry.account_id,
        account_name=entry.name,
        owner_id=intent["owner_id"],
        subject=intent["subject"],
        body=intent.get("body", ""),
        due=date.fromisoformat(intent["due"]),
        playbook=intent.get("playbook", entry.ref.partition(":")[0]),
        priority=intent.get("priority", "normal"),
        type=intent.get("type", "todo"),
    )


def note_of(entry: Entry) -> WriteNote:
    """The note of a `write_note` or `delete_note` entry, as it was or was to be written."""
    intent = entry.intent
    note_id, owner_id, title, body, before = (str(intent[name]) for name in ("note_id", "owner_id", "title", "body", "before"))
    return WriteNote(entry.account_id, entry.name, note_id, owner_id, title, body, before)


def _intent(change: Change) -> dict[str, Any]:
    match change:
        case UpdateAccount():
            fields = {name: {"from": to_json(f.before), "to": to_json(f.after)} for name, f in change.fields.items()}
            return {"name": change.name, "fields": fields}
        case CreateTask():
            return _task(change)
        case DeleteTask():
            return {**_task(change.task), "task_id": change.task_id, "name": change.account_name}
        case ReassignTask():
            owners = {"owner_id": change.owner_id, "new_owner_id": change.new_owner_id}
            return {"task_id": change.task_id, "subject": change.subject, "name": change.account_name, **owners}
        case WriteNote():
            return _note(change)
        case DeleteNote():
            return {**_note(change.note), "note_id": change.note_id}
        case CloseTask() | AttachTask():
            return {"task_id": change.task_id, "subject": change.subject, "name": change.account_name}


def _note(note: WriteNote) -> dict[str, Any]:
    """All of it, and what it replaced, so that it can be taken back, and that be taken back again."""
    return {
        "name": note.account_name,
        "note_id": note.note_id,
        "owner_id": note.owner_id,
        "title": note.title,
        "body": note.body,
        "before": note.before,
    }


def _task(task: CreateTask) -> dict[str, Any]:
    """All of it, so that undoing an undo can make it again."""
    return {
        "name": task.account_name,
        "owner_id": task.owner_id,
        "subject": task.subject,
        "body": task.body,
        "due": task.due.isoformat(),
        "playbook": task.playbook,
        "priority": task.priority,
        "type": task.type,
    }
