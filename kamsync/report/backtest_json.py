"""A back-test as data for a picture: `kamsync backtest --json`.

    {"version": 1, "criteria": "balanced", "from": "2025-01-01", "to": "2025-12-01", "every": "month",
     "tiers": [{"tier": "A", "size", "left", "left_early", "still_6m", "still_12m",
                "revenue": {"chosen", "by_revenue", "by_chance"}, "growth": {…},
                "days": [{"as_of", "size", "entered", "rose", "left", "left_early", "still_6m", "still_12m", "revenue", "growth",
                          "lost"}]}],
     "flap_rate", "lost": [{"account_id", "name", "days"}], "left_out": [{"what", "reads"}], "notes": [sentence]}

Counts are accounts, shares 0…1, null where nothing can be said. What each means: `kamsync.decide.backtest`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kamsync.decide.backtest import Report, Share, TierDay, TierReport
from kamsync.decide.replay import LeftOut


def backtest_to_json(
    found: Report, names: Mapping[str, str], left_out: Sequence[LeftOut], notes: Sequence[str], asked: Mapping[str, str]
) -> dict[str, Any]:
    """`names` of the lost accounts by id; `asked`: criteria, from, to and every, as they were given."""
    return {
        "version": 1,
        **asked,
        "tiers": [_tier(tier) for tier in found.tiers],
        "flap_rate": found.flap_rate,
        "lost": [{"account_id": one, "name": names[one], "days": days} for one, days in found.lost.items()],
        "left_out": [{"what": one.what, "reads": list(one.reads)} for one in left_out],
        "notes": list(notes),
    }


def _tier(tier: TierReport) -> dict[str, Any]:
    return {
        "tier": tier.tier,
        "size": tier.size,
        "left": tier.left,
        "left_early": tier.left_early,
        "still_6m": tier.still_6m,
        "still_12m": tier.still_12m,
        "revenue": _share(tier.revenue),
        "growth": _share(tier.growth),
        "days": [_day(day) for day in tier.days],
    }


def _day(day: TierDay) -> dict[str, Any]:
    return {
        "as_of": day.day.isoformat(),
        "size": day.size,
        "entered": day.entered,
        "rose": day.rose,
        "left": day.left,
        "left_early": day.left_early,
        "still_6m": day.still_6m,
        "still_12m": day.still_12m,
        "revenue": _share(day.revenue),
        "growth": _share(day.growth),
        "lost": day.lost,
    }


def _share(share: Share | None) -> dict[str, float] | None:
    if share is None:
        return None
    return {"chosen": share.chosen, "by_revenue": share.by_revenue, "by_chance": share.by_chance}
