"""What a fact is, and where its rows come from. Values only; the registry is `facts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kamsync.model import Kind, Stream

FactValue = str | float | int | None  # of one account; None: not known. A date is ISO text, a boolean 0 or 1
Words = tuple[str, str, str] | tuple[()]  # in English, Portuguese and Spanish, with {} for the value
UNSAID: Words = ()
Unit = Literal["", "money", "percent", "count", "days", "months", "date"]  # percent: 0.25 reads 25 %


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that some facts are aggregated from, by their `account_id`.

    `rows`: what stands after FROM. In it `{account}` is whom a row counts for, `{amount}` an amount in the programme's
    currency, `{contract}` the columns of CONTRACT_COLUMNS, null where they are not mapped. `prepare`: statements that run
    before. `stream`: what must have been pulled; None where every run pulls it. Without `rows` the facts are expressions over
    all others ("derived"), or the table is filled by `store.facts_table` ("hierarchy").
    """

    name: str
    rows: str = ""
    prepare: tuple[str, ...] = ()
    stream: Stream | None = None

    @property
    def table(self) -> str:
        """Its temporary table, one row an account that has any."""
        return f"by_{self.name}"


@dataclass(frozen=True, slots=True)
class Fact:
    """`sql`: an aggregate over its source's rows; a column of the hierarchy; over all other facts where it is derived.

    `none`: SQL for an account of which the source has no row. `final`: what is shown, made of `{value}`. `mapped_first`: a mapped
    field of the same name goes before the computed value. `is_remembered`: kept by this program alone, so that no tier may
    depend on it. `replayable`: a past day can be computed as it was known then.
    `words`: how a value is said to people, UNSAID by the fact's name; `words_of_one`: a value of one, where that reads otherwise.
    A `growth` is said with its sign.
    """

    name: str
    kind: Kind
    definition: str
    source: str
    sql: str
    none: str = "null"
    replayable: bool = True
    unit: Unit = ""
    needs: tuple[str, ...] = ()
    final: str = "{value}"
    mapped_first: bool = False
    words: Words = UNSAID
    words_of_one: Words = UNSAID
    growth: bool = False
    is_remembered: bool = False


def days_since(day: str) -> str:
    """SQL for the whole days from a date to the day."""
    return f"CAST(julianday(:as_of) - julianday({day}) AS INTEGER)"
