"""What a programme would have done on past days, and how well its choice foretold what came. Pure arithmetic over decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from kamsync.decide.program import NO_TIER

LATER_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One past day: each account's tier then, and what it won in the 12 months after (None where those are not over)."""

    day: date
    tiers: Mapping[str, str]
    later_won: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Report:
    """Shares are 0…1, None where nothing can be said.

    `flap_rate`: of the accounts that ever had a tier, those that left a tier and came back to it. `stability`: of the key
    accounts of one day, those still key on the next, on average. `later_revenue_share`: of all that was won in the 12 months
    after, what the key accounts of the day brought. `silent`: key accounts, by id, that won nothing in those months, with the
    number of days on which they were chosen all the same.
    """

    days: int
    flap_rate: float | None
    stability: float | None
    later_revenue_share: float | None
    silent: Mapping[str, int]


def report(snapshots: Sequence[Snapshot]) -> Report:
    """The measures over consecutive days, oldest first."""
    return Report(
        days=len(snapshots),
        flap_rate=_flap_rate(snapshots),
        stability=_stability(snapshots),
        later_revenue_share=_later_share(snapshots),
        silent=_silent(snapshots),
    )


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


def _stability(snapshots: Sequence[Snapshot]) -> float | None:
    shares = []
    for before, after in pairwise(snapshots):
        chosen = _key(before)
        if chosen:
            shares.append(len(chosen & _key(after)) / len(chosen))
    return sum(shares) / len(shares) if shares else None


def _later_share(snapshots: Sequence[Snapshot]) -> float | None:
    brought = everything = 0.0
    for snapshot in snapshots:
        if snapshot.later_won is not None:
            chosen = _key(snapshot)
            everything += sum(snapshot.later_won.values())
            brought += sum(amount for account, amount in snapshot.later_won.items() if account in chosen)
    return brought / everything if everything else None


def _silent(snapshots: Sequence[Snapshot]) -> dict[str, int]:
    silent: Counter[str] = Counter()
    for snapshot in snapshots:
        if snapshot.later_won is not None:
            silent.update(account for account in _key(snapshot) if not snapshot.later_won.get(account))
    return dict(sorted(silent.items(), key=lambda item: (-item[1], item[0])))
