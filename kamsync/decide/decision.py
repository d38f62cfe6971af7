"""What was decided for one account and why: the values that plans, receipts, history and reports are made of.

Pure values. Tier names are the programme's; NO_TIER ("none") is no tier. Scores are 0…100 with two decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from kamsync.decide.fact import FactValue, Unit
from kamsync.decide.program import Axis, Goal

Code = Literal[
    "score",
    "hysteresis",
    "low_coverage",
    "min_days",
    "floor",
    "ceiling",
    "excluded",
    "not_eligible",
    "capacity",
    "seat",
    "review",
    "group",
    "override",
]


def number_of(value: FactValue) -> float | None:
    """The value where it is a number; None for text, and for what is unknown."""
    return float(value) if isinstance(value, int | float) else None


class Contribution(NamedTuple):
    """One criterion's share in the score. `points` of all non-health criteria sum to the score exactly (cents).

    `scaled` is None where the criterion was skipped; `known` is False where the value was null. `facts` are the fact values
    that the expression read. `unit` is the value's, "" where it has none.
    `actionable`: whether somebody can act on it; None where its facts tell.
    """

    criterion: str
    label: str
    axis: Axis
    goal: Goal
    weight: float
    value: FactValue
    known: bool
    scaled: float | None
    points: float
    facts: Mapping[str, FactValue]
    unit: Unit = ""
    actionable: bool | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """The place in the queue for a tier that was full: 1-based rank, the limit, and which limit it was."""

    tier: str
    rank: int
    limit: int
    kind: Literal["max_accounts", "top_percent", "max_per_owner"]


class Decision(NamedTuple):
    """The settled decision of one account. Axes and score are None where nothing is known or the account is not eligible.

    `fired` are the reasons of the rules that fired. `until` is the last day of an override. `previous_tier` is what it was in
    at the pull; where a person changed the tier by hand, what had been decided before. `drifted`: a person did that, and no valid
    override says what they want; `writes_override`: that choice, or the override of a merged account, becomes an override in the
    CRM by this decision.
    `points_missing` and `next_tier`: the nearest better tier, where one exists.
    `seat`: why a place was reserved for it. `would_be`: what the next review would make of it, where that differs.
    `notes` are sentences about bad CRM values (an override that names no tier).
    """

    account_id: str
    tier: str
    previous_tier: str
    since: date | None
    code: Code
    eligible: bool
    score: float | None
    attractiveness: float | None
    strength: float | None
    health_score: float | None
    coverage: float
    segment: str | None
    health: str | None
    override: str | None = None
    until: date | None = None
    capacity: Capacity | None = None
    fired: tuple[str, ...] = ()
    next_tier: str | None = None
    points_missing: float | None = None
    notes: tuple[str, ...] = ()
    drifted: bool = False
    writes_override: bool = False
    seat: str = ""
    would_be: str | None = None
