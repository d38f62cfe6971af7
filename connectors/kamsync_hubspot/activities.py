"""Pull what is attached to companies: engagements, and the tasks of this program.

Both come by search, 200 a call, and a call of associations for a thousand: lists would bring the portal's whole past. Where most
of that past is wanted anyway, a list is quicker and tells the companies too. Tasks go by the scopes of contacts, whatever they
are attached to; e-mails may want one of their own ("Tasks", "Emails" guides).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import AccessDenied, ConfigError, KamsyncError, RecordRejected
from kamsync.model import Stream
from kamsync_hubspot.client import Client
from kamsync_hubspot.cursor import Cursor, Mark, Watch, load, parse_moment
from kamsync_hubspot.errors import fault_of
from kamsync_hubspot.portal import Portal
from kamsync_hubspot.reader import (
    ASSOCIATIONS_BATCH,
    LIST_ABOVE_RECORDS,
    LIST_ABOVE_SHARE,
    Record,
    count_living,
    fetch_links,
    inline_ids,
    list_pages,
    search_pages,
)
from kamsync_hubspot.translate import (
    ACTIVITY_KINDS,
    COMPLETED,
    STAMP,
    activity_date,
    day_start_ms,
    task_values,
)

ARCHIVED_TASK_PAGES = 50
TASK_PROPERTIES = ("hs_timestamp", "hs_task_subject", "hs_task_status", "hubspot_owner_id", STAMP)
ACTIVITY_PROPERTIES = {
    "meetings": ("hs_timestamp", "hs_meeting_start_time", STAMP),
    "tasks": ("hs_timestamp", "hs_task_status", "hs_task_completion_date", STAMP),
}


class ActivityReader:
    """Reads activities and tasks for one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context
        self._key = context.mapping.task_key

    def activities(self, request: PullRequest) -> Iterator[Page]:
        """One row for each (activity, company). Deleted ones disappear with the next full pull."""
        now = self._portal.now()
        cursor = load(request.cursor)
        scope = f"activities {self._key} {' '.join(column.name for column in request.columns)}"
        if cursor is not None and not cursor.serves(scope, now, request.since):
            cursor = None
        marks: dict[str, Mark] = {}
        problems: list[str] = []
        rows = 0
        for object_type in ACTIVITY_KINDS:
            before = cursor.marks.get(object_type) if cursor else None
            watch = Watch(STAMP, before, self._portal.now())
            try:
                engagements, inline = self._engagements(object_type, before, request, watch)
                for records in engagements:
                    page = self._activity_rows(object_type, records, request, inline=inline)
                    if cursor is not None:  # rows of companies that it no longer belongs to must go first
                        yield Page(Stream.ACTIVITIES, deleted_ids=tuple(str(record["id"]) for record in records))
                    rows += len(page)
                    self._context.progress(str(Stream.ACTIVITIES), rows, None)
                    yield Page(Stream.ACTIVITIES, rows=page)
            except AccessDenied as error:
                if not _is_missing_scope(error):
                    raise
                problems.append(f"Our app may not read {object_type}, so they count for nobody. {error.fix}")
                continue
            marks[object_type] = watch.mark()
        end = Cursor(marks, scope, now, request.since)
        yield Page(Stream.ACTIVITIES, last=True, full=cursor is None, cursor=end.dump(), problems=tuple(problems))

    def tasks(self, request: PullRequest) -> Iterator[Page]:
        """This program's own tasks. A full pull also brings the archived ones, which search never finds."""
        now = self._portal.now()
        cursor = load(request.cursor)
        scope = f"tasks {self._key} {' '.join(column.name for column in request.columns)}"
        before = cursor.marks.get("tasks") if cursor and cursor.serves(scope, now, None) else None
        filters: list[dict[str, Any]] = [{"propertyName": self._key, "operator": "HAS_PROPERTY"}]
        if before is not None:
            filters.append(before.filter(STAMP))
        watch, rows = Watch(STAMP, before, now), 0
        try:
            pages = search_pages(self._client, "tasks", filters, (*TASK_PROPERTIES, self._key))
            for records in _portions((found for found, _ in pages), watch):
                own = [record for record in records if record["properties"].get(self._key)]
                rows += len(own)
                self._context.progress(str(Stream.TASKS), rows, None)
                yield Page(Stream.TASKS, rows=self._task_rows(own, request))
        except (RecordRejected, ConfigError) as error:
            if not self._is_key_missing(error):
                raise
            problem = f"The portal has no task property {self._key} yet: run `kamsync setup`."
            yield Page(Stream.TASKS, last=True, full=True, problems=(problem,))
            return
        if before is None:
            yield from self._archived_tasks(request)
        end = Cursor({"tasks": watch.mark()}, scope, now)
        yield Page(Stream.TASKS, last=True, full=before is None, cursor=end.dump())

    # --- activities ----------------------------------------------------------------------------------------------------------

    def _engagements(
        self, object_type: str, before: Mark | None, request: PullRequest, watch: Watch
    ) -> tuple[Iterator[list[Record]], bool]:
        """Since the mark, in any state; without one, those that count from `since` on. Whether companies come with them."""
        properties = [*ACTIVITY_PROPERTIES.get(object_type, ("hs_timestamp", STAMP))]
        if object_type == "tasks":
            properties.append(self._key)
        if before is not None:
            found = search_pages(self._client, object_type, [before.filter(STAMP)], properties)
            return _portions((records for records, _ in found), watch), False
        filters: list[dict[str, Any]] = []
        if request.since is not None:
            # A day early: a task's due moment or a meeting's own start may differ a little from hs_timestamp.
            since = day_start_ms(request.since - timedelta(days=1), self._context.timezone)
            filters.append({"propertyName": "hs_timestamp", "operator": "GTE", "value": since})
        if object_type == "tasks":
            filters.append({"propertyName": "hs_task_status", "operator": "EQ", "value": COMPLETED})
        searched = search_pages(self._client, object_type, filters, properties)
        first, wanted = next(searched)
        if wanted > LIST_ABOVE_RECORDS and wanted > LIST_ABOVE_SHARE * count_living(self._client, object_type):
            self._client.log("listed_instead", object=object_type)
            listed = list_pages(self._client, object_type, properties, associations=("companies",))
            return (watch.unseen(records) for records in listed), True
        return _portions(itertools.chain([first], (records for records, _ in searched)), watch), False

    def _activity_rows(self, object_type: str, records: list[Record], request: PullRequest, *, inline: bool) -> list[list[Any]]:
        counted = [record for record in records if self._counts(object_type, record, request)]
        if not counted:
            return []
        companies = self._companies_of(object_type, counted, inline=inline)
        rows = []
        for record in counted:
            values: dict[str, Any] = {
                "id": str(record["id"]),
                "kind": ACTIVITY_KINDS[object_type],
                "activity_date": activity_date(object_type, record["properties"]),
            }
            for account_id in companies[str(record["id"])]:
                values["account_id"] = account_id
                rows.append([values.get(column.name) for column in request.columns])
        return rows

    def _companies_of(self, object_type: str, records: list[Record], *, inline: bool) -> dict[str, list[str]]:
        """Ids of companies by id of record: what a list says of them, and a call for what it leaves open."""
        found: dict[str, list[str]] = {}
        for record in records if inline else ():
            ids, is_complete = inline_ids(record, "companies")
            if is_complete:
                found[str(record["id"])] = list(ids)
        rest = [record_id for record in records if (record_id := str(record["id"])) not in found]
        links = fetch_links(self._client, object_type, "companies", rest)
        return found | {one: list(dict.fromkeys(link.id for link in links.get(one, ()))) for one in rest}

    def _counts(self, object_type: str, record: Record, request: PullRequest) -> bool:
        """Completed tasks that are not ours, and whatever else took place since the bound."""
        properties = record["properties"]
        if object_type == "tasks" and (properties.get("hs_task_status") != COMPLETED or properties.get(self._key)):
            return False
        moment = parse_moment(str(activity_date(object_type, properties) or ""))
        if moment is None or request.since is None:
            return moment is not None
        return bool(self._day(moment) >= request.since)

    def _day(self, moment: datetime) -> Any:
        return moment.astimezone(self._context.timezone).date()

    # --- tasks -----------------------------------------------------------------------------------------------------------------

    def _task_rows(self, records: Sequence[Record], request: PullRequest) -> list[list[Any]]:
        links = fetch_links(self._client, "tasks", "companies", [str(record["id"]) for record in records])
        found = (task_values(record, self._key, links.get(str(record["id"]), ())) for record in records)
        return [[values.get(column.name) for column in request.columns] for values in found]

    def _archived_tasks(self, request: PullRequest) -> Iterator[Page]:
        for page in archived_tasks(self._client, self._key):
            found = (task_values(record, self._key, (), is_deleted=True) for record in page)
            rows = [[values.get(column.name) for column in request.columns] for values in found]
            if rows:
                yield Page(Stream.TASKS, rows=rows)

    def _is_key_missing(self, error: KamsyncError) -> bool:
        """Whether a refused search was refused because the key property is not there yet."""
        fault = fault_of(error)
        return fault is not None and fault.status == 400 and (self._key in fault.message or self._key in fault.properties)


def archived_tasks(client: Client, key: str) -> Iterator[list[Record]]:
    """Tasks with a key among the portal's archived ones (of 90 days, as far as a bounded read of the list goes)."""
    for page in list_pages(client, "tasks", (*TASK_PROPERTIES, key), archived=True, limit_pages=ARCHIVED_TASK_PAGES):
        yield [record for record in page if record["properties"].get(key)]


def _portions(pages: Iterable[list[Record]], watch: Watch) -> Iterator[list[Record]]:
    """The pages of a search, without what is known already, put together to what one call of associations takes."""
    waiting: list[Record] = []
    for records in map(watch.unseen, pages):
        if len(waiting) + len(records) > ASSOCIATIONS_BATCH:
            yield waiting
            waiting = []
        waiting = waiting + records
    if waiting:
        yield waiting


def _is_missing_scope(error: AccessDenied) -> bool:
    fault = fault_of(error)
    return fault is not None and fault.status == 403
