"""Pull what is attached to companies: engagements, and the tasks of this program.

Both come by search, 200 a call, and a call of associations for a thousand: lists would bring the portal's whole past. Where most
of that past is wanted anyway, a list is quicker and tells the companies too. Tasks go by the scopes of contacts, whatever they
are attached to; e-mails may want one of their own ("Tasks", "Emails" guides). Deleted ones are found by `archived_since`, of each
kind as far as 2,000 archived records (or one in ten of the living): beyond that with the next full pull.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import AccessDenied, ConfigError, KamsyncError, RecordRejected
from kamsync.model import Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import fault_of
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import (
    ARCHIVED_TASK_PAGES,
    ASSOCIATIONS_BATCH,
    fetch_links,
    is_list_quicker,
    list_pages,
    read_archived,
    search_pages,
)
from kamsync_hubspot.pull.changes import archived_since, changes_since, latest_page
from kamsync_hubspot.pull.cursor import STAMP, Cursor, Mark, Watch, load
from kamsync_hubspot.translate import (
    ACTIVITY_KINDS,
    COMPLETED,
    Link,
    Record,
    activity_date,
    day_start_ms,
    inline_ids,
    parse_moment,
    task_values,
)

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
        """One row for each (activity, company)."""
        now = self._portal.now()
        cursor = load(request.cursor)
        scope = f"activities {self._key} {' '.join(column.name for column in request.columns)}"
        if cursor is not None and not cursor.serves(scope, now, request.since):
            cursor = None
        marks: dict[str, Mark] = {}
        problems: list[str] = []
        for object_type in ACTIVITY_KINDS:
            before = cursor.marks.get(object_type) if cursor else None
            try:
                marks[object_type] = yield from self._kind(object_type, before, request, is_full=cursor is None)
            except AccessDenied as error:
                if not _is_missing_scope(error):
                    raise
                problems.append(f"Our app may not read {object_type}, so they count for nobody. {error.fix}")
        end = Cursor(marks, scope, now, request.since)
        yield Page(Stream.ACTIVITIES, last=True, full=cursor is None, cursor=end.dump(), problems=tuple(problems))

    def tasks(self, request: PullRequest) -> Iterator[Page]:
        """This program's own tasks, the archived ones too: what is done with must not be made again."""
        now = self._portal.now()
        cursor = load(request.cursor)
        scope = f"tasks {self._key} {' '.join(column.name for column in request.columns)}"
        before = cursor.marks.get("tasks") if cursor and cursor.serves(scope, now, None) else None
        ours = [{"propertyName": self._key, "operator": "HAS_PROPERTY"}]
        watch, rows = Watch(before, now), 0
        try:
            pages, living = self._read("tasks", before, watch, (*TASK_PROPERTIES, self._key), [], within=ours)
            for records in pages:
                own = [record for record in records if record["properties"].get(self._key)]
                rows += len(own)
                self._context.progress(str(Stream.TASKS), rows, None)
                yield Page(Stream.TASKS, rows=self._task_rows(own, request, watch))
        except (RecordRejected, ConfigError) as error:
            if not self._is_key_missing(error):
                raise
            problem = f"The portal has no task property {self._key} yet: run `kamsync setup`."
            yield Page(Stream.TASKS, last=True, full=True, problems=(problem,))
            return
        archived_pages = before.archived_pages if before else 0
        if before is None or watch.may_have_lost(living):
            archived = read_archived(self._client, "tasks", (*TASK_PROPERTIES, self._key), ARCHIVED_TASK_PAGES)
            archived_pages = archived.pages
            yield Page(Stream.TASKS, rows=self._archived_rows(archived.records, request))
        end = Cursor({"tasks": watch.mark(living, archived_pages)}, scope, now)
        yield Page(Stream.TASKS, last=True, full=before is None, cursor=end.dump())

    def _read(
        self,
        object_type: str,
        before: Mark | None,
        watch: Watch,
        properties: Sequence[str],
        filters: Sequence[dict[str, Any]],
        within: Sequence[dict[str, Any]] = (),
    ) -> tuple[Iterator[list[Record]], int]:
        """What changed since the mark, or all that passes the filters (and more); and how many records there are."""
        if before is not None:
            changes = changes_since(self._client, object_type, before, self._portal.now(), properties, within)
            return _portions(changes.pages, watch), changes.living
        latest, living = latest_page(self._client, object_type, (), within)
        watch.unseen(latest)  # among them some that do not count, and are no news to the next pull
        searched = search_pages(self._client, object_type, [*within, *filters], properties)
        first, wanted = next(searched)
        if is_list_quicker(wanted, living) and not within:
            self._client.log("listed_instead", object=object_type)
            listed = list_pages(self._client, object_type, properties, associations=("companies",))
            return (watch.unseen(_with_companies(records)) for records in listed), living
        return _portions(itertools.chain([first], (records for records, _ in searched)), watch), living

    # --- activities ----------------------------------------------------------------------------------------------------------

    def _kind(self, object_type: str, before: Mark | None, request: PullRequest, *, is_full: bool) -> Generator[Page, None, Mark]:
        """Pages of one kind: since the mark, in any state; without one, those that count from `since` on."""
        watch = Watch(before, self._portal.now())
        properties = [*ACTIVITY_PROPERTIES.get(object_type, ("hs_timestamp", STAMP))]
        if object_type == "tasks":
            properties.append(self._key)
        pages, living = self._read(object_type, before, watch, properties, self._that_count(object_type, request))
        for records in pages:
            rows = self._activity_rows(object_type, records, request, watch)
            if not is_full:  # rows of companies that it no longer belongs to must go first
                yield Page(Stream.ACTIVITIES, deleted_ids=tuple(str(record["id"]) for record in records))
            self._context.progress(str(Stream.ACTIVITIES), watch.count, None)
            yield Page(Stream.ACTIVITIES, rows=rows)
        if before is None:
            return watch.mark(living)
        archived = archived_since(self._client, object_type, before, watch, living)
        if archived.records:
            yield Page(Stream.ACTIVITIES, deleted_ids=tuple(str(record["id"]) for record in archived.records))
        return watch.mark(living, archived.pages)

    def _that_count(self, object_type: str, request: PullRequest) -> list[dict[str, Any]]:
        filters: list[dict[str, Any]] = []
        if request.since is not None:
            # A day early: a task's due moment or a meeting's own start may differ a little from hs_timestamp.
            since = day_start_ms(request.since - timedelta(days=1), self._context.timezone)
            filters.append({"propertyName": "hs_timestamp", "operator": "GTE", "value": since})
        if object_type == "tasks":
            filters.append({"propertyName": "hs_task_status", "operator": "EQ", "value": COMPLETED})
        return filters

    def _activity_rows(self, object_type: str, records: list[Record], request: PullRequest, watch: Watch) -> list[list[Any]]:
        counted = [record for record in records if self._counts(object_type, record, request)]
        if not counted:
            return []
        links = self._companies_of(object_type, counted, watch)
        rows = []
        for record in counted:
            values: dict[str, Any] = {
                "id": str(record["id"]),
                "kind": ACTIVITY_KINDS[object_type],
                "activity_date": activity_date(object_type, record["properties"]),
            }
            for account_id in dict.fromkeys(link.id for link in links.get(str(record["id"]), ())):
                values["account_id"] = account_id
                rows.append([values.get(column.name) for column in request.columns])
        return rows

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

    def _task_rows(self, records: Sequence[Record], request: PullRequest, watch: Watch) -> list[list[Any]]:
        links = self._companies_of("tasks", records, watch)
        found = (task_values(record, self._key, links.get(str(record["id"]), ())) for record in records)
        return [[values.get(column.name) for column in request.columns] for values in found]

    def _archived_rows(self, records: Sequence[Record], request: PullRequest) -> list[list[Any]]:
        own = (record for record in records if record["properties"].get(self._key))
        found = (task_values(record, self._key, (), is_deleted=True) for record in own)
        return [[values.get(column.name) for column in request.columns] for values in found]

    def _companies_of(self, object_type: str, records: Sequence[Record], watch: Watch) -> dict[str, list[Link]]:
        """Companies by id of record: as a list tells them with it, and by a call for what it leaves open."""
        links: dict[str, list[Link]] = {}
        for record in records:
            ids, is_complete = inline_ids(record, "companies") if "associations" in record else ((), False)
            if is_complete:
                links[str(record["id"])] = [Link(one) for one in ids]
        rest = [record_id for record in records if (record_id := str(record["id"])) not in links]
        links |= fetch_links(self._client, object_type, "companies", rest)
        watch.loose(record_id for record in records if not links.get(record_id := str(record["id"])))
        return links

    def _is_key_missing(self, error: KamsyncError) -> bool:
        """Whether a refused search was refused because the key property is not there yet."""
        fault = fault_of(error)
        return fault is not None and fault.status == 400 and (self._key in fault.message or self._key in fault.properties)


def _with_companies(records: list[Record]) -> list[Record]:
    """Listed records: where no association is told, there is none."""
    for record in records:
        record.setdefault("associations", {})
    return records


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
