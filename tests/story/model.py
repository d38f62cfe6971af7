"""What the CRM must say after a good run: the contract of DECISIONS.md §6 for one account, written down a second time.

Naive on purpose: one account, its fields as people see them, the day, the programme. It shares nothing with kamsync.decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from tests.story.company import ADOPT_DAYS, Rules

NONE = "none"


@dataclass(frozen=True, slots=True)
class Fields:
    """An account as the CRM shows it. `decided`: what the program decided when it last wrote the tier, "" where it never did."""

    potential: float
    tier: str = ""
    decided: str = ""
    since: date | None = None
    override: str = ""
    override_until: date | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What must stand there."""

    tier: str
    since: date | None
    override: str
    override_until: date | None


def valid_override(fields: Fields, rules: Rules, day: date) -> bool:
    """Whether a person's override holds on that day."""
    named = fields.override == NONE or rules.rank(fields.override) < len(rules.tiers)
    return named and (fields.override_until is None or day <= fields.override_until)


def score_of(potential: float, rules: Rules) -> float:
    """The score of the only criterion there is, to two decimals."""
    return round(min(100.0, max(0.0, 100 * potential / rules.full_score)), 2)


def wanted(fields: Fields, rules: Rules, day: date) -> Wanted:
    """What a good run on `day` leaves there, from what it finds."""
    if valid_override(fields, rules, day):
        tier = "" if fields.override == NONE else fields.override
        return Wanted(tier, _since(fields, tier, day), fields.override, fields.override_until)
    drifted = fields.tier != _before(fields) and rules.drift == "adopt"
    existed = bool(fields.tier) and not fields.decided and rules.existing_tiers == "override"
    if drifted or existed:
        until = day + timedelta(days=ADOPT_DAYS)
        return Wanted(fields.tier, _since(fields, fields.tier, day), fields.tier or NONE, until)
    tier = _by_score(replace(fields, tier=_before(fields)), rules)
    return Wanted(tier, _since(fields, tier, day), fields.override, fields.override_until)


def _before(fields: Fields) -> str:
    """The tier that the account moves from: what was decided, whatever people wrote beside it; "" none."""
    if not fields.decided:
        return fields.tier
    return "" if fields.decided == NONE else fields.decided


def _by_score(fields: Fields, rules: Rules) -> str:
    score = score_of(fields.potential, rules)
    for rank, (name, enter, leave) in enumerate(rules.tiers):
        if score >= enter or (rank >= rules.rank(fields.tier) and score >= leave):
            return name
    return ""


def _since(fields: Fields, tier: str, day: date) -> date | None:
    if tier == _before(fields) and (fields.since or not tier):
        return fields.since
    return day
