"""Between Salesforce's shapes and canonical rows: SOQL text, CSV rows, JSON records, field values. Pure: no I/O, no clock.

A full pull moves hundreds of thousands of rows, so a row stays the list that csv.reader made wherever nothing must change; the
cache coerces text and translates the mapping's picklist values, in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from kamsync.errors import ConfigError
from kamsync.flags import kind_of
from kamsync.model import Column, Stream, Value

STAMP = "SystemModstamp"
PLAN, OBJECTIVE, MEASURE = "AccountPlan", "AccountPlanObjective", "AccountPlanObjectiveMeasure"
IDS_PER_QUERY = 150  # of 18 characters: far below the 16,384 bytes of an address

# What a canonical name means on a standard object, where the mapping names no field.
ACCOUNT_FIELDS: Mapping[str, str] = {
    "id": "Id",
    "name": "Name",
    "owner_id": "OwnerId",
    "parent_id": "ParentId",
    "type": "Type",
    "industry": "Industry",
    "country": "BillingCountry",
    "employees": "NumberOfEmployees",
    "annual_revenue": "AnnualRevenue",
    "currency": "CurrencyIsoCode",
    "created_date": "CreatedDate",
}
OPPORTUNITY_FIELDS: Mapping[str, str] = {
    "id": "Id",
    "account_id": "AccountId",
    "name": "Name",
    "amount": "Amount",
    "currency": "CurrencyIsoCode",
    "close_date": "CloseDate",
    "stage": "StageName",
    "is_closed": "IsClosed",
    "is_won": "IsWon",
    "probability": "Probability",
    "type": "Type",
    "owner_id": "OwnerId",
    "created_date": "CreatedDate",
}
LINE_ITEM_FIELDS: Mapping[str, str] = {"id": "Id", "opportunity_id": "OpportunityId", "product_family": "Product2.Family"}
# The object whose records a mapped stream is, and where it keeps what the mapping does not name.
SOBJECTS: Mapping[Stream, tuple[str, Mapping[str, str]]] = {
    Stream.ACCOUNTS: ("Account", ACCOUNT_FIELDS),
    Stream.OPPORTUNITIES: ("Opportunity", OPPORTUNITY_FIELDS),
    Stream.LINE_ITEMS: ("OpportunityLineItem", LINE_ITEM_FIELDS),
}
# What is said where an org lacks the object of an optional one.
ABSENT: Mapping[Stream, str] = {
    Stream.LINE_ITEMS: "This org has no opportunity products (OpportunityLineItem): facts about product families are empty.",
}
OWNER_FIELDS: Mapping[str, str] = {
    "id": "Id",
    "name": "Name",
    "email": "Email",
    "is_active": "IsActive",
    "manager_id": "ManagerId",
}
TASK_FIELDS: Mapping[str, str] = {
    "id": "Id",
    "account_id": "AccountId",
    "owner_id": "OwnerId",
    "subject": "Subject",
    "due": "ActivityDate",
    "is_open": "IsClosed",
    "is_deleted": "IsDeleted",
}

Edit = Callable[[Any], Any]
# Of compound fields (Object Reference, "Compound Fields"): addresses, locations, and records that a path ends at.
_PARTS = frozenset(("street", "city", "postalCode", "country", "latitude", "longitude", "attributes"))
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(text: str) -> str:
    """The 18-character form, as the API answers, of an id in 15 or 18 characters; "" for what is no id.

    The three added characters say which of the first fifteen are capitals (Object Reference, "ID Field Type").
    """
    if not _ID.fullmatch(text):
        return ""
    short = text[:15]
    places = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(_CHECK[sum(1 << i for i, letter in enumerate(five) if letter.isupper())] for five in places)


def quote(text: str) -> str:
    """A SOQL string literal: SOQL and SOSL Reference, "Quoted String Escape Sequences"."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def soql_moment(moment: datetime) -> str:
    """A SOQL dateTime literal, in UTC with Z: a + would have to be escaped in the address."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str) -> datetime:
    """`2024-01-01T00:00:00.000+0000` (JSON) or `…000Z` (Bulk CSV) in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is before or after all that the calendar has") from error


def greatest_moment(stamps: Sequence[Any]) -> str:
    """The latest of stamps in one format, "" without one: of text that is none of them nothing is known."""
    texts = [stamp for stamp in stamps if isinstance(stamp, str)]
    greatest = max(texts, default="")
    return greatest if _is_moment(greatest) else max(filter(_is_moment, texts), default="")


def _is_moment(text: str) -> bool:
    try:
        parse_moment(text)
    except ValueError:
        return False
    return True


def select(sobject: str, fields: Iterable[str], where: Iterable[str] = (), order: str = "") -> str:
    """A SOQL query. Conditions are joined by AND, each in parentheses: SOQL refuses to mix AND and OR without them."""
    conditions = " AND ".join(f"({condition})" for condition in where)
    where_clause = f" WHERE {conditions}" if conditions else ""
    order_clause = f" ORDER BY {order}" if order else ""
    return f"SELECT {', '.join(fields)} FROM {sobject}{where_clause}{order_clause}"


def leaf(record: Mapping[str, Any], path: str) -> Any:
    """The value at a field or parent path of a JSON record; None where a parent is null. Raises ConfigError at a compound field.

    Names are looked up as asked first: Salesforce answers in the describe's spelling, whatever case the query used.
    """
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        if name in value:
            value = value[name]
        else:
            wanted = name.lower()
            value = next((value[key] for key in value if key.lower() == wanted), None)
    if isinstance(value, Mapping) and not _PARTS.isdisjoint(value):
        raise ConfigError(
            f"The mapped field {path} is a compound field of several values.",
            fix=f"Map one of its parts instead of {path}, for example BillingCountry instead of BillingAddress.",
        )
    return value


class Table(dict[Any, Any]):
    """Remembers an edit's results: a column has few distinct values, and a look-up is quicker than a call."""

    def __init__(self, edit: Edit) -> None:
        super().__init__()
        self.edit = edit

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self.edit(key)
        return value


def share_of_percent(value: Any) -> Any:
    """Probability: Salesforce's 0…100 as 0…1; what is no number stays, for the cache to report."""
    if value is None or value == "":
        return None
    try:
        return float(Decimal(str(value)) / 100)
    except ArithmeticError:
        return value


def is_true(value: Any) -> bool:
    """JSON's true or the CSV's."""
    return value is True or value == "true"


def negated(value: Any) -> bool:
    """The opposite of `is_true`: Salesforce tells what is closed, the core what is open."""
    return not is_true(value)


@dataclass(frozen=True)
class RowShape:
    """How the values of one query become rows in the order of `columns`.

    `fields` is the SELECT list without the extras that the reader adds and takes off again.
    """

    fields: tuple[str, ...]
    positions: tuple[int, ...]
    constants: tuple[Any, ...]
    edits: tuple[tuple[int, Table], ...]

    @classmethod
    def of(
        cls,
        columns: Sequence[Column],
        defaults: Mapping[str, str],
        *,
        constants: Mapping[str, Any] | None = None,
        edits: Mapping[str, Edit] | None = None,
    ) -> RowShape:
        """`constants` replace columns that this org has no field for; `edits` change a column's values by canonical name."""
        fixed, changed = constants or {}, dict(edits or {})
        fields: list[str] = []
        seen: dict[str, int] = {}
        places: list[tuple[bool, int]] = []  # (is a constant, index)
        values: list[Any] = []
        tables: list[tuple[int, Table]] = []
        for index, column in enumerate(columns):
            field = column.field or defaults.get(column.name, "")
            if column.name in fixed or not field:
                places.append((True, len(values)))
                values.append(fixed.get(column.name))
                continue
            # A field may serve two columns, but SOQL refuses to select it twice.
            if field.lower() not in seen:
                seen[field.lower()] = len(fields)
                fields.append(field)
            places.append((False, seen[field.lower()]))
            edit = changed.get(column.name)
            if edit is not None:
                tables.append((index, Table(edit)))
        positions = tuple(len(fields) + place if constant else place for constant, place in places)
        return cls(tuple(fields), positions, tuple(values), tuple(tables))

    @property
    def is_straight(self) -> bool:
        """Values already stand in the order of the columns, but for constants between them."""
        width = len(self.fields)
        return [place for place in self.positions if place < width] == list(range(width))

    def rows(self, values: list[list[Any]]) -> list[list[Any]]:
        """The rows for values in the order of `fields`; works in place."""
        rows = values
        width = len(self.fields)
        if self.is_straight:
            for index, place in enumerate(self.positions):
                if place >= width:
                    constant = self.constants[place - width]
                    for row in rows:
                        row.insert(index, constant)
        else:
            rows = [[(*row, *self.constants)[place] for place in self.positions] for row in values]
        for index, table in self.edits:
            for row in rows:
                try:
                    row[index] = table[row[index]]
                except TypeError:  # a list, which no look-up takes
                    row[index] = table.edit(row[index])
        return rows


def rows_of_records(records: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> list[list[Any]]:
    """JSON records as lists in the order of `fields`."""
    plain = [field for field in fields if "." not in field]
    if len(plain) == len(fields):
        try:
            quick = [[record[field] for field in fields] for record in records]
        except (KeyError, TypeError, IndexError):
            quick = []
        if quick and not any(isinstance(value, Mapping) for value in quick[0]):
            return quick
    return [[leaf(record, field) for field in fields] for record in records]


def flag_to_json(value: Value) -> Any:
    """A flag's value for REST: null clears."""
    if isinstance(value, datetime):
        return soql_moment(value)
    return value.isoformat() if isinstance(value, date) else value


def flag_to_csv(value: Value) -> str:
    """A flag's value for a Bulk upload, where an empty cell means "leave it" and #N/A clears the field."""
    if value is None or value == "":
        return "#N/A"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(flag_to_json(value))


def flag_from_json(flag: str, value: Any) -> Value:
    """A flag's present value in Salesforce as the canonical type of FLAGS; None where the field holds something else."""
    if value is None or value == "":
        return None
    try:
        match kind_of(flag):
            case "number":
                return float(value)
            case "date":
                return date.fromisoformat(str(value)[:10])
            case "instant":
                return parse_moment(str(value))
            case "boolean":
                return is_true(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return str(value)


def literal(stamp: datetime) -> str:
    """A SOQL dateTime literal to the millisecond, which is as fine as stamps come."""
    return stamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
