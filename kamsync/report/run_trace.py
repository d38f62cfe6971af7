"""What one run did and held back, write by write, for people, spreadsheets and machines. Pure; a `Trace` has what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from kamsync.printable import one_line
from kamsync.report.csv_text import csv_text

if TYPE_CHECKING:
    from kamsync.decide.plan import HeldBack

MOST_SHOWN = 60  # characters of a value in a line; JSON and CSV have all of it
CSV_COLUMNS = (
    "run_id",
    "seq",
    "op",
    "account_id",
    "account",
    "field",
    "before",
    "after",
    "outcome",
    "message",
    "record_id",
    "at",
)

_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "update_account": "~",
        "create_task": "+",
        "attach_task": "↳",
        "reassign_task": "→",
        "close_task": "✓",
        "delete_task": "-",
        "write_note": "✎",
        "delete_note": "-",
    }
)
_OUTCOMES: Mapping[str | None, str] = MappingProxyType(
    {
        None: "no answer is known yet; the next run looks",
        "done": "",
        "existed": "was there already",
        "rejected": "refused by the CRM",
        "unknown": "no answer came; the next run looks",
        "absent": "had not happened",
        "unclear": "nobody can tell: people changed the record since",
        "halved": "its key is free, the task is still there",
    }
)


@dataclass(frozen=True, slots=True)
class Value:
    """One field of a write, as JSON has it."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a run. `ref` is the account's id or the task's key; `outcome` None where nobody knows; `at` is ISO."""

    seq: int
    op: str
    account_id: str
    account: str
    ref: str
    values: tuple[Value, ...]
    outcome: str | None
    message: str
    record_id: str
    at: str


@dataclass(frozen=True, slots=True)
class Trace:
    """All that one run did and chose not to do."""

    run_id: str
    writes: tuple[Write, ...]
    held: tuple[HeldBack, ...]


def trace_lines(trace: Trace) -> Iterator[str]:
    """One line a write, and one below it for each field that changed; then one for each write that was held back."""
    for write in trace.writes:
        ended = ": ".join(part for part in (_OUTCOMES.get(write.outcome, write.outcome or ""), write.message) if part)
        yield one_line(f"  {_SIGNS.get(write.op, '?')} {write.account}  {_said(write)}" + (f"   [{ended}]" if ended else ""))
        if write.op == "update_account":
            for value in write.values:
                yield one_line(f"      {value.field}  {_shown(value.before)} → {_shown(value.after)}")
    if trace.held:
        yield f"  Held back: {len(trace.held):,}"
    for held in trace.held:
        yield one_line(f"  ! {held.name}  {held.what}: {held.reason}")


def trace_json(trace: Trace) -> dict[str, Any]:
    """The run's writes and what it held back, as JSON."""
    return {"writes": [_write_json(write) for write in trace.writes], "held_back": [asdict(held) for held in trace.held]}


def _write_json(write: Write) -> dict[str, Any]:
    """One write as JSON; `fields` maps each field to what was before and what was written."""
    return {
        "seq": write.seq,
        "op": write.op,
        "account_id": write.account_id,
        "account": write.account,
        "ref": write.ref,
        "fields": {value.field: {"from": value.before, "to": value.after} for value in write.values},
        "outcome": write.outcome,
        "message": write.message,
        "record_id": write.record_id or None,
        "at": write.at or None,
    }


def trace_csv(trace: Trace) -> str:
    """One line a field, and one for each write that was held back: `op` and `outcome` say so, `field` what, `message` why."""
    written = (
        (trace.run_id, w.seq, w.op, w.account_id, w.account, v.field, v.before, v.after, w.outcome, w.message, w.record_id, w.at)
        for w in trace.writes
        for v in w.values
    )
    held = (
        (trace.run_id, None, "held_back", h.account_id, h.name, h.what, None, None, "held_back", h.reason, None, None)
        for h in trace.held
    )
    return csv_text(CSV_COLUMNS, chain(written, held))


def duration(started_at: str, finished_at: str | None) -> str:
    """`12 s`, `3 min 5 s`, `2 h 10 min`; "" where the run has no end."""
    if not finished_at:
        return ""
    return in_words((datetime.fromisoformat(finished_at) - datetime.fromisoformat(started_at)).total_seconds())


def in_words(seconds: float) -> str:
    """A span of time in its two largest units."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{left} s"


def _said(write: Write) -> str:
    words = {"create_task": "task", "attach_task": "attach task", "close_task": "close task", "delete_task": "remove task"}
    words |= {"reassign_task": "hand over task", "write_note": "note", "delete_note": "remove note"}
    if write.op == "update_account":
        return ", ".join(value.field for value in write.values)
    after = {value.field: value.before if value.after is None else value.after for value in write.values}
    due = f" due {after['due']}" if after.get("due") else ""
    return f"{words.get(write.op, write.op)} “{after.get('subject', '')}”{due}"


def _shown(value: Any) -> str:
    text = "—" if value is None or value == "" else str(value)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"
