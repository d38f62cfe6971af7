"""Conversion into the programme's currency by current or dated rates (DECISIONS.md §1). Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

CurrentOrDated = tuple[str, str | None, float]


class Rates:
    """Units of each currency for one of the base currency, by day.

    A dated rate holds from its day until the next one; before the first, and where there is none, the current rate holds. The
    base currency itself is 1 where the CRM does not list it.
    """

    def __init__(self, rates: Iterable[CurrentOrDated], base: str, target: str) -> None:
        self.target = target or base
        self._current: dict[str, float] = {}
        dated: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for currency, valid_from, rate in rates:
            if not rate or rate <= 0:
                continue
            if valid_from:
                dated[currency].append((valid_from, rate))
            else:
                self._current[currency] = rate
        self._dated = {currency: sorted(rows) for currency, rows in dated.items()}
        if base:
            self._current.setdefault(base, 1.0)
        self.base = base

    def factor(self, currency: str | None, day: str | None) -> float | None:
        """What an amount in `currency` on `day` (ISO) is multiplied by; None where a rate is unknown. No currency is the base."""
        source = currency or self.base or self.target
        if source == self.target:
            return 1.0
        from_rate, to_rate = self._rate(source, day), self._rate(self.target, day)
        return None if from_rate is None or to_rate is None else to_rate / from_rate

    def constant(self, currency: str | None) -> float | None:
        """The factor where it is the same on every day; None where it depends on the day or is unknown."""
        source = currency or self.base or self.target
        if source == self.target:
            return 1.0
        return None if source in self._dated or self.target in self._dated else self.factor(currency, None)

    def _rate(self, currency: str, day: str | None) -> float | None:
        dated = self._dated.get(currency)
        if dated and day:
            position = bisect_right(dated, (day, float("inf")))
            if position:
                return dated[position - 1][1]
        return self._current.get(currency)
