"""A back-test for people: a line a tier, beside the largest by revenue and chance; then who was lost, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kamsync.decide.backtest import LATER_MONTHS, Report, Share, TierReport
from kamsync.decide.replay import LeftOut
from kamsync.numerals import counted
from kamsync.printable import one_line

SHOWN = 10


def backtest_lines(found: Report, names: Mapping[str, str], left_out: Sequence[LeftOut], notes: Sequence[str]) -> Iterator[str]:
    """`names` of the lost accounts by id."""
    for place, tier in enumerate(found.tiers):
        yield from _tier(tier, "" if place == 0 else " and better")
    if found.flap_rate is None:
        yield "Nobody had a tier on any of these days."
    else:
        yield f"Left a tier and came back to it: {_percent(found.flap_rate)} of the accounts that ever had one."
    if any(tier.revenue is not None for tier in found.tiers):
        yield f"Bought nothing in the {LATER_MONTHS} months after they were chosen: {len(found.lost):,}."
        for account, days in list(found.lost.items())[:SHOWN]:
            yield f"    {one_line(names[account])} ({account}), chosen on {counted(days, 'day')}"
    else:
        yield f"What came of it is not known yet: {LATER_MONTHS} months have not passed since any of these days."
    for one in left_out:
        yield f"Left out: {one.what}, because {one.why}."
    yield from notes


def _tier(tier: TierReport, reach: str) -> Iterator[str]:
    early = f", {tier.left_early} of them before min_days" if tier.left_early else ""
    yield f"{tier.tier}: {tier.size:.1f} accounts on average, {tier.left} left{early}"
    yield f"    still there after 6 months {_percent(tier.still_6m)}, after 12 months {_percent(tier.still_12m)}"
    for what, share in (("revenue", tier.revenue), ("growth", tier.growth)):
        if share is not None:
            yield f"    the next {LATER_MONTHS} months' {what} in {tier.tier}{reach}: {_beside(share)}"


def _beside(share: Share) -> str:
    chosen, by_revenue, by_chance = (f"{value:.0%}" for value in (share.chosen, share.by_revenue, share.by_chance))
    return f"{chosen}; in as many by revenue {by_revenue}, by chance {by_chance}"


def _percent(value: float | None) -> str:
    return "not known" if value is None else f"{value:.0%}"
