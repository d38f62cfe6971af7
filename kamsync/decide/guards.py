"""Limits that stop a run which looks like an accident, before anything is written.

Each check returns nothing or raises `PlanRefused` with which guard it was, the numbers, and how to go on. Pure: the callers
count. Two allowances keep small portfolios usable, where one account is already a large share:

* an account that a person moved by the override field is no accident and does not count as changed;
* up to `SMALL_CHANGE` accounts never trip a share (unless that share is 0, which means none at all).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kamsync.decide.decision import Decision
from kamsync.decide.plan import Plan
from kamsync.decide.program import NO_TIER, Guards
from kamsync.errors import PlanRefused

SMALL_CHANGE = 2


@dataclass(frozen=True, slots=True)
class TierMoves:
    """Of the accounts that have a tier in the CRM: how many there are and how many would lose or change it."""

    flagged: int
    changed: int


def count_tier_moves(decisions: Iterable[Decision]) -> TierMoves:
    """Accounts without a tier at the pull are not flagged, so a first run, and newcomers, never count."""
    flagged = changed = 0
    for decision in decisions:
        if decision.previous_tier == NO_TIER:
            continue
        flagged += 1
        if decision.tier != decision.previous_tier and decision.code != "override":
            changed += 1
    return TierMoves(flagged, changed)


def check_changed_share(moves: TierMoves, guards: Guards) -> None:
    """Refuses a run that would move too many of the flagged accounts at once."""
    if not _trips(moves.changed, moves.flagged, guards.max_changed_share):
        return
    raise PlanRefused(
        f"Guard max_changed_share: {moves.changed} of {moves.flagged} flagged accounts "
        f"({_percent(moves.changed, moves.flagged)}) would change tier, more than the allowed "
        f"{guards.max_changed_share:.0%}. Nothing was written.",
        fix="Look at `kamsync plan`. If it is what you want, write it with `kamsync apply --yes`; "
        "to allow as many on every run, raise [guard] max_changed_share.",
    )


def check_vanished_share(vanished: int, known: int, guards: Guards) -> None:
    """Refuses to go on when many of the `known` accounts of the last pull are gone: a lost permission looks like this."""
    if known == 0 or not (_trips(vanished, known, guards.max_vanished_share) or vanished == known):
        return
    raise PlanRefused(
        f"Guard max_vanished_share: {vanished} of the {known} accounts of the last pull ({_percent(vanished, known)}) are gone, "
        f"more than the allowed {guards.max_vanished_share:.0%}. Nothing was written.",
        fix="Check with `kamsync doctor` that the agent's user still sees all accounts. If they were really deleted, "
        "run `kamsync apply --yes` once, or raise [guard] max_vanished_share.",
    )


def check_fresh(plan: Plan, base: str, criteria_hash: str) -> None:
    """Refuses a saved plan when the CRM (`base`, the cache's state after a pull) or the criteria are no longer those it knew."""
    if plan.base != base:
        raise PlanRefused(
            f"Plan {plan.run_id} is stale: accounts changed in the CRM after it was made. Nothing was written.",
            fix="Make a new one with `kamsync plan --out plan.json` and apply that.",
        )
    if plan.criteria_hash != criteria_hash:
        raise PlanRefused(
            f"Plan {plan.run_id} is stale: it was made under other criteria. Nothing was written.",
            fix="Make a new one with `kamsync plan --out plan.json` and apply that.",
        )


def _trips(count: int, total: int, share: float) -> bool:
    if total == 0 or count == 0:
        return False
    allowed = 0 if share == 0 else SMALL_CHANGE
    return count > allowed and count > share * total


def _percent(count: int, total: int) -> str:
    return f"{count / total:.0%}"
