"""Facts as people say them, in the three languages: "USD 238K won in 12 months", "last meeting 91 days ago". Pure.

A fact without words of its own is said by its name. Money is rounded to what a person compares (USD 238K); numbers and dates look
as in the reader's country.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from babel.dates import format_date

from kamsync.decide.decision import Contribution
from kamsync.decide.fact import FactValue, Unit, Words
from kamsync.decide.facts import is_growth, unit_of, words_of
from kamsync.decide.reader import Reader
from kamsync.printable import one_blank

_UNKNOWN = {"en": "unknown", "pt_BR": "desconhecido", "es": "desconocido"}
_UNITS = {
    "en": {"days": ("day", "days"), "months": ("month", "months")},
    "pt_BR": {"days": ("dia", "dias"), "months": ("mês", "meses")},
    "es": {"days": ("día", "días"), "months": ("mes", "meses")},
}
# An account's own fields that have words: a fact has its own (decide.facts).
_FIELDS: Mapping[str, Words] = {"employees": ("{} employees", "{} funcionários", "{} empleados")}
_FIELDS_OF_ONE: Mapping[str, Words] = {"employees": ("{} employee", "{} funcionário", "{} empleado")}
_PLACES = {"en": 0, "pt_BR": 1, "es": 2}


def say_fact(name: str, value: FactValue, reader: Reader) -> str:
    """One fact with its words: "USD 238K won in 12 months"; "growth 12m unknown" where nothing is known."""
    if value is None:
        return f"{name.replace('_', ' ')} {_UNKNOWN[reader.words.name]}"
    said = say_value(value, unit_of(name), reader)
    if is_growth(name) and isinstance(value, int | float) and value > 0:
        said = f"+{said}"
    words = _words(name, reader, one=said == reader.number(1))
    return words.format(said) if words else f"{name.replace('_', ' ')} {said}"


def say_value(value: FactValue, unit: Unit, reader: Reader) -> str:
    """A value in its unit: amounts with currency, shares in per cent, days and months by name."""
    if value is None:
        return _UNKNOWN[reader.words.name]
    if isinstance(value, str):
        return _day(value, reader) if unit == "date" else one_blank(value)
    match unit:
        case "money":
            return reader.compact_money(value)
        case "percent":
            return reader.percent(value)
        case "days" | "months":
            one, many = _UNITS[reader.words.name][unit]
            return f"{reader.number(round(value))} {one if round(value) == 1 else many}"
        case _:
            return reader.short_number(value)


def say_contribution(contribution: Contribution, reader: Reader) -> str:
    """What a criterion saw of the account, with the values: its one fact in words, its value in its unit, or the facts it read.

    The label alone where the value is only yes or no. "" where nothing was known.
    """
    c, label = contribution, one_blank(contribution.label or contribution.criterion)
    if not c.known or c.value is None:
        return ""
    same = [name for name, value in c.facts.items() if value == c.value and _words(name, reader)]
    if same:
        return say_fact(same[0], c.value, reader)
    if c.unit:
        return f"{label} {say_value(c.value, c.unit, reader)}"
    counted = [name for name, value in c.facts.items() if _words(name, reader) and isinstance(value, int | float) and value]
    if counted:
        return reader.words.list_separator.join(say_fact(name, c.facts[name], reader) for name in counted[:2])
    days = [
        str(value) for name, value in c.facts.items() if value is not None and "date" in (unit_of(name), name.rpartition("_")[2])
    ]
    if days:
        return f"{label} ({_day(days[0], reader)})"
    if c.value in (0, 1) or not c.facts:
        return label
    return f"{label} {say_value(c.value, '', reader)}"


def _words(name: str, reader: Reader, *, one: bool = False) -> str:
    fields = _FIELDS_OF_ONE if one else _FIELDS
    words = fields.get(name) or words_of(name, one=one)
    return words[_PLACES[reader.words.name]] if words else ""


def _day(text: str, reader: Reader) -> str:
    try:
        return format_date(date.fromisoformat(text[:10]), "medium", locale=reader.locale)  # its month by name
    except ValueError:
        return one_blank(text)
