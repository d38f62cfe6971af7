"""Pull this program's own tasks, the archived ones too: what is done with must not be made again.

An association moves no stamp, so a task that hangs on no company is looked at again by each pull until it does. A key that was
emptied takes its task out of what search shows; where the numbers say so, all of our tasks are read anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kamsync.contract import TASK_KEY, Context, Page, PullRequest
from kamsync.errors import ConfigError, KamsyncError, RecordRejected
from kamsync.model import Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import fault_of
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import ARCHIVED_TASK_PAGES, Archived, read_archived, read_batch
from kamsync_hubspot.api.task_accounts import accounts_of, accounts_of_archived
from kamsync_hubspot.pull.cursor import REMEMBERED, STAMP, Cursor, Mark, Watch, load
from kamsync_hubspot.pull.engagements import companies_of, read_engagements
from kamsync_hubspot.pull.tally import Reckoning, reckon
from kamsync_hubspot.translate import TASK_PROPERTIES, Record, key_of, task_values


def task_properties_read(key_property: str) -> tuple[str, ...]:
    """What is read of our tasks."""
    return (*TASK_PROPERTIES, STAMP, key_property)


def ours_filter(key_property: str) -> dict[str, str]:
    """The search filter of our tasks."""
    return {"propertyName": key_property, "operator": "HAS_PROPERTY"}


class TaskReader:
    """Reads our tasks for one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context
        self._key = context.mapping.task_key
        self._properties = task_properties_read(self._key)

    def pages(self, request: PullRequest) -> Iterator[Page]:
        """One row a task."""
        cursor = load(request.cursor)
        scope = f"tasks {self._key} {' '.join(column.name for column in request.columns)}"
        is_good = cursor is not None and cursor.serves(scope, self._portal.now(), None) and "tasks" in cursor.marks
        try:
            if cursor is None or not is_good:
                yield from self._whole(request, scope)
            else:
                yield from self._changes(request, scope, cursor)
        except (RecordRejected, ConfigError) as error:
            if not self._is_key_missing(error):
                raise
            yield Page(Stream.TASKS, last=True, full=True, lacking=frozenset({TASK_KEY}))

    def _whole(self, request: PullRequest, scope: str) -> Iterator[Page]:
        now = self._portal.now()
        watch = Watch(None, now)
        loose, living = yield from self._living(request, None, watch)
        archived = self._archived()
        yield self._archived_page(archived, request)
        yield self._last(watch.mark(living, archived.pages), loose, Cursor({}, scope, now), full=True)

    def _changes(self, request: PullRequest, scope: str, cursor: Cursor) -> Iterator[Page]:
        now, before = self._portal.now(), cursor.marks["tasks"]
        watch = Watch(before, now)
        loose, living = yield from self._living(request, before, watch)
        archived_pages, late = before.archived_pages, 0
        if watch.may_have_lost(living):
            archived = self._archived()
            archived_pages = archived.pages
            yield self._archived_page(archived, request)
            found = self._reckon(watch, living, archived, cursor)
            if not found.is_explained:
                yield from self._whole(request, scope)
                return
            late = found.late
            yield Page(Stream.TASKS, deleted_ids=found.vanished)
        yield self._last(watch.mark(living + late, archived_pages), loose, Cursor({}, scope, now), full=False)

    def _living(
        self, request: PullRequest, before: Mark | None, watch: Watch
    ) -> Generator[Page, None, tuple[frozenset[str], int]]:
        """Pages of living tasks; ids of those that hang on no company, and how many there are."""
        ours = [ours_filter(self._key)]
        pages, living = read_engagements(self._client, self._portal, "tasks", before, watch, self._properties, [], within=ours)
        loose: set[str] = set()
        rows = 0
        for records in itertools.chain(pages, self._looked_at_again(before, watch)):
            own = [record for record in records if self._is_ours(record)]
            rows += len(own)
            self._context.progress(str(Stream.TASKS), rows, None)
            links = companies_of(self._client, "tasks", own, watch)
            accounts = accounts_of(self._client, own, links, self._key)
            loose.update(task_id for record in own if (task_id := str(record["id"])) not in accounts)
            yield Page(Stream.TASKS, rows=self._rows(own, accounts, request))
        return frozenset(loose), living

    def _looked_at_again(self, before: Mark | None, watch: Watch) -> Iterator[list[Record]]:
        """Tasks that hung on no company when they were last read."""
        again = [task_id for task_id in (before.loose if before else ()) if task_id not in watch.ids]
        if again:
            yield list(read_batch(self._client, "tasks", again, self._properties))

    def _archived(self) -> Archived:
        return read_archived(self._client, "tasks", self._properties, ARCHIVED_TASK_PAGES)

    def _archived_page(self, archived: Archived, request: PullRequest) -> Page:
        own = [record for record in archived.records if self._is_ours(record)]
        accounts = accounts_of_archived(self._client, own, self._key)
        return Page(Stream.TASKS, rows=self._rows(own, accounts, request, is_deleted=True))

    def _reckon(self, watch: Watch, living: int, archived: Archived, cursor: Cursor) -> Reckoning:
        return reckon(
            self._client,
            "tasks",
            watch,
            living,
            archived,
            since=cursor.read_at,
            counts=self._is_ours,
            properties=(self._key,),
        )

    def _rows(
        self, records: Sequence[Record], accounts: Mapping[str, str], request: PullRequest, *, is_deleted: bool = False
    ) -> list[list[Any]]:
        found = (task_values(record, self._key, accounts.get(str(record["id"])), is_deleted=is_deleted) for record in records)
        return [[values.get(column.name) for column in request.columns] for values in found]

    def _last(self, mark: Mark, loose: frozenset[str], cursor: Cursor, *, full: bool) -> Page:
        """More loose tasks than a cursor holds: the next pull reads all of them again."""
        marks = {"tasks": replace(mark, loose=tuple(sorted(loose)))}
        text = replace(cursor, marks=marks).dump() if len(loose) <= REMEMBERED else None
        return Page(Stream.TASKS, last=True, full=full, cursor=text)

    def _is_ours(self, record: Record) -> bool:
        return bool(key_of(record, self._key))

    def _is_key_missing(self, error: KamsyncError) -> bool:
        """Whether a refused search was refused because the key property is not there yet."""
        fault = fault_of(error)
        return fault is not None and fault.status == 400 and (self._key in fault.message or self._key in fault.properties)
