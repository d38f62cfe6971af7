"""From what a connector hands over to what the cache stores: values become their column's kind, or nothing.

A value that is not of its kind, and one that no database can hold, is null and reported with its number, its field, the first
record and an example; a record without its id is left out. One odd record never stops a pull.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import islice
from operator import ne
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.contract import PullRequest
from kamsync.model import STREAMS, Column, Kind

Stored = str | float | int | None
CHUNK = 10_000  # rows that are held at a time, so that a page may be a stream
GREATEST = 1e100  # sums and products of such numbers stay finite; no CRM means one that is greater
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "y", "on", "1"), ("false", "no", "n", "off", "0")
_CANNOT_BIND = (
    UnicodeEncodeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError
)  # fmt: skip
# Of each kind: SQL that is true of a stored value which is not of it, and how people are told.
_NOT_OF_KIND: Mapping[Kind, tuple[str, str]] = {
    "number": (f"typeof({{0}}) = 'text' OR abs({{0}}) > {GREATEST}", "no number"),
    "boolean": ("{0} NOT IN (0, 1)", "neither true nor false"),
    # With a modifier SQLite makes 2024-03-02 of 2024-02-31; without one it lets it pass.
    "date": ("length({0}) <> 10 OR date({0}, '+0 days') IS NOT {0}", "no date"),
    "instant": ("strftime('%Y-%m-%dT%H:%M:%SZ', {0}, '+0 days') IS NOT {0}", "no moment"),
}


@dataclass
class Oddities:
    """What no database can hold, by column: how many, and the first record."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    first: dict[str, str] = field(default_factory=dict)
    misshapen: int = 0

    def note(self, column: str, record: object) -> None:
        """Counts one; `record` is shown where it is the column's first."""
        self.counts[column] += 1
        self.first.setdefault(column, str(record)[:40].encode("ascii", "replace").decode())

    def sentences(self, request: PullRequest) -> Iterator[str]:
        """What was met, for people, with the CRM's own field names."""
        fields = {column.name: column.field or column.name for column in request.columns}
        for name, count in self.counts.items():
            yield (
                f"{count:,} {request.stream} have something in {fields[name]} that is no {_kind(request, name)}"
                f" (the first: {self.first[name]}); it counts as unknown."
            )
        if self.misshapen:
            yield f"{self.misshapen:,} {request.stream} came without the fields that were asked for; they are left out."


def register_functions(connection: sqlite3.Connection, timezone: ZoneInfo) -> None:
    """local_date and utc_instant, which the insert statements of this module call."""

    @lru_cache(maxsize=65536)
    def local_date(text: Stored) -> Stored:
        moment = _moment(text, timezone)
        return text if moment is None else moment.date().isoformat()

    def utc_instant(text: Stored) -> Stored:
        moment = _moment(text, UTC) if text else None
        return (text or None) if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    connection.create_function("local_date", 1, local_date, deterministic=True)
    connection.create_function("utc_instant", 1, utc_instant, deterministic=True)


def insert_rows(
    connection: sqlite3.Connection, statement: str, rows: Iterable[Sequence[Any]], request: PullRequest, oddities: Oddities
) -> int:
    """Runs the statement for every row; how many. What cannot be bound is bound as null and noted."""
    count, source = 0, iter(rows)
    while chunk := list(islice(source, CHUNK)):
        try:
            if any(any(map(ne, row, row)) for row in chunk):  # NaN, of which SQLite would make null without a word
                chunk = list(_storable(chunk, request, oddities))
            count += max(connection.executemany(statement, chunk).rowcount, 0)
        except _CANNOT_BIND:  # an upsert: what it had written already is written again
            count += max(connection.executemany(statement, list(_storable(chunk, request, oddities))).rowcount, 0)
    return count


def leave_out_without_key(connection: sqlite3.Connection, request: PullRequest) -> Iterator[str]:
    """Deletes the records that have no id: nothing can be said of them, or written to them."""
    key = STREAMS[request.stream].key[0]
    gone = connection.execute(f'DELETE FROM "{request.stream}" WHERE "{key}" IS NULL').rowcount
    if gone > 0:
        yield f"{gone:,} {request.stream} have no {key}; they are left out."


def null_what_is_not_of_its_kind(connection: sqlite3.Connection, request: PullRequest, pull: int) -> Iterator[str]:
    """A text in a number's place says nothing, and must not sort above every number either. One pass over the stream."""
    typed = [(column, _NOT_OF_KIND[column.kind]) for column in request.columns if column.kind in _NOT_OF_KIND]
    tests = [test.format(f'"{column.name}"') for column, (test, _) in typed]
    if not typed:
        return
    sums = ", ".join(f"total({test})" for test in tests)
    counts = connection.execute(f'SELECT {sums} FROM "{request.stream}" WHERE "_pull" = ?', (pull,)).fetchone()
    for (column, (_, what)), test, count in zip(typed, tests, counts, strict=True):
        if count:
            where = f'"_pull" = ? AND ({test})'
            key = STREAMS[request.stream].key[0]
            first, example = connection.execute(
                f'SELECT "{key}", "{column.name}" FROM "{request.stream}" WHERE {where} ORDER BY 1 LIMIT 1', (pull,)
            ).fetchone()
            connection.execute(f'UPDATE "{request.stream}" SET "{column.name}" = NULL WHERE {where}', (pull,))
            yield (
                f"{count:,.0f} {request.stream} have {what} in {column.field or column.name}"
                f" (the first: {first}, {str(example)[:40]!r}); it counts as unknown."
            )


def coerced(column: Column, position: int) -> str:
    """The SQL that turns the contract's text forms into the stored value; columns' affinity does the numbers.

    What it cannot turn stays as it came, and `null_what_is_not_of_its_kind` finds it.
    """
    value = f"?{position}"
    match column.kind:
        case "boolean":
            words = "".join(
                f" WHEN '{word}' THEN {truth}" for truth, words in ((1, TRUE_WORDS), (0, FALSE_WORDS)) for word in words
            )
            slowly = f"CASE lower(trim({value})){words} WHEN '' THEN NULL ELSE {value} END"
            return f"CASE {value} WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE {slowly} END"
        case "date":
            return f"CASE WHEN length({value}) > 10 THEN local_date({value}) ELSE nullif({value}, '') END"
        case "instant":
            return f"utc_instant({value})"
    translated = "".join(f" WHEN {_quoted(old)} THEN {_quoted(new)}" for old, new in column.values.items())
    return f"CASE {value}{translated} WHEN '' THEN NULL ELSE {value} END" if translated else f"nullif({value}, '')"


def _storable(rows: Iterable[Sequence[Any]], request: PullRequest, oddities: Oddities) -> Iterator[list[Any]]:
    for row in rows:
        if len(row) != len(request.columns):
            oddities.misshapen += 1
            continue
        kept = [_bound(value, column.kind) for value, column in zip(row, request.columns, strict=True)]
        for value, stored, column in zip(row, kept, request.columns, strict=True):
            if value is not None and stored is None:
                oddities.note(column.name, row[0])
        yield kept


def _bound(value: Any, kind: Kind) -> Stored:
    """The value where a database can hold it; a whole number beyond 64 bits as what its column wants."""
    if isinstance(value, str):
        return value if _is_encodable(value) else None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value) if kind == "text" else float(value) if abs(value) <= GREATEST else None
    return value if isinstance(value, int | float) and value == value else None  # NaN is not itself


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _moment(text: object, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
    except (ValueError, OverflowError):  # no moment, or one that the calendar ends before in this zone
        return None


def _kind(request: PullRequest, name: str) -> str:
    kind = next(column.kind for column in request.columns if column.name == name)
    return {"boolean": "true or false", "instant": "moment"}.get(kind, kind)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
