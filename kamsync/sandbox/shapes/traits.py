"""Who each account is, before anything happens: drawn once from the shape and the seed. The CRM never sees these."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Literal

from kamsync.sandbox.shapes.shape import Shape

Kind = Literal["orders", "yearly", "three_years", "prospect", "head"]
RISE_MONTHS = 18
RISE = 4.0
YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Span:
    """`first` the CRM's first day, `today` its last; `end` a year and more later, until when truth is known."""

    first: date
    today: date
    end: date


@dataclass(frozen=True, slots=True)
class Traits:
    """`spend`: EUR a year when it joined. `trends`: logarithmic growth, year by year since then.

    `rises`: when it begins to multiply. `leaves`: when it wants to go (a contract still runs to its end). `warns`: whether one
    hears of that beforehand. `gap_days`: its own rhythm of contact. `mood`: satisfaction, 0…10. `evidence`: the days on which
    somebody confirmed that it opens doors.
    """

    key: int
    kind: Kind
    owner: int
    spend: float
    joined: date
    trends: tuple[float, ...] = ()
    rises: date | None = None
    leaves: date | None = None
    warns: bool = True
    gap_days: float = 14.0
    mood: float = 7.0
    answers: bool = True
    parent: int | None = None
    marked: bool = False
    evidence: tuple[date, ...] = ()

    def spend_at(self, day: date) -> float:
        """EUR a year, as things stand on the day."""
        years = max((day - self.joined).days / YEAR_DAYS, 0.0)
        whole = min(int(years), len(self.trends))
        grown = math.fsum(self.trends[:whole])
        if whole < len(self.trends):
            grown += self.trends[whole] * (years - whole)
        return self.spend * math.exp(grown) * self._rise_at(day)

    def rising(self, day: date, *, ahead_days: int = 0) -> bool:
        """Whether it multiplies on the day, or begins to within so many days."""
        if self.rises is None:
            return False
        begun = (day - self.rises).days
        return -ahead_days <= begun < RISE_MONTHS * 30

    def _rise_at(self, day: date) -> float:
        if self.rises is None:
            return 1.0
        share = min(max((day - self.rises).days / (RISE_MONTHS * 30), 0.0), 1.0)
        return math.exp(share * math.log(RISE))


def draw_traits(shape: Shape, accounts: int, seed: int, span: Span) -> list[Traits]:
    """Everybody, by key."""
    drawn = list(_grouped(shape, accounts, seed, span) if shape.branches else _single(shape, accounts, seed, span))
    return _with_doors(shape, drawn, Random(f"{seed}:{shape.name}:doors"), span)


def _single(shape: Shape, accounts: int, seed: int, span: Span) -> Iterator[Traits]:
    for key in range(1, accounts + 1):
        dice = _dice(shape, seed, key)
        parent = dice.randrange(1, key) if key > 20 and dice.random() < shape.related else None
        yield replace(_customer(shape, key, dice, span, shape.spend), parent=parent)


def _grouped(shape: Shape, accounts: int, seed: int, span: Span) -> Iterator[Traits]:
    """Heads with branches; every fifth branch hangs on another branch."""
    least, most = shape.branches or (1, 1)
    key = 1
    while key <= accounts:
        head, dice = key, _dice(shape, seed, key)
        weight = math.exp(dice.gauss(0.0, 0.9))
        # Its record is there before the first branch: a branch that waits years for its group is another story than this one.
        yield Traits(head, "head", 1 + dice.randrange(shape.owners), 0.0, span.first, gap_days=60.0)
        key += 1
        for _ in range(dice.randint(least, most)):
            if key > accounts:
                return
            own = _dice(shape, seed, key)
            branch = _customer(shape, key, own, span, shape.spend * weight)
            above = own.randrange(head + 1, key) if key > head + 2 and own.random() < 0.2 else head
            yield replace(branch, parent=above)
            key += 1


def _customer(shape: Shape, key: int, dice: Random, span: Span, usual: float) -> Traits:
    kind = _kind(shape, dice)
    spend = usual * math.exp(dice.gauss(0.0, shape.spread))
    joined = _joined(shape, dice, span)
    years = int((span.end - joined).days / YEAR_DAYS) + 1
    leaves = joined + timedelta(days=int(dice.expovariate(shape.churn) * YEAR_DAYS) + 90) if kind != "prospect" else None
    lasting = leaves is None or leaves > span.end
    window = (span.end - joined).days - 200
    rises = None
    if kind != "prospect" and dice.random() < shape.risers and window > 0:
        rises, lasting = joined + timedelta(days=100 + dice.randrange(window)), True
    return Traits(
        key=key,
        kind=kind,
        owner=1 + int(dice.random() * shape.owners),
        spend=spend,
        joined=joined,
        trends=_trends(shape, years, dice),
        rises=rises,
        leaves=None if lasting else leaves,
        warns=dice.random() < 0.85,
        gap_days=max(shape.gap_days * math.exp(dice.gauss(0.0, 0.6)) * (shape.spend / spend) ** 0.15, 2.0),
        mood=min(max(dice.gauss(7.6, 1.6), 2.0), 10.0),
        answers=dice.random() < 0.6,
    )


def _kind(shape: Shape, dice: Random) -> Kind:
    if dice.random() < shape.prospects:
        return "prospect"
    luck = dice.random()
    if luck < shape.yearly:
        return "yearly"
    return "three_years" if luck < shape.yearly + shape.three_years else "orders"


def _joined(shape: Shape, dice: Random, span: Span) -> date:
    """Half of them were there when the CRM was new; in a young company everybody is new."""
    days = (span.today - span.first).days
    early = dice.random() < 0.5 and shape.history_months > 12
    return span.first + timedelta(days=int(dice.random() * (180 if early else days + 120)))


def _trends(shape: Shape, years: int, dice: Random) -> tuple[float, ...]:
    trend, trends = dice.gauss(0.03, shape.momentum), []
    for _ in range(years):
        trends.append(trend)
        trend = 0.5 * trend + dice.gauss(0.015, shape.momentum * 0.87)
    return tuple(trends)


def _with_doors(shape: Shape, drawn: list[Traits], dice: Random, span: Span) -> list[Traits]:
    """Some customers of little revenue open doors, and it is confirmed again and again; others are only said to."""
    middle = sorted(t.spend for t in drawn if t.kind not in ("prospect", "head"))
    if not middle:
        return drawn
    limit = middle[len(middle) * 2 // 5]
    small = (t for t in drawn if _buys(t) and t.spend < limit and t.rises is None)
    settled = [t for t in small if t.leaves is None and t.joined < _doors_from(span)]
    chosen = dice.sample(settled, min(shape.strategic, len(settled)))
    taken = {t.key for t in chosen}
    others = [t for t in drawn if _buys(t) and t.key not in taken]
    pretending = dice.sample(others, min(shape.pretenders, len(others)))
    changed = {t.key: replace(t, marked=True, evidence=_confirmed(t, dice, span)) for t in chosen}
    for place, traits in enumerate(pretending):
        old = traits.joined + timedelta(days=60)
        # An old confirmation only where there was time for one to grow old before anything is measured.
        is_old = place % 2 == 1 and (span.today - old).days > 1_400
        changed[traits.key] = replace(traits, marked=True, evidence=(old,) if is_old else ())
    return [changed.get(t.key, t) for t in drawn]


def _doors_from(span: Span) -> date:
    return span.first + (span.today - span.first) / 3


def _buys(traits: Traits) -> bool:
    return traits.kind not in ("prospect", "head")


def _confirmed(traits: Traits, dice: Random, span: Span) -> tuple[date, ...]:
    days, day = [], traits.joined + timedelta(days=30 + dice.randrange(90))
    while day < span.end:
        days.append(day)
        day += timedelta(days=150 + dice.randrange(240))
    return tuple(days)


def _dice(shape: Shape, seed: int, key: int) -> Random:
    return Random(f"{seed}:{shape.name}:{key}")
