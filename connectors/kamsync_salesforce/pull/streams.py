"""Pull streams: decide for each object whether to read it whole or since the cursor, by REST or Bulk, and make pages of it.

All bulk jobs are started before the first is read, so that Salesforce works on them side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

from kamsync.contract import TASK_KEY, Context, Page, PullRequest
from kamsync.errors import KamsyncError
from kamsync.flags import FLAG_PREFIX
from kamsync.model import Stream
from kamsync_salesforce.api.bulk import NotForBulk, start_query
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of, means_unavailable
from kamsync_salesforce.api.fields import Fields, missing_field_error
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.api.reads import TooManyForRest, Values, read_by_bulk, read_by_rest
from kamsync_salesforce.pull.cursor import DAWN, OVERLAP, Cursor, advance, fingerprint, load
from kamsync_salesforce.pull.rates import rates_page
from kamsync_salesforce.pull.slices import DAY, MINUTE, Slice, by_stamp
from kamsync_salesforce.pull.source import MASTER, Source, take_out_the_gone
from kamsync_salesforce.pull.sources import only_currency, sources_for, survivors
from kamsync_salesforce.pull.stream_state import Reading, StreamReading
from kamsync_salesforce.translate import STAMP, greatest_moment, parse_moment, select

BULK_ABOVE_RECORDS = 10_000  # below, REST pages are quicker: a bulk job queues first
NO_ACCOUNTS = (
    "Salesforce shows our user not a single account: give it 'Read' and 'View All' on Account in a permission set, or a sharing "
    "rule that covers them."
)


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
                yield rates_page(self._org, reading.request)
            else:
                yield from self._stream(reading)

    # --- deciding ------------------------------------------------------------------------------------------------------------

    def _plan(self, request: PullRequest) -> StreamReading:
        user_id = self._org.user_id if request.stream is Stream.TASKS else ""
        sources = sources_for(request, self._context.mapping, only_currency(request, self._org), user_id)
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
        read_at = cursor.read_at if cursor else None
        parts = [Reading(source, cursor.marks[source.sobject] if cursor else None, read_at=read_at) for source in sources]
        return StreamReading(request, parts, mark)

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
        soql = select(part.source.sobject, part.asked(), part.where())
        try:
            part.job = start_query(self._client, soql, part.source.sobject, include_deleted=part.include_deleted)
        except NotForBulk as error:
            self._client.log("bulk_refused", sobject=part.source.sobject, reason=str(error))
            part.source = _rest_only(part.source)
        except KamsyncError as error:
            fault = fault_of(error)
            if fault is not None and (fault.is_too_large_operation or _may_be_absent(part, error)):
                return  # the REST query will say the same, and there it is dealt with
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
                    yield part.with_absent(values) if part.source.absent else values
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
                if fault.is_too_large_operation:
                    yield from self._in_halves(part, reading, error)
                    return
                if part.source.is_nothing_without(fault.missing_field):
                    reading.lacking.add(TASK_KEY)
                    return
                if _may_be_absent(part, error):
                    reading.problems += [] if part.source.is_often_absent else [part.source.absent_problem]
                    return
                if not self._adapts(part, error):
                    raise

    def _in_halves(self, part: Reading, reading: StreamReading, error: KamsyncError) -> Iterator[Values]:
        """What is too much for one query, as two; raises `error`, which names the permission, where it cannot be cut again."""
        now = self._client.server_time
        if part.slice is not None:
            whole = part.slice
        elif part.since is not None:
            whole = Slice(by_stamp, now, MINUTE, start=max(part.since.stamp - OVERLAP, DAWN))
        else:
            day = reading.request.since
            start = datetime.combine(day, time.min, UTC) if day else None
            whole = Slice(part.source.bounds, now, DAY, start=start)
        halves = whole.halves()
        if halves is None:
            raise error
        self._client.log("query_halved", sobject=part.source.sobject, at=str(halves[1].start))
        for half in halves:
            yield from self._read(replace(part, slice=half, job=None), reading)

    def _open(self, part: Reading) -> Iterator[Values]:
        if part.job is not None:
            return read_by_bulk(self._client, part.job, part.asked())
        part.started = part.started or self._client.server_time
        most = 2 * BULK_ABOVE_RECORDS if part.source.for_bulk else None
        return read_by_rest(
            self._client, part.source.sobject, part.asked(), part.where(), include_deleted=part.include_deleted, most=most
        )

    def _adapts(self, part: Reading, error: KamsyncError) -> bool:
        """Whether the query can be asked again without a field that the org lacks; raises what the admin has to know instead."""
        fault = fault_of(error)
        missing = fault.missing_field if fault else ""
        if not missing:
            return False
        source = part.source
        ours = {name.lower() for name in source.own_fields - source.absent}
        if missing.lower() in ours:
            # A query names the first that is missing; before setup all of them are.
            hidden = [name for name in source.own_fields if self._fields.find(source.sobject, name) is None]
            if hidden:
                self._client.log("fields_not_set_up", sobject=source.sobject, count=len(hidden))
                for name in hidden:
                    part.source = part.source.dropping(name)
                part.job = None
                return True
        dropped = next((name for name in source.droppable - source.absent if name.lower() == missing.lower()), None)
        if dropped is not None:
            self._client.log("field_absent", sobject=source.sobject, field=dropped)
            part.source, part.job = source.dropping(dropped), None
            return True
        asked = [name for name in part.asked() if name != STAMP]
        raise missing_field_error(self._fields, source.sobject, [*asked, *source.own_fields], source.own_fields, error) from error

    # --- pages ---------------------------------------------------------------------------------------------------------------

    def _page(self, part: Reading, reading: StreamReading, values: Values) -> Page:
        values = reading.readable(values, len(part.select()), part.source.id_field)
        part.greatest = max(part.greatest, greatest_moment([row.pop() for row in values]))
        deleted: list[str] = []
        if part.changes_only:
            values = take_out_the_gone(part.source, values, deleted, part.merged)
        rows = part.source.to_rows(values)
        return Page(reading.request.stream, rows=rows, deleted_ids=tuple(deleted))

    def _last_page(self, reading: StreamReading) -> Page:
        stream = reading.request.stream
        now = self._client.server_time
        marks = {}
        merged: dict[str, str] = {}
        for part in reading.parts:
            reading.lacking |= _flags_of(reading.request, part.source.absent)
            merged |= part.merged if part.changes_only else self._merged_before(part.source)
            texts = part.source.absent_field_problems
            reading.problems += [texts[name] for name in sorted(part.source.absent) if name in texts]
            greatest = parse_moment(part.greatest) if part.greatest else None
            marks[part.source.sobject] = advance(part.since, greatest, part.started or now)
        read_at = min((part.started for part in reading.parts if part.started), default=now)
        cursor = Cursor(marks, reading.fingerprint, read_at, reading.request.since)
        full = not any(part.changes_only for part in reading.parts)
        is_blind = full and stream is Stream.ACCOUNTS and not reading.rows
        if is_blind:
            reading.problems.append(NO_ACCOUNTS)
        # Without a cursor the next pull looks again, and says it again: that nothing changed would hide that nothing is seen.
        lacking = frozenset(reading.lacking)
        goes_on_from = None if is_blind or lacking else cursor.dump()
        problems = (*reading.problems, *reading.unread.told(reading.request.stream))
        return Page(
            stream, merged=survivors(merged), last=True, full=full, cursor=goes_on_from, problems=problems, lacking=lacking
        )

    def _merged_before(self, source: Source) -> dict[str, str]:
        """Losers of merges that the recycle bin still shows: a whole read brings only the living, and tells no disappearance."""
        if not source.has_merges or MASTER in source.absent:
            return {}
        soql = select(source.sobject, ("Id", MASTER), ("IsDeleted = true", f"{MASTER} != null"))
        try:
            records = self._client.records(soql, include_deleted=True, doing="the merged accounts")
        except KamsyncError as error:
            if not means_unavailable(error):
                raise
            return {}
        return {record["Id"]: record[MASTER] for record in records if record.get(MASTER)}


def _flags_of(request: PullRequest, absent: Iterable[str]) -> set[str]:
    """The flags whose fields are among the absent."""
    gone = set(absent)
    flags = (column for column in request.columns if column.name.startswith(FLAG_PREFIX))
    return {column.name.removeprefix(FLAG_PREFIX) for column in flags if column.field in gone}


def _may_be_absent(part: Reading, error: KamsyncError) -> bool:
    """The part's object is one that an org may lack or keep from us, and that is what the error says."""
    fault = fault_of(error)
    about_a_field = fault is not None and (bool(fault.missing_field) or fault.code == "INVALID_FIELD")
    return bool(part.source.absent_problem) and means_unavailable(error) and not about_a_field


def _rest_only(source: Source) -> Source:
    return replace(source, for_bulk=False)
