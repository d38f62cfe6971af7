"""HubSpot's JSON ↔ the canonical model. Pure: no network, no clock.

All values of HubSpot are text (`"true"`, `"12.5"`, ISO moments with `Z`); the cache coerces them, so rows carry them as they are.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.model import FLAG_PREFIX, FLAGS, Column, NewTask, Value
from kamsync_hubspot.cursor import milliseconds, parse_moment
from kamsync_hubspot.reader import Link, Record

Row = tuple[Any, ...]
Getter = Callable[[Record, Mapping[str, Any]], Any]

STAMP = "hs_lastmodifieddate"
MERGED_IDS = "hs_merged_object_ids"
DEAL_CURRENCY = "deal_currency_code"
HOME_AMOUNT = "amount_in_home_currency"
DUE_HOUR = 9  # when a task of that day is due: the hour that people's days begin with

# Where a column is kept when the mapping does not say.
ACCOUNT_PROPERTIES: Mapping[str, str] = {
    "name": "name",
    "owner_id": "hubspot_owner_id",
    "parent_id": "hs_parent_company_id",
    "type": "type",
    "industry": "industry",
    "country": "country",
    "employees": "numberofemployees",
    "annual_revenue": "annualrevenue",
    "created_date": "createdate",
}
DEAL_PROPERTIES: Mapping[str, str] = {
    "name": "dealname",
    "amount": "amount",
    "close_date": "closedate",
    "stage": "dealstage",
    "type": "dealtype",
    "owner_id": "hubspot_owner_id",
}
LINE_ITEM_PROPERTIES: Mapping[str, str] = {"product_family": "product_family"}
ACTIVITY_KINDS: Mapping[str, str] = {
    "meetings": "meeting",
    "calls": "call",
    "emails": "email",
    "notes": "note",
    "tasks": "task",
}
PRIORITIES: Mapping[str, str] = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
COMPLETED = "COMPLETED"


@dataclass(frozen=True, slots=True)
class Stage:
    """A deal stage by its pipeline's metadata. Won: closed with probability 1; lost: closed with 0."""

    pipeline: str
    label: str
    is_closed: bool
    is_won: bool
    probability: str


def read_stages(pipelines: Iterable[Mapping[str, Any]]) -> dict[str, Stage]:
    """Stages by id, of `GET /crm/v3/pipelines/deals`. Stage ids are unique in a portal."""
    stages: dict[str, Stage] = {}
    for pipeline in pipelines:
        for stage in pipeline.get("stages") or ():
            metadata = stage.get("metadata") or {}
            probability = str(metadata.get("probability") or "").strip()
            chance = _number(probability)
            closed = metadata.get("isClosed")
            is_closed = is_true(closed) if closed is not None else chance in (0.0, 1.0)
            stages[str(stage["id"])] = Stage(
                str(pipeline["id"]), str(stage.get("label") or stage["id"]), is_closed, is_closed and chance == 1.0, probability
            )
    return stages


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def is_true(value: Any) -> bool:
    return value is True or str(value).strip().lower() == "true"


# --- reading -------------------------------------------------------------------------------------------------------------------


def properties_of(columns: Iterable[Column], defaults: Mapping[str, str]) -> list[str]:
    """The properties that the columns need, without those that every record carries or that are computed."""
    found = [column.field or defaults.get(column.name, "") for column in columns]
    return list(dict.fromkeys(name for name in found if name and name != "hs_object_id"))


def account_getters(columns: Sequence[Column], home_currency: str) -> list[Getter]:
    def getter(column: Column) -> Getter:
        name = column.field or ACCOUNT_PROPERTIES.get(column.name, "")
        if column.name == "id" and name in ("", "hs_object_id"):
            return _record_id
        if column.name == "currency":
            # A company has no currency of its own: its revenue is in the portal's, unless the admin maps a property.
            return lambda record, properties: (properties.get(name) if name else None) or home_currency or None
        return _property(name)

    return [getter(column) for column in columns]


def deal_getters(columns: Sequence[Column], stages: Mapping[str, Stage], home_currency: str) -> list[Getter]:
    """Getters of everything but `account_id`, which `deal_rows` puts in; amounts in the portal's currency where it can."""

    def stage_of(properties: Mapping[str, Any]) -> Stage | None:
        return stages.get(str(properties.get("dealstage") or ""))

    def in_foreign_currency(properties: Mapping[str, Any]) -> bool:
        code = properties.get(DEAL_CURRENCY)
        return bool(code) and code != home_currency

    def amount(record: Record, properties: Mapping[str, Any]) -> Any:
        home = properties.get(HOME_AMOUNT)
        return home if in_foreign_currency(properties) and home not in (None, "") else properties.get("amount")

    def currency(record: Record, properties: Mapping[str, Any]) -> Any:
        if in_foreign_currency(properties) and properties.get(HOME_AMOUNT) in (None, ""):
            return properties.get(DEAL_CURRENCY)
        return home_currency or properties.get(DEAL_CURRENCY)

    def own_currency(record: Record, properties: Mapping[str, Any]) -> Any:
        return properties.get(DEAL_CURRENCY) or home_currency or None

    def probability(name: str) -> Getter:
        def get(record: Record, properties: Mapping[str, Any]) -> Any:
            value = properties.get(name) if name else None
            stage = stage_of(properties)
            return value if value not in (None, "") else (stage.probability or None) if stage else None

        return get

    amount_field = next((column.field for column in columns if column.name == "amount"), "")
    computed: dict[str, Getter] = {
        "id": _record_id,
        "stage": lambda record, properties: stage.label if (stage := stage_of(properties)) else properties.get("dealstage"),
        "is_closed": lambda record, properties: stage.is_closed if (stage := stage_of(properties)) else None,
        "is_won": lambda record, properties: stage.is_won if (stage := stage_of(properties)) else None,
    }

    def getter(column: Column) -> Getter:
        name = column.field or DEAL_PROPERTIES.get(column.name, "")
        if column.name == "amount" and name == "amount":
            return amount
        if column.name == "currency" and name in ("", DEAL_CURRENCY):
            # Another property in amount's place is taken to be in the deal's own currency.
            return currency if amount_field in ("", "amount") else own_currency
        if column.name == "probability":
            return probability(column.field)
        if column.name in computed and name in ("", "hs_object_id", "dealstage"):
            return computed[column.name]
        return _property(name)

    return [getter(column) for column in columns]


def line_item_getters(columns: Sequence[Column]) -> list[Getter]:
    def getter(column: Column) -> Getter:
        name = column.field or LINE_ITEM_PROPERTIES.get(column.name, "")
        return _record_id if column.name == "id" else _property(name)

    return [getter(column) for column in columns]


def rows_of(records: Iterable[Record], getters: Sequence[Getter]) -> list[Row]:
    """One tuple a record, in the order of the request's columns."""
    found = []
    for record in records:
        properties = record["properties"]
        found.append(tuple(get(record, properties) for get in getters))
    return found


def _record_id(record: Record, properties: Mapping[str, Any]) -> Any:
    return record["id"]


def _property(name: str) -> Getter:
    if not name:
        return lambda record, properties: None
    return lambda record, properties: properties.get(name)


def parent_getter(key: str) -> Getter:
    """Reads what `attach` put beside the record: the id of the record it belongs to."""
    return lambda record, properties: record.get(key)


def primary_link(links: Sequence[Link]) -> str | None:
    """Of several companies the primary one, else the one of least id (DECISIONS.md §2)."""
    primary = [link.id for link in links if link.is_primary]
    return least(primary or [link.id for link in links])


def least(ids: Iterable[str]) -> str | None:
    """By number, for ids have different widths."""
    return min(ids, key=lambda one: (int(one) if one.isdigit() else 0, one), default=None)


def merged_pairs(records: Iterable[Record]) -> list[tuple[str, str]]:
    """(old id, id that lives on) of every record that others were merged into."""
    return [
        (old.strip(), str(record["id"]))
        for record in records
        for old in str(record["properties"].get(MERGED_IDS) or "").replace(",", ";").split(";")
        if old.strip() not in ("", str(record["id"]))
    ]


def owner_values(owner: Mapping[str, Any]) -> dict[str, Any]:
    name = " ".join(str(owner.get(key) or "").strip() for key in ("firstName", "lastName")).strip()
    return {
        "id": str(owner["id"]),
        "name": name or owner.get("email") or str(owner["id"]),
        "email": owner.get("email"),
        "is_active": not owner.get("archived", False),
        "manager_id": None,  # HubSpot has teams, but no line of managers
    }


def activity_date(object_type: str, properties: Mapping[str, Any]) -> str | None:
    """When it took place: a meeting's start; a task's due moment, else its completion (DECISIONS.md §2)."""
    if object_type == "meetings":
        return properties.get("hs_meeting_start_time") or properties.get("hs_timestamp")
    if object_type == "tasks":
        return properties.get("hs_timestamp") or properties.get("hs_task_completion_date")
    return properties.get("hs_timestamp")


def task_values(record: Record, key_property: str, links: Sequence[Link], *, is_deleted: bool = False) -> dict[str, Any]:
    properties = record["properties"]
    key = str(properties.get(key_property) or "")
    companies = [link.id for link in links]
    named = key.rpartition(":")[2]  # keys end in the account's id; a person may have added other companies
    return {
        "id": str(record["id"]),
        "key": key,
        "account_id": named if named in companies or (is_deleted and not companies) else least(companies),
        "owner_id": properties.get("hubspot_owner_id"),
        "subject": properties.get("hs_task_subject"),
        "due": properties.get("hs_timestamp"),
        "is_open": properties.get("hs_task_status") != COMPLETED and not is_deleted,
        "is_deleted": is_deleted,
    }


def flag_value(flag: str, text: Any) -> Value:
    """A flag's present value as the canonical type of FLAGS."""
    if text is None or text == "":
        return None
    match FLAGS.get(flag, "text"):
        case "number":
            return float(text)
        case "date":
            return date.fromisoformat(str(text)[:10])
        case "instant":
            return parse_moment(str(text))
        case "boolean":
            return is_true(text)
        case _:
            return str(text)


# --- writing -------------------------------------------------------------------------------------------------------------------


def property_text(value: Value) -> str:
    """A value as HubSpot takes it; "" clears ("CRM objects"). Moments go as ISO 8601 in UTC, dates as they are."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")  # never an exponent, and no comma
    return str(value)


def task_properties(task: NewTask, key_property: str, timezone: ZoneInfo) -> dict[str, str]:
    due = datetime.combine(task.due, time(DUE_HOUR), timezone)
    return {
        key_property: task.key,
        "hs_timestamp": property_text(due),
        "hs_task_subject": task.subject,
        "hs_task_body": html.escape(task.body, quote=False).replace("\r\n", "\n").replace("\n", "<br>"),  # shown as HTML
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": PRIORITIES[task.priority],
        "hs_task_type": "TODO",
        "hubspot_owner_id": task.owner_id,
    }


def day_start_ms(day: date, timezone: ZoneInfo) -> str:
    """The first moment of a day, as search filters take it."""
    return str(milliseconds(datetime.combine(day, time(0), timezone)))


def is_flag(column: Column) -> bool:
    return column.name.startswith(FLAG_PREFIX)
