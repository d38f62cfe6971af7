"""What a programme would have done on past days, and whether its choice was better than the largest by revenue. Pure arithmetic.

Everything is per tier and day, so that it can be drawn. Baseline: as many accounts by what they won in the twelve months before.
Chance: as many drawn from the eligible accounts, on average.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER, Tier

LATER_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One past day, by account id: what was decided, since when each has its tier, and what it won in the 12 months before.

    `later_won`: in the 12 months after, None where those are not over. Every account of the day has a tier, NO_TIER included.
    Where groups are decided, all of that is the heads', a head's amounts its group's; `members`: the tiers of all others.
    """

    day: date
    tiers: Mapping[str, str]
    since: Mapping[str, date]
    eligible: Collection[str]
    won: Mapping[str, float]
    later_won: Mapping[str, float] | None
    members: Mapping[str, str] = field(default_factory=dict)

    def shown(self, account: str) -> str:
        """The tier of an account, also of one that another decides for by now."""
        return self.tiers.get(account) or self.members.get(account, NO_TIER)


@dataclass(frozen=True, slots=True)
class Share:
    """What the accounts of this tier and better brought of the whole, 0…1, beside as many by revenue and by chance."""

    chosen: float
    by_revenue: float
    by_chance: float


@dataclass(frozen=True, slots=True)
class TierDay:
    """One tier on one day. Counts are accounts; shares 0…1; None where nothing can be said (yet).

    `entered`, `rose` (to a better tier), `left` (for a worse one or none) and `left_early` (before the tier's `min_days`) since
    the day before, None on the first. `still_6m`, `still_12m`: of those in the tier, who is in it or a better one so many months
    later. `lost`: who had bought in the 12 months before and did not in the 12 after.
    """

    day: date
    size: int
    entered: int | None
    rose: int | None
    left: int | None
    left_early: int | None
    still_6m: float | None
    still_12m: float | None
    revenue: Share | None
    growth: Share | None
    lost: int | None


@dataclass(frozen=True, slots=True)
class TierReport:
    """`days` oldest first; the rest are sums, and means over the days that have the value."""

    tier: str
    days: tuple[TierDay, ...]
    size: float
    left: int
    left_early: int
    still_6m: float | None
    still_12m: float | None
    revenue: Share | None
    growth: Share | None


@dataclass(frozen=True, slots=True)
class Report:
    """`flap_rate`: of the accounts that ever had a tier, those that left a tier and came back to it; None where none had.

    `lost`: accounts that were in a tier and bought no more, by id, with the number of days on which they were chosen.
    """

    tiers: tuple[TierReport, ...]
    flap_rate: float | None
    lost: Mapping[str, int]


def report(snapshots: Sequence[Snapshot], tiers: Sequence[Tier]) -> Report:
    """The measures of days in order, oldest first; `tiers` best first, as the programme has them."""
    order = {**{tier.name: place for place, tier in enumerate(tiers)}, NO_TIER: len(tiers)}
    return Report(tuple(_tier(snapshots, tier, order) for tier in tiers), _flap_rate(snapshots), _lost_often(snapshots))


def _tier(snapshots: Sequence[Snapshot], tier: Tier, order: Mapping[str, int]) -> TierReport:
    by_day = {snapshot.day: snapshot for snapshot in snapshots}
    days = []
    for place, snapshot in enumerate(snapshots):
        before = snapshots[place - 1] if place else None
        days.append(_tier_day(snapshot, before, by_day, tier, order))
    return TierReport(
        tier=tier.name,
        days=tuple(days),
        size=sum(day.size for day in days) / len(days) if days else 0.0,
        left=sum(day.left or 0 for day in days),
        left_early=sum(day.left_early or 0 for day in days),
        still_6m=_mean([day.still_6m for day in days]),
        still_12m=_mean([day.still_12m for day in days]),
        revenue=_mean_share([day.revenue for day in days]),
        growth=_mean_share([day.growth for day in days]),
    )


def _tier_day(
    snapshot: Snapshot, before: Snapshot | None, by_day: Mapping[date, Snapshot], tier: Tier, order: Mapping[str, int]
) -> TierDay:
    place = order[tier.name]
    members = {account for account, held in snapshot.tiers.items() if held == tier.name}
    reached = {account for account, held in snapshot.tiers.items() if order[held] <= place}
    entered = rose = left = left_early = None
    if before is not None:
        was = {account for account, held in before.tiers.items() if held == tier.name}
        fell = [account for account in was if order[snapshot.shown(account)] > place]
        entered, left = len(members - was), len(fell)
        rose = sum(order[snapshot.shown(account)] < place for account in was)
        left_early = sum((snapshot.day - before.since[account]).days < tier.min_days for account in fell)
    later = snapshot.later_won
    return TierDay(
        day=snapshot.day,
        size=len(members),
        entered=entered,
        rose=rose,
        left=left,
        left_early=left_early,
        still_6m=_still(members, by_day.get(add_months(snapshot.day, 6)), place, order),
        still_12m=_still(members, by_day.get(add_months(snapshot.day, 12)), place, order),
        revenue=None if later is None else _share(snapshot, reached, lambda account: later.get(account, 0.0)),
        growth=None
        if later is None
        else _share(snapshot, reached, lambda account: max(later.get(account, 0.0) - snapshot.won.get(account, 0.0), 0.0)),
        lost=None if later is None else len(_lost(snapshot, members)),
    )


def _still(members: Collection[str], later: Snapshot | None, place: int, order: Mapping[str, int]) -> float | None:
    if later is None or not members:
        return None
    return sum(order[later.shown(account)] <= place for account in members) / len(members)


def _share(snapshot: Snapshot, chosen: Collection[str], worth: Callable[[str], float]) -> Share | None:
    """None where nothing was brought at all, or nobody was chosen."""
    worths = {account: worth(account) for account in snapshot.tiers.keys() | (snapshot.later_won or {}).keys()}
    whole = sum(worths.values())
    if not whole or not chosen:
        return None
    ranked = sorted(snapshot.eligible, key=lambda account: (-snapshot.won.get(account, 0.0), account))[: len(chosen)]
    eligible = sum(worths[account] for account in snapshot.eligible)
    by_chance = min(len(chosen) / len(snapshot.eligible), 1.0) * eligible if snapshot.eligible else 0.0
    return Share(
        sum(worths[account] for account in chosen) / whole, sum(worths[account] for account in ranked) / whole, by_chance / whole
    )


def _lost(snapshot: Snapshot, members: Collection[str]) -> list[str]:
    later = snapshot.later_won or {}
    return [account for account in members if snapshot.won.get(account, 0.0) > 0 and not later.get(account)]


def _lost_often(snapshots: Sequence[Snapshot]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for snapshot in snapshots:
        if snapshot.later_won is not None:
            counted.update(_lost(snapshot, _key(snapshot)))
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _key(snapshot: Snapshot) -> set[str]:
    return {account for account, tier in snapshot.tiers.items() if tier != NO_TIER}


def _flap_rate(snapshots: Sequence[Snapshot]) -> float | None:
    ever = set().union(*(_key(s) for s in snapshots)) if snapshots else set()
    if not ever:
        return None
    flapped = 0
    for account in ever:
        way = [s.tiers.get(account, NO_TIER) for s in snapshots]
        steps = [tier for place, tier in enumerate(way) if place == 0 or way[place - 1] != tier]
        flapped += any(tier != NO_TIER and tier in steps[:place] for place, tier in enumerate(steps))
    return flapped / len(ever)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_share(shares: Sequence[Share | None]) -> Share | None:
    known = [share for share in shares if share is not None]
    if not known:
        return None
    count = len(known)
    return Share(
        sum(s.chosen for s in known) / count, sum(s.by_revenue for s in known) / count, sum(s.by_chance for s in known) / count
    )
