"""Runs as they are remembered: when each began, what it was, and how it ended. `runs`, `status` and the guards read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from kamsync.redaction import kept_words, redact
from kamsync.store.database import Cache
from kamsync.store.schema import HAPPENED

_RUN_COLUMNS = "run_id, kind, as_of, started_at, finished_at, status, summary, message, fix, criteria_hash, undoes"


RunKind = Literal["sync", "apply", "undo"]
RunStatus = Literal["running", "done", "partial", "failed", "refused", "interrupted", "declined"]


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


def describe_run(cache: Cache, run_id: str, *, as_of: date, criteria_hash: str, undoes: str) -> None:
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
            (status, now.isoformat(timespec="seconds"), json.dumps(counted), kept_words(message), redact(fix), run_id),
        )


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
    "reassign_task": "reassigned",
    "close_task": "closed",
    "delete_task": "deleted",
    "write_note": "notes",
    "delete_note": "notes",
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
