"""Which move of an account the next runs still have to answer for (DECISIONS.md §8). Pure.

A playbook may ask for what one run alone sees: that an account entered or left a tier. A run that is cut short, or that meets
an owner's limit, leaves tasks unmade; so the move counts as seen for some weeks, from what the CRM shows (the tier and since
when) and from what this cache remembers. Keys that exist keep everything from being made twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.decide.decision import Decision
from kamsync.decide.months import days_after
from kamsync.decide.program import NO_TIER, Held

UNFINISHED_ENTRY = timedelta(days=92)  # for how long what a move asked for, and no run made, is wanted again


@dataclass(frozen=True, slots=True)
class LastMoves:
    """An account's last moves as the history has them: between tiers (None: only seen where it was), and of its health.

    `previous_since`: since when it had been in the tier that it came from, as the CRM showed it.
    """

    tier: str | None = None
    previous_tier: str | None = None
    moved_on: date | None = None
    previous_since: date | None = None
    health: str | None = None
    previous_health: str | None = None
    health_moved_on: date | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A move on an earlier day. `previous_tier` is None where nobody remembers it; `entered` says which way it went."""

    day: date
    previous_tier: str | None
    entered: bool


def move_of(
    decision: Decision, held: Held, remembered: LastMoves | None, order: Mapping[str, int], earliest: date
) -> Move | None:
    """The move into the tier that the account keeps in this run; None where it is older than `earliest`, or was none.

    Without any history (a rebuilt cache) an account that has a tier is taken to have entered it, one without to have left.
    """
    if decision.tier != decision.previous_tier or held.since is None or held.since <= earliest:
        return None
    if remembered is None or (remembered.tier is not None and remembered.tier != decision.tier):
        return Move(held.since, None, decision.tier != NO_TIER)
    previous = remembered.previous_tier
    if previous is None or previous not in order:
        return None
    return Move(held.since, previous, order[decision.tier] < order[previous])


def stay_began(decision: Decision, held: Held, remembered: LastMoves | None) -> date | None:
    """The first day whose tasks can be of the account's present stay in its tier; None where the CRM shows no date.

    Flags are written before tasks, so a tier that is kept has its tasks under its own `since`. Only where the CRM went back to an
    earlier state (an undo, a restored backup) and the account enters again, the tasks of the first time are younger than the
    tier that the CRM shows meanwhile: they are this stay's, also for the runs after the one that entered.
    """
    if held.since is None:
        return None
    if decision.tier != decision.previous_tier:
        return days_after(held.since, 1)  # on the day itself it may have left the tier that it enters now
    if remembered is None or (remembered.tier, remembered.moved_on) != (decision.tier, held.since):
        return held.since
    came_from = remembered.previous_since
    return held.since if came_from is None else min(days_after(came_from, 1), held.since)
