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

from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, FieldChange, UpdateAccount, op_of
from kamsync.flags import from_json, to_json
from kamsync.model import Outcome
from kamsync.redaction import redact, redact_people
from kamsync.store.database import Cache

_RUN_COLUMNS = "run_id, kind, as_of, started_at, finished_at, status, summary, message, fix, criteria_hash, undoes"
RunKind = Literal["sync", "apply", "undo"]
RunStatus = Literal["running", "done", "partial", "failed", "refused", "interrupted", "declined"]
# What an entry came to besides what the CRM answers: recovery looked, and the write had not happened; or people changed the
# record since, so that nobody can tell; or a task's key is freed, and the task still there.
Settled = Literal["done", "absent", "unclear", "halved"]
HAPPENED = ("done", "existed")


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is remembered. `summary` counts what was written and refused; `undoes` is the run that it took back."""

    run_id: str
    kind: str
    as_of: str | None
    started_at: str
    finished_at: str | None
    status: str
    summary: Mapping[str, int]
    message: str
    fix: str
    criteria_hash: str
    undoes: str


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


# -- runs ----------------------------------------------------------------------------------------------------------------------


def start_run(cache: Cache, run_id: str, kind: RunKind, now: datetime, as_of: date | None = None) -> None:
    """Notes that a run began. Runs that a killed process left open are closed as interrupted: the lock says nobody is in them."""
    with cache.transaction() as connection:
        dead = connection.execute("SELECT run_id FROM runs WHERE status = 'running' AND run_id <> ?", (run_id,)).fetchall()
        for (one,) in dead:
            counted = json.dumps(written_so_far(cache, one))
            connection.execute("UPDATE runs SET status = 'interrupted', summary = ? WHERE run_id = ?", (counted, one))
        connection.execute(
            "INSERT INTO runs (run_id, kind, as_of, started_at, status) VALUES (?, ?, ?, ?, 'running')",
            (run_id, kind, as_of and as_of.isoformat(), now.isoformat(timespec="seconds")),
        )


def describe_run(cache: Cache, run_id: str, *, as_of: date, criteria_hash: str, undoes: str = "") -> None:
    """What became known of a run after it began: its day, its criteria, the run that it takes back."""
    with cache.transaction() as connection:
        connection.execute(
            "UPDATE runs SET as_of = ?, criteria_hash = ?, undoes = ? WHERE run_id = ?",
            (as_of.isoformat(), criteria_hash, undoes, run_id),
        )


def finish_run(
    cache: Cache,
    run_id: str,
    status: RunStatus,
    now: datetime,
    summary: Mapping[str, int] | None = None,
    message: str = "",
    fix: str = "",
) -> None:
    """How a run ended; without a `summary` it is counted from the journal."""
    counted = written_so_far(cache, run_id) if summary is None else dict(summary)
    with cache.transaction() as connection:
        connection.execute(
            "UPDATE runs SET status = ?, finished_at = ?, summary = ?, message = ?, fix = ? WHERE run_id = ?",
            (status, now.isoformat(timespec="seconds"), json.dumps(counted), _words(message), redact(fix), run_id),
        )


def _words(text: str) -> str:
    """Words of the CRM as they are kept: without secrets, and without addresses of the people whom it names."""
    return redact_people(redact(text))


def is_running(cache: Cache, run_id: str) -> bool:
    """Whether nobody has said yet how that run ended."""
    found = cache.connection.execute("SELECT 1 FROM runs WHERE run_id = ? AND status = 'running'", (run_id,))
    return found.fetchone() is not None


def written_so_far(cache: Cache, run_id: str) -> dict[str, int]:
    """What a run has written, as the journal knows it: counts as in a summary, without what is zero."""
    counts: dict[str, int] = {}
    rows = cache.connection.execute("SELECT op, outcome, count(*) FROM journal WHERE run_id = ? GROUP BY 1, 2", (run_id,))
    for op, outcome, count in rows:
        if outcome != "absent":
            name = _COUNTED[op] if outcome in HAPPENED else "rejected" if outcome == "rejected" else "unknown"
            counts[name] = counts.get(name, 0) + count
    return counts


_COUNTED: Mapping[str, str] = {
    "update_account": "updated",
    "create_task": "created",
    "attach_task": "attached",
    "close_task": "closed",
    "delete_task": "deleted",
}


def list_runs(cache: Cache, limit: int = 50) -> list[Run]:
    """The latest runs, newest first."""
    rows = cache.connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs ORDER BY started_at DESC, rowid DESC LIMIT ?",
        (limit,),
    )
    return [_run(row) for row in rows]


def runs_by_outcome(cache: Cache) -> dict[tuple[str, str], int]:
    """How many runs are remembered, by (kind, status)."""
    rows = cache.connection.execute("SELECT kind, status, count(*) FROM runs GROUP BY 1, 2 ORDER BY 1, 2")
    return {(kind, status): count for kind, status, count in rows}


def last_good_run(cache: Cache) -> datetime | None:
    """When the last run ended that wrote all it wanted to write; None where there was none."""
    rows = cache.connection.execute("SELECT max(finished_at) FROM runs WHERE status = 'done' AND kind <> 'undo'")
    (found,) = rows.fetchone()
    return None if found is None else datetime.fromisoformat(found)


def last_unattended_run(cache: Cache) -> datetime | None:
    """When the last `sync` or `apply` began, however it ended; None where there was none."""
    (found,) = cache.connection.execute("SELECT max(started_at) FROM runs WHERE kind <> 'undo'").fetchone()
    return None if found is None else datetime.fromisoformat(found)


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


def undone_by(cache: Cache, run_id: str) -> Run | None:
    """The complete run that took this one back, None where there is none, or where it was itself taken back."""
    rows = cache.connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs WHERE undoes = ? AND status = 'done' ORDER BY started_at DESC, rowid DESC", (run_id,)
    ).fetchall()
    return next((run for run in map(_run, rows) if undone_by(cache, run.run_id) is None), None)


def was_applied(cache: Cache) -> bool:
    """Whether a person has approved a plan here: some `apply` went through."""
    found = cache.connection.execute("SELECT 1 FROM runs WHERE kind = 'apply' AND status IN ('done', 'partial') LIMIT 1")
    return found.fetchone() is not None


def held_since_undo(cache: Cache, criteria_hash: str) -> str:
    """The run that a person took back last, "" where somebody has said since that writing may go on.

    That is said by an `apply`, by other criteria, and by taking the undo itself back.
    """
    rows = cache.connection.execute(
        f"SELECT {_RUN_COLUMNS} FROM runs WHERE status IN ('done', 'partial', 'interrupted') AND kind IN ('apply', 'undo')"
        " ORDER BY started_at DESC, rowid DESC LIMIT 1"
    ).fetchall()
    last = _run(rows[0]) if rows else None
    if last is None or last.kind != "undo" or last.criteria_hash != criteria_hash:
        return ""
    taken_back = find_run(cache, last.undoes)
    return "" if taken_back is not None and taken_back.kind == "undo" else last.undoes


def _run(row: tuple[Any, ...]) -> Run:
    run_id, kind, as_of, started_at, finished_at, status, summary, message, fix, criteria_hash, undoes = row
    counts = json.loads(summary)
    return Run(run_id, kind, as_of, started_at, finished_at, status, counts, message, fix, criteria_hash, undoes)


# -- entries -------------------------------------------------------------------------------------------------------------------


def note_intents(cache: Cache, run_id: str, changes: Sequence[Change]) -> None:
    """Every write that the run is about to try, in order; call it inside a transaction."""
    first = cache.connection.execute("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run_id = ?", (run_id,)).fetchone()[0]
    rows = [
        (run_id, seq, op_of(change), _ref(change), change.account_id, json.dumps(_intent(change), ensure_ascii=False))
        for seq, change in enumerate(changes, start=first)
    ]
    cache.connection.executemany("INSERT INTO journal (run_id, seq, op, ref, account_id, intent) VALUES (?, ?, ?, ?, ?, ?)", rows)


def note_outcomes(cache: Cache, run_id: str, op: str, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the CRM answered; call it inside the transaction that also keeps what follows from it."""
    cache.connection.executemany(
        "UPDATE journal SET outcome = ?, record_id = ?, message = ?, at = ? WHERE run_id = ? AND op = ? AND ref = ?",
        [(o.status, o.record_id, _words(o.message), now.isoformat(timespec="seconds"), run_id, op, o.ref) for o in outcomes],
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


def _ref(change: Change) -> str:
    return change.account_id if isinstance(change, UpdateAccount) else change.key


def _intent(change: Change) -> dict[str, Any]:
    match change:
        case UpdateAccount():
            fields = {name: {"from": to_json(f.before), "to": to_json(f.after)} for name, f in change.fields.items()}
            return {"name": change.name, "fields": fields}
        case CreateTask():
            return _task(change)
        case DeleteTask():
            return {**_task(change.task), "task_id": change.task_id, "name": change.account_name}
        case CloseTask() | AttachTask():
            return {"task_id": change.task_id, "subject": change.subject, "name": change.account_name}


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
