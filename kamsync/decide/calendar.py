"""Business days of a country, for due dates.

Weekends and holidays come from the `holidays` package (countries with a Friday weekend included); without a country only
Saturday and Sunday are free. Pure: the package computes its calendars, it reads nothing.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from kamsync.decide.program import Place
from kamsync.errors import ConfigError

if TYPE_CHECKING:
    import holidays


class BusinessCalendar:
    """The business days of one country (`BR`) or one of its parts (`BR-SP`); "" knows only weekends."""

    def __init__(self, country: str = "") -> None:
        self._free = _free_days(country)

    def is_business_day(self, day: date) -> bool:
        """Neither a weekend nor a public holiday."""
        return bool(self._free.is_working_day(day))

    def shift(self, day: date, business_days: int) -> date:
        """The business day that many after (before, where negative) `day`; 0 is `day` itself or the next business day."""
        shifted: date = self._free.get_nth_working_day(day, business_days)
        return shifted


@lru_cache(maxsize=32)
def business_calendar(country: str) -> BusinessCalendar:
    """The calendar of `country`; ConfigError where nobody knows that country."""
    return BusinessCalendar(country)


def check_country(country: str, place: Place) -> None:
    """Refuses a country without a holiday calendar when the configuration is loaded, not in the middle of a run."""
    if not country:
        return
    try:
        business_calendar(country)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}" if str(place) else error.message, fix=error.fix) from error


def _free_days(country: str) -> holidays.HolidayBase:
    import holidays  # takes long to load, and most commands count no business days

    if not country:
        return holidays.HolidayBase()
    code, _, part = country.upper().partition("-")
    try:
        return holidays.country_holidays(code, subdiv=part or None)
    except NotImplementedError as error:
        raise ConfigError(
            f"No holiday calendar is known for country {country!r}.",
            fix="Give an ISO 3166 code such as BR, MX, US or BR-SP in [program] country, or leave it out to know weekends only.",
        ) from error
