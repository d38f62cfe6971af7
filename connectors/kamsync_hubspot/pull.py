"""Pull streams: decide for each whether to list it whole or to search what changed, and make pages of it.

A list is quicker than a search when much changed (19 calls of 100 records a second against 5 of 200), so a cursor from which more
than half the records changed is not followed. Association changes do not move a deal's stamp (airbytehq/airbyte#44554): they are
seen with the deal's next change and with every full pull.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import AccessDenied
from kamsync.model import Column, Stream
from kamsync_hubspot.activities import ActivityReader
from kamsync_hubspot.client import Client
from kamsync_hubspot.cursor import Cursor, Mark, Watch, load, parse_moment
from kamsync_hubspot.definitions import Definitions
from kamsync_hubspot.errors import fault_of
from kamsync_hubspot.portal import Portal, pipelines_option
from kamsync_hubspot.reader import (
    ASSOCIATIONS_BATCH,
    LIST_ABOVE_RECORDS,
    LIST_ABOVE_SHARE,
    Link,
    Record,
    count_living,
    fetch_links,
    inline_ids,
    list_pages,
    search_pages,
)
from kamsync_hubspot.translate import (
    ACCOUNT_PROPERTIES,
    DEAL_CURRENCY,
    DEAL_PROPERTIES,
    HOME_AMOUNT,
    LINE_ITEM_PROPERTIES,
    MERGED_IDS,
    STAMP,
    Getter,
    account_getters,
    deal_getters,
    least,
    line_item_getters,
    merged_pairs,
    owner_values,
    parent_getter,
    primary_link,
    properties_of,
    rows_of,
)

MAY_BE_MISSING = frozenset({"currency", "probability"})  # the portal's currency and the stage stand in for them
MAPPED_OBJECTS = {Stream.ACCOUNTS: "companies", Stream.OPPORTUNITIES: "deals"}
ARCHIVED_PAGES = 20  # of the archived list in an incremental pull, or one for each thousand records
CREATED = "createdate"
PARENT = "_belongs_to"  # beside a record: the id that its associations name


@dataclass(frozen=True, slots=True)
class Source:
    """How one HubSpot object fills a stream. `parent` is the object that its associations are read to, `choose` picks one."""

    object_type: str
    properties: tuple[str, ...]
    getters: Callable[[], Sequence[Getter]]
    parent: str = ""
    choose: Callable[[Sequence[Link]], str | None] = primary_link
    has_merges: bool = False
    in_scope: Callable[[Record], bool] = lambda record: True


@dataclass
class Reading:
    """One stream on its way. Lives for one pull."""

    request: PullRequest
    scope: str
    cursor: Cursor | None
    began_at: datetime
    watch: Watch
    orphans: int = 0
    first_orphan: str = ""
    alive: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


class Puller:
    """Pulls for one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context
        self._activities = ActivityReader(client, portal, context)

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        """Pages of all streams, in the order asked."""
        for request in requests:
            match request.stream:
                case Stream.OWNERS:
                    yield self._owners(request)
                case Stream.RATES:
                    yield self._rates(request)
                case Stream.ACTIVITIES:
                    yield from self._activities.activities(request)
                case Stream.TASKS:
                    yield from self._activities.tasks(request)
                case _:
                    yield from self._if_allowed(request)

    # --- owners and rates: few, and unchanged most days -------------------------------------------------------------------

    def _if_allowed(self, request: PullRequest) -> Iterator[Page]:
        """Line items are a right of their own; an app without it gets none, and the admin is told."""
        if request.cursor is None and request.stream in MAPPED_OBJECTS:  # with a cursor the same properties came before
            names = [column.field for column in request.columns if column.name not in MAY_BE_MISSING]
            Definitions(self._client).require(MAPPED_OBJECTS[request.stream], names)
        try:
            yield from self._objects(request)
        except AccessDenied as error:
            fault = fault_of(error)
            if request.stream is not Stream.LINE_ITEMS or fault is None or fault.status != 403:
                raise
            yield Page(request.stream, last=True, full=True, problems=(f"Line items are left out. {error.message} {error.fix}",))

    def _owners(self, request: PullRequest) -> Page:
        """An owner is archived by leaving the active list, so while that is the same the archived ones are too."""
        active = list(self._portal.owners(archived=False))
        scope = _fingerprint([*(column.name for column in request.columns), *sorted(repr(owner_values(one)) for one in active)])
        cursor = load(request.cursor)
        now = self._portal.now()
        if cursor is not None and cursor.serves(scope, now, None):
            return Page(Stream.OWNERS, last=True, cursor=request.cursor)
        archived = ({**owner, "archived": True} for owner in self._portal.owners(archived=True))
        found = {str(owner["id"]): owner for owner in (*archived, *active)}
        rows = [[owner_values(owner).get(column.name) for column in request.columns] for owner in found.values()]
        self._context.progress(str(Stream.OWNERS), len(rows), len(rows))
        return Page(Stream.OWNERS, rows=rows, last=True, full=True, cursor=Cursor({}, scope, now).dump())

    def _rates(self, request: PullRequest) -> Page:
        """Rates are read once a day: deals come in the portal's currency already."""
        now = self._portal.now()
        scope = _fingerprint([self._portal.currency, now.date().isoformat(), *(column.name for column in request.columns)])
        cursor = load(request.cursor)
        if cursor is not None and cursor.serves(scope, now, None):
            return Page(Stream.RATES, last=True, cursor=request.cursor)
        found = [(self._portal.currency, "1")] if self._portal.currency else []
        found += self._portal.current_rates()
        named = [{"currency": currency, "valid_from": None, "rate": rate} for currency, rate in found]
        rows = [[entry.get(column.name) for column in request.columns] for entry in named]
        problems = (
            () if found else ("The portal does not tell its currency: amounts are taken to be in the programme's currency.",)
        )
        return Page(Stream.RATES, rows=rows, last=True, full=True, cursor=Cursor({}, scope, now).dump(), problems=tuple(problems))

    # --- companies, deals, line items --------------------------------------------------------------------------------------

    def _objects(self, request: PullRequest) -> Iterator[Page]:
        source = self._source(request)
        pipelines = pipelines_option(self._context.mapping) if request.stream is Stream.OPPORTUNITIES else ()
        scope = _fingerprint([source.object_type, *source.properties, *pipelines, *(column.name for column in request.columns)])
        now = self._portal.now()
        cursor = load(request.cursor)
        serving = cursor if cursor and cursor.serves(scope, now, None) else None
        mark = serving.marks.get(source.object_type) if serving else None
        reading = Reading(request, scope, serving, now, Watch(STAMP, mark, now))
        if serving is not None and mark is not None:
            changed = self._changed(source, mark)
            if changed is not None:
                yield from self._changes(source, mark, serving.read_at, changed, reading)
                return
            self._client.log("listed_instead", object=source.object_type)
            reading.began_at = self._portal.now()
        reading.watch = Watch(STAMP, None, reading.began_at)
        yield from self._whole(source, reading, mark)

    def _source(self, request: PullRequest) -> Source:
        columns = request.columns
        home = self._portal.currency
        if request.stream is Stream.ACCOUNTS:
            properties = tuple(properties_of(columns, ACCOUNT_PROPERTIES))
            return Source("companies", properties, lambda: account_getters(columns, home), has_merges=True)
        if request.stream is Stream.OPPORTUNITIES:
            needed = [*properties_of(columns, DEAL_PROPERTIES), "dealstage", "pipeline", DEAL_CURRENCY]
            needed += [HOME_AMOUNT] if "amount" in needed else []

            def getters() -> Sequence[Getter]:
                made = deal_getters(columns, self._portal.stages(), home)
                return _with_parent(columns, "account_id", made)

            return Source(
                "deals",
                tuple(dict.fromkeys(needed)),
                getters,
                parent="companies",
                has_merges=True,
                in_scope=self._in_named_pipelines,
            )
        properties = tuple(properties_of(columns, LINE_ITEM_PROPERTIES))
        return Source(
            "line_items",
            properties,
            lambda: _with_parent(columns, "opportunity_id", line_item_getters(columns)),
            parent="deals",
            choose=lambda links: least(link.id for link in links),
        )

    def _in_named_pipelines(self, record: Record) -> bool:
        if not pipelines_option(self._context.mapping):
            return True
        wanted = self._portal.wanted_pipelines()
        return wanted is None or str(record["properties"].get("pipeline") or "") in wanted

    def _whole(self, source: Source, reading: Reading, before: Mark | None) -> Iterator[Page]:
        associations = (source.parent,) if source.parent else ()
        pages = list_pages(self._client, source.object_type, source.properties, associations=associations)
        total = before.count if before and before.count else None
        yield from self._pages(source, reading, self._noted(pages, reading), total, inline=True)
        cursor = Cursor({source.object_type: reading.watch.mark(reading.watch.count)}, reading.scope, reading.began_at)
        yield self._last(reading, cursor, full=True)

    def _changed(self, source: Source, mark: Mark) -> Iterator[list[Record]] | None:
        """What changed since the mark, page by page; None where a list costs less."""
        properties = (*source.properties, MERGED_IDS) if source.has_merges else source.properties
        pages = search_pages(self._client, source.object_type, [mark.filter(STAMP)], properties)
        first, total = next(pages)
        if total > LIST_ABOVE_RECORDS and (not mark.count or total > mark.count * LIST_ABOVE_SHARE):
            return None
        return (records for records, _ in itertools.chain([(first, total)], pages))

    def _changes(
        self, source: Source, mark: Mark, since: datetime, changed: Iterable[list[Record]], reading: Reading
    ) -> Iterator[Page]:
        stream = reading.request.stream
        merged: list[tuple[str, str]] = []
        created = 0

        def seen() -> Iterator[list[Record]]:
            nonlocal created
            for records in changed:
                reading.alive.update(str(record["id"]) for record in records)
                unseen = reading.watch.unseen(records)
                created += sum((parse_moment(str(record["properties"].get(CREATED) or "")) or since) > since for record in unseen)
                if unseen:
                    if source.has_merges:
                        merged.extend(merged_pairs(unseen))
                    yield unseen

        yield from self._pages(source, reading, seen(), None, inline=False)
        gone, after = self._archived(source, mark, mark.count + created, reading)
        if merged or gone:
            yield Page(stream, merged=tuple(merged), deleted_ids=tuple(gone))
        yield self._last(reading, Cursor({source.object_type: after}, reading.scope, reading.began_at), full=False)

    def _archived(self, source: Source, mark: Mark, expected: int, reading: Reading) -> tuple[list[str], Mark]:
        """Ids in the list of archived records, and the mark from here on.

        The list is in the order of ids and not of time, so it is read from its beginning. Where it is long, the number of
        living records (one call) tells first whether any can have been added.
        """
        if mark.archived_pages > 1:
            living = count_living(self._client, source.object_type)
            if living == expected:
                return [], replace(reading.watch.mark(living), archived_pages=mark.archived_pages)
        limit = max(ARCHIVED_PAGES, mark.count // 1_000)
        ids: list[str] = []
        pages = 0
        for page in list_pages(self._client, source.object_type, (), archived=True, limit_pages=limit + 1):
            pages += 1
            if pages > limit:
                reading.problems.append(
                    f"More than {limit * 100} {source.object_type} are archived: deletions are complete after a full pull only."
                )
                break
            ids += [str(record["id"]) for record in page]
        count = count_living(self._client, source.object_type) if pages > 1 else expected
        return [one for one in ids if one not in reading.alive], replace(reading.watch.mark(count), archived_pages=pages)

    # --- pages ---------------------------------------------------------------------------------------------------------------

    def _noted(self, pages: Iterable[list[Record]], reading: Reading) -> Iterator[list[Record]]:
        return (found for found in map(reading.watch.unseen, pages) if found)

    def _pages(
        self, source: Source, reading: Reading, pages: Iterable[list[Record]], total: int | None, *, inline: bool
    ) -> Iterator[Page]:
        stream = reading.request.stream
        getters: Sequence[Getter] | None = None
        complete = attach(self._client, source, pages, inline=inline) if source.parent else pages
        for records in complete:
            getters = getters or source.getters()
            kept = [record for record in records if source.in_scope(record)]
            # Outside the named pipelines a deal counts for nobody; one that was moved there has to go.
            left = () if inline else tuple(str(record["id"]) for record in records if not source.in_scope(record))
            if stream is Stream.OPPORTUNITIES:
                self._note_orphans(kept, reading)
            self._context.progress(str(stream), reading.watch.count, total)
            yield Page(stream, rows=rows_of(kept, getters), deleted_ids=left)

    def _note_orphans(self, records: Iterable[Record], reading: Reading) -> None:
        for record in records:
            if record.get(PARENT) is None:
                reading.orphans += 1
                reading.first_orphan = reading.first_orphan or str(record["id"])

    def _last(self, reading: Reading, cursor: Cursor, *, full: bool) -> Page:
        if reading.orphans:
            reading.problems.append(
                f"{reading.orphans} deals name no company and count for nobody (the first: {reading.first_orphan})."
            )
        return Page(reading.request.stream, last=True, full=full, cursor=cursor.dump(), problems=tuple(reading.problems))


def attach(client: Client, source: Source, pages: Iterable[list[Record]], *, inline: bool) -> Iterator[list[Record]]:
    """The records with the id that they belong to beside them, in portions of changing size.

    Inline associations say it where there is one; which of several is the primary one is read from the types of v4, a
    thousand records a call, as are those that inline lists leave out beyond their page.
    """
    waiting: list[Record] = []
    for records in pages:
        settled: list[Record] = []
        for record in records:
            ids, is_complete = inline_ids(record, source.parent) if inline else ((), False)
            if is_complete and len(ids) <= 1:
                record[PARENT] = next(iter(ids), None)
                settled.append(record)
            else:
                waiting.append(record)
        if settled:
            yield settled
        while len(waiting) >= ASSOCIATIONS_BATCH:
            yield _linked(client, source, waiting[:ASSOCIATIONS_BATCH])
            waiting = waiting[ASSOCIATIONS_BATCH:]
    if waiting:
        yield _linked(client, source, waiting)


def _linked(client: Client, source: Source, records: list[Record]) -> list[Record]:
    links = fetch_links(client, source.object_type, source.parent, [str(record["id"]) for record in records])
    for record in records:
        record[PARENT] = source.choose(links.get(str(record["id"]), ()))
    return records


def _with_parent(columns: Sequence[Column], name: str, getters: Sequence[Getter]) -> list[Getter]:
    return [parent_getter(PARENT) if column.name == name else getter for column, getter in zip(columns, getters, strict=True)]


def _fingerprint(parts: Iterable[Any]) -> str:
    """Changes when what a cursor covers does: rows in the cache lack a new property, which only a full pull brings."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:16]
