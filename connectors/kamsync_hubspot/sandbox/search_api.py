"""`POST /crm/v3/objects/{type}/search`: filters, one sort, 200 a page, 10,000 a query, over an index that lags.

Past 10,000 the next page is a 400 although the last good page offers it (supaglue-labs/supaglue#585); equal sort values
come in no promised order. developers.hubspot.com "Search the CRM".
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from .kinds import object_kind
from .portal import Portal
from .records import Renderer
from .routes import Route
from .search_filters import Predicate, check_groups, compile_groups
from .store import Record, Table
from .wire import PUBLIC_HOST, Answer, Request, bad_request, millis

PAGE_LIMIT = 200
RESULT_LIMIT = 10_000
BODY_LIMIT = 3_000


def search(portal: Portal, request: Request, name: str) -> Answer:
    """`{filterGroups, sorts, properties, query, limit, after}`: `{total, results, paging?}`, from an index that lags.

    Raises Refusal 400 for a body over 3,000 characters, a filter that will not do, and past the ten-thousandth result.
    """
    if len(request.body) > BODY_LIMIT:
        raise bad_request(f"Search request is too long: at most {BODY_LIMIT} characters")
    table = portal.table(object_kind(name))
    body = request.json()
    limit, offset = _whole(body, "limit", 10), _whole(body, "after", 0)
    if not 0 <= limit <= PAGE_LIMIT:
        raise bad_request(f"Invalid limit: {limit}. Must be at most {PAGE_LIMIT}.")
    if offset + limit > RESULT_LIMIT:
        raise bad_request(
            "There was a problem with the request.",
            errors=[{"message": f"after + limit must not be greater than {RESULT_LIMIT}: {offset} + {limit}", "in": "after"}],
        )
    table.settle_index(request.now_ms)
    groups = check_groups(body.get("filterGroups") or [])
    order, descending = _sorting(table, body.get("sorts") or [])
    after_id, groups = _keyset(groups, order, descending)
    matches = _matches(portal, table, groups, str(body.get("query") or ""), order, descending)
    start = bisect_right(matches, int(after_id), key=lambda record: int(record.id)) if after_id else 0
    total = len(matches) - start
    show = Renderer(portal, table, body.get("properties") or ()).show
    payload: dict[str, Any] = {
        "total": total,
        "results": [show(record) for record in matches[start + offset : start + offset + limit]],
    }
    if limit and offset + limit < total:
        payload["paging"] = {
            "next": {"after": str(offset + limit), "link": f"{PUBLIC_HOST}{request.path}?after={offset + limit}"}
        }
    return Answer(200, payload)


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name)
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise bad_request(f"Invalid input JSON: {name} must be an integer but was {value!r}")
    return int(value)


def _sorting(table: Table, sorts: Any) -> tuple[str, bool]:
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise bad_request("Only one sorting rule can be applied to any search.")
    if not sorts:
        return table.kind.created, False
    rule = sorts[0]
    if isinstance(rule, str):
        name, descending = rule.lstrip("-"), rule.startswith("-")
    else:
        name, descending = str(rule.get("propertyName") or ""), rule.get("direction") == "DESCENDING"
    if name not in table.definitions:
        raise bad_request(f"Cannot sort by {name}: the property does not exist")
    return name, descending


def _keyset(groups: list[list[dict[str, Any]]], order: str, descending: bool) -> tuple[str, list[list[dict[str, Any]]]]:
    """Takes `hs_object_id GT x` out of a single group sorted by id, so that the pages of a keyset share one scan."""
    if order != "hs_object_id" or descending or len(groups) != 1:
        return "", groups
    for given in groups[0]:
        value = str(given.get("value", ""))
        if given.get("propertyName") == "hs_object_id" and given.get("operator") == "GT" and value.isdigit():
            return value, [[one for one in groups[0] if one is not given]]
    return "", groups


def _matches(
    portal: Portal, table: Table, groups: list[list[dict[str, Any]]], query: str, order: str, descending: bool
) -> list[Record]:
    """All matching records in order; the last result of each table is kept until something is written."""
    key = orjson.dumps([groups, query, order, descending])
    kept = table.last_search
    if kept and kept[0] == table.index_version and kept[1] == key:
        return kept[2]
    matches_filters = compile_groups(portal, table, groups)
    checks: list[Predicate] = [check for check in (matches_filters, _text_query(table, query)) if check]
    found = [record for record in indexed(table) if all(check(record) for check in checks)]
    found.sort(key=_sort_key(table, order), reverse=descending)
    table.last_search = (table.index_version, key, found)
    return found


def indexed(table: Table) -> Iterator[Record]:
    """What the index shows: live records, those written a moment ago as they were before."""
    hidden = table.unindexed
    if not hidden:
        yield from table.records.values()
        return
    for record in table.records.values():
        if record.id not in hidden:
            yield record
    yield from (before for _, before in hidden.values() if before is not None)


def _text_query(table: Table, query: str) -> Predicate | None:
    words = query.lower().split()
    if not words:
        return None

    def contains(record: Record) -> bool:
        text = " ".join(table.get(record, name) or "" for name in table.kind.searchable).lower()
        return all(word in text for word in words)

    return contains


def _sort_key(table: Table, order: str) -> Callable[[Record], Any]:
    if order == "hs_object_id":
        return lambda record: int(record.id)
    kind = table.definitions[order].type

    def key(record: Record) -> Any:
        value = table.get(record, order)
        tie = zlib.crc32(record.id.encode())  # equal values: deterministic, but not by id
        if value is None:
            return (0, 0, tie) if kind in ("number", "datetime", "date") else (0, "", tie)
        if kind == "number":
            return (1, float(value), tie)
        if kind in ("datetime", "date"):
            return (1, record.updated if order == table.kind.stamp else millis(value), tie)
        return (1, value.lower(), tie)

    return key


ROUTES = (Route("POST", "/crm/v3/objects/*/search", search, "objects.read"),)
