"""Facts in the reader's units: "USD 238K won in 12 months", "last activity 91 days ago", as numbers look in their country. Pure.

A fact without words of its own is said by its name. Money is rounded to what a person compares (USD 238K).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from babel.dates import format_date

from kamsync.decide.decision import FactValue
from kamsync.decide.facts import Unit, unit_of
from kamsync.decide.reader import Reader
from kamsync.report.fitting import one_line

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
