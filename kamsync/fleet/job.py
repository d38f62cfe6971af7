"""One job from lease to record: the org's cache is fetched, the ordinary command runs, the cache is stored, the rest follows.

Whatever happens to one org is written to that org's own rows and folder. An org that somebody else holds, or whose app is at its
limit, is put back for a moment. Nothing here trusts a worker to be alive: a lease says so.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kamsync.config.fleet import Fleet
from kamsync.errors import CacheUnusable, ConfigError, KamsyncError, TryLater
from kamsync.fleet.caches import CACHE, Caches, Held, Overtaken, discard, free_bytes, room_for
from kamsync.fleet.child import Ended, Limits, environment_for, run_command
from kamsync.fleet.lease import Keeper
from kamsync.fleet.orgs import Org, Unreadable, path_of_org, read_org
from kamsync.fleet.queue import Work, defer, opened
from kamsync.fleet.remedy import Ending, Said, ending_of
from kamsync.fleet.tables import Tables
from kamsync.fleet.tables.orgs import CacheFigures, KnownOrg
from kamsync.log import log
from kamsync.store.database import open_cache, schema_of
from kamsync.store.migrations import SCHEMA_VERSION
from kamsync.store.runs import last_good_run
from kamsync.store.schema import Meta

BUSY_TICKS = (1 / 15, 1 / 3)  # how long an org waits whose app is at its limit, or that another worker still holds
SHOWN = ("plan",)  # commands whose whole document is kept, for a person to read
MOST_SHOWN_BYTES = 2_000_000
LEAST_FREE_BYTES = 1_000_000  # with less, a process cannot even say what it met


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker does its jobs with. `stopping`: whether it has been asked to end; `fleet_id` is the database's."""

    fleet: Fleet
    tables: Tables
    caches: Caches
    stopping: Callable[[], bool]
    worker: str
    environment: Mapping[str, str]
    fleet_id: str


class Newer(Exception):
    """The org's cache is of a kamsync newer than this one, of that schema."""

    def __init__(self, schema: int) -> None:
        super().__init__(schema)
        self.schema = schema


def worker_name() -> str:
    """The machine and the process, as operators look for them."""
    return f"{socket.gethostname()}:{os.getpid()}"


def do_job(bench: Bench, work: Work, job_id: int) -> None:
    """One job. It raises nothing for what happens to the org; TryLater where the fleet's database does not answer."""
    work = replace(work, origin=work.origin or job_id)
    known = bench.tables.org(work.org)
    if known is None or known.is_gone:
        _record_gone(bench, work)
        return
    if not path_of_org(bench.fleet, work.org).exists():
        _put_back(bench, work, known.cache_schema)  # another machine has it, or the next look finds that none has
        return
    if known.state != "active" and not work.by_hand:
        return  # paused or parked since it was queued
    try:
        _do(bench, work, known, job_id)
    except Newer as newer:
        _queue(bench, work, datetime.now(UTC), newer.schema)
        log().warning("handed on", org=work.org, job=work.origin, detail="its cache is of a newer kamsync", schema=newer.schema)


def _record_gone(bench: Bench, work: Work) -> None:
    """Whoever waits for the job is told; nothing is parked, for a file that comes back is read by itself."""
    file = path_of_org(bench.fleet, work.org)
    ending = Ending(
        "failed", f"There is no {file} any longer: nothing was done.", "Put the file back, or run the org by its name now."
    )
    _record(bench, work, datetime.now(UTC), Ended(Said(1), ""), ending)


def _do(bench: Bench, work: Work, known: KnownOrg, job_id: int) -> None:
    """Raises Newer where the org's cache is none for this worker: it is left as it is."""
    if known.cache_schema > SCHEMA_VERSION:
        raise Newer(known.cache_schema)
    org = read_org(bench.fleet, work.org)
    with _held(bench, work, org, job_id) as owner:
        if owner is None:
            _put_back(bench, work, known.cache_schema)
            return
        began = datetime.now(UTC)
        seconds = bench.fleet.worker.lease_seconds
        with Keeper(lambda: bench.tables.renew(work.org, owner, seconds), seconds) as keeper:
            ended, ending = _work(bench, work, org, keeper)
        _follow(bench, work, ended, ending, known)
        _record(bench, work, began, ended, ending)


@contextmanager
def _held(bench: Bench, work: Work, org: Org | Unreadable, job_id: int) -> Iterator[str | None]:
    """Who we are to the lease while the org is ours; None where it is not to be had now."""
    owner = f"{bench.worker}:{secrets.token_hex(8)}"
    app = org.app if isinstance(org, Org) else ""
    taken = bench.tables.take(
        work.org,
        owner,
        bench.worker,
        app=app,
        kind=work.kind,
        job_id=job_id,
        seconds=bench.fleet.worker.lease_seconds,
        most_of_app=bench.fleet.app_limits.get(app),
    )
    try:
        yield owner if taken else None
    finally:
        if taken:
            with suppress(TryLater):  # it runs out by itself
                bench.tables.release(work.org, owner)


def _put_back(bench: Bench, work: Work, schema: int) -> None:
    """The same job in a moment, each org at its own, so that they do not all come back at once."""
    least, most = BUSY_TICKS
    wait = bench.fleet.worker.tick_seconds * (least + (most - least) * secrets.randbelow(1000) / 1000)
    _queue(bench, work, datetime.now(UTC) + timedelta(seconds=wait), schema)


def _work(bench: Bench, work: Work, org: Org | Unreadable, keeper: Keeper) -> tuple[Ended, Ending]:
    """The command between the cache's two journeys."""
    if isinstance(org, Unreadable):
        return Ended(Said(ConfigError.exit_code), ""), Ending("failed", org.message, org.fix, "park")
    settings = bench.fleet.worker
    try:
        folder = room_for(bench.fleet.work, work.org)
        held = bench.caches.hold(work.org, folder)
        if (schema := schema_of(held.path)) > SCHEMA_VERSION:
            raise Newer(schema)
        ended = _run(bench, work, org, held, keeper)
    except (KamsyncError, OSError) as error:
        return Ended(Said(1), ""), _ending_of_error(error, work, settings.attempts)
    ending = ending_of(ended.said, attempt=work.attempt, attempts=settings.attempts, deadline_seconds=settings.deadline_seconds)
    if ended.said.ended_by_us == "memory":
        ending = _at_limit("It took more memory than", settings.memory_megabytes, "memory_megabytes")
    if ended.said.document is None and ended.said.exit_code > 0 and free_bytes(folder) < LEAST_FREE_BYTES:
        ending = replace(ending, message="This worker's disk is full.", fix="Make room where [fleet] work is.")
    if ending.outcome == "refused" and work.kind == "sync":
        ending = replace(ending, fix=f"{ending.fix} In a fleet: kamsync fleet run {work.org} plan --wait, then … apply.")
    if _remedy(ended.said.document) == CacheUnusable.__name__:
        discard(folder)  # the next try begins from what is stored
        at_limit = _at_limit("Its cache has grown to", settings.cache_megabytes, "cache_megabytes")
        return ended, at_limit if ended.grown else ending
    return ended, _store(bench, work, held, ending)


def _at_limit(what: str, megabytes: int, key: str) -> Ending:
    return Ending(
        "failed",
        f"{what} the limit of {megabytes} MB for one org.",
        f"Raise [worker] {key}, then: kamsync fleet resume ORG",
        "park",
    )


def _run(bench: Bench, work: Work, org: Org, held: Held, keeper: Keeper) -> Ended:
    settings = bench.fleet.worker
    return run_command(
        [*_command(work), "--config", str(path_of_org(bench.fleet, work.org).absolute())],
        held.path.parent,
        environment_for(
            org.variables,
            held.path,
            _secrets_of(bench.fleet, work.org),
            bench.environment,
            f"fleet {bench.fleet_id}/{work.org}" if bench.fleet_id else "",
        ),
        Limits(
            settings.deadline_seconds,
            settings.graceful_stop_seconds,
            settings.lease_seconds,
            settings.cache_megabytes,
            settings.memory_megabytes,
        ),
        is_ours=keeper.is_ours,
        stopping=bench.stopping,
    )


def _secrets_of(fleet: Fleet, org: str) -> Path | None:
    """The org's folder of secrets, one file a name."""
    return None if fleet.secrets is None else (fleet.secrets / org).absolute()


def _command(work: Work) -> list[str]:
    match work.kind:
        case "sync":
            return ["run", "--once", "--json"]  # which reads everything where that is due, and tells the org's own channels
        case "full":
            return ["sync", "--full", "--json"]
        case "plan":
            return ["plan", "--json"]
        case "apply":
            return ["apply", "--yes", "--json"]
        case "undo":
            return ["undo", work.argument, "--yes", "--json"]


def _store(bench: Bench, work: Work, held: Held, ending: Ending) -> Ending:
    """The cache travels however the command ended: it holds the journal of what was written."""
    if not held.path.exists():
        return ending
    try:
        bench.caches.keep(work.org, held)
    except Overtaken:
        discard(held.path.parent)
        return replace(ending, outcome="overtaken", message="Another worker was sooner: this one's cache is not kept.", fix="")
    except KamsyncError as error:
        said = " ".join(text for text in (ending.message, f"Its cache was not stored: {error.message}") if text)
        return replace(ending, message=said, fix=ending.fix or error.fix)
    return ending


def _ending_of_error(error: KamsyncError | OSError, work: Work, attempts: int) -> Ending:
    """What happened before the command began, or between us and its process."""
    if isinstance(error, OSError):
        error = CacheUnusable(
            f"This worker's disk refused: {error.strerror or error}.", fix="Check [fleet] work: room and rights."
        )
    document = {"error": {"message": error.message, "fix": error.fix, "remedy": type(error).__name__}}
    return ending_of(Said(1, document), attempt=work.attempt, attempts=attempts, deadline_seconds=0)


def _follow(bench: Bench, work: Work, ended: Ended, ending: Ending, known: KnownOrg) -> None:
    """Another try, or a person: each park is told once, here and by the org's own channels. What goes well by hand goes on."""
    if known.state == "parked" and ending.outcome == "done":
        bench.tables.set_state(work.org, "active")
    if ending.then == "park" and not _is_mistyped(work, ended):
        if bench.tables.set_state(work.org, "parked", ending.message, ending.fix):
            log().error("parked", org=work.org, error=ending.message, fix=ending.fix)
    elif ending.then == "retry":
        again = work if ending.outcome == "stopped" else replace(work, attempt=work.attempt + 1)
        schema = schema_of(_cache_of(bench.fleet.work, work.org)) or known.cache_schema
        _queue(bench, again, datetime.now(UTC) + timedelta(seconds=ending.after_seconds), schema)


def _is_mistyped(work: Work, ended: Ended) -> bool:
    """Whether a person named a run that there is not: nothing is wrong with the org, and its schedule goes on."""
    return work.kind == "undo" and _remedy(ended.said.document) == ConfigError.__name__


def _queue(bench: Bench, work: Work, at: datetime, schema: int) -> None:
    with opened(bench.fleet.database) as app:
        defer(app, work, schema=schema, priority=bench.fleet.options_of(work.org).priority, at=at)


def _record(bench: Bench, work: Work, began: datetime, ended: Ended, ending: Ending) -> None:
    document = ended.said.document
    left = document.get("api_calls_left") if isinstance(document, Mapping) else None
    bench.tables.note_figures(work.org, _figures(bench.fleet.work, work.org), left if isinstance(left, int) else None)
    bench.tables.keep_run(
        {
            "org": work.org,
            "kind": work.kind,
            "job_id": work.origin,
            "attempt": work.attempt,
            "worker": bench.worker,
            "began_at": began,
            "outcome": ending.outcome,
            "message": ending.message,
            "fix": ending.fix,
            "document": _kept(work.kind, document),
            "log": ended.log,
        }
    )
    seconds = round((datetime.now(UTC) - began).total_seconds(), 2)
    log().info(
        "job ended", org=work.org, kind=work.kind, job=work.origin, outcome=ending.outcome, then=ending.then, seconds=seconds
    )


def _cache_of(work: Path, org: str) -> Path:
    return room_for(work, org) / CACHE


def _figures(work: Path, org: str) -> CacheFigures:
    """What the org's cache on this disk says."""
    path = _cache_of(work, org)
    if not path.exists():
        return CacheFigures()
    try:
        with open_cache(path) as cache:
            pulled = cache.meta(Meta.PULLED_AT)
            return CacheFigures(
                last_good_at=last_good_run(cache),
                pulled_at=None if pulled is None else datetime.fromisoformat(pulled),
                schema=SCHEMA_VERSION,
                portal=" ".join(cache.meta(name) or "" for name in (Meta.ORG_ID, Meta.CRM_URL)).strip(),
            )
    except CacheUnusable:
        return CacheFigures()


def _kept(kind: str, document: Any) -> Any:
    """Counts and words of how it went. A plan, which names accounts, is kept whole: somebody asked for it to read it."""
    if not isinstance(document, Mapping):
        return None
    if kind in SHOWN and len(repr(document)) < MOST_SHOWN_BYTES:
        return document
    return {name: value for name, value in document.items() if isinstance(value, int | float | str | bool) or value is None}


def _remedy(document: Any) -> str:
    error = document.get("error") if isinstance(document, Mapping) else None
    return str(error.get("remedy", "")) if isinstance(error, Mapping) else ""
