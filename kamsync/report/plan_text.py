"""A plan as the lines that people read before they say yes.

One line a change, in the form *mark, account, what, because*; a change without its reason is never shown. Long plans are cut by
kind, with the number left out. Pure text: colour is the command line's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, HeldBack, Plan, UpdateAccount
from kamsync.model import Value
from kamsync.printable import one_line

Mark = Literal["~", "+", "-", "!"]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """`mark`: ~ updates, + creates, - closes, ! held back. Each text is one printable line, whatever the CRM holds."""

    mark: Mark
    account: str
    what: str
    because: str


@dataclass(frozen=True, slots=True)
class PlanText:
    """`left_out` counts the lines that the limit cut, by what they are ("account updates": 4960)."""

    lines: tuple[PlanLine, ...]
    left_out: tuple[tuple[str, int], ...]


def describe_plan(plan: Plan, *, limit: int | None = 20) -> PlanText:
    """The lines of `plan`, at most `limit` of each kind; tier moves come before other updates."""
    groups: tuple[tuple[str, list[PlanLine]], ...] = (
        ("tier changes", [_update(c) for c in _updates(plan.changes) if "tier" in c.fields]),
        ("other account updates", [_update(c) for c in _updates(plan.changes) if "tier" not in c.fields]),
        ("new tasks", [_create(c) for c in plan.changes if isinstance(c, CreateTask)]),
        ("attached tasks", [_on_task("~", c, "attached") for c in plan.changes if isinstance(c, AttachTask)]),
        ("closed tasks", [_on_task("-", c, "closed") for c in plan.changes if isinstance(c, CloseTask)]),
        ("removed tasks", [_on_task("-", c, "removed") for c in plan.changes if isinstance(c, DeleteTask)]),
        ("held back", [_held_back(h) for h in plan.held_back]),
    )
    shown: list[PlanLine] = []
    left_out: list[tuple[str, int]] = []
    for name, lines in groups:
        kept = lines if limit is None else lines[:limit]
        shown.extend(kept)
        if len(lines) > len(kept):
            left_out.append((name, len(lines) - len(kept)))
    return PlanText(tuple(shown), tuple(left_out))


def tier_moves(plan: Plan) -> dict[tuple[str, str], int]:
    """How many accounts move from which tier to which; no tier is "none"."""
    moves: Counter[tuple[str, str]] = Counter()
    for change in _updates(plan.changes):
        if "tier" in change.fields:
            tier = change.fields["tier"]
            moves[(_tier(tier.before), _tier(tier.after))] += 1
    return dict(sorted(moves.items()))


def count_by_op(plan: Plan) -> tuple[int, int, int]:
    """Account updates, new tasks, closed tasks."""
    updates = sum(isinstance(c, UpdateAccount) for c in plan.changes)
    creates = sum(isinstance(c, CreateTask) for c in plan.changes)
    return updates, creates, len(plan.changes) - updates - creates


def _updates(changes: Iterable[Change]) -> Iterator[UpdateAccount]:
    return (c for c in changes if isinstance(c, UpdateAccount))


def _plan_line(mark: Mark, account: str, what: str, because: str) -> PlanLine:
    return PlanLine(mark, one_line(account), one_line(what), one_line(because))


def _update(change: UpdateAccount) -> PlanLine:
    if "tier" in change.fields:
        tier = change.fields["tier"]
        what = f"tier  {_tier(tier.before)} → {_tier(tier.after)}"
    else:
        shown = [name for name in change.fields if name not in {"evaluated_at", "reasons"}] or list(change.fields)
        what = ", ".join(f"{n}  {_plain(change.fields[n].before)} → {_plain(change.fields[n].after)}" for n in shown)
    return _plan_line("~", change.name, what, "; ".join(change.reasons))


def _create(change: CreateTask) -> PlanLine:
    because = "; ".join(change.reasons) or f"playbook {change.playbook}"
    return _plan_line("+", change.account_name, f'task  "{change.subject}" due {change.due.isoformat()}', because)


def _on_task(mark: Mark, change: AttachTask | CloseTask | DeleteTask, what: str) -> PlanLine:
    return _plan_line(mark, change.account_name, f'task  "{change.subject}" {what}', "; ".join(change.reasons))


def _held_back(held: HeldBack) -> PlanLine:
    return _plan_line("!", held.name, held.what, f"held back: {held.reason}")


def _tier(value: Value) -> str:
    return "none" if value in (None, "") else str(value)


def _plain(value: Value) -> str:
    return "—" if value is None else str(value)
