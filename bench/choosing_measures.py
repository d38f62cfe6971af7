"""How good a choice of key accounts was, against the truth of the company: pure arithmetic over decided days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from statistics import fmean

from bench.shape_cache import key_of
from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER
from kamsync.sandbox.shapes import Truth
from kamsync.sandbox.shapes.deals import Deal

BEST = "A"
ENOUGH = 20  # active customers


@dataclass(frozen=True, slots=True)
class Day:
    """One decided day, by account key: tiers, since when, health, owner, what was won in the twelve months before.

    `members`: the tiers of accounts whose group is decided by another; they are in no other mapping.
    """

    day: date
    tiers: Mapping[int, str]
    since: Mapping[int, date]
    health: Mapping[int, str | None]
    owners: Mapping[int, str]
    won_12m: Mapping[int, float]
    members: Mapping[int, str]

    @property
    def best(self) -> frozenset[int]:
        return frozenset(key for key, tier in self.tiers.items() if tier == BEST)


@dataclass(frozen=True, slots=True)
class Against:
    """What the chosen bring and what as many accounts by revenue bring, shares of the whole; means over the days."""

    chosen: float
    by_revenue: float


def by_group(truth: Truth) -> Truth:
    """The same where the group is the customer: all that its members did, by its head."""
    head_of = {key: head for head, members in truth.groups.items() for key in members}
    won: dict[int, list[Deal]] = {}
    for key, deals in truth.won.items():
        won.setdefault(head_of.get(key, key), []).extend(deals)
    return replace(
        truth,
        won=won,
        strategic=frozenset(head_of.get(key, key) for key in truth.strategic),
        pretenders=frozenset(head_of.get(key, key) for key in truth.pretenders),
    )


def still_best_after(days: Sequence[Day], months: int) -> float | None:
    """Of those in the best tier on a day, the share still in it so many months later; mean over the days that have such a day.

    Whoever came under another account since, which decides for the group, is still in it where the group is.
    """
    later = {day.day: day.best | {key for key, tier in day.members.items() if tier == BEST} for day in days}
    shares = [
        len(day.best & later[end]) / len(day.best) for day in days if day.best and (end := add_months(day.day, months)) in later
    ]
    return fmean(shares) if shares else None


def exits(days: Sequence[Day], min_days: int) -> tuple[int, int]:
    """How many left the best tier for a worse one, and how many of those before `min_days` were over."""
    early = total = 0
    for before, after in pairwise(days):
        for key in before.best - after.best:
            if after.members.get(key) == BEST:  # its group is decided by another account now, and is where it was
                continue
            total += 1
            early += (after.day - before.since[key]).days < min_days
    return total, early


def ever_best(days: Sequence[Day]) -> int:
    return len(frozenset().union(*(day.best for day in days)))


def size(days: Sequence[Day], truth: Truth) -> tuple[float, float]:
    """Mean number in the best tier, and its share of the customers that bought within a year or are under contract.

    Of days with at least twenty of those, where there are any: one of five customers is no fifth of a business.
    """
    active = [sum(amount > 0 or truth.live_yearly(key, day.day) > 0 for key, amount in day.won_12m.items()) for day in days]
    sizes = [len(day.best) for day in days]
    shares = [s / a for s, a in zip(sizes, active, strict=True) if a >= ENOUGH]
    return fmean(sizes), fmean(shares) if shares else fmean(s / max(a, 1) for s, a in zip(sizes, active, strict=True))


def size_of_accounts(days: Sequence[Day], truth: Truth) -> float:
    """Who is in the best tier as a share of all active accounts, those of groups counted singly; mean of first and last day."""
    shares = []
    for day in days[:: max(len(days) - 1, 1)]:
        earlier = add_months(day.day, -12)
        active = sum(truth.revenue(key, earlier, day.day) > 0 or truth.live_yearly(key, day.day) > 0 for key in truth.won)
        shares.append(len(day.best) / max(active, 1))
    return fmean(shares)


def revenue_share(days: Sequence[Day], truth: Truth) -> Against:
    """Share of the next twelve months' revenue."""
    return _against(days, lambda key, day: truth.revenue(key, day, add_months(day, 12)))


def growth_share(days: Sequence[Day], truth: Truth) -> Against:
    """Share of what the growing accounts earn more in the next twelve months than in the last."""

    def growth(key: int, day: date) -> float:
        return max(truth.revenue(key, day, add_months(day, 12)) - truth.revenue(key, add_months(day, -12), day), 0.0)

    return _against(days, growth)


def _against(days: Sequence[Day], worth: Callable[[int, date], float]) -> Against:
    chosen, by_revenue = [], []
    for day in days:
        best = day.best
        if not best:
            continue
        worths = {key: worth(key, day.day) for key in day.tiers}
        whole = sum(worths.values())
        if whole:
            top = sorted(day.won_12m, key=lambda key: (-day.won_12m[key], key))[: len(best)]
            chosen.append(sum(worths[key] for key in best) / whole)
            by_revenue.append(sum(worths[key] for key in top) / whole)
    return Against(fmean(chosen), fmean(by_revenue)) if chosen else Against(0.0, 0.0)


def doors(day: Day, truth: Truth) -> tuple[int, int, int, int]:
    """Strategic customers: in the best tier, of how many, without any tier; and pretenders in the best tier."""
    best = day.best
    dropped = sum(day.tiers.get(key, NO_TIER) == NO_TIER for key in truth.strategic)
    return len(best & truth.strategic), len(truth.strategic), dropped, len(best & truth.pretenders)


def largest_groups(day: Day, truth: Truth, count: int = 10) -> tuple[int, int, int]:
    """Of the largest groups by the last year's revenue: those whose head is in the best tier, of how many, and the most owners
    that one group has in it."""
    earlier = add_months(day.day, -12)
    earned = {head: sum(truth.revenue(key, earlier, day.day) for key in members) for head, members in truth.groups.items()}
    largest = sorted(earned, key=lambda head: (-earned[head], head))[:count]
    best = day.best
    owners = [len({day.owners[key] for key in truth.groups[head] if key in best}) for head in largest]
    return sum(head in best for head in largest), len(largest), max(owners, default=0)


def healths(day: Day) -> Mapping[str, int]:
    """How many of the two best tiers have which health."""
    found: dict[str, int] = {"green": 0, "amber": 0, "red": 0, "unknown": 0}
    for key, tier in day.tiers.items():
        if tier in (BEST, "B"):
            found[day.health[key] or "unknown"] += 1
    return found


def auc(lost: Iterable[float], kept: Iterable[float]) -> float | None:
    """How likely one that was lost had a lower health than one that was kept; ties count half."""
    ordered = sorted([(score, True) for score in lost] + [(score, False) for score in kept])
    losses = sum(is_lost for _, is_lost in ordered)
    others = len(ordered) - losses
    if not losses or not others:
        return None
    below = won = 0.0
    place = 0
    while place < len(ordered):
        tied = [is_lost for score, is_lost in ordered[place:] if score == ordered[place][0]]
        tied_lost = sum(tied)
        won += (len(tied) - tied_lost) * (below + tied_lost / 2)
        below += tied_lost
        place += len(tied)
    return won / (losses * others)


def keyed(values: Mapping[str, float]) -> dict[int, float]:
    """By account key in place of the id."""
    return {key_of(account): value for account, value in values.items()}
