"""The filter branches of lists: checks their shape and says whether a record matches.

The root is an OR branch that holds AND branches (HubSpot's OpenAPI document of Lists v3). Filters on properties, with the
operations that a segment of key accounts uses; another kind is refused, never ignored.
"""

from __future__ import annotations

from typing import Any

from .store import Record, Table
from .wire import bad_request, millis

OPERATIONS = {
    "ENUMERATION": ("IS_ANY_OF", "IS_NONE_OF", "HAS_NEVER_BEEN_ANY_OF"),
    "MULTISTRING": ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "CONTAINS", "DOES_NOT_CONTAIN", "STARTS_WITH", "ENDS_WITH"),
    "NUMBER": ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO", "IS_GREATER_THAN", "IS_GREATER_THAN_OR_EQUAL_TO", "IS_LESS_THAN",
               "IS_LESS_THAN_OR_EQUAL_TO"),
    "BOOL": ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO"),
    "ALL_PROPERTY": ("IS_KNOWN", "IS_UNKNOWN"),
    "TIME_POINT": ("IS_AFTER", "IS_BEFORE"),
    "TIME_RANGED": ("IS_BETWEEN", "IS_NOT_BETWEEN"),
}  # fmt: skip
_NEGATIONS = ("IS_NONE_OF", "IS_NOT_EQUAL_TO", "DOES_NOT_CONTAIN", "HAS_NEVER_BEEN_ANY_OF", "IS_NOT_BETWEEN")


def check_branch(table: Table, branch: Any) -> None:
    """Raises Refusal 400 (`ListError.…`) for a branch of another shape, or a filter on a property that there is not."""
    if not isinstance(branch, dict) or branch.get("filterBranchType") != "OR" or branch.get("filterBranchOperator") != "OR":
        raise bad_request("The root filter branch must be an OR branch", sub_category="ListError.INVALID_FILTER_BRANCH")
    if branch.get("filters"):
        raise bad_request("The root OR filter branch cannot have filters", sub_category="ListError.INVALID_FILTER_BRANCH")
    children = branch.get("filterBranches") or []
    if not children:
        raise bad_request(
            "The root OR filter branch must have at least one AND branch", sub_category="ListError.INVALID_FILTER_BRANCH"
        )
    for child in children:
        if child.get("filterBranchType") != "AND" or child.get("filterBranchOperator") != "AND":
            raise bad_request(
                "The root OR filter branch can only have AND branches", sub_category="ListError.INVALID_FILTER_BRANCH"
            )
        for one in child.get("filters") or []:
            _check_filter(table, one)


def _check_filter(table: Table, given: dict[str, Any]) -> None:
    if given.get("filterType") != "PROPERTY":
        raise bad_request(f"Filter type {given.get('filterType')} is not supported for this list")
    operation = given.get("operation") or {}
    kind, operator = operation.get("operationType"), operation.get("operator")
    if operator not in OPERATIONS.get(str(kind), ()):
        raise bad_request(f"Operator {operator} is not valid for operation type {kind}")
    if given.get("property") not in table.definitions:
        raise bad_request(f"Property {given.get('property')} does not exist", sub_category="ListError.INVALID_PROPERTY")


def matches(table: Table, branch: dict[str, Any], record: Record) -> bool:
    """Whether all filters of one of the AND branches hold for the record. The branch has passed `check_branch`."""
    return any(
        all(_filter_matches(table, one, record) for one in child.get("filters") or []) for child in branch["filterBranches"]
    )


def _filter_matches(table: Table, given: dict[str, Any], record: Record) -> bool:
    value, operation = table.get(record, given["property"]), given["operation"]
    operator = operation["operator"]
    if operator in ("IS_KNOWN", "IS_UNKNOWN"):
        return (value is not None) is (operator == "IS_KNOWN")
    if value is None:
        return bool(operation.get("includeObjectsWithNoValueSet")) or operator in _NEGATIONS
    return _holds(operation, value)


def _holds(operation: dict[str, Any], value: str) -> bool:
    operator, kind = operation["operator"], operation["operationType"]
    wanted = [str(one) for one in operation.get("values") or [operation.get("value")]]
    if kind == "ENUMERATION":
        found = not set(value.split(";")).isdisjoint(wanted)
    elif kind == "BOOL":
        found = value == wanted[0].lower()
    elif kind == "NUMBER":
        return _number_holds(operator, float(value), float(wanted[0]))
    elif kind == "TIME_POINT":
        moment = _moment(operation.get("timePoint") or {})
        return millis(value) > moment if operator == "IS_AFTER" else millis(value) < moment
    elif kind == "TIME_RANGED":
        low, high = _moment(operation.get("lowerBoundTimePoint") or {}), _moment(operation.get("upperBoundTimePoint") or {})
        found = low <= millis(value) <= high
    else:
        return _text_holds(operator, value.lower(), [one.lower() for one in wanted])
    return found is not (operator in _NEGATIONS)


def _number_holds(operator: str, value: float, wanted: float) -> bool:
    return {
        "IS_EQUAL_TO": value == wanted,
        "IS_NOT_EQUAL_TO": value != wanted,
        "IS_GREATER_THAN": value > wanted,
        "IS_GREATER_THAN_OR_EQUAL_TO": value >= wanted,
        "IS_LESS_THAN": value < wanted,
        "IS_LESS_THAN_OR_EQUAL_TO": value <= wanted,
    }[operator]


def _text_holds(operator: str, value: str, wanted: list[str]) -> bool:
    found = {
        "IS_EQUAL_TO": value in wanted,
        "IS_NOT_EQUAL_TO": value in wanted,
        "CONTAINS": any(one in value for one in wanted),
        "DOES_NOT_CONTAIN": any(one in value for one in wanted),
        "STARTS_WITH": value.startswith(tuple(wanted)),
        "ENDS_WITH": value.endswith(tuple(wanted)),
    }[operator]
    return found is not (operator in _NEGATIONS)


def _moment(point: dict[str, Any]) -> int:
    """Milliseconds of a fixed date."""
    if point.get("timeType") == "DATE":
        text = f"{point.get('year', 1970):04}-{point.get('month', 1):02}-{point.get('day', 1):02}"
        return millis(text) + int(point.get("hour") or 0) * 3_600_000
    raise bad_request(f"Time point type {point.get('timeType')} is not supported")
