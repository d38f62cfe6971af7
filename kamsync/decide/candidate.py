"""One account on its way to a tier, and what must be known of the tiers to place it. Pure.

Tiers are indexes into the programme's list, best first; `len(tiers)` is no tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from kamsync.decide.decision import Capacity, Code
from kamsync.decide.program import Held, Program


@dataclass(slots=True)
class Standing:
    """One account on its way to a tier. `fired` are indexes of the rules that hold for it.

    `counts`: `top_percent` is a share of those. `lead`: the account that decides for it, where the group is the unit and this one
    does not lead. `seat`: the tier of the place that is reserved for it, `seat_order` its turn among the seats. `would_be`: what
    the next review would make of it.
    """

    account_id: str
    owner_id: str | None
    eligible: bool
    score: float | None
    attractiveness: float | None
    strength: float | None
    health_score: float | None
    coverage: float
    won_amount_12m: float
    held: Held
    fired: tuple[int, ...] = ()
    current: int = 0
    since: date | None = None
    placed: int = 0
    floor: int | None = None
    ceiling: int = 0
    code: Code = "score"
    until: date | None = None
    override: str | None = None
    drifted: bool = False
    writes_override: bool = False
    capacity: Capacity | None = None
    notes: tuple[str, ...] = ()
    counts: bool = True
    lead: str | None = None
    seat: int | None = None
    seat_order: tuple[int, int] = (0, 0)
    seat_reason: str = ""
    would_be: int | None = None


def is_young(standing: Standing, program: Program, as_of: date) -> bool:
    """In its current tier for less than that tier's `min_days`."""
    if standing.current == len(program.tiers) or standing.since is None:
        return False
    return (as_of - standing.since).days < program.tiers[standing.current].min_days


def is_promised(standing: Standing, program: Program, as_of: date) -> bool:
    """A promise to a customer: nobody leaves a tier before its `min_days` for lack of room."""
    kept = standing.placed == standing.current != len(program.tiers)
    return kept and is_young(standing, program, as_of)
