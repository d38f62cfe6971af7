"""Pull streams: decide for each whether to list it whole or to search what changed, and make pages of it.

A cursor from which so much changed that a list is quicker is not followed, nor one whose count of records does not add up any
more. Association changes do not move a deal's stamp (airbytehq/airbyte#44554): they are seen with the deal's next change and with
every full pull.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import KamsyncError
from kamsync.flags import FLAG_PREFIX
from kamsync.foreign import Unread
from kamsync.model import STREAMS, Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.portal import Portal, pipelines_option
from kamsync_hubspot.api.reads import is_list_quicker, list_pages
from kamsync_hubspot.pull.activities import ActivityReader
from kamsync_hubspot.pull.changes import Changes, archived_since, changes_since
from kamsync_hubspot.pull.contacts import ContactReader
from kamsync_hubspot.pull.cursor import Cursor, Mark, Watch, fingerprint, load
from kamsync_hubspot.pull.oddities import Oddities
from kamsync_hubspot.pull.owners_and_rates import pull_owners, pull_rates
from kamsync_hubspot.pull.parents import attach
from kamsync_hubspot.pull.rows import PARENT, Getter, rows_of
from kamsync_hubspot.pull.sources import Source, source_of
from kamsync_hubspot.pull.tally import reckon
from kamsync_hubspot.pull.tasks import TaskReader
from kamsync_hubspot.translate import MAY_BE_MISSING, MERGED_IDS, OBJECTS, Record, merged_pairs

DISPENSABLE = {
    Stream.OWNERS: "Owners could not be read, so nobody can be given a task.",
    Stream.TASKS: "The tasks of this program could not be read, so none can be made, moved or closed.",
}


NO_COMPANY = (
    "HubSpot shows no company to our app in portal {portal}. See that the token is of the right portal, and that the app has the "
    "scope crm.objects.companies.read without a limit to its user's own records."
)


@dataclass
class Reading:
    """One stream on its way. Lives for one pull."""

    request: PullRequest
    source: Source
    scope: str
    began_at: datetime
    watch: Watch
    oddities: Oddities = field(default_factory=Oddities)
    kept: int = 0  # records that count

    def cursor(self, mark: Mark) -> Cursor:
        """The cursor from which the next pull goes on."""
        return Cursor({self.source.object_type: mark}, self.scope, self.began_at)


class Puller:
    """Pulls for one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context, definitions: Definitions) -> None:
        self._client = client
        self._definitions = definitions
        self._portal = portal
        self._context = context
        self._activities = ActivityReader(client, portal, context)
        self._contacts = ContactReader(client, portal, context)
        self._tasks = TaskReader(client, portal, context)

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        """Pages of all streams, in the order asked."""
        for request in requests:
            pages = self._pages_of(request)
            allowed = self._if_allowed(request, pages) if _is_dispensable(request.stream) else pages
            for page in allowed:
                yield replace(page, problems=(*page.problems, *self._unread(request.stream))) if page.last else page

    def _unread(self, stream: Stream) -> tuple[str, ...]:
        """For the admin: what came while the stream was read and is no record."""
        found, self._client.unread = self._client.unread, Unread()
        return found.told(stream)

    def _pages_of(self, request: PullRequest) -> Iterator[Page]:
        match request.stream:
            case Stream.OWNERS:
                yield pull_owners(self._portal, self._context, request)
            case Stream.RATES:
                yield pull_rates(self._portal, request)
            case Stream.ACTIVITIES:
                yield from self._activities.activities(request)
            case Stream.CONTACTS:
                yield from self._contacts.pages(request)
            case Stream.TASKS:
                yield from self._tasks.pages(request)
            case _:
                lacking = self._lacking_flags(request)
                for page in self._objects(request):
                    yield replace(page, cursor=None, lacking=lacking) if lacking and page.last else page

    def _if_allowed(self, request: PullRequest, pages: Iterator[Page]) -> Iterator[Page]:
        """What HubSpot refuses is left out, and the admin is told: without companies and deals alone nothing can be decided."""
        try:
            yield from pages
        except KamsyncError as error:
            if not is_refused(error):
                raise
            said = DISPENSABLE.get(request.stream) or f"{request.stream.replace('_', ' ').capitalize()} are left out."
            problem = f"{said} {error.message} {error.fix}"
            # No tier may depend on line items of an older cache; owners and tasks decide none, and old ones are better than none.
            yield Page(request.stream, last=True, full=request.stream not in DISPENSABLE, problems=(problem,))

    # --- companies, deals, line items --------------------------------------------------------------------------------------

    def _lacking_flags(self, request: PullRequest) -> frozenset[str]:
        """Flags whose properties are not there yet. Raises AccessDenied for a mapped property that setup would not make."""
        if request.cursor is not None or _is_dispensable(request.stream):  # with a cursor the same properties came before
            return frozenset()
        named = {column.field: column.name for column in request.columns if column.field and column.name not in MAY_BE_MISSING}
        flags = {field: name.removeprefix(FLAG_PREFIX) for field, name in named.items() if name.startswith(FLAG_PREFIX)}
        definitions, object_type = self._definitions, OBJECTS[request.stream].name
        definitions.require(object_type, [name for name in named if name not in flags])
        return frozenset(flags[name] for name in definitions.missing(object_type, flags))

    def _objects(self, request: PullRequest) -> Iterator[Page]:
        source = source_of(request, self._portal, self._context)
        pipelines = pipelines_option(self._context.mapping) if request.stream is Stream.OPPORTUNITIES else ()
        scope = fingerprint([source.object_type, *source.properties, *pipelines, *(column.name for column in request.columns)])
        now = self._portal.now()
        cursor = load(request.cursor)
        mark = cursor.marks.get(source.object_type) if cursor and cursor.serves(scope, now, None) else None
        if cursor is not None and mark is not None:
            properties = (*source.properties, MERGED_IDS) if source.has_merges else source.properties
            changes = changes_since(self._client, source.object_type, mark, now, properties)
            if not is_list_quicker(changes.changed, mark.count):
                reading = Reading(request, source, scope, now, Watch(mark, now))
                yield from self._changes(reading, mark, changes, cursor.read_at)
                return
            self._client.log("listed_instead", object=source.object_type)
            now = self._portal.now()
        yield from self._whole(Reading(request, source, scope, now, Watch(None, now)), mark)

    def _whole(self, reading: Reading, before: Mark | None, shown: int | None = None) -> Iterator[Page]:
        """`shown`: how many records search shows, where that differs from the list and has been looked into."""
        source, watch = reading.source, reading.watch
        merged: list[tuple[str, str]] = []
        properties = (*source.properties, MERGED_IDS) if source.has_merges else source.properties
        associations = (source.parent,) if source.parent else ()

        def noted() -> Iterator[list[Record]]:
            for records in map(watch.unseen, list_pages(self._client, source.object_type, properties, associations=associations)):
                merged.extend(merged_pairs(records) if source.has_merges else ())
                if records:
                    yield records

        yield from self._pages(reading, noted(), before.count if before else None, inline=True)
        yield from _told_merges(reading.request.stream, merged)
        yield self._last(reading, watch.mark(watch.count if shown is None else shown), full=True)

    def _changes(self, reading: Reading, before: Mark, changes: Changes, read_at: datetime) -> Iterator[Page]:
        source, watch = reading.source, reading.watch
        merged: list[tuple[str, str]] = []

        def unseen() -> Iterator[list[Record]]:
            for records in map(watch.unseen, changes.pages):
                if records:
                    merged.extend(merged_pairs(records) if source.has_merges else ())
                    yield records

        yield from self._pages(reading, unseen(), None, inline=False)
        archived = archived_since(self._client, source.object_type, before, watch, changes.living)
        found = reckon(self._client, source.object_type, watch, changes.living, archived, since=read_at, merged=len(merged))
        gone = {str(record["id"]) for record in archived.records} - watch.ids | set(found.vanished)
        yield from _told_merges(reading.request.stream, merged)
        if gone:
            yield Page(reading.request.stream, deleted_ids=tuple(gone))
        if found.is_explained:
            yield self._last(reading, watch.mark(changes.living + found.late, archived.pages), full=False)
            return
        now = self._portal.now()
        whole = Reading(reading.request, source, reading.scope, now, Watch(None, now))
        yield from self._whole(whole, before, shown=changes.living)

    # --- pages ---------------------------------------------------------------------------------------------------------------

    def _pages(self, reading: Reading, pages: Iterable[list[Record]], total: int | None, *, inline: bool) -> Iterator[Page]:
        source, stream = reading.source, reading.request.stream
        getters: Sequence[Getter] | None = None
        complete = attach(self._client, source, pages, inline=inline) if source.parent else pages
        for records in complete:
            getters = getters or source.getters()
            kept = [record for record in records if source.in_scope(record)]
            # Outside the named pipelines a deal counts for nobody; one that was moved there has to go.
            left = () if inline else tuple(str(record["id"]) for record in records if not source.in_scope(record))
            if source.parent:
                reading.watch.loose(str(record["id"]) for record in records if record.get(PARENT) is None)
            reading.kept += len(kept)
            for record in kept:
                for oddity in source.oddities(record):
                    reading.oddities.note(oddity, str(record["id"]))
            self._context.progress(str(stream), reading.watch.count, total)
            yield Page(stream, rows=rows_of(kept, getters), deleted_ids=left)

    def _last(self, reading: Reading, mark: Mark, *, full: bool) -> Page:
        request, notice = reading.request, reading.source.notice()
        problems = [*reading.oddities.sentences(), *([notice] if notice else [])]
        if request.stream is Stream.ACCOUNTS and mark.count == 0:
            problems.append(NO_COMPANY.format(portal=self._portal.id))
        if full and mark.count and not reading.kept:
            named = ", ".join(pipelines_option(self._context.mapping))
            problems.append(
                f"None of {mark.count:,} deals is in a pipeline that [options] pipelines of the mapping names ({named})."
            )
        cursor = reading.cursor(mark).dump()
        return Page(request.stream, last=True, full=full, cursor=cursor, problems=tuple(problems))


def _is_dispensable(stream: Stream) -> bool:
    """Whether a pull goes on without it. Activities see to that themselves, object by object."""
    return stream in DISPENSABLE or (stream in OBJECTS and not STREAMS[stream].is_always_pulled)


def _told_merges(stream: Stream, merged: Sequence[tuple[str, str]]) -> Iterator[Page]:
    """Only accounts have keys and history that follow the survivor; a deal that was merged away is gone."""
    if not merged:
        return
    if stream is Stream.ACCOUNTS:
        yield Page(stream, merged=tuple(merged))
    else:
        yield Page(stream, deleted_ids=tuple(old for old, _ in merged))
