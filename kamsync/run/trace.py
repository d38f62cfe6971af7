"""What runs left behind in the journal: which are alive, how each ended, every write of one. Reads the cache only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kamsync.report.run_trace import Trace, Value, Write
from kamsync.store.database import Cache
from kamsync.store.runs import Run, find_run, list_runs, written_so_far

if TYPE_CHECKING:
    from kamsync.store.journal import Entry

KILLED = "the process ended without a word; the next run settles what it left open"


def seen_runs(cache: Cache, limit: int) -> list[Run]:
    """The latest runs, newest first; one whose process is dead is `interrupted`, with what it had written by then."""
    runs = list_runs(cache, limit)
    if not any(run.status == "running" for run in runs) or _is_locked(cache):
        return runs
    return [_dead(cache, run) if run.status == "running" else run for run in runs]


def seen_run(cache: Cache, run_id: str) -> Run | None:
    """The run of that id or beginning, as `seen_runs` shows it; None where there is none, or more than one."""
    run = find_run(cache, run_id)
    return _dead(cache, run) if run is not None and run.status == "running" and not _is_locked(cache) else run


def trace_of(cache: Cache, run_id: str) -> Trace:
    """Every write that the run tried, and every one that it held back, in order."""
    from kamsync.store.held_back import held_of  # a list of runs reads neither
    from kamsync.store.journal import entries

    return Trace(run_id, tuple(_write(entry) for entry in entries(cache, run_id)), tuple(held_of(cache, run_id)))


def _is_locked(cache: Cache) -> bool:
    from kamsync.run.lock import is_locked  # nobody asks while no run goes on

    return is_locked(cache.path)


def _dead(cache: Cache, run: Run) -> Run:
    return replace(run, status="interrupted", summary=written_so_far(cache, run.run_id), message=run.message or KILLED)


def _write(entry: Entry) -> Write:
    return Write(
        seq=entry.seq,
        op=entry.op,
        account_id=entry.account_id,
        account=entry.name,
        ref=entry.ref,
        values=_values(entry),
        outcome=entry.outcome,
        message=entry.message or "",
        record_id=entry.record_id or "",
        at=entry.at or "",
    )


def _values(entry: Entry) -> tuple[Value, ...]:
    intent = entry.intent
    match entry.op:
        case "update_account":
            return tuple(Value(name, change["from"], change["to"]) for name, change in intent["fields"].items())
        case "create_task":
            return _task_values(intent, made=True)
        case "delete_task":
            return _task_values(intent, made=False)
        case "close_task":
            return (Value("subject", intent["subject"], intent["subject"]), Value("is_open", True, False))
        case "write_note":
            return (Value("subject", intent["title"], intent["title"]), Value("body", intent["before"] or None, intent["body"]))
        case "delete_note":
            return (Value("subject", intent["title"], intent["title"]), Value("body", intent["body"], None))
    return (Value("subject", intent["subject"], intent["subject"]), Value("account_id", None, entry.account_id))


def _task_values(intent: Any, *, made: bool) -> tuple[Value, ...]:
    """A task that comes or goes: what it says is after, or before."""
    names = ("subject", "due", "owner_id", "playbook", "priority", "type", "body")
    found = [(name, intent[name]) for name in names if intent.get(name)]
    return tuple(Value(name, None if made else value, value if made else None) for name, value in found)
