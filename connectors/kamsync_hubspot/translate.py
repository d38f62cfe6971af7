"""HubSpot's JSON ↔ the canonical model. Pure: no network, no clock.

All values of HubSpot are text (`"true"`, `"12.5"`, ISO moments with `Z`); the cache coerces them, so rows carry them as they are.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.flags import FLAG_PREFIX, kind_of
from kamsync.model import Column, Stream, TaskType, Value
from kamsync.model.exchange import NewTask, TaskSeen

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
    "created_date": "createdate",
}
LINE_ITEM_PROPERTIES: Mapping[str, str] = {"product_family": "product_family"}
CONTACT_PROPERTIES: Mapping[str, str] = {"roles": "hs_buying_role", "last_activity_date": "notes_last_updated"}


@dataclass(frozen=True, slots=True)
class StreamObject:
    """The object whose records a mapped stream is, by its name in paths, and where it keeps what the mapping does not name.

    `parent`: the object that each record hangs on, "" for none, and `parent_column` the column that gets the parent's id.
    """

    name: str
    properties: Mapping[str, str]
    parent: str = ""
    parent_column: str = ""


OBJECTS: Mapping[Stream, StreamObject] = {
    Stream.ACCOUNTS: StreamObject("companies", ACCOUNT_PROPERTIES),
    Stream.OPPORTUNITIES: StreamObject("deals", DEAL_PROPERTIES, "companies", "account_id"),
    Stream.LINE_ITEMS: StreamObject("line_items", LINE_ITEM_PROPERTIES, "deals", "opportunity_id"),
    Stream.CONTACTS: StreamObject("contacts", CONTACT_PROPERTIES),
}
ACTIVITY_KINDS: Mapping[str, str] = {
    "meetings": "meeting",
    "calls": "call",
    "emails": "email",
    "notes": "note",
    "tasks": "task",
}
MAY_BE_MISSING = frozenset({"currency", "probability"})  # the portal's currency and the stage stand in for them
PRIORITIES: Mapping[str, str] = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
TASK_TYPES: Mapping[TaskType, str] = {"todo": "TODO", "call": "CALL", "email": "EMAIL", "meeting": "MEETING"}  # "Tasks" guide
TASK_PROPERTIES = ("hs_timestamp", "hs_task_subject", "hs_task_status", "hubspot_owner_id")
COMPLETED = "COMPLETED"
MERGED_IDS = "hs_merged_object_ids"


Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """One associated record; `is_primary` by the label Primary (type 5 from a deal to its company)."""

    id: str
    is_primary: bool = False
    labels: tuple[str, ...] = ()  # what people called it: "Decision maker"


PRIMARY_TYPES = frozenset({1, 2, 5, 6})  # "Associations v4": Primary company, in both directions, of contacts and deals


def inline_ids(record: Record, target: str) -> tuple[Sequence[str], bool]:
    """Ids of the inline associations, one entry a type in the answer, and whether these are all."""
    block = (record.get("associations") or {}).get(target) or {}
    ids = {str(entry["id"]) for entry in block.get("results") or ()}
    return tuple(ids), not (block.get("paging") or {}).get("next")


def link_of(entry: dict[str, Any]) -> Link:
    """One entry of an answer of Associations v4. Raises KeyError where it names no record."""
    types = entry.get("associationTypes") or ()
    is_primary = any(
        one.get("typeId") in PRIMARY_TYPES and one.get("category", "HUBSPOT_DEFINED") == "HUBSPOT_DEFINED" for one in types
    )
    labels = tuple(str(one["label"]) for one in types if one.get("label") and one.get("typeId") not in PRIMARY_TYPES)
    return Link(str(entry["toObjectId"]), is_primary, labels)  # the id is a JSON number in recorded answers


_DAWN = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Since 1970, as HubSpot counts moments."""
    return round((moment - _DAWN) / timedelta(milliseconds=1))


def moment_of(ms: int) -> datetime:
    """The inverse of `milliseconds`, in UTC."""
    return _DAWN + timedelta(milliseconds=ms)


def parse_moment(text: str) -> datetime | None:
    """A stamp as HubSpot writes it, in UTC: ISO with `Z` and with or without milliseconds, or milliseconds since 1970."""
    if not text:
        return None
    try:
        moment = moment_of(int(text)) if text.isdigit() else datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no moment, or one before or after all that the calendar has
        return None


def day_of(moment: datetime | None, timezone: tzinfo) -> date | None:
    """The day of the moment there; None without one, and where the calendar ends before it is that day there."""
    try:
        return moment.astimezone(timezone).date() if moment else None
    except OverflowError:
        return None


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


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def is_true(value: Any) -> bool:
    """A boolean of JSON, or the word that properties carry."""
    return value is True or str(value).strip().lower() == "true"


# --- reading -------------------------------------------------------------------------------------------------------------------


def owner_values(owner: Mapping[str, Any]) -> dict[str, Any]:
    """An owner as canonical values by column name."""
    name = " ".join(str(owner.get(key) or "").strip() for key in ("firstName", "lastName")).strip()
    return {
        "id": str(owner["id"]),
        "name": name or owner.get("email") or str(owner["id"]),
        "email": owner.get("email"),
        "is_active": not owner.get("archived", False),
        "manager_id": None,  # HubSpot has teams, but no line of managers
    }


def least(ids: Iterable[str]) -> str | None:
    """By number, for ids have different widths."""
    return min(ids, key=lambda one: (int(one) if one.isdigit() else 0, one), default=None)


def activity_date(object_type: str, properties: Mapping[str, Any]) -> str | None:
    """When it took place: a meeting's start; a task's due moment, else its completion (DECISIONS.md §2)."""
    if object_type == "meetings":
        return properties.get("hs_meeting_start_time") or properties.get("hs_timestamp")
    if object_type == "tasks":
        return properties.get("hs_timestamp") or properties.get("hs_task_completion_date")
    return properties.get("hs_timestamp")


def key_of(record: Record, key_property: str) -> str:
    """The key that a task carries, "" where it has none."""
    return str(record["properties"].get(key_property) or "")


def named_account(key: str) -> str:
    """The account that a task's key ends in (DECISIONS.md §8), which need not exist any more."""
    return key.rpartition(":")[2]


def task_values(record: Record, key_property: str, account_id: str | None, *, is_deleted: bool) -> dict[str, Any]:
    """A task as canonical values by column name; `account_id` is what its associations named."""
    properties = record["properties"]
    return {
        "id": str(record["id"]),
        "key": key_of(record, key_property),
        "account_id": account_id,
        "owner_id": properties.get("hubspot_owner_id"),
        "subject": properties.get("hs_task_subject"),
        "due": properties.get("hs_timestamp"),
        "is_open": properties.get("hs_task_status") != COMPLETED and not is_deleted,
        "is_deleted": is_deleted,
    }


def task_seen(values: Mapping[str, Any], timezone: ZoneInfo) -> TaskSeen:
    """`task_values` as the contract's own record: the due date as people of that time zone see it."""
    return TaskSeen(
        task_id=values["id"],
        key=values["key"],
        account_id=values["account_id"] or "",
        owner_id=str(values["owner_id"] or ""),
        subject=str(values["subject"] or ""),
        due=day_of(parse_moment(str(values["due"] or "")), timezone),
        is_open=values["is_open"],
        is_deleted=values["is_deleted"],
    )


def merged_pairs(records: Iterable[Record]) -> list[tuple[str, str]]:
    """(old id, id that lives on) of every record that others were merged into."""
    return [
        (old.strip(), str(record["id"]))
        for record in records
        for old in str(record["properties"].get(MERGED_IDS) or "").replace(",", ";").split(";")
        if old.strip() not in ("", str(record["id"]))
    ]


def flag_value(flag: str, text: Any) -> Value:
    """A flag's present value as the canonical type of FLAGS; None where the property holds something else."""
    if text is None or text == "":
        return None
    match kind_of(flag):
        case "number":
            return _number(str(text))
        case "date":
            return _date(str(text))
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
    """The properties of a task that is to be made; due at DUE_HOUR in the programme's time zone."""
    due = datetime.combine(task.due, time(DUE_HOUR), timezone)
    return {
        key_property: task.key,
        "hs_timestamp": property_text(due),
        "hs_task_subject": task.subject,
        "hs_task_body": html.escape(task.body, quote=False).replace("\r\n", "\n").replace("\n", "<br>"),  # shown as HTML
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": PRIORITIES[task.priority],
        "hs_task_type": TASK_TYPES[task.type],
        "hubspot_owner_id": task.owner_id,
    }


def day_start_ms(day: date, timezone: ZoneInfo) -> str:
    """The first moment of a day, as search filters take it."""
    return str(milliseconds(datetime.combine(day, time(0), timezone)))


def is_flag(column: Column) -> bool:
    """Whether the column is one of this program's own fields."""
    return column.name.startswith(FLAG_PREFIX)
