"""Every fact of an account: its definition for people, its type, and the SQL that computes it from the cache.

One source for the program, `kamsync facts` and the documentation. Each table is read once; only what the programme reads is
computed. Sums are rounded to a millionth, so that the order of rows never shows. The text lives here, `store.evaluate` runs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from kamsync.decide.months import days_before, months_before
from kamsync.model import CORE_COLUMNS, Kind, Stream


@dataclass(frozen=True, slots=True)
class Fact:
    """`source`: where it comes from. `sql`: over the source's rows, or over the joined tables where source is "account"."""

    name: str
    kind: Kind
    definition: str
    source: str
    sql: str
    none: str = "null"
    replayable: bool = True


_WON = "is_won AND close_date <= :as_of"
_LOST = "is_closed AND NOT is_won"
_12M = "close_date > :months_12 AND close_date <= :as_of"
_PREV = "close_date > :months_24 AND close_date <= :months_12"
_24M = "close_date > :months_24 AND close_date <= :as_of"


def _sum(condition: str, value: str = "amount") -> str:
    return f"round(total(CASE WHEN {condition} THEN {value} ELSE 0 END), 6)"


def _count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


_OPPORTUNITY_FACTS = (
    Fact(
        "won_amount_12m",
        "number",
        "Sum of won amounts closed in the last 12 months",
        "opportunity",
        _sum(f"is_won AND {_12M}"),
        "0",
    ),
    Fact(
        "won_amount_prev_12m",
        "number",
        "The same for the 12 months before those",
        "opportunity",
        _sum(f"is_won AND {_PREV}"),
        "0",
    ),
    Fact("won_amount_total", "number", "Sum of all won amounts up to the day", "opportunity", _sum(_WON), "0"),
    Fact("won_count_total", "number", "Won opportunities up to the day", "opportunity", _count(_WON), "0"),
    Fact("won_count_12m", "number", "Won opportunities of the last 12 months", "opportunity", _count(f"is_won AND {_12M}"), "0"),
    Fact(
        "lost_count_12m", "number", "Lost opportunities of the last 12 months", "opportunity", _count(f"{_LOST} AND {_12M}"), "0"
    ),
    Fact(
        "win_rate_24m",
        "number",
        "Won / (won + lost) of those closed in the last 24 months",
        "opportunity",
        f"CAST({_count(f'is_won AND {_24M}')} AS REAL) / nullif({_count(f'is_closed AND {_24M}')}, 0)",
    ),
    Fact(
        "avg_won_amount_24m",
        "number",
        "Mean won amount of the last 24 months",
        "opportunity",
        f"round({_sum(f'is_won AND {_24M}')} / nullif({_count(f'is_won AND {_24M}')}, 0), 6)",
    ),
    Fact("open_count", "number", "Open opportunities", "opportunity", _count("NOT is_closed"), "0"),
    Fact("open_pipeline", "number", "Sum of amounts of open opportunities", "opportunity", _sum("NOT is_closed"), "0"),
    Fact(
        "weighted_pipeline",
        "number",
        "Sum over open opportunities of amount × probability (0…1)",
        "opportunity",
        _sum("NOT is_closed", "amount * coalesce(probability, 0)"),
        "0",
    ),
    Fact(
        "first_won_date",
        "date",
        "Least close date among won ones up to the day",
        "opportunity",
        f"min(CASE WHEN {_WON} THEN close_date END)",
    ),
    Fact(
        "last_won_date",
        "date",
        "Greatest close date among won ones up to the day",
        "opportunity",
        f"max(CASE WHEN {_WON} THEN close_date END)",
    ),
)
_ACTIVITY = "activity_date > :months_24 AND activity_date <= :as_of"
_ACTIVITY_FACTS = (
    Fact(
        "last_activity_date",
        "date",
        "Greatest date of an activity up to the day, of the last 24 months",
        "activity",
        f"max(CASE WHEN {_ACTIVITY} THEN activity_date END)",
    ),
    Fact(
        "activities_90d",
        "number",
        "Activities of the last 90 days",
        "activity",
        _count("activity_date > :days_90 AND activity_date <= :as_of"),
        "0",
    ),
    Fact(
        "meetings_90d",
        "number",
        "Meetings of the last 90 days",
        "activity",
        _count("kind = 'meeting' AND activity_date > :days_90 AND activity_date <= :as_of"),
        "0",
    ),
)
_LINE_ITEM_FACTS = (
    Fact(
        "product_families", "number", "Distinct product families on won opportunities up to the day", "line_item", "families", "0"
    ),
    Fact(
        "whitespace_count",
        "number",
        "Families that anyone bought in the last 24 months and this account never did",
        "line_item",
        "whitespace",
        "every family",
    ),
)
_HIERARCHY_FACTS = (
    Fact("children_count", "number", "Accounts whose parent this is", "hierarchy", "children", "0", replayable=False),
    Fact(
        "family_won_amount_12m", "number", "won_amount_12m of the account and all its descendants", "hierarchy", "family_won", "0"
    ),
    Fact(
        "family_open_pipeline",
        "number",
        "open_pipeline of the account and all its descendants",
        "hierarchy",
        "family_pipeline",
        "0",
    ),
)
# Computed from the facts above; `f` is the row of all of them.
_DERIVED_FACTS = (
    Fact(
        "growth_12m",
        "number",
        "won_amount_12m / won_amount_prev_12m − 1",
        "derived",
        "won_amount_12m / nullif(won_amount_prev_12m, 0) - 1",
    ),
    Fact(
        "customer_months",
        "number",
        "Whole months since the first won opportunity",
        "derived",
        "whole_months(first_won_date, :as_of)",
    ),
    Fact(
        "days_since_last_won",
        "number",
        "Days since the last won opportunity",
        "derived",
        "CAST(julianday(:as_of) - julianday(last_won_date) AS INTEGER)",
    ),
    Fact(
        "days_since_last_activity",
        "number",
        "Days since the last activity",
        "derived",
        "CAST(julianday(:as_of) - julianday(last_activity_date) AS INTEGER)",
    ),
    Fact(
        "next_renewal_date",
        "date",
        "The mapped field; else the least close date from the day on of open opportunities of a renewal type",
        "derived",
        "next_renewal_date",
        replayable=False,
    ),
    Fact(
        "days_to_renewal",
        "number",
        "Days until next_renewal_date, negative where it is past",
        "derived",
        "CAST(julianday(next_renewal_date) - julianday(:as_of) AS INTEGER)",
        replayable=False,
    ),
)
FACTS: tuple[Fact, ...] = (*_OPPORTUNITY_FACTS, *_LINE_ITEM_FACTS, *_ACTIVITY_FACTS, *_HIERARCHY_FACTS, *_DERIVED_FACTS)
_BY_NAME: Mapping[str, Fact] = {fact.name: fact for fact in FACTS}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "growth_12m": ("won_amount_12m", "won_amount_prev_12m"),
    "customer_months": ("first_won_date",),
    "days_since_last_won": ("last_won_date",),
    "days_since_last_activity": ("last_activity_date",),
    "days_to_renewal": ("next_renewal_date",),
    "family_won_amount_12m": ("won_amount_12m",),
    "family_open_pipeline": ("open_pipeline",),
}
CORE_ACCOUNT_NAMES = tuple(column.name for column in CORE_COLUMNS[Stream.ACCOUNTS])


def known_columns(account_columns: Mapping[str, str]) -> dict[str, str]:
    """Every name that an expression may read, with its kind: facts, the account's core fields, mapped fields."""
    core = {column.name: column.kind for column in CORE_COLUMNS[Stream.ACCOUNTS]}
    return {**{fact.name: fact.kind for fact in FACTS}, **core, **account_columns}


def with_what_they_need(names: Collection[str]) -> frozenset[str]:
    """The facts among `names`, and those that they are computed from; always won_amount_12m, which breaks ties."""
    wanted = {"won_amount_12m"} | {name for name in names if name in _BY_NAME}
    for name in list(wanted):
        wanted.update(_NEEDS.get(name, ()))
    return frozenset(wanted)


def facts_from(source: str, wanted: Collection[str]) -> tuple[Fact, ...]:
    """The wanted facts of one source, in the registry's order."""
    return tuple(fact for fact in FACTS if fact.source == source and fact.name in wanted)


def windows(as_of: date) -> dict[str, str]:
    """The dates that the SQL refers to, as ISO text."""
    return {
        "as_of": as_of.isoformat(),
        "months_12": months_before(as_of, 12).isoformat(),
        "months_24": months_before(as_of, 24).isoformat(),
        "days_90": days_before(as_of, 90).isoformat(),
    }
