"""Facts in the reader's units: "USD 238K won in 12 months", "last activity 91 days ago", as numbers look in their country. Pure.

A fact without words of its own is said by its name. Money is rounded to what a person compares (USD 238K).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from babel.dates import format_date

from kamsync.decide.decision import FactValue
from kamsync.decide.fact import Unit
from kamsync.decide.facts import is_growth, unit_of, words_of
from kamsync.decide.reader import Reader
from kamsync.report.fitting import one_line

UNKNOWN = "unknown"
_FIELDS: Mapping[str, str] = {"employees": "{} employees"}  # the account's own; facts have theirs in decide.facts


def say_fact(name: str, value: FactValue, reader: Reader) -> str:
    """One fact with its words: "USD 238K won in 12 months"; "growth 12m unknown" where nothing is known."""
    if value is None:
        return f"{name.replace('_', ' ')} {UNKNOWN}"
    said = say_value(value, unit_of(name), reader)
    if is_growth(name) and isinstance(value, int | float) and value > 0:
        said = f"+{said}"
    words = words_of(name) or _FIELDS.get(name, "")
    return words.format(said) if words else f"{name.replace('_', ' ')} {said}"


def say_value(value: FactValue, unit: Unit, reader: Reader) -> str:
    """A value in its unit: amounts with currency, shares in per cent, days and months by name."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return _day(value, reader) if unit == "date" else one_line(value)
    match unit:
        case "money":
            return reader.compact_money(value)
        case "percent":
            return reader.percent(value)
        case "days" | "months":
            return f"{reader.number(round(value))} {unit.removesuffix('s') if round(value) == 1 else unit}"
        case _:
            return reader.short_number(value)


def _day(text: str, reader: Reader) -> str:
    try:
        return format_date(date.fromisoformat(text[:10]), "medium", locale=reader.locale)  # its month by name
    except ValueError:
        return one_line(text)
