"""Which SOQL queries make up each stream, and how their values become the stream's rows. No I/O but what Org asks.

Most streams are one object; activities are Task and Event. Object Reference for Salesforce, under each object's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from kamsync.contract import PullRequest
from kamsync.errors import ConfigError
from kamsync.flags import FLAG_PREFIX
from kamsync.model import CrmMapping, Stream
from kamsync_salesforce import translate
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.pull.contacts import contact_sources
from kamsync_salesforce.pull.slices import Bounds
from kamsync_salesforce.pull.source import MASTER, Rows, Source, in_order
from kamsync_salesforce.translate import Edit, RowShape, is_true, quote, soql_moment


def sources_for(request: PullRequest, mapping: CrmMapping, currency: str | None, user_id: str = "") -> tuple[Source, ...]:
    """The queries of one stream.

    `currency` is the org's only one, or None where every record carries its own; `user_id` is ours, "" where it is not known.
    """
    match request.stream:
        case Stream.OWNERS:
            return (_owners(request),)
        case Stream.ACCOUNTS:
            flags = frozenset(column.field for column in request.columns if column.name.startswith(FLAG_PREFIX))
            merges: dict[str, Any] = {"has_merges": True, "droppable": frozenset({MASTER})}
            return (_shaped(request, *translate.SOBJECTS[request.stream], currency=currency, own_fields=flags, **merges),)
        case Stream.OPPORTUNITIES:
            edits = {"probability": translate.share_of_percent}
            return (_shaped(request, *translate.SOBJECTS[request.stream], currency=currency, edits=edits),)
        case Stream.TASKS:
            return (_own_tasks(request, mapping.task_key, user_id),)
        case Stream.ACTIVITIES:
            return (_tasks(request, mapping.task_key), _events(request))
        case Stream.CONTACTS:
            return contact_sources(request)
        case Stream.RATES:
            return ()
        case plain:
            return (_shaped(request, *translate.SOBJECTS[plain], absent_problem=translate.ABSENT.get(plain, "")),)


def only_currency(request: PullRequest, org: Org) -> str | None:
    """The org's only currency, if the request asks for one and records do not carry their own."""
    asks = any(column.name == "currency" or column.field.lower() == "currencyisocode" for column in request.columns)
    if request.stream is Stream.RATES or not asks or org.has_many_currencies:
        return None
    return org.base_currency


def _shaped(
    request: PullRequest,
    sobject: str,
    defaults: Mapping[str, str],
    *,
    currency: str | None = None,
    edits: Mapping[str, Edit] | None = None,
    **options: Any,
) -> Source:
    constants = {}
    if currency is not None:
        constants = {
            column.name: currency or None
            for column in request.columns
            if (column.field or defaults.get(column.name, "")).lower() == "currencyisocode"
        }
    shape = RowShape.of(request.columns, defaults, constants=constants, edits=edits)
    place = next((index for index, name in enumerate(shape.fields) if name.lower() == "id"), None)
    if place is None:
        raise ConfigError(f"The mapping of {request.stream} has no field for id.", fix="Map `id` to Id, or leave it out.")
    return Source(request.stream, sobject, shape.fields, shape.rows, id_field=place, **options)


def _owners(request: PullRequest) -> Source:
    return _shaped(
        request,
        "User",
        translate.OWNER_FIELDS,
        can_be_deleted=False,
        for_bulk=False,
        droppable=frozenset({"ManagerId", "Email"}),
        absent_field_problems={
            "ManagerId": "Salesforce hides User.ManagerId from our user: tasks for owner.manager go to the fallback owner.",
            "Email": "Salesforce hides User.Email from our user: people are known by their ids only.",
        },
    )


def _own_tasks(request: PullRequest, key_field: str, user_id: str) -> Source:
    """Tasks with our key. A change may be that the key was emptied (by `undo`), which only a task's maker still tells."""
    defaults = {**translate.TASK_FIELDS, "key": key_field}
    has_key = f"{key_field} != null"
    names = [column.field or defaults.get(column.name, "") for column in request.columns]
    extra = () if key_field in names else (key_field,)

    def left(values: list[Any]) -> bool:
        return not values[key_place]

    source = _shaped(
        request,
        "Task",
        defaults,
        edits={"is_open": translate.negated},
        full_where=(has_key,),
        change_where=(f"{has_key} OR CreatedById = {quote(user_id)}",) if user_id else (has_key,),
        change_fields=extra,
        left=left,
        full_reads_deleted=True,
        keeps_deleted_rows=True,
        for_bulk=False,  # few among the org's tasks, and the key is indexed
        own_fields=frozenset({key_field}),
    )
    key_place = [name.lower() for name in source.change_select()].index(key_field.lower())
    return source


_KINDS = {"Call": "call", "Email": "email"}
_ACTIVITY_COLUMNS = ("id", "account_id", "kind", "activity_date")


def _since_text(request: PullRequest) -> tuple[str, str]:
    if request.since is None:
        return "", ""
    return request.since.isoformat(), soql_moment(datetime.combine(request.since, time.min, UTC))


def _days(moment_field: str) -> Bounds:
    """Bounds on an activity's day: its date, else the moment in `moment_field`."""

    def bounds(start: datetime | None, end: datetime | None) -> str:
        limits = [(">=", start)] if start else []
        limits += [("<", end)] if end else []
        dated = [f"ActivityDate {sign} {moment.date().isoformat()}" for sign, moment in limits]
        undated = [f"{moment_field} {sign} {soql_moment(moment)}" for sign, moment in limits]
        if not limits:
            return f"{translate.STAMP} != null"
        return f"({' AND '.join(dated)}) OR ({' AND '.join(['ActivityDate = null', *undated])})"

    return bounds


def _activity_rows(request: PullRequest, rows: Iterable[list[Any]]) -> Rows:
    return in_order(request.columns, list(rows), _ACTIVITY_COLUMNS)


def _tasks(request: PullRequest, key_field: str) -> Source:
    """Completed tasks on an account that are not ours: on their due date, else when they were completed."""
    day, moment = _since_text(request)
    fields = ("Id", "AccountId", "ActivityDate", "CompletedDateTime", "TaskSubtype")
    window = (f"ActivityDate >= {day} OR (ActivityDate = null AND CompletedDateTime >= {moment})",) if day else ()

    def happened(values: Sequence[Any]) -> Any:
        return values[2] or values[3]

    def to_rows(records: Rows) -> Rows:
        return _activity_rows(request, ([v[0], v[1], _KINDS.get(str(v[4]), "task"), happened(v)] for v in records))

    def left(values: list[Any]) -> bool:
        closed, key = values[5], values[6]
        return not is_true(closed) or bool(key) or not values[1] or not happened(values) or str(happened(values))[:10] < day

    return Source(
        Stream.ACTIVITIES,
        "Task",
        fields,
        to_rows,
        full_where=("IsClosed = true", "AccountId != null", "IsDeleted = false", f"{key_field} = null", *window),
        full_reads_deleted=True,
        change_fields=("IsClosed", key_field),
        left=left,
        droppable=frozenset({"TaskSubtype", "CompletedDateTime", key_field}),
        bounds=_days("CompletedDateTime"),
    )


def _events(request: PullRequest) -> Source:
    """Events of any kind are meetings, on the day they start; an all-day event has a date and no hour."""
    day, moment = _since_text(request)
    fields = ("Id", "AccountId", "ActivityDate", "ActivityDateTime", "IsAllDayEvent")
    window = (f"ActivityDate >= {day} OR ActivityDateTime >= {moment}",) if day else ()

    def happened(values: Sequence[Any]) -> Any:
        return values[2] if is_true(values[4]) or not values[3] else values[3]

    def to_rows(records: Rows) -> Rows:
        return _activity_rows(request, ([v[0], v[1], "meeting", happened(v)] for v in records))

    def left(values: list[Any]) -> bool:
        return not values[1] or not happened(values) or str(happened(values))[:10] < day

    return Source(
        Stream.ACTIVITIES,
        "Event",
        fields,
        to_rows,
        full_where=("AccountId != null", "IsDeleted = false", *window),
        full_reads_deleted=True,
        left=left,
        droppable=frozenset({"IsAllDayEvent", "ActivityDateTime"}),
        bounds=_days("ActivityDateTime"),
    )


def survivors(merged: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(loser, the record that lives on): one that was merged twice leads to the last winner, not to another loser."""
    found = []
    for loser in merged:
        winner, passed = merged[loser], {loser}
        while winner in merged and winner not in passed:
            passed.add(winner)
            winner = merged[winner]
        found.append((loser, winner))
    return tuple(found)
