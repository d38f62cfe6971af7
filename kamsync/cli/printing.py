"""Printing plans and results the same way in plan, apply, sync, undo and demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from kamsync.cli.console import out, show
from kamsync.decide.plan import HeldBack, Plan
from kamsync.model.exchange import Usage
from kamsync.numerals import counted
from kamsync.printable import one_line
from kamsync.report.plan_layout import SpanRole, lay_out_plan
from kamsync.report.plan_text import PlanReader, headline
from kamsync.report.text_width import wrap
from kamsync.run.apply import Applied
from kamsync.run.cost import calls_to_write
from kamsync.run.planning import PlannedRun
from kamsync.run.shell import Shell
from kamsync.store.accounts import owners

MOST_LINES = 20
# Promotions and demotions are told apart by their word and mark too: colour alone says nothing to many readers.
STYLES: Mapping[SpanRole, str] = {
    "": "",
    "title": "bold underline",
    "name": "bold",
    "dim": "dim",
    "enters": "bold green",
    "rises": "green",
    "falls": "red",
    "leaves": "bold red",
    "kept": "magenta",
    "updates": "cyan",
    "creates": "blue",
    "attaches": "blue",
    "reassigns": "blue",
    "closes": "yellow",
    "deletes": "yellow",
    "notes": "cyan",
    "held": "bold yellow",
}


def plan_reader(shell: Shell) -> PlanReader:
    """What a plan's text needs of the programme and the cache: tiers, best first, and owners' names."""
    names = {owner.id: owner.name or owner.id for owner in owners(shell.cache)}
    return PlanReader(tuple(tier.name for tier in shell.config.program.tiers), names)


def accounts_read(planned: PlannedRun) -> str:
    """How many accounts were decided on, and how many of them this pull has read: after the first one, only what changed."""
    whole = planned.read >= planned.accounts
    return counted(planned.accounts, "account") + (" read" if whole else f", {planned.read:,} read now")


def these_changes(plan: Plan) -> str:
    """ "these 124 changes", "this 1 change"."""
    return f"{'this' if len(plan.changes) == 1 else 'these'} {counted(len(plan.changes), 'change')}"


def calls_said(shell: Shell, plan: Plan) -> str:
    """ "about 9 API calls"; where the CRM tells, of how many that are left today."""
    calls, left = calls_to_write(shell.connection, plan), shell.connection.usage().remaining
    of_those = f" of the {left:,} that are left" if left is not None else ""
    return f"about {counted(calls, 'API call')}{of_those}"


def show_plan(plan: Plan, reader: PlanReader, *, read: str, seconds: float, limit: int | None = 20) -> None:
    """The headline, the changes group by group, the problems met on the way; fitted to the terminal, one line each off it."""
    width = out.width if out.is_terminal else None
    said = f"Plan {plan.run_id}: {headline(plan, reader)}   [{read}, {seconds:.1f} s]"
    for sentence in wrap(said, width) if width else (said,):
        show(sentence)
    for line in lay_out_plan(plan, reader, width=width, limit=limit):
        show(Text.assemble(*((span.text, STYLES[span.role]) for span in line)))
    for problem in plan.problems:
        show(f"  ! {one_line(problem)}")


def show_applied(
    run_id: str, applied: Applied, *, planned: int, calls: int | None = None, problems: tuple[str, ...] = ()
) -> None:
    """What was written of the `planned` changes, what the CRM refused in its own words, what was left for next time."""
    spent = f" with {counted(calls, 'API call')}" if calls is not None else ""
    counts = (
        (applied.updated, "accounts updated"),
        (applied.created, "tasks created"),
        (applied.existed, "tasks were there already"),
        (applied.attached, "tasks attached to their account"),
        (applied.reassigned, "tasks handed over"),
        (applied.closed, "tasks closed"),
        (applied.deleted, "tasks removed"),
        (applied.notes, "notes written"),
        (len(applied.held_back), "held back"),
        (applied.unknown, "without an answer (the next run will tell)"),
        (len(applied.rejected), "refused by the CRM"),
    )
    said = ", ".join(f"{number:,} {_of(what, number)}" for number, what in counts if number)
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
        show(f"Stopped on request: this is what was written, of {counted(planned, 'change')}. The next run goes on from here.")
    if applied.updated or applied.created or applied.deleted or applied.notes:
        show(f"To take it back: kamsync undo {run_id}")


def written_json(planned: PlannedRun, applied: Applied, usage: Usage) -> dict[str, Any]:
    """What an unattended run wrote, and what of the CRM it used and left, as `--json` prints it."""
    calls = {"api_calls": usage.used_by_us, "api_calls_left": usage.remaining}
    return {"run_id": planned.plan.run_id, **applied.summary(), **calls, "problems": list(planned.plan.problems)}


def _of(what: str, number: int) -> str:
    """ "tasks created", of one: "task created"."""
    if number > 1:
        return what
    for many, one in (("accounts ", "account "), ("tasks were", "task was"), ("tasks ", "task "), ("notes ", "note ")):
        what = what.replace(many, one)
    return what


def _grouped(held_back: Sequence[HeldBack]) -> list[tuple[HeldBack, int]]:
    """What was held back for one account and one reason, once, with how often."""
    counts: dict[tuple[str, str], tuple[HeldBack, int]] = {}
    for held in held_back:
        first, count = counts.get((held.account_id, held.reason), (held, 0))
        counts[(held.account_id, held.reason)] = first, count + 1
    return list(counts.values())
