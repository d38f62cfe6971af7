"""What an unattended run leaves to a person: moves into and out of the best tier (`[review] approve`, DECISIONS.md §6.5). Pure.

What a person has already said, by an override, is not held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from kamsync.decide.decision import Code
from kamsync.decide.plan import Change, CloseTask, CreateTask, HeldBack, UpdateAccount, WriteNote
from kamsync.decide.program import NO_TIER, Program

REASON = "moves {move} wait for a person: `kamsync apply` writes them"


def awaiting_approval(updates: Iterable[UpdateAccount], program: Program, code_of: Callable[[str], Code]) -> dict[str, HeldBack]:
    """The updates that wait, by account id, each with its reason. `code_of`: what settled an account's tier."""
    if not program.approve or not program.tiers:
        return {}
    best = program.tiers[0].name
    found: dict[str, HeldBack] = {}
    for update in updates:
        move = update.fields.get("tier")
        if move is None or best not in (move.before, move.after) or code_of(update.account_id) == "override":
            continue
        what = f"tier {move.before or NO_TIER} → {move.after or NO_TIER}"
        reason = REASON.format(move=f"into {best}" if move.after == best else f"out of {best}")
        found[update.account_id] = HeldBack(update.account_id, update.name, what, reason, waits=True)
    return found


def waits_for_approval(change: Change, accounts: Collection[str]) -> bool:
    """The account's update waits, or the change is of a task that follows from it."""
    return isinstance(change, UpdateAccount | CreateTask | CloseTask | WriteNote) and change.account_id in accounts
