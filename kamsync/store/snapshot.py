"""Pages from a connector → the cache's tables, one transaction a stream, its cursor inside it.

The hot path is one `executemany` with ON CONFLICT; SQL coerces text as the contract allows it (`store.coercion`), so rows are
touched by no Python code. A full pull marks rows with its number and deletes those that do not carry it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

from kamsync.contract import Page, PullRequest
from kamsync.model import STREAMS, Stream
from kamsync.store.accounts import note_merges
from kamsync.store.coercion import (
    Oddities,
    coerced,
    insert_rows,
    leave_out_without_key,
    null_what_is_not_of_its_kind,
    register_functions,
)
from kamsync.store.database import Cache
from kamsync.store.ledger import follow_merges
from kamsync.store.schema import Meta, index_sql

# What names an account by an id that a merge takes away. Activities come anew then; a part in an opportunity does not.
REPOINTED = (
    (Stream.ACCOUNTS, "parent_id"),
    (Stream.CONTACTS, "account_id"),
    *((stream, record.account) for stream, record in STREAMS.items() if record.account and record.account not in record.key),
)
VanishCheck = Callable[[int, int], None]


@dataclass
class StreamResult:
    """What one stream brought. `lacking`: fields of `setup` that the CRM does not show."""

    rows: int = 0
    deleted: int = 0
    problems: list[str] = dataclass_field(default_factory=list)
    lacking: frozenset[str] = frozenset()


def fingerprint(request: PullRequest, org_id: str, timezone: str) -> str:
    """Names what a cursor covers: other columns, another org or time zone need a full pull."""
    described = [org_id, timezone, str(request.since and request.since.year)]
    described += [f"{c.name}:{c.kind}:{c.field}:{sorted(c.values.items())}" for c in request.columns]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]


def load_cursor(cache: Cache, stream: Stream, wanted_fingerprint: str) -> str | None:
    """The cursor to go on from, None where there is none or where it covers other columns."""
    row = cache.connection.execute("SELECT cursor, fingerprint FROM cursors WHERE stream = ?", (stream,)).fetchone()
    return row[0] if row and row[1] == wanted_fingerprint else None


class Snapshot:
    """Applies pages to the cache. `check_vanished(gone, known)` may refuse a stream before anything of it is kept."""

    def __init__(self, cache: Cache, timezone: ZoneInfo, now: datetime, check_vanished: VanishCheck) -> None:
        self._cache = cache
        self._now = now
        self._check_vanished = check_vanished
        register_functions(cache.connection, timezone)

    def save(
        self,
        request: PullRequest,
        pages: Iterable[Page],
        mark: str,
        progress: Callable[[str, int, int | None], None],
    ) -> StreamResult:
        """Keeps the pages of one stream (up to and with its last) and the cursor `mark` covers, or nothing of them."""
        stream = request.stream
        result = StreamResult()
        with self._cache.transaction() as connection:
            known = connection.execute(f'SELECT count(*) FROM "{stream}"').fetchone()[0]
            pull = connection.execute(f'SELECT coalesce(max("_pull"), 0) + 1 FROM "{stream}"').fetchone()[0]
            if not known and request.cursor is None:
                _drop_index(self._cache, stream)  # building them once at the end is quicker than keeping them row by row
            insert = _insert_sql(request, pull)
            last: Page | None = None
            merged = False
            oddities = Oddities()
            for page in pages:
                result.rows += insert_rows(connection, insert, page.rows, request, oddities)
                result.deleted += self._remove(page)
                result.problems += page.problems
                result.lacking |= page.lacking
                merged = merged or bool(page.merged)
                progress(stream, result.rows, None)
                last = page
            if last is not None and last.full:
                gone = connection.execute(f'DELETE FROM "{stream}" WHERE "_pull" <> ?', (pull,)).rowcount
                result.deleted += max(gone, 0)
            elif result.rows and known:
                _drop_former_rows(connection, stream, pull)
            if stream is Stream.ACCOUNTS:
                self._check_vanished(result.deleted, known)
            result.problems += chain(
                oddities.sentences(request),
                leave_out_without_key(connection, request),
                null_what_is_not_of_its_kind(connection, request, pull),
            )
            _make_index(self._cache, stream)
            if result.rows or result.deleted or merged:
                self._cache.outdate()
            if stream is Stream.ACCOUNTS:
                self._cache.set_meta(Meta.LOADED_ACCOUNT_FIELDS, ",".join(column.name for column in request.columns))
            if last is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO cursors (stream, cursor, fingerprint, pulled_at) VALUES (?, ?, ?, ?)",
                    (stream, last.cursor, mark, self._now.isoformat(timespec="seconds")),
                )
        return result

    def _remove(self, page: Page) -> int:
        connection = self._cache.connection
        if page.merged and page.stream is Stream.ACCOUNTS:
            note_merges(self._cache, page.merged, self._now.date())
            follow_merges(self._cache, page.merged)
        for old, new in page.merged:
            for stream, column in REPOINTED:
                connection.execute(f'UPDATE OR REPLACE "{stream}" SET "{column}" = ? WHERE "{column}" = ?', (new, old))
        gone = [(record_id,) for record_id in (*page.deleted_ids, *(old for old, _ in page.merged))]
        if not gone:
            return 0
        return max(connection.executemany(f'DELETE FROM "{page.stream}" WHERE id = ?', gone).rowcount, 0)


def split_streams(pages: Iterable[Page]) -> Iterator[tuple[Stream, Iterator[Page]]]:
    """Groups the pages of each stream, lazily: a stream's pages must be consumed before the next stream is asked for."""
    source = iter(pages)
    for first in source:
        yield first.stream, _until_last(first, source)


def _until_last(first: Page, rest: Iterator[Page]) -> Iterator[Page]:
    for page in chain((first,), rest):
        yield page
        if page.last:
            return


def _drop_former_rows(connection: sqlite3.Connection, stream: Stream, pull: int) -> None:
    """A record that came again has all its rows with it: those of an account that it was taken from must go."""
    if "account_id" in STREAMS[stream].key:
        came = f'SELECT id FROM "{stream}" WHERE "_pull" = ?1'
        connection.execute(f'DELETE FROM "{stream}" WHERE "_pull" <> ?1 AND id IN ({came})', (pull,))


def _insert_sql(request: PullRequest, pull: int) -> str:
    names = [f'"{column.name}"' for column in request.columns]
    values = [coerced(column, position) for position, column in enumerate(request.columns, start=1)]
    key = STREAMS[request.stream].key
    updates = ", ".join(f"{name} = excluded.{name}" for name in [*names, '"_pull"'] if name.strip('"') not in key)
    return (
        f'INSERT INTO "{request.stream}" ({", ".join(names)}, "_pull") VALUES ({", ".join(values)}, {pull}) '
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"
    )


def _drop_index(cache: Cache, stream: Stream) -> None:
    if STREAMS[stream].index:
        cache.connection.execute(f'DROP INDEX IF EXISTS "{stream}_lookup"')


def _make_index(cache: Cache, stream: Stream) -> None:
    if STREAMS[stream].index:
        cache.connection.execute(index_sql(stream))
