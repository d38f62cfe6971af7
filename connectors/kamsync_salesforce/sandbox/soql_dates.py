"""SOQL's words for days: date literals and date functions (SOQL and SOSL Reference, "Date Formats and Date Literals", "Date Functions").

The fiscal year is the calendar's and the week begins on Sunday, as in an org of locale en_US where nobody has said otherwise.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from .problems import malformed

_UNIT = "DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR"
_ONE = re.compile(rf"(THIS|LAST|NEXT)_({_UNIT})")
_MANY = re.compile(rf"(LAST|NEXT)_N_({_UNIT})S:(\d{{1,5}})")
_AGO = re.compile(rf"N_({_UNIT})S_AGO:(\d{{1,5}})")
_SAME = {
    "TODAY": "THIS_DAY",
    "YESTERDAY": "LAST_DAY",
    "TOMORROW": "NEXT_DAY",
    "LAST_90_DAYS": "LAST_N_DAYS:90",
    "NEXT_90_DAYS": "NEXT_N_DAYS:90",
}

_PARTS = {
    "year": "CAST(strftime('%Y', {0}) AS INTEGER)",
    "quarter": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
    "month": "CAST(strftime('%m', {0}) AS INTEGER)",
}
# By function, SQL of a number from `{0}`, the text of a date or moment (None where there is none).
DATE_FUNCTIONS = {
    **{f"{year}_{part}": sql for year in ("calendar", "fiscal") for part, sql in _PARTS.items()},
    "day_in_year": "CAST(strftime('%j', {0}) AS INTEGER)",
    "day_in_month": "CAST(strftime('%d', {0}) AS INTEGER)",
    "day_in_week": "CAST(strftime('%w', {0}) AS INTEGER) + 1",
    "week_in_year": "(CAST(strftime('%j', {0}) AS INTEGER) + 6) / 7",
    "week_in_month": "(CAST(strftime('%d', {0}) AS INTEGER) + 6) / 7",
    "hour_in_day": "CAST(strftime('%H', {0}) AS INTEGER)",
}
OF_MOMENTS = ("day_only", "hour_in_day")  # of date-and-time fields alone


def literal_range(name: str, today: date) -> tuple[date, date]:
    """The half-open range of days that a date literal names. ApiProblem MALFORMED_QUERY where it is none."""
    word = _SAME.get(name, name)
    try:
        if (one := _ONE.fullmatch(word)) and (one[2] != "DAY" or word != name):
            shift = {"LAST": -1, "THIS": 0, "NEXT": 1}[one[1]]
            return _first(one[2], today, shift), _first(one[2], today, shift + 1)
        if many := _MANY.fullmatch(word):
            number = int(many[3])
            if many[1] == "NEXT":
                return _first(many[2], today, 1), _first(many[2], today, number + 1)
            return _first(many[2], today, -number), _first(many[2], today, 1 if many[2] == "DAY" else 0)  # days: today too
        if ago := _AGO.fullmatch(word):
            number = int(ago[2])
            return _first(ago[1], today, -number), _first(ago[1], today, 1 - number)
    except (OverflowError, ValueError):
        raise malformed(f"Invalid date literal: {name}") from None
    raise malformed(f"unexpected token: {name}")


def _first(unit: str, today: date, shift: int) -> date:
    """The first day of the unit that lies `shift` units from today's."""
    match unit.removeprefix("FISCAL_"):
        case "DAY":
            return today + timedelta(days=shift)
        case "WEEK":
            return today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=shift)
        case "MONTH":
            months = today.year * 12 + today.month - 1 + shift
        case "QUARTER":
            months = today.year * 12 + (today.month - 1) // 3 * 3 + 3 * shift
        case _:
            months = (today.year + shift) * 12
    return date(months // 12, months % 12 + 1, 1)
