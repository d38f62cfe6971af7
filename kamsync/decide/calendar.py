"""Business days of a country, for due dates.

Weekends and holidays come from the `holidays` package (countries with a Friday weekend included); without a country only
Saturday and Sunday are free. Pure: the package computes its calendars, it reads nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING

from kamsync.decide.program import Place
from kamsync.errors import ConfigError

if TYPE_CHECKING:
    import holidays


class BusinessCalendar:
    """The business days of one country (`BR`) or one of its parts (`BR-SP`); "" knows only weekends.

    Nothing is loaded before somebody asks for a day: holidays of the world are many, and on most nights nobody asks. Whether the
    country is known is found out by `check_country` when the configuration is loaded.
    """

    def __init__(self, country: str = "", *, named: str = "") -> None:
        self._country, self._named = country, named

    @cached_property
    def _free(self) -> holidays.HolidayBase:
        return _free_days(_country_for(self._named, self._country) if self._named else self._country)

    def is_business_day(self, day: date) -> bool:
        """Neither a weekend nor a public holiday."""
        return bool(self._free.is_working_day(day))

    def shift(self, day: date, business_days: int) -> date:
        """The business day that many after (before, where negative) `day`; 0 is `day` itself or the next business day."""
        shifted: date = self._free.get_nth_working_day(day, business_days)
        return shifted


@lru_cache(maxsize=32)
def business_calendar(country: str) -> BusinessCalendar:
    """The calendar of `country`; asked for a day, it raises ConfigError where nobody knows that country."""
    return BusinessCalendar(country)


def account_calendar(named: str | None, configured: str) -> BusinessCalendar:
    """The calendar of the country that an account names (a code, or its name in a language of this program), else `configured`.

    `configured` may be a part of that very country (`BR-SP`), which then knows more.
    """
    return _named_calendar(named, configured) if named else business_calendar(configured)


@lru_cache(maxsize=256)
def _named_calendar(named: str, configured: str) -> BusinessCalendar:
    return BusinessCalendar(configured, named=named)


def _country_for(named: str, configured: str) -> str:
    """The country that an account names, where its holidays are known; else the configured one."""
    code = country_code(named)
    return configured if not code or code == configured.partition("-")[0].upper() or not _is_known(code) else code


def country_code(named: str) -> str:
    """The ISO code of a country as CRMs write it: "BR", "BRA", "Brasil", "United States"; "" where it names none."""
    text = " ".join(named.split())
    return _countries().get(text.casefold(), "")


@cache
def _countries() -> dict[str, str]:
    from babel import Locale  # takes long to load, and many runs make no task
    from babel.core import get_global

    names = {language: dict[str, str](Locale(language).territories) for language in ("en", "pt", "es")}
    codes = {code for code in names["en"] if len(code) == 2 and code.isalpha() and code not in ("ZZ", "EU")}
    found = {code.casefold(): code for code in codes}
    aliases: Mapping[str, Sequence[str]] = get_global("territory_aliases")
    for alias, targets in aliases.items():
        if len(alias) == 3 and alias.isalpha() and targets[0] in codes:
            found[alias.casefold()] = targets[0]
    for territories in names.values():
        found |= {said.casefold(): code for code, said in territories.items() if code in codes}
    return found | {"usa": "US", "uk": "GB", "great britain": "GB", "england": "GB", "estados unidos da américa": "US"}


def check_country(country: str, place: Place) -> None:
    """Refuses, with ConfigError, a country without a holiday calendar: when the configuration is loaded, not in a run."""
    if not country or _is_known(country):
        return
    try:
        _free_days(country)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}" if str(place) else error.message, fix=error.fix) from error


def _is_known(country: str) -> bool:
    """Whether it is a whole country with a calendar; that is told without loading every country's, as a part of one needs."""
    from holidays.registry import EntityLoader

    return country.upper() in set(EntityLoader.get_country_codes())


def _free_days(country: str) -> holidays.HolidayBase:
    import holidays  # takes long to load, and most commands count no business days

    # Of years of which the package knows no holidays, weekends are known: nothing that whoever reads a plan could mend.
    warnings.filterwarnings("ignore", message="Requested Holidays are available only")
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
