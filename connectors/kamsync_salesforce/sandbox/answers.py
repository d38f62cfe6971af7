"""Rows of the store as the JSON and CSV that the API answers, and queries with their cursors."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .org import Org
from .problems import ApiProblem, malformed
from .schema import Field
from .soql import Comparison, Constant, Item, Junction, Query, parse
from .soql_to_sql import Compiled

PAGE = 2_000
OPEN_CURSORS = 10


_SAID_OTHERWISE = ("boolean", "datetime")


def json_value(field: Field | None, value: Any) -> Any:
    """One value as REST says it: booleans, numbers, moments with +0000."""
    if value is None or field is None:
        return value
    if field.type == "boolean":
        return bool(value)
    if field.type == "datetime":
        return str(value).replace("Z", "+0000")
    return value


class Queries:
    """Runs SOQL for one org; keeps the open cursors."""

    def __init__(self, org: Org, base: str) -> None:
        self._org, self._base = org, base

    def first_page(self, soql: str, version: str, *, include_deleted: bool, size: int) -> dict[str, Any]:
        """`{totalSize, done, records, nextRecordsUrl?}` with up to `size` records; a COUNT() answers `totalSize` and no records.

        Raises ApiProblem where the text is no query (MALFORMED_QUERY), names what is not there, or groups into over 2,000 rows.
        """
        query = parse(soql)
        compiled = self._org.compile(query, include_deleted=include_deleted)
        self._org.check_activities(compiled)
        rows = self._org.db.execute(compiled.sql, compiled.parameters)
        if compiled.count_only:
            return {"totalSize": rows.fetchone()[0], "done": True, "records": []}
        found = rows.fetchall()
        if compiled.aggregate and len(found) > PAGE:
            raise ApiProblem(
                "EXCEEDED_ID_LIMIT", "Aggregate query does not support queryMore(), use LIMIT to restrict the results"
            )
        return self._page(compiled, found, 0, version, size, self._remember(compiled, found, size))

    def next_page(self, locator: str, version: str, size: int) -> dict[str, Any]:
        """The page at a `nextRecordsUrl`. Raises ApiProblem (INVALID_QUERY_LOCATOR) for a cursor that is closed: ten are open at once."""
        cursor, _, offset = locator.rpartition("-")
        if cursor not in self._org.locators or not offset.isdigit():
            raise ApiProblem("INVALID_QUERY_LOCATOR", "invalid query locator")
        compiled, found = self._org.locators[cursor]
        return self._page(compiled, found, int(offset), version, size, cursor)

    def _remember(self, compiled: Compiled, found: list[Any], size: int) -> str:
        if len(found) <= size:
            return ""
        cursor = self._org.next_id("0r8")
        self._org.locators[cursor] = (compiled, found)
        while len(self._org.locators) > OPEN_CURSORS:
            self._org.locators.pop(next(iter(self._org.locators)))  # the eleventh closes the oldest
        return cursor

    def _page(self, compiled: Compiled, found: list[Any], offset: int, version: str, size: int, cursor: str) -> dict[str, Any]:
        end = min(offset + size, len(found))
        answer: dict[str, Any] = {"totalSize": len(found), "done": end == len(found)}
        if end < len(found):
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/{cursor}-{end}"
        answer["records"] = self._records(compiled, found[offset:end], version)
        return answer

    def _records(self, compiled: Compiled, rows: Iterable[Sequence[Any]], version: str) -> list[dict[str, Any]]:
        shape = _shape(compiled)
        return [self._record(compiled, shape, row, version) for row in rows]

    def _record(self, compiled: Compiled, shape: _Shape, row: Sequence[Any], version: str) -> dict[str, Any]:
        if compiled.aggregate:
            record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
        else:
            record = {"attributes": _attributes(compiled.sobject.name, row[-1], version)}
        for path, (sobject, place) in compiled.parents.items():
            parent_id = row[place]
            _put(record, path, None if parent_id is None else {"attributes": _attributes(sobject.name, parent_id, version)})
        values = list(row)
        for place, field in shape.said:
            values[place] = json_value(field, values[place])
        for place, name in shape.own:
            record[name] = values[place]
        for place, path in shape.below:
            _put(record, path, values[place])
        for relationship, child in compiled.children:
            record[relationship] = self._children(compiled, relationship, child, row[-1], version)
        return record

    def _children(self, compiled: Compiled, relationship: str, child: Query, parent_id: str, version: str) -> Any:
        found = next((c for name, c in compiled.sobject.children.items() if name.lower() == relationship.lower()), None)
        if found is None:
            raise malformed(f"Didn't understand relationship '{relationship}' in FROM part of query call.")
        sobject, field = found
        of_parent = Comparison(Item(field), "=", Constant("text", parent_id))
        where = of_parent if child.where is None else Junction("and", (of_parent, child.where))
        inner = self._org.compiler().compile(replace(child, sobject=sobject, where=where))
        rows = self._org.db.execute(inner.sql, inner.parameters).fetchall()
        if not rows:
            return None
        return {"totalSize": len(rows), "done": True, "records": self._records(inner, rows, version)}


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where a row's values go, found once for all rows, by their places: to the record itself, below a parent; and the fields of
    those that are said otherwise than they are kept."""

    own: tuple[tuple[int, str], ...]
    below: tuple[tuple[int, tuple[str, ...]], ...]
    said: tuple[tuple[int, Field], ...]


def _shape(compiled: Compiled) -> _Shape:
    paths = [(place, output.path) for place, output in enumerate(compiled.outputs)]
    fields = [(place, output.field) for place, output in enumerate(compiled.outputs)]
    return _Shape(
        tuple((place, path[0]) for place, path in paths if len(path) == 1),
        tuple((place, path) for place, path in paths if len(path) > 1),
        tuple((place, field) for place, field in fields if field is not None and field.type in _SAID_OTHERWISE),
    )


def _attributes(sobject: str, record_id: str, version: str) -> dict[str, str]:
    return {"type": sobject, "url": f"/services/data/{version}/sobjects/{sobject}/{record_id}"}


def _put(record: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Sets a nested value; below a parent that is null there is nothing to set."""
    target: Any = record
    for name in path[:-1]:
        target = target.get(name) if isinstance(target, dict) else None
        if target is None:
            return
    target[path[-1]] = value


def csv_pages(compiled: Compiled, rows: Iterable[Sequence[Any]], size: int) -> Iterable[tuple[bytes, int]]:
    """Result pages of a bulk query: each with the header; every value quoted, null is empty, booleans are words."""
    header = ",".join(f'"{".".join(output.path)}"' for output in compiled.outputs) + "\n"
    booleans = [i for i, output in enumerate(compiled.outputs) if output.field is not None and output.field.type == "boolean"]
    width = len(compiled.outputs)
    source = iter(rows)
    while True:
        chunk = list(islice(source, size))
        if not chunk:
            return
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        if booleans:
            chunk = [_with_words(row, booleans) for row in chunk]
        writer.writerows([row[:width] for row in chunk])
        yield (header + text.getvalue()).encode(), len(chunk)


def _with_words(row: Sequence[Any], booleans: Sequence[int]) -> list[Any]:
    values = list(row)
    for place in booleans:
        values[place] = "true" if values[place] else "false"
    return values


def retrieved(
    org: Org, record: Mapping[str, Any], sobject_name: str, version: str, fields: Sequence[str] | None
) -> dict[str, Any]:
    """A record as GET sobjects/X/Id answers: every visible field, or those asked for."""
    sobject = org.objects[sobject_name.lower()]
    wanted = [f for f in sobject.fields.values() if org.visible(sobject, f)]
    if fields is not None:
        names = {name.lower() for name in fields}
        wanted = [f for f in wanted if f.name.lower() in names]
    answer: dict[str, Any] = {"attributes": _attributes(sobject.name, str(record["Id"]), version)}
    return answer | {f.name: json_value(f, record.get(f.name)) for f in wanted}
