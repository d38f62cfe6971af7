"""When a task is due: days or business days from the run's date, or from a date fact (DECISIONS.md §8).

`"5"`, `"5 days"`, `"10 business days"`, `"renewal - 90 days"`, `"next_renewal_date - 20 business days"`. Never before as_of,
never on a weekend or a holiday. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from kamsync.decide.calendar import BusinessCalendar
from kamsync.decide.fact import FactValue
from kamsync.decide.months import days_after
from kamsync.decide.program import Place
from kamsync.errors import ConfigError

ALIASES = {"renewal": "next_renewal_date"}
_DUE = re.compile(
    r"\s*(?:(?P<fact>[A-Za-z_]\w*)\s*(?:(?P<sign>[+\-−])\s*(?=\d)|$))?"
    r"(?:(?P<count>\d{1,4})\s*(?P<unit>business\s+days?|days?)?)?\s*"
)


class NoDate(ValueError):
    """The date fact is null for this account; the text says which, for people."""


@dataclass(frozen=True, slots=True)
class Due:
    """`fact` is "" where the date is counted from as_of."""

    days: int
    business: bool = False
    fact: str = ""

    def on(self, as_of: date, facts: Mapping[str, FactValue], calendar: BusinessCalendar) -> date:
        """The due date for an account with these facts: the planned day or, where that is free or past, the next business day."""
        return _shifted(calendar, max(self.planned(as_of, facts, calendar), as_of), 0)

    def planned(self, as_of: date, facts: Mapping[str, FactValue], calendar: BusinessCalendar) -> date:
        """The day as the rule says it, which may be past or free."""
        start = self._start(as_of, facts)
        return _shifted(calendar, start, self.days) if self.business else days_after(start, self.days)

    def _start(self, as_of: date, facts: Mapping[str, FactValue]) -> date:
        if not self.fact:
            return as_of
        value = facts.get(self.fact)
        if value is None:
            raise NoDate(f"it is due relative to {self.fact}, which this account does not have")
        try:
            return date.fromisoformat(str(value)[:10])
        except ValueError:
            raise NoDate(f"it is due relative to {self.fact}, whose value {value!r} is no date") from None


def _shifted(calendar: BusinessCalendar, day: date, business_days: int) -> date:
    try:
        return calendar.shift(day, business_days)
    except (OverflowError, ValueError):  # "never", written as 9999-12-31
        raise NoDate(f"the calendar ends before {business_days} business days from {day}") from None


def parse_due(text: str, place: Place) -> Due:
    """The rule that `text` writes; ConfigError with its place otherwise."""
    match = _DUE.fullmatch(text)
    if match is None or not (match["fact"] or match["count"]):
        raise ConfigError(
            f"{place}: due = {text!r} is no due date.",
            fix='Write it like "5 days", "10 business days" or "renewal - 90 days".',
        )
    count = int(match["count"] or 0)
    fact = match["fact"] or ""
    return Due(
        days=-count if match["sign"] in ("-", "−") else count,
        business=(match["unit"] or "").startswith("business"),
        fact=ALIASES.get(fact, fact),
    )
