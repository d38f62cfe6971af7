"""Printing plans and results the same way in plan, apply, sync, undo and demo."""

from __future__ import annotations

from rich.text import Text

from kamsync.cli.console import out, show
from kamsync.decide.changes import Plan
from kamsync.report.plan_text import PlanLine, count_by_op, describe_plan, tier_moves

STYLES = {"~": "cyan", "+": "green", "-": "yellow", "!": "bold yellow"}
NAME_WIDTH = 32
WHAT_WIDTH = 24


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
        show(f"  ! {problem}")


def _line(line: PlanLine) -> Text:
    name = line.account if len(line.account) <= NAME_WIDTH else line.account[: NAME_WIDTH - 1] + "…"
    text = Text(f"  {line.mark} ", style=STYLES[line.mark])
    text.append(f"{name:<{NAME_WIDTH}} ", style="bold")
    text.append(f"{line.what:<{WHAT_WIDTH}} ", style="")
    text.append(line.because, style="dim")
    return text
