"""The journal: what a run meant to write, then what the CRM said. Undo, `runs` and the ledger of task keys read it.

Intents are kept before the first call of a batch, outcomes as they arrive, so that a killed process leaves no doubt about what
may have happened. Nothing here talks to a CRM.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from kamsync.decide.plan import Change, CloseTask, CreateTask, FieldChange, UpdateAccount
from kamsync.flags import from_json, to_json
from kamsync.model import Outcome
from kamsync.store.database import Cache

_RUN_COLUMNS = "run_id, kind, as_of, started_at, finished_at, status, summary, message"
RunKind = Literal["sync", "apply", "undo", "pull"]
RunStatus = Literal["running", "done", "partial", "failed", "refused", "interrupted"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is remembered. `summary` counts what was written and what was refused."""

    run_id: str
    kind: str
    as_of: str | None
    started_at: str
    finished_at: str | None
    status: str
    summary: Mapping[str, int]
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One write of a run: the intent and its outcome (None: no answer is known)."""

    seq: int
    op: str
    ref: str
    account_id: str
    intent: Mapping[str, Any]
    outcome: str | None
    record_id: str | None
    message: str | None


def start_run(cache: Cache, run_id: str, kind: RunKind, now: datetime, as_of: date | None = None) -> None:
    """Notes that a run began. Runs that a killed process left open are closed as interrupted: the lock says nobody is in them."""
    with cache.bookkeeping() as connection:
        connection.execute("UPDATE runs SET status = 'interrupted' WHERE status = 'running'")
        connection.execute(
            "INSERT INTO runs (run_id, kind, as_of, started_at, status) VALUES (?, ?, ?, ?, 'running')",
            (run_id, kind, as_of and as_of.isoformat(), now.isoformat(timespec="seconds")),
        )


def finish_run(
    cache: Cache, run_id: str, status: RunStatus, now: datetime, summary: Mapping[str, int] | None = None, message: str = ""
) -> None:
    with cache.bookkeeping() as connection:
        connection.execute(
            "UPDATE runs SET status = ?, finished_at = ?, summary = ?, message = ? WHERE run_id = ?",
            (status, now.isoformat(timespec="seconds"), json.dumps(dict(summary or {})), message, run_id),
        )


def list_runs(cache: Cache, limit: int = 50) -> list[Run]:
    """The latest runs, newest first."""
    rows = cache.connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs ORDER BY started_at DESC, rowid DESC LIMIT ?",
        (limit,),
    )
    return [_run(row) for row in rows]


def find_run(cache: Cache, run_id: str) -> Run | None:
    """The run of that id, or the one whose id begins so, where there is only one."""
    rows = cache.connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs"
        " WHERE run_id = ?1 OR substr(run_id, 1, length(?1)) = ?1 ORDER BY run_id = ?1 DESC LIMIT 2",
        (run_id,),
    ).fetchall()
    if not rows or (len(rows) > 1 and rows[0][0] != run_id):
        return None
    return _run(rows[0])


def _run(row: tuple[Any, ...]) -> Run:
    run_id, kind, as_of, started_at, finished_at, status, summary, message = row
    return Run(run_id, kind, as_of, started_at, finished_at, status, json.loads(summary), message)


def note_intents(cache: Cache, run_id: str, changes: Sequence[Change]) -> None:
    """Every write that the run is about to try, in order."""
    first = cache.connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run_id = ?", (run_id,)).fetchone()[0]
    rows = [
        (run_id, seq, _op(change), _ref(change), change.account_id, json.dumps(_intent(change), ensure_ascii=False))
        for seq, change in enumerate(changes, start=first)
    ]
    with cache.bookkeeping() as connection:
        connection.executemany("INSERT INTO journal (run_id, seq, op, ref, account_id, intent) VALUES (?, ?, ?, ?, ?, ?)", rows)


def note_outcomes(cache: Cache, run_id: str, op: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the CRM answered; call it inside the transaction that also keeps what follows from it."""
    cache.connection.executemany(
        "UPDATE journal SET outcome = ?, record_id = ?, message = ?, at = ? WHERE run_id = ? AND op = ? AND ref = ?",
        [(o.status, o.record_id, o.message, now.isoformat(timespec="seconds"), run_id, op, o.ref) for o in outcomes],
    )


def entries(cache: Cache, run_id: str) -> Iterator[Entry]:
    """The run's writes in the order in which they were tried."""
    rows = cache.connection.execute(
        "SELECT seq, op, ref, account_id, intent, outcome, record_id, message FROM journal WHERE run_id = ? ORDER BY seq",
        (run_id,),
    )
    for seq, op, ref, account_id, intent, outcome, record_id, message in rows:
        yield Entry(seq, op, ref, account_id, json.loads(intent), outcome, record_id, message)


def fields_of(entry: Entry) -> dict[str, FieldChange]:
    """The field changes of an `update_account` entry, values back in their types."""
    return {
        flag: FieldChange(from_json(flag, change["from"]), from_json(flag, change["to"]))
        for flag, change in entry.intent["fields"].items()
    }


def _op(change: Change) -> str:
    match change:
        case UpdateAccount():
            return "update_account"
        case CreateTask():
            return "create_task"
        case CloseTask():
            return "close_task"


def _ref(change: Change) -> str:
    return change.account_id if isinstance(change, UpdateAccount) else change.key


def _intent(change: Change) -> dict[str, Any]:
    match change:
        case UpdateAccount():
            fields = {name: {"from": to_json(f.before), "to": to_json(f.after)} for name, f in change.fields.items()}
            return {"name": change.name, "fields": fields}
        case CreateTask():
            due = change.due.isoformat()
            return {"owner_id": change.owner_id, "subject": change.subject, "due": due, "name": change.account_name}
        case CloseTask():
            return {"task_id": change.task_id, "subject": change.subject, "name": change.account_name}
