"""How an account's key figures moved: what each was at the beginning of a time, what it is now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from kamsync.decide.fact import FactValue
from kamsync.decide.fact_words import say_value
from kamsync.decide.facts import unit_of
from kamsync.decide.kpis import KPIS, Kpi
from kamsync.decide.reader import Reader

TREND_DAYS = 90
_NOT_SHOWN = ("owner", "champion")  # an id; and what the people of the account say themselves


class Change(Protocol):
    """A figure from a day on; None where it became unknown."""

    @property
    def kpi(self) -> Kpi:
        """Which figure it is."""
        ...

    @property
    def day(self) -> date:
        """The day that it is of."""
        ...

    @property
    def value(self) -> FactValue:
        """What it was, in the figure's unit."""
        ...


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure: `before` as it was on `since`, the first day of it that is known, and every value from then on."""

    kpi: Kpi
    since: date
    before: FactValue
    now: FactValue
    points: tuple[tuple[date, FactValue], ...]


def trends(changes: Sequence[Change], today: date, days: int = TREND_DAYS) -> tuple[Trend, ...]:
    """The figures of the last `days`, in the order of KPIS. `changes`: all that are known, oldest first."""
    start = date.fromordinal(today.toordinal() - days)
    found = []
    for kpi in KPIS.values():
        own = [(change.day, change.value) for change in changes if change.kpi.number == kpi.number and change.day <= today]
        earlier = [value for day, value in own if day <= start]
        points = [*([(start, earlier[-1])] if earlier else []), *((day, value) for day, value in own if day > start)]
        if points and kpi.name not in _NOT_SHOWN:
            found.append(Trend(kpi, points[0][0], points[0][1], points[-1][1], tuple(points)))
    return tuple(found)


def trend_lines(found: Sequence[Trend], reader: Reader) -> Iterator[str]:
    """One line a figure: "revenue USD 120K → USD 150K since Aug 28, 2026"; the value alone where it did not move."""
    for one in found:
        unit = unit_of(one.kpi.source)
        now = say_value(one.now, unit, reader)
        name = one.kpi.name.replace("_", " ")
        moved = f"{say_value(one.before, unit, reader)} → {now}" if one.before != one.now else f"{now}, unchanged"
        yield f"{name} {moved} since {reader.day(one.since)}"
