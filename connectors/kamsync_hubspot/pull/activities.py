"""Pull the activities of companies: completed tasks that are not ours, meetings, calls, e-mails and notes.

Tasks go by the scopes of contacts, whatever they are attached to; e-mails may want one of their own ("Tasks", "Emails" guides).
Deleted ones are found by `archived_since`, of each kind as far as 2,000 archived records (or one in ten of the living): beyond
that with the next full pull.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.pull.changes import archived_since
from kamsync_hubspot.pull.cursor import STAMP, Cursor, Mark, Watch, load
from kamsync_hubspot.pull.engagements import companies_of, read_engagements
from kamsync_hubspot.translate import ACTIVITY_KINDS, COMPLETED, Record, activity_date, day_of, day_start_ms, parse_moment

ACTIVITY_PROPERTIES = {
    "meetings": ("hs_timestamp", "hs_meeting_start_time", STAMP),
    "tasks": ("hs_timestamp", "hs_task_status", "hs_task_completion_date", STAMP),
}


def activity_properties(object_type: str, key_property: str) -> list[str]:
    """What is read of an engagement; of tasks also the key, since ours are no engagement."""
    found = [*ACTIVITY_PROPERTIES.get(object_type, ("hs_timestamp", STAMP))]
    return [*found, key_property] if object_type == "tasks" else found


class ActivityReader:
    """Reads activities for one connection."""

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
            except KamsyncError as error:
                if not is_refused(error):
                    raise
                problems.append(f"Our app may not read {object_type}, so they count for nobody. {error.fix}")
        end = Cursor(marks, scope, now, request.since)
        yield Page(Stream.ACTIVITIES, last=True, full=cursor is None, cursor=end.dump(), problems=tuple(problems))

    def _kind(self, object_type: str, before: Mark | None, request: PullRequest, *, is_full: bool) -> Generator[Page, None, Mark]:
        """Pages of one kind: since the mark, in any state; without one, those that count from `since` on."""
        watch = Watch(before, self._portal.now())
        properties = activity_properties(object_type, self._key)
        pages, living = read_engagements(
            self._client, self._portal, object_type, before, watch, properties, self._that_count(object_type, request)
        )
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
        links = companies_of(self._client, object_type, counted, watch)
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
        told = activity_date(object_type, properties)
        day = day_of(parse_moment(str(told or "")), self._context.timezone)
        if day is None and told:
            self._client.unread.note(record["id"])
        return day is not None and (request.since is None or day >= request.since)
