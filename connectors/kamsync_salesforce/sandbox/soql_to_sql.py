"""SOQL trees → SQLite, with SOQL's own semantics: case-insensitive text, `!=` that also finds nulls, ids of 15 or 18 characters.

A field that the running user has no field-level security on does not exist here, exactly as in the real service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime
from typing import Any

from .ids import normal_id
from .problems import ApiProblem, malformed, no_such_column, no_such_type
from .schema import Field, SObject
from .soql import AGGREGATES, Comparison, Constant, Item, Junction, Negation, Order, Query
from .soql_dates import DATE_FUNCTIONS, OF_MOMENTS, literal_range
from .soql_rules import check_aggregate, check_selection

GROUP_LIMIT = 2_000
OFFSET_LIMIT = 2_000
Visible = Callable[[SObject, Field], bool]


@dataclass(frozen=True, slots=True)
class Output:
    """One column of the answer: its path as nested objects and its field (None: a number), or an aggregate's alias."""

    path: tuple[str, ...]
    field: Field | None


@dataclass
class Compiled:
    """SQL with its parameters; `nested` maps a relationship path to the column that says whether the parent is there."""

    sql: str
    parameters: list[Any]
    outputs: list[Output]
    sobject: SObject
    aggregate: bool = False
    count_only: bool = False
    parents: dict[tuple[str, ...], tuple[SObject, int]] = dataclass_field(default_factory=dict)
    children: list[tuple[str, Query]] = dataclass_field(default_factory=list)


class Compiler:
    """Compiles against one org's objects, for one user, on one day."""

    def __init__(
        self,
        objects: Mapping[str, SObject],
        visible: Visible,
        today: date,
        rates: Mapping[str, float],
        unseen: Sequence[str] = (),
    ) -> None:
        self._objects, self._visible, self._today, self._rates, self._unseen = objects, visible, today, rates, unseen

    def compile(self, query: Query, *, include_deleted: bool = False) -> Compiled:
        """The query as SQL with its parameters. Raises ApiProblem for what SOQL refuses, or what our user may not see."""
        check_selection(query)
        return _One(self._objects, self._visible, self._today, self._rates, self._unseen).run(
            query, include_deleted or query.all_rows
        )


class _One(Compiler):
    def run(self, query: Query, include_deleted: bool) -> Compiled:
        self._sobject = self._object(query.sobject)
        self._joins: dict[tuple[str, ...], tuple[str, SObject]] = {(): ("t", self._sobject)}
        self._join_sql: list[str] = []
        self._parameters: list[Any] = []
        items = self._expanded(query)
        plain = [item for item in items if isinstance(item, Item)]
        aggregates = [item for item in plain if item.function in AGGREGATES]
        count_only = len(items) == 1 and isinstance(items[0], Item) and items[0].function == "count" and not items[0].path
        outputs, columns = self._columns(plain, aggregate=bool(aggregates or query.group_by))
        children = [(child.sobject, child) for child in items if isinstance(child, Query)]
        where = self._where(query, include_deleted)
        parents: dict[tuple[str, ...], tuple[SObject, int]] = {}
        if not (aggregates or query.group_by):
            for path, (alias, sobject) in list(self._joins.items()):
                if path and any(output.path[: len(path)] == path for output in outputs):
                    parents[path] = (sobject, len(columns))
                    columns.append(f"{alias}.Id")
            columns.append("t.Id")
        group = ", ".join(self._expression(item)[0] for item in query.group_by)
        having = f" HAVING {self._condition(query.having)}" if query.having is not None else ""
        order = ", ".join(self._order(one) for one in query.order_by)
        limits = self._limits(query, bool(group))
        sql = (
            f"SELECT {', '.join(columns)} FROM {self._sobject.name} t {' '.join(self._join_sql)}{where}"
            + (f" GROUP BY {group}{having}" if group else "")
            + (f" ORDER BY {order}" if order else "")
            + limits
        )
        if count_only and limits:  # counts no more than the limit
            sql = f"SELECT count(*) FROM (SELECT 1{sql.removeprefix('SELECT count(*)')})"
        return Compiled(
            sql, self._parameters, outputs, self._sobject, bool(aggregates or query.group_by), count_only, parents, children
        )

    def _object(self, name: str) -> SObject:
        sobject = self._objects.get(name.lower())
        if sobject is None:
            raise no_such_type(name)
        return sobject

    def _expanded(self, query: Query) -> list[Item | Query]:
        items: list[Item | Query] = []
        for item in query.items:
            if isinstance(item, Item) and item.function == "fields":
                if item.path != "standard" and (query.limit is None or query.limit > 200):
                    raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
                wanted = {"all": (True, False), "custom": (True,), "standard": (False,)}[item.path]
                fields = [f for f in self._sobject.fields.values() if f.custom in wanted and self._visible(self._sobject, f)]
                items += [Item(f.name) for f in fields]
            else:
                items.append(item)
        return items

    def _columns(self, items: list[Item], *, aggregate: bool) -> tuple[list[Output], list[str]]:
        outputs, columns, unnamed = [], [], 0
        for item in items:
            expression, found = self._expression(item)
            if aggregate and (item.function or item.alias):
                name = item.alias or f"expr{unnamed}"
                unnamed += not item.alias
                outputs.append(Output((name,), None if item.function in ("count", "count_distinct", "sum", "avg") else found))
            else:
                outputs.append(Output((item.alias,) if item.alias else self._path(item.path), found))
            columns.append(expression)
        return outputs, columns

    def _path(self, path: str) -> tuple[str, ...]:
        """The path with the names as the org spells them."""
        *parents, last = path.split(".")
        sobject, spelled = self._sobject, []
        if parents and parents[0].lower() == sobject.name.lower():
            parents = parents[1:]
        for name in parents:
            reference = self._reference(sobject, name)
            spelled.append(reference.relationship)
            sobject = self._object(reference.reference)
        return (*spelled, self._field(sobject, last).name)

    def _reference(self, sobject: SObject, relationship: str) -> Field:
        field = sobject.by_relationship(relationship)
        if field is None or not field.reference:
            raise ApiProblem(
                "INVALID_FIELD", f"Didn't understand relationship '{relationship}' in field path. If you are attempting to use a "
                "custom relationship, be sure to append the '__r' after the custom relationship name."
            )  # fmt: skip
        return field

    def _field(self, sobject: SObject, name: str) -> Field:
        field = sobject.field(name)
        if field is None or not self._visible(sobject, field):
            raise no_such_column(name, sobject.name)
        return field

    def _expression(self, item: Item) -> tuple[str, Field | None]:
        if item.function == "count" and not item.path:
            return "count(*)", None
        column, field = self._column(item.path)
        match item.function:
            case "" | "tolabel" | "format":
                return column, field
            case "count":
                return f"count({column})", None
            case "count_distinct":
                return f"count(DISTINCT {column})", None
            case "sum" | "avg" | "min" | "max":
                check_aggregate(item.function, field)
                return f"{item.function}({column})", field
            case "convertcurrency":
                cases = " ".join(f"WHEN '{code}' THEN {column} / {rate!r}" for code, rate in self._rates.items())
                alias = column.rsplit(".", 1)[0]
                return (f"CASE {alias}.CurrencyIsoCode {cases} ELSE {column} END" if cases else column), field
        if field.type not in (("datetime",) if item.function in OF_MOMENTS else ("date", "datetime")):
            raise malformed(f"field {field.name} does not support function {item.function.upper()}")
        if item.function == "day_only":
            return f"substr({column}, 1, 10)", None
        return DATE_FUNCTIONS[item.function].format(column), None

    def _column(self, path: str) -> tuple[str, Field]:
        *parents, last = path.split(".")
        if parents and parents[0].lower() == self._sobject.name.lower() and not self._sobject.by_relationship(parents[0]):
            parents = parents[1:]
        key: tuple[str, ...] = ()
        for name in parents:
            key = self._join(key, name)
        alias, sobject = self._joins[key]
        field = self._field(sobject, last)
        return f"{alias}.{field.name}", field

    def _join(self, key: tuple[str, ...], name: str) -> tuple[str, ...]:
        alias, sobject = self._joins[key]
        reference = self._reference(sobject, name)
        longer = (*key, reference.relationship)
        if longer not in self._joins:
            parent = self._object(reference.reference)
            joined = f"p{len(self._joins)}"
            self._joins[longer] = (joined, parent)
            self._join_sql.append(f"LEFT JOIN {parent.name} {joined} ON {joined}.Id = {alias}.{reference.name}")
        return longer

    def _where(self, query: Query, include_deleted: bool) -> str:
        conditions = [] if include_deleted else ["t.IsDeleted = 0"]
        if not include_deleted and self._sobject.field("IsArchived"):
            conditions.append("coalesce(t.IsArchived, 0) = 0")
        if self._sobject.name in self._unseen:
            conditions.append("0")
        if query.where is not None:
            conditions.append(self._condition(query.where))
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _condition(self, one: Any) -> str:
        match one:
            case Junction(word, parts):
                return "(" + f" {word.upper()} ".join(self._condition(part) for part in parts) + ")"
            case Negation(part):
                return f"NOT coalesce({self._condition(part)}, 0)"
            case Comparison():
                return self._comparison(one)
        raise malformed("a condition was expected")

    def _comparison(self, one: Comparison) -> str:
        column, field = self._expression(one.item)
        if field is not None and field.type == "textarea" and field.length > 255:
            raise ApiProblem("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        text = field is not None and field.sql_type == "TEXT" and field.type not in ("date", "datetime", "id", "reference")
        nocase = " COLLATE NOCASE" if text else ""
        if one.operator in ("in", "not_in"):
            return self._membership(one, column, field, nocase)
        value: Constant = one.value
        if value.kind == "null":
            return f"{column} IS {'NOT ' if one.operator == '!=' else ''}NULL"
        if value.kind == "named":
            return self._named(column, field, one.operator, str(value.value))
        bound = self._bind(field, value)
        if one.operator == "like":
            return f"{column} LIKE {bound} ESCAPE '\\'"
        if one.operator == "!=":
            return f"({column} IS NULL OR {column} <> {bound}{nocase})"
        return f"{column} {one.operator} {bound}{nocase}"

    def _membership(self, one: Comparison, column: str, field: Field | None, nocase: str) -> str:
        if isinstance(one.value, Query):
            inner = _One(self._objects, self._visible, self._today, self._rates, self._unseen).run(
                _without_nulls(one.value), False
            )
            listed = inner.sql.replace(", t.Id FROM", " FROM", 1)
            self._parameters += inner.parameters
        else:
            listed = ", ".join("NULL" if value.kind == "null" else self._bind(field, value) for value in one.value)
        positive = f"{column}{nocase} IN ({listed})"
        return positive if one.operator == "in" else f"({column} IS NULL OR {column}{nocase} NOT IN ({listed}))"

    def _bind(self, field: Field | None, value: Constant) -> str:
        bound = value.value
        if field is not None:
            kind = field.type
            if kind == "datetime" and value.kind != "datetime":
                raise self._must_be(field, value, "dateTime")
            if kind == "date" and value.kind != "date":
                raise self._must_be(field, value, "date")
            if kind in ("double", "currency", "percent", "int") and value.kind != "number":
                raise self._must_be(field, value, "double")
            if field.sql_type == "TEXT" and kind not in ("date", "datetime") and value.kind != "text":
                raise self._must_be(field, value, "string")
            if kind == "boolean" and value.kind != "boolean":
                raise self._must_be(field, value, "boolean")
            if kind in ("id", "reference"):
                bound = normal_id(bound)
                if bound is None:
                    raise ApiProblem("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value.value}")
            if kind == "datetime":
                bound = stored_moment(str(bound))
        self._parameters.append(int(bound) if isinstance(bound, bool) else bound)
        return "?"

    @staticmethod
    def _must_be(field: Field, value: Constant, kind: str) -> ApiProblem:
        quoted = " and should not be enclosed in quotes" if value.kind == "text" or kind == "dateTime" else ""
        quoted = " and should be enclosed in quotes" if kind == "string" else quoted
        return ApiProblem("INVALID_FIELD", f"value of filter criterion for field '{field.name}' must be of type {kind}{quoted}")

    def _named(self, column: str, field: Field | None, operator: str, name: str) -> str:
        first, after = literal_range(name, self._today)
        if field is not None and field.type == "datetime":
            start, end = f"{first.isoformat()}T00:00:00.000Z", f"{after.isoformat()}T00:00:00.000Z"
        else:
            start, end = first.isoformat(), after.isoformat()
        match operator:
            case "=":
                return f"({column} >= '{start}' AND {column} < '{end}')"
            case "!=":
                return f"({column} IS NULL OR {column} < '{start}' OR {column} >= '{end}')"
            case "<":
                return f"{column} < '{start}'"
            case "<=":
                return f"{column} < '{end}'"
            case ">":
                return f"{column} >= '{end}'"
        return f"{column} >= '{start}'"

    def _order(self, order: Order) -> str:
        column, field = self._expression(order.item)
        text = field is not None and field.sql_type == "TEXT" and field.type not in ("id", "reference", "date", "datetime")
        nulls = "LAST" if order.nulls_last else "FIRST"
        return f"{column}{' COLLATE NOCASE' if text else ''} {'DESC' if order.descending else 'ASC'} NULLS {nulls}"

    def _limits(self, query: Query, grouped: bool) -> str:
        if query.offset is not None and query.offset > OFFSET_LIMIT:
            raise ApiProblem("NUMBER_OUTSIDE_VALID_RANGE", "SOQL offset maximum is 2000")
        limit = query.limit if query.limit is not None else (GROUP_LIMIT + 1 if grouped else -1)
        offset = f" OFFSET {query.offset}" if query.offset else ""
        return f" LIMIT {limit}{offset}" if limit >= 0 or offset else ""


def _without_nulls(inner: Query) -> Query:
    """A null among the values of a semi-join hides nothing from NOT IN, as it would in SQL."""
    (item,) = inner.items if len(inner.items) == 1 else (None,)
    if not isinstance(item, Item):
        raise malformed("Nesting of semi join sub-selects must have exactly one selected field")
    known = Comparison(item, "!=", Constant("null", None))
    return replace(inner, where=known if inner.where is None else Junction("and", (known, inner.where)))


def stored_moment(text: str) -> str:
    """Any ISO moment as the store keeps it: UTC, milliseconds, Z."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
