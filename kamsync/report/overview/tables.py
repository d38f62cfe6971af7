"""Named tables of an overview: what a picture draws, what stands below it, what a spreadsheet gets. Frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kamsync.decide.fact import Unit

# How a cell reads: money in the programme's currency, share 0…1, score 0…100, the others by their names. An `account` cell is an
# account's name, whose id stands in the column `account_id` of the same row. A `figure` cell is a Figure.
ColumnKind = Literal[
    "text",
    "account",
    "id",
    "tier",
    "health",
    "segment",
    "code",
    "group",
    "money",
    "share",
    "score",
    "count",
    "days",
    "date",
    "figure",
]
Cell = str | int | float | date | None
MOST_ROWS, FEW_ROWS = 200, 12  # on a page, and before it is unfolded; files have them all


class Figure(float):
    """A number with its unit, for columns whose rows have different ones; in files it is the number alone."""

    def __new__(cls, value: float, unit: Unit) -> Figure:
        """`unit`: as facts have it; "" for a mere number."""
        made = super().__new__(cls, value)
        made.unit = unit
        return made

    unit: Unit


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is its key in the words of `overview.words` and its heading in files."""

    name: str
    kind: ColumnKind = "text"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of `overview.words` with its values: what is not known, what was left out."""

    key: str
    values: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One section. `notes` say what nobody knows; a table without rows says so by a note."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[Note, ...] = ()

    def cells(self, column: str) -> list[Cell]:
        """One column, row by row. Raises ValueError for a name that it does not have."""
        place = [one.name for one in self.columns].index(column)
        return [row[place] for row in self.rows]

    def records(self) -> list[dict[str, Cell]]:
        """Each row by column name."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def make_table(name: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], notes: Iterable[Note] = ()) -> Table:
    """A table, with a note where it is empty and nothing else says why."""
    found, said = tuple(tuple(row) for row in rows), tuple(notes)
    return Table(name, tuple(columns), found, said if found or said else (Note("nothing_here"),))
