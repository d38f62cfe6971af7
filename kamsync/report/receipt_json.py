"""A receipt as the JSON that `explain --json` prints and history keeps: the decision of DECISIONS.md §7."""

from __future__ import annotations

from typing import Any

from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.receipts import Receipt


def tier_to_json(tier: str) -> str | None:
    """A tier in any JSON: its name, null for no tier."""
    return None if tier == NO_TIER else tier


def receipt_to_json(receipt: Receipt, program: Program, *, name: str, criteria_hash: str) -> dict[str, Any]:
    """Scores in 0…100, points in points of the score, dates as ISO text; null where nothing is known."""
    decision = receipt.decision
    place = decision.capacity
    return {
        "account_id": decision.account_id,
        "name": name,
        "tier": tier_to_json(decision.tier),
        "previous_tier": tier_to_json(decision.previous_tier),
        "since": decision.since and decision.since.isoformat(),
        "code": decision.code,
        "eligible": decision.eligible,
        "score": decision.score,
        "attractiveness": decision.attractiveness,
        "strength": decision.strength,
        "health_score": decision.health_score,
        "segment": decision.segment,
        "health": decision.health,
        "coverage": round(decision.coverage, 4),
        "override": decision.override,
        "until": decision.until and decision.until.isoformat(),
        "changed_by_hand": decision.drifted,
        "capacity": place and {"tier": place.tier, "rank": place.rank, "limit": place.limit, "kind": place.kind},
        "rules": list(decision.fired),
        "seat": decision.seat,
        "would_be": decision.would_be,
        "next_tier": decision.next_tier,
        "points_missing": decision.points_missing,
        "notes": list(decision.notes),
        "criteria_hash": criteria_hash,
        "currency": program.currency,
        "contributions": [
            {
                "criterion": c.criterion,
                "label": c.label,
                "axis": c.axis,
                "goal": c.goal,
                "weight": c.weight,
                "value": c.value,
                "unit": c.unit,
                "known": c.known,
                "scaled": None if c.scaled is None else round(c.scaled, 4),
                "points": c.points,
                "facts": dict(c.facts),
            }
            for c in receipt.contributions
        ],
    }
