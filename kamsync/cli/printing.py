"""Printing plans and results the same way in plan, apply, sync, undo and demo."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from kamsync.cli.console import out, show
from kamsync.decide.plan import HeldBack, Plan
from kamsync.printable import one_line
from kamsync.report.plan_text import PlanLine, count_by_op, describe_plan, tier_moves
from kamsync.run.apply import Applied

STYLES = {"~": "cyan", "+": "green", "-": "yellow", "!": "bold yellow"}
NAME_WIDTH = 32
WHAT_WIDTH = 24
MOST_LINES = 20


def show_plan(plan: Plan, *, read: int, seconds: float, limit: int | None = 20) -> None:
    """The headline, the lines, the moves between tiers, the problems met on the way."""
    updates, creates, closes = count_by_op(plan)
    count = len(plan.changes)
    tasks = f", {creates} new tasks" if creates else ""
    closed = f", {closes} closed" if closes else ""
    held = f", {len(plan.held_back)} held back" if plan.held_back else ""
    inside = f" ({updates} accounts{tasks}{closed})" if count else ""
    show(f"Plan {plan.run_id}: {count} changes{inside}{held}   [{read:,} accounts read, {seconds:.1f} s]")
    text = describe_plan(plan, limit=limit)
    for line in text.lines:
        out.print(_line(line), soft_wrap=True)
    for name, number in text.left_out:
        show(f"  … and {number:,} more {name} (--all shows them)")
    moves = tier_moves(plan)
    if moves:
        show("Moves: " + ", ".join(f"{old} → {new}: {number:,}" for (old, new), number in moves.items()))
    for problem in plan.problems:
        show(f"  ! {one_line(problem)}")


def _line(line: PlanLine) -> Text:
    name = line.account if len(line.account) <= NAME_WIDTH else line.account[: NAME_WIDTH - 1] + "…"
    text = Text(f"  {line.mark} ", style=STYLES[line.mark])
    text.append(f"{name:<{NAME_WIDTH}} ", style="bold")
    text.append(f"{line.what:<{WHAT_WIDTH}} ", style="")
    text.append(line.because, style="dim")
    return text


def show_applied(run_id: str, applied: Applied, *, calls: int | None = None, problems: tuple[str, ...] = ()) -> None:
    """What was written, what the CRM refused in its own words, what was left for next time."""
    spent = f" with {calls} API calls" if calls is not None else ""
    counts = (
        (applied.updated, "accounts updated"),
        (applied.created, "tasks created"),
        (applied.existed, "tasks were there already"),
        (applied.attached, "tasks attached to their account"),
        (applied.closed, "tasks closed"),
        (applied.deleted, "tasks removed"),
        (len(applied.held_back), "held back"),
        (applied.unknown, "without an answer (the next run will tell)"),
        (len(applied.rejected), "refused by the CRM"),
    )
    said = ", ".join(f"{number:,} {what}" for number, what in counts if number)
    show(f"Run {run_id}: {said}{spent}." if said else f"Run {run_id}: Nothing to write{spent}.")
    for held, count in _grouped(applied.held_back)[:MOST_LINES]:
        show(one_line(f"  ! {held.name}: {held.reason}" + (f" ({count} times)" if count > 1 else "")))
    if len(_grouped(applied.held_back)) > MOST_LINES:
        show(f"  … and {len(_grouped(applied.held_back)) - MOST_LINES:,} more held back")
    for name, message, url in applied.rejected:
        show(one_line(f"  ✗ {name}: {message}" + (f"   {url}" if url else "")))
    for problem in problems:
        show(f"  ! {one_line(problem)}")
    if applied.stopped:
        show("Stopped on request between two batches; the next run goes on from here.")
    if applied.updated or applied.created or applied.deleted:
        show(f"To take it back: kamsync undo {run_id}")


def _grouped(held_back: Sequence[HeldBack]) -> list[tuple[HeldBack, int]]:
    """What was held back for one account and one reason, once, with how often."""
    counts: dict[tuple[str, str], tuple[HeldBack, int]] = {}
    for held in held_back:
        first, count = counts.get((held.account_id, held.reason), (held, 0))
        counts[(held.account_id, held.reason)] = first, count + 1
    return list(counts.values())
