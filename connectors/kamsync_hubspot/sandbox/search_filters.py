"""Search filters as predicates over records: every operator of CRM search, with HubSpot's typed comparison.

EQ on text ignores case, IN wants lower-case values for text, enumerations are case-sensitive
(developers.hubspot.com "Search the CRM").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from .kinds import object_kind
from .portal import Portal
from .store import Record, Table
from .wire import bad_request, millis

Predicate = Callable[[Record], bool]
OPERATORS = (
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
)  # fmt: skip
MAX_GROUPS, MAX_FILTERS_PER_GROUP, MAX_FILTERS = 5, 6, 18
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "LT": lambda one, other: one < other,
    "LTE": lambda one, other: one <= other,
    "GT": lambda one, other: one > other,
    "GTE": lambda one, other: one >= other,
}


def check_groups(groups: Any) -> list[list[dict[str, Any]]]:
    """The filters of each group. Raises Refusal 400 for more than 5 groups, 6 filters in one, or 18 in all."""
    if not isinstance(groups, list):
        raise bad_request("Invalid input JSON: filterGroups must be a list")
    found = [list(group.get("filters") or []) for group in groups if isinstance(group, dict)]
    sizes = [len(filters) for filters in found]
    if len(found) > MAX_GROUPS or max(sizes, default=0) > MAX_FILTERS_PER_GROUP or sum(sizes) > MAX_FILTERS:
        raise bad_request(
            f"Search query has too many filters: at most {MAX_GROUPS} groups, {MAX_FILTERS_PER_GROUP} filters a group, "
            f"{MAX_FILTERS} filters in all"
        )
    return found


def compile_groups(portal: Portal, table: Table, groups: Sequence[Sequence[dict[str, Any]]]) -> Predicate | None:
    """Any group, all filters of it; None where everything matches."""
    compiled = [[compile_filter(portal, table, one) for one in filters] for filters in groups if filters]
    if not compiled:
        return None
    if len(compiled) == 1 and len(compiled[0]) == 1:
        return compiled[0][0]
    return lambda record: any(all(check(record) for check in checks) for checks in compiled)


def compile_filter(portal: Portal, table: Table, given: dict[str, Any]) -> Predicate:
    """A predicate for one filter. Raises Refusal 400 for an unknown operator or property, or a value of another kind."""
    name, operator = str(given.get("propertyName") or ""), str(given.get("operator") or "")
    if operator not in OPERATORS:
        raise bad_request(f"Invalid input JSON: operator must be one of {', '.join(OPERATORS)} but was {operator!r}")
    if name.startswith("associations."):
        return _associated(portal, table, name, operator, given)
    definition = table.definitions.get(name)
    if definition is None:
        raise bad_request(
            "There was a problem with the request.",
            errors=[
                {
                    "message": f"Property {name} does not exist",
                    "code": "PROPERTY_DOESNT_EXIST",
                    "context": {"propertyName": [name]},
                }
            ],
        )
    raw = _reader(table, name)
    if operator == "HAS_PROPERTY":
        return lambda record: raw(record) is not None
    if operator == "NOT_HAS_PROPERTY":
        return lambda record: raw(record) is None
    if operator in ("IN", "NOT_IN"):
        return _in(raw, definition.type, operator, given)
    if operator.endswith("CONTAINS_TOKEN"):
        return _tokens(raw, operator, str(given.get("value", "")))
    return _compare(table, name, raw, definition.type, operator, given)


def _reader(table: Table, name: str) -> Callable[[Record], str | None]:
    slot = table.slots[name]
    return lambda record: record.values[slot] if slot < len(record.values) else None


def _typed(kind: str, value: Any) -> Any:
    """A value in the property's own order. ValueError where it has none."""
    text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "number":
        return float(text)
    if kind in ("datetime", "date"):
        return millis(text)
    return text.lower() if kind == "string" else text


def _wanted(kind: str, given: dict[str, Any], key: str) -> Any:
    if given.get(key) is None:
        raise bad_request(f"operator {given['operator']} requires {key}")
    try:
        return _typed(kind, given[key])
    except ValueError as error:
        raise bad_request(f"{given[key]} is not a valid {kind} for {given['propertyName']}") from error


def _compare(
    table: Table, name: str, raw: Callable[[Record], str | None], kind: str, operator: str, given: dict[str, Any]
) -> Predicate:
    low = _wanted(kind, given, "value")
    # The stamp and the id are compared without parsing text: incremental pulls scan whole tables by them.
    read: Callable[[Record], Any] = raw
    typed: Callable[[Any], Any] = lambda value: _typed(kind, value)  # noqa: E731 - two readers, one shape
    if name == table.kind.stamp:
        read, typed = (lambda record: record.updated), (lambda value: value)
    elif name == "hs_object_id":
        read, typed = (lambda record: int(record.id)), (lambda value: value)

    if operator == "BETWEEN":
        high = _wanted(kind, given, "highValue")
        return lambda record: (value := read(record)) is not None and low <= typed(value) <= high
    if operator == "EQ":
        return lambda record: (value := read(record)) is not None and typed(value) == low
    if operator == "NEQ":
        return lambda record: (value := read(record)) is None or typed(value) != low
    compare = _COMPARE[operator]
    return lambda record: (value := read(record)) is not None and compare(typed(value), low)


def _in(raw: Callable[[Record], str | None], kind: str, operator: str, given: dict[str, Any]) -> Predicate:
    values = given.get("values")
    if not isinstance(values, list) or not values:
        raise bad_request(f"operator {operator} requires values")
    wanted = {str(value) for value in values}
    folded = kind == "string"

    def is_in(record: Record) -> bool:
        value = raw(record)
        return value is not None and (value.lower() if folded else value) in wanted

    if operator == "IN":
        return is_in
    return lambda record: not is_in(record)


def _tokens(raw: Callable[[Record], str | None], operator: str, wanted: str) -> Predicate:
    pattern = re.compile(re.escape(wanted.lower()).replace(r"\*", ".*"))

    def contains(record: Record) -> bool:
        return any(pattern.fullmatch(token) for token in re.findall(r"[^\s,;@]+", (raw(record) or "").lower()))

    if operator == "CONTAINS_TOKEN":
        return contains
    return lambda record: not contains(record)


def _associated(portal: Portal, table: Table, name: str, operator: str, given: dict[str, Any]) -> Predicate:
    target = object_kind(name.removeprefix("associations.")).plural
    wanted = {str(value) for value in given.get("values") or [given.get("value")]}
    of, source = portal.associations.of, table.kind.plural
    if operator in ("EQ", "IN"):
        return lambda record: not wanted.isdisjoint(of(source, record.id, target))
    if operator == "HAS_PROPERTY":
        return lambda record: bool(of(source, record.id, target))
    if operator == "NOT_HAS_PROPERTY":
        return lambda record: not of(source, record.id, target)
    raise bad_request(f"operator {operator} is not supported for {name}")
