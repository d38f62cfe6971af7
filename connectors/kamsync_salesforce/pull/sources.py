"""Which SOQL queries make up each stream, and how their values become the stream's rows. No I/O but what Org asks.

Most streams are one object; activities are Task and Event. Object Reference for Salesforce, under each object's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time
from operator import itemgetter
from typing import Any

from kamsync.contract import PullRequest
from kamsync.errors import ConfigError
from kamsync.flags import FLAG_PREFIX
from kamsync.model import Column, CrmMapping, Stream
from kamsync_salesforce import translate
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.pull.slices import Bounds, by_stamp
from kamsync_salesforce.translate import Edit, RowShape, is_true, quote, soql_moment

Rows = list[list[Any]]
MASTER = "MasterRecordId"  # of a record that was merged: the winner (Object Reference, "Account")
NOT_A_LINE_ITEM_ORG = "This org has no opportunity products (OpportunityLineItem): facts about product families are empty."


def _keep(values: list[Any]) -> bool:
    return False


@dataclass(frozen=True)
class Source:
    """One object's part of a stream.

    `to_rows` makes rows of values in the order of `fields`. An incremental read also selects `change_fields`, after `fields`,
    and asks `left` of each record's values whether it no longer belongs to the stream. `droppable` fields may be missing in an
    org.
    """

    stream: Stream
    sobject: str
    fields: tuple[str, ...]
    to_rows: Callable[[Rows], Rows]
    id_field: int = 0  # where the record's id stands in `fields`
    full_where: tuple[str, ...] = ()
    change_where: tuple[str, ...] = ()
    full_reads_deleted: bool = False  # archived activities are shown by queryAll only
    keeps_deleted_rows: bool = False  # a deleted record is a row of the stream, not a disappearance
    can_be_deleted: bool = True
    has_merges: bool = False
    for_bulk: bool = True
    change_fields: tuple[str, ...] = ()
    left: Callable[[list[Any]], bool] = _keep
    droppable: frozenset[str] = frozenset()
    absent_problem: str = ""  # set where an org may lack the object
    own_fields: frozenset[str] = frozenset()  # fields that `kamsync setup` creates
    absent: frozenset[str] = frozenset()  # droppable fields that this org turned out not to have
    absent_field_problems: Mapping[str, str] = field(default_factory=dict)  # what follows where one of them is
    bounds: Bounds = by_stamp  # of the slices of a whole read

    def change_select(self) -> tuple[str, ...]:
        """The SELECT list of an incremental read, without the stamp."""
        extras = [
            *self.change_fields,
            *([MASTER] if self.has_merges else []),
            *(["IsDeleted"] if self.can_be_deleted else []),
        ]
        taken = {name.lower() for name in self.fields}
        return self.fields + tuple(name for name in extras if name.lower() not in taken)

    def is_nothing_without(self, name: str) -> bool:
        """Whether the field is what makes a record one of this stream: our tasks are those with our key."""
        return self.stream is Stream.TASKS and name.lower() in {own.lower() for own in self.own_fields}

    def dropping(self, name: str) -> Source:
        """The same source for an org without the droppable field `name`: it is not asked for, and reads as null."""
        return replace(
            self,
            absent=self.absent | {name},
            full_where=tuple(condition for condition in self.full_where if name not in condition),
            bounds=by_stamp if name in self.bounds(_ANY_DAY, None) else self.bounds,
        )


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
        case Stream.LINE_ITEMS:
            return (_shaped(request, *translate.SOBJECTS[request.stream], absent_problem=NOT_A_LINE_ITEM_ORG),)
        case Stream.TASKS:
            return (_own_tasks(request, mapping.task_key, user_id),)
        case Stream.ACTIVITIES:
            return (_tasks(request, mapping.task_key), _events(request))
        case Stream.RATES:
            return ()


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


_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)
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


def _tasks(request: PullRequest, key_field: str) -> Source:
    """Completed tasks on an account that are not ours: on their due date, else when they were completed."""
    day, moment = _since_text(request)
    fields = ("Id", "AccountId", "ActivityDate", "CompletedDateTime", "TaskSubtype")
    window = (f"ActivityDate >= {day} OR (ActivityDate = null AND CompletedDateTime >= {moment})",) if day else ()

    def happened(values: Sequence[Any]) -> Any:
        return values[2] or values[3]

    def to_rows(records: Rows) -> Rows:
        return in_order(request.columns, [[v[0], v[1], _KINDS.get(v[4], "task"), happened(v)] for v in records])

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
        return in_order(request.columns, [[v[0], v[1], "meeting", happened(v)] for v in records])

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


def in_order(columns: Sequence[Column], rows: Rows, names: Sequence[str] = _ACTIVITY_COLUMNS) -> Rows:
    """Rows in the order of `names` as rows in the order of `columns`; an unknown column is null."""
    wanted = [column.name for column in columns]
    if wanted == list(names):
        return rows
    places = [names.index(name) if name in names else len(names) for name in wanted]
    pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    return [list(pick([*row, None])) for row in rows]


def take_out_the_gone(source: Source, values: Rows, deleted: list[str], merged: dict[str, str]) -> Rows:
    """Of an incremental read: records that stay, cut to the source's fields; the others' ids go into `deleted` or `merged`."""
    names = source.change_select()
    width = len(source.fields)
    tells_deletion = source.can_be_deleted and not source.keeps_deleted_rows
    deleted_at = [name.lower() for name in names].index("isdeleted") if tells_deletion else None
    merged_at = names.index(MASTER) if source.has_merges else None
    kept: Rows = []
    for row in values:
        if deleted_at is not None and is_true(row[deleted_at]):
            winner = row[merged_at] if merged_at is not None else None
            if winner:
                merged[row[source.id_field]] = winner
            else:
                deleted.append(row[source.id_field])
        elif source.left(row):
            deleted.append(row[source.id_field])
        else:
            kept.append(row[:width])
    return kept


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
