"""CRM → cache: every stream that the programme needs, each kept together with its cursor or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from kamsync.config import Config
from kamsync.contract import Connection, PullRequest, PullSummary
from kamsync.decide.guards import check_vanished_share
from kamsync.decide.program import Guards
from kamsync.errors import ConfigError
from kamsync.model import STREAMS, Stream
from kamsync.run.requests import pull_requests
from kamsync.store.accounts import forget_inherited_overrides
from kamsync.store.database import Cache
from kamsync.store.notes import look_again_at_theirs
from kamsync.store.origin import note_pull
from kamsync.store.schema import RECORD_PLACE, Meta
from kamsync.store.snapshot import Snapshot, fingerprint, load_cursor, split_streams

Progress = Callable[[str, int, int | None], None]


def refresh(
    connection: Connection,
    cache: Cache,
    config: Config,
    *,
    now: datetime,
    full: bool = False,
    guarded: bool = True,
    progress: Progress = lambda stream, count, total: None,
) -> PullSummary:
    """Pulls what changed (everything with `full`) into the cache.

    `guarded=False` lets vanished accounts pass, for an admin who has looked. Raises PlanRefused by the guard, and whatever the
    connector raises; streams that were complete by then are kept.
    """
    zone = ZoneInfo(config.program.timezone)
    identity = connection.identity()
    _same_org(cache, identity.org_id, identity.org_name)
    own = STREAMS[Stream.ACCOUNTS].kinds
    cache.add_account_columns({c.name: c.kind for c in config.mapping.of(Stream.ACCOUNTS) if c.name not in own})
    requests, marks = [], {}
    for request in pull_requests(config, now.astimezone(zone).date()):
        mark = fingerprint(request, identity.org_id, config.program.timezone)
        marks[request.stream] = mark
        cursor = None if full else load_cursor(cache, request.stream, mark)
        requests.append(replace(request, cursor=cursor))
    guards = config.program.guards if guarded else replace(config.program.guards, max_vanished_share=1.0)
    snapshot = Snapshot(cache, zone, now, lambda gone, known_before: _check_vanished(gone, known_before, guards, guarded))
    summary = _save_all(connection, snapshot, requests, marks, progress)
    with cache.transaction():
        forget_inherited_overrides(cache)
        whole = all(request.cursor is None for request in requests)
        note_pull(cache, identity, connection.record_url(RECORD_PLACE), now, whole=whole)
        if whole:
            look_again_at_theirs(cache)
    return summary


def _save_all(
    connection: Connection,
    snapshot: Snapshot,
    requests: list[PullRequest],
    marks: dict[Stream, str],
    progress: Progress,
) -> PullSummary:
    by_stream = {request.stream: request for request in requests}
    rows: dict[str, int] = {}
    deleted: dict[str, int] = {}
    problems: list[str] = []
    lacking: frozenset[str] = frozenset()
    for stream, pages in split_streams(connection.pull(requests)):
        result = snapshot.save(by_stream[stream], pages, marks[stream], progress)
        rows[str(stream)] = result.rows
        deleted[str(stream)] = result.deleted
        problems += result.problems
        lacking |= result.lacking
    return PullSummary(rows, deleted, tuple(problems), lacking)


def _check_vanished(gone: int, known: int, guards: Guards, guarded: bool) -> None:
    if guarded:
        check_vanished_share(gone, known, guards)


def _same_org(cache: Cache, org_id: str, org_name: str) -> None:
    known = cache.meta(Meta.ORG_ID)
    if known and known != org_id:
        raise ConfigError(
            f"The cache {cache.path} belongs to {cache.meta(Meta.ORG_NAME) or known}, the credentials open {org_name or org_id}.",
            fix="Give each org a cache of its own ([cache] path), or move the old file away.",
        )
