"""Facts in the reader's units: "USD 238K won in 12 months", "last activity 91 days ago", as numbers look in their country. Pure.

A fact without words of its own is said by its name. Money is rounded to what a person compares (USD 238K).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_compact_decimal, format_decimal, format_percent

from kamsync.decide.decision import FactValue
from kamsync.decide.facts import Unit, unit_of
from kamsync.decide.program import Program
from kamsync.report.fitting import one_line

COMPACT_FROM = 10_000  # below that an amount is said in full
UNKNOWN = "unknown"
_WORDS: Mapping[str, str] = {
    "won_amount_12m": "{} won in 12 months",
    "won_amount_prev_12m": "{} won in the 12 months before",
    "won_amount_total": "{} won in all",
    "won_count_total": "{} won in all",
    "won_count_12m": "{} won in 12 months",
    "lost_count_12m": "{} lost in 12 months",
    "win_rate_24m": "{} won of what was decided in 24 months",
    "avg_won_amount_24m": "{} on average",
    "contract_value_12m": "{} a year under contract",
    "open_count": "{} open",
    "open_pipeline": "{} open",
    "weighted_pipeline": "{} open, by probability",
    "first_won_date": "first won on {}",
    "last_won_date": "last won on {}",
    "next_renewal_date": "renewal on {}",
    "product_families": "{} product families",
    "whitespace_count": "{} product families not bought",
    "last_activity_date": "last activity on {}",
    "last_contact_date": "last contact on {}",
    "activities_90d": "{} activities in 90 days",
    "meetings_90d": "{} meetings in 90 days",
    "usual_gap_days": "usually {} between activities",
    "children_count": "{} subsidiaries",
    "family_won_amount_12m": "{} won in 12 months by the group",
    "family_open_pipeline": "{} open in the group",
    "growth_12m": "{} on the year before",
    "customer_months": "a customer for {}",
    "days_since_last_won": "last won {} ago",
    "days_since_last_activity": "last activity {} ago",
    "days_since_last_contact": "last contact {} ago",
    "silence_ratio": "silent {} times as long as usual",
    "days_to_renewal": "renewal in {}",
    "employees": "{} employees",
}
_SIGNED = frozenset({"growth_12m"})


@dataclass(frozen=True, slots=True)
class Reader:
    """How one reader's numbers look, and the currency that amounts are in ("" where the programme names none)."""

    locale: Locale
    currency: str


def reader_of(program: Program) -> Reader:
    """The programme's language as in its country; the language alone where that pair is unknown."""
    country = program.country.partition("-")[0].upper()
    language = program.language.partition("_")[0]
    for name in (f"{language}_{country}", program.language, language):
        try:
            return Reader(Locale.parse(name), program.currency)
        except (UnknownLocaleError, ValueError):
            continue
    return Reader(Locale("en"), program.currency)


def say_fact(name: str, value: FactValue, reader: Reader) -> str:
    """One fact with its words: "USD 238K won in 12 months"; "growth 12m unknown" where nothing is known."""
    if value is None:
        return f"{name.replace('_', ' ')} {UNKNOWN}"
    said = say_value(value, unit_of(name), reader)
    if name in _SIGNED and isinstance(value, int | float) and value > 0:
        said = f"+{said}"
    return _WORDS[name].format(said) if name in _WORDS else f"{name.replace('_', ' ')} {said}"


def say_value(value: FactValue, unit: Unit, reader: Reader) -> str:
    """A value in its unit: amounts with currency, shares in per cent, days and months by name."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return _day(value, reader) if unit == "date" else one_line(value)
    match unit:
        case "money":
            return f"{reader.currency} {_amount(value, reader)}".strip()
        case "percent":
            return format_percent(value, locale=reader.locale)
        case "days" | "months":
            return f"{format_decimal(round(value), locale=reader.locale)} {unit.removesuffix('s') if round(value) == 1 else unit}"
        case _:
            return format_decimal(value, "#,##0.##", locale=reader.locale)


def _amount(value: float, reader: Reader) -> str:
    if abs(value) < COMPACT_FROM:
        return format_decimal(value, "#,##0", locale=reader.locale)
    return format_compact_decimal(value, locale=reader.locale, fraction_digits=1 if abs(value) >= 1_000_000 else 0)


def _day(text: str, reader: Reader) -> str:
    try:
        return format_date(date.fromisoformat(text[:10]), "medium", locale=reader.locale)
    except ValueError:
        return one_line(text)
