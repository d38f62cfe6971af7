"""Pull streams: decide for each object whether to read it whole or since the cursor, by REST or Bulk, and make pages of it.

All bulk jobs are started before the first is read, so that Salesforce works on them side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import KamsyncError
from kamsync.model import Column, Stream
from kamsync_salesforce.api.bulk import NotForBulk, QueryJob, start_query
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.api.fields import Fields, missing_field_error
from kamsync_salesforce.api.org import Org, means_absent
from kamsync_salesforce.api.reads import TooManyForRest, Values, read_by_bulk, read_by_rest
from kamsync_salesforce.pull.cursor import Cursor, Mark, advance, fingerprint, load
from kamsync_salesforce.pull.sources import MASTER, Source, sources_for, survivors, take_out_the_gone
from kamsync_salesforce.translate import STAMP, parse_moment, select

BULK_ABOVE_RECORDS = 10_000  # below, REST pages are quicker: a bulk job queues first


@dataclass
class Reading:
    """One source on its way: how it is read and what was seen so far. Lives for one pull."""

    source: Source
    since: Mark | None  # None: whole
    job: QueryJob | None = None
    started: datetime | None = None
    greatest: str = ""  # of this reading's own format, so that text order is time order
    merged: dict[str, str] = field(default_factory=dict)  # loser → winner
    orphans: int = 0
    first_orphan: str = ""

    @property
    def changes_only(self) -> bool:
        return self.since is not None

    def select(self) -> tuple[str, ...]:
        names = self.source.change_select() if self.changes_only else self.source.fields
        return (*names, STAMP)

    def where(self) -> tuple[str, ...]:
        return (*self.source.change_where, self.since.condition()) if self.since else self.source.full_where

    @property
    def include_deleted(self) -> bool:
        return self.source.full_reads_deleted or (self.changes_only and self.source.can_be_deleted)


@dataclass
class StreamReading:
    """One requested stream on its way."""

    request: PullRequest
    parts: list[Reading]
    fingerprint: str
    problems: list[str] = field(default_factory=list)
    rows: int = 0


class Puller:
    """Pulls for one connection."""

    def __init__(self, client: Client, org: Org, fields: Fields, context: Context) -> None:
        self._client = client
        self._org = org
        self._fields = fields
        self._context = context

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        """Pages of all streams, in the order asked."""
        readings = [self._plan(request) for request in requests]
        self._start_bulk_jobs(readings)
        for reading in readings:
            if reading.request.stream is Stream.RATES:
                yield self._rates(reading.request)
            else:
                yield from self._stream(reading)

    # --- deciding ------------------------------------------------------------------------------------------------------------

    def _plan(self, request: PullRequest) -> StreamReading:
        user_id = self._org.user_id if request.stream is Stream.TASKS else ""
        sources = sources_for(request, self._context.mapping, self._only_currency(request), user_id)
        mark = fingerprint(
            [
                *(column.name for column in request.columns),
                *(f"{source.sobject} {' '.join(source.fields)} {source.change_where}" for source in sources),
            ]
        )
        cursor = load(request.cursor)
        if cursor is not None and not cursor.serves(mark, self._client.server_time, request.since):
            self._client.log("cursor_refused", stream=str(request.stream))
            cursor = None
        if cursor is not None and any(source.sobject not in cursor.marks for source in sources):
            cursor = None
        parts = [Reading(source, cursor.marks[source.sobject] if cursor else None) for source in sources]
        return StreamReading(request, parts, mark)

    def _only_currency(self, request: PullRequest) -> str | None:
        """The org's only currency, if the request asks for one and records do not carry their own."""
        asks = any(column.name == "currency" or column.field.lower() == "currencyisocode" for column in request.columns)
        if request.stream is Stream.RATES or not asks or self._org.has_many_currencies:
            return None
        return self._org.base_currency

    def _start_bulk_jobs(self, readings: Iterable[StreamReading]) -> None:
        whole = [part for reading in readings for part in reading.parts if not part.changes_only and part.source.for_bulk]
        if not whole:
            return
        counts = self._record_counts(sorted({part.source.sobject for part in whole}))
        for part in whole:
            if counts.get(part.source.sobject, 0) > BULK_ABOVE_RECORDS:
                self._start(part)

    def _record_counts(self, sobjects: Sequence[str]) -> dict[str, int]:
        """About how many records there are, for one call (REST API, "Record Count": cached, it may lag)."""
        try:
            answer = self._client.rest(
                "GET", "limits/recordCount", params={"sObjects": ",".join(sobjects)}, doing="record counts"
            )
            return {str(entry["name"]): int(entry["count"]) for entry in answer["sObjects"]}
        except KamsyncError as error:
            if fault_of(error) is None:
                raise
        except (KeyError, TypeError, ValueError):
            pass
        return {}  # the first REST page tells the number too, and then a bulk job takes over

    def _start(self, part: Reading) -> None:
        """Starts the part's bulk job; where the Bulk API does not take it, the part stays with REST pages."""
        part.started = self._client.server_time
        soql = select(part.source.sobject, self._asked(part), part.where())
        try:
            part.job = start_query(self._client, soql, part.source.sobject, include_deleted=part.include_deleted)
        except NotForBulk as error:
            self._client.log("bulk_refused", sobject=part.source.sobject, reason=str(error))
            part.source = _rest_only(part.source)
        except KamsyncError as error:
            fault = fault_of(error)
            if fault is not None and fault.means_no_such_object and part.source.absent_problem:
                return  # the REST query will say the same, and there it is reported
            if fault is None or not self._adapts(part, error):
                raise
            self._start(part)

    # --- reading -------------------------------------------------------------------------------------------------------------

    def _stream(self, reading: StreamReading) -> Iterator[Page]:
        for part in reading.parts:
            for values in self._read(part, reading):
                page = self._page(part, reading, values)
                reading.rows += len(values)
                self._context.progress(str(reading.request.stream), reading.rows, None)
                yield page
        yield self._last_page(reading)

    def _read(self, part: Reading, reading: StreamReading) -> Iterator[Values]:
        """The part's values; adapts to what the org lacks as long as nothing was handed out."""
        while True:
            handed_out = False
            try:
                for values in self._open(part):
                    handed_out = True
                    yield _with_absent(values, part) if part.source.absent else values
                return
            except TooManyForRest:
                self._start(part)
            except NotForBulk as error:
                if handed_out:
                    raise
                self._client.log("bulk_refused", sobject=part.source.sobject, reason=str(error))
                part.job, part.source = None, _rest_only(part.source)
            except KamsyncError as error:
                fault = fault_of(error)
                if handed_out or fault is None:
                    raise
                if fault.means_no_such_object and part.source.absent_problem:
                    reading.problems.append(part.source.absent_problem)
                    return
                if not self._adapts(part, error):
                    raise

    def _open(self, part: Reading) -> Iterator[Values]:
        if part.job is not None:
            return read_by_bulk(self._client, part.job, self._asked(part))
        part.started = part.started or self._client.server_time
        most = 2 * BULK_ABOVE_RECORDS if part.source.for_bulk else None
        return read_by_rest(
            self._client, part.source.sobject, self._asked(part), part.where(), include_deleted=part.include_deleted, most=most
        )

    def _asked(self, part: Reading) -> list[str]:
        return [name for name in part.select() if name not in part.source.absent]

    def _adapts(self, part: Reading, error: KamsyncError) -> bool:
        """Whether the query can be asked again without a field that the org lacks; raises what the admin has to know instead."""
        fault = fault_of(error)
        missing = fault.missing_field if fault else ""
        if not missing:
            return False
        source = part.source
        dropped = next((name for name in source.droppable - source.absent if name.lower() == missing.lower()), None)
        if dropped is not None:
            self._client.log("field_absent", sobject=source.sobject, field=dropped)
            part.source, part.job = source.dropping(dropped), None
            return True
        asked = [name for name in self._asked(part) if name != STAMP]
        raise missing_field_error(self._fields, source.sobject, [*asked, *source.own_fields], source.own_fields, error) from error

    # --- pages ---------------------------------------------------------------------------------------------------------------

    def _page(self, part: Reading, reading: StreamReading, values: Values) -> Page:
        if values:
            part.greatest = max(part.greatest, max(row.pop() for row in values))
        deleted: list[str] = []
        if part.changes_only:
            values = take_out_the_gone(part.source, values, deleted, part.merged)
        rows = part.source.to_rows(values)
        if reading.request.stream is Stream.OPPORTUNITIES:
            _note_orphans(part, reading.request.columns, rows)
        return Page(reading.request.stream, rows=rows, deleted_ids=tuple(deleted))

    def _last_page(self, reading: StreamReading) -> Page:
        stream = reading.request.stream
        now = self._client.server_time
        marks = {}
        merged: dict[str, str] = {}
        for part in reading.parts:
            merged |= part.merged if part.changes_only else self._merged_before(part.source)
            greatest = parse_moment(part.greatest) if part.greatest else None
            marks[part.source.sobject] = advance(part.since, greatest, part.started or now)
            if part.orphans:
                reading.problems.append(
                    f"{part.orphans} opportunities name no account and count for nobody (the first: {part.first_orphan})."
                )
        read_at = min((part.started for part in reading.parts if part.started), default=now)
        cursor = Cursor(marks, reading.fingerprint, read_at, reading.request.since)
        full = not any(part.changes_only for part in reading.parts)
        problems = tuple(reading.problems)
        return Page(stream, merged=survivors(merged), last=True, full=full, cursor=cursor.dump(), problems=problems)

    def _merged_before(self, source: Source) -> dict[str, str]:
        """Losers of merges that the recycle bin still shows: a whole read brings only the living, and tells no disappearance."""
        if not source.has_merges or MASTER in source.absent:
            return {}
        soql = select(source.sobject, ("Id", MASTER), ("IsDeleted = true", f"{MASTER} != null"))
        try:
            records = self._client.records(soql, include_deleted=True, doing="the merged accounts")
        except KamsyncError as error:
            if not means_absent(error):
                raise
            return {}
        return {record["Id"]: record[MASTER] for record in records if record.get(MASTER)}

    def _rates(self, request: PullRequest) -> Page:
        """Rates are few and always read whole. One currency needs none: its rate to itself is 1."""
        found: list[tuple[Any, Any, Any]] = [
            (entry["IsoCode"], None, entry["ConversionRate"]) for entry in self._org.currency_types
        ]
        found += [(entry["IsoCode"], entry["StartDate"], entry["ConversionRate"]) for entry in self._org.dated_rates()]
        problems: tuple[str, ...] = ()
        if not found and self._org.base_currency:
            found = [(self._org.base_currency, None, 1)]
        elif not found:
            problems = (
                "This org has one currency and does not tell which: amounts are taken to be in the programme's currency.",
            )
        named = [dict(zip(("currency", "valid_from", "rate"), entry, strict=True)) for entry in found]
        rows = [[entry.get(column.name) for column in request.columns] for entry in named]
        return Page(Stream.RATES, rows=rows, last=True, full=True, problems=problems)


def _rest_only(source: Source) -> Source:
    return replace(source, for_bulk=False)


def _with_absent(values: Values, part: Reading) -> Values:
    places = [index for index, name in enumerate(part.select()) if name in part.source.absent]
    for row in values:
        for place in places:
            row.insert(place, None)
    return values


def _note_orphans(part: Reading, columns: Sequence[Column], rows: Values) -> None:
    names = [column.name for column in columns]
    if "account_id" not in names:
        return
    place = names.index("account_id")
    orphans = [row for row in rows if not row[place]]
    if orphans:
        part.orphans += len(orphans)
        part.first_orphan = part.first_orphan or str(orphans[0][names.index("id")] if "id" in names else "")
