"""What one worker of all does every few seconds: look who is due, take up what dead workers left, forget what is old.

Level-triggered like everything here: a time that came while no worker ran is made up for by one job, and keeping twice at once
does no more than keeping once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from procrastinate import App
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.utils import utcnow

from kamsync.config.fleet import Fleet
from kamsync.fleet.due import next_due
from kamsync.fleet.orgs import Org, Unreadable, digest_of, names_of, path_of_org, read_org
from kamsync.fleet.queue import KEEPING, Work, defer_all, opened
from kamsync.fleet.tables import Tables
from kamsync.fleet.tables.orgs import KnownOrg
from kamsync.log import log

MOST_AT_ONCE = 2_000  # orgs that one look puts into the queue; the next look comes soon
BATCH = 200


async def keep(app: App, fleet: Fleet, tables: Tables) -> None:
    """One look at everything."""
    await take_up(app, fleet, tables)
    await asyncio.to_thread(_look, fleet, tables)


def _look(fleet: Fleet, tables: Tables) -> None:
    read_folder(fleet, tables)
    queue_due(fleet, tables)
    tables.forget_old_runs()


def read_folder(fleet: Fleet, tables: Tables) -> None:
    """Makes the database know the orgs as their files are now: new ones, changed ones, those that are gone."""
    known, now = tables.orgs(), datetime.now(UTC)
    names = names_of(fleet)
    changed = [name for name in names if name not in known or _is_other(fleet, known[name])]
    rows: list[tuple[str, str, str, int, datetime | None]] = []
    for name in changed:
        org = read_org(fleet, name)
        if isinstance(org, Org):
            rows.append((name, org.digest, org.app, org.priority, next_due(org.tables, name, now, fleet.spread_seconds)))
        elif name not in known or known[name].reason != org.message or known[name].digest != org.digest:
            _park(tables, org)
    if rows:
        tables.note_orgs(rows)
    gone = sorted(known.keys() - set(names))
    if gone:
        tables.note_gone(gone)
        log().info("gone", orgs=", ".join(gone))


def _park(tables: Tables, org: Unreadable) -> None:
    tables.note_unreadable(org.name, org.digest, org.message, org.fix)
    log().error("parked", org=org.name, error=org.message, fix=org.fix)


def _is_other(fleet: Fleet, known: KnownOrg) -> bool:
    options = fleet.options_of(known.org)
    moved = options.priority != known.priority or (options.app is not None and options.app != known.app)
    return digest_of(path_of_org(fleet, known.org)) != known.digest or (moved and known.state != "parked")


def queue_due(fleet: Fleet, tables: Tables) -> int:
    """A job for each org whose time has come and that has none; gives how many."""
    due = tables.due(MOST_AT_ONCE)
    if not due:
        return 0
    now = datetime.now(UTC)
    following: list[tuple[datetime | None, str]] = []
    jobs: list[tuple[Work, int, int]] = []
    for one in due:
        org = read_org(fleet, one.org)
        if isinstance(org, Org):
            jobs.append((Work(one.org, "sync"), one.cache_schema, one.priority))
            following.append((next_due(org.tables, one.org, now, fleet.spread_seconds), one.org))
        else:
            _park(tables, org)  # somebody has resumed it, and its file is as it was
    with opened(fleet.database) as app:
        for first in range(0, len(jobs), BATCH):
            defer_all(app, jobs[first : first + BATCH])
    tables.set_due(following)  # last: an org that is queued twice for one time has one job, one that is forgotten has none
    return len(following)


async def take_up(app: App, fleet: Fleet, tables: Tables) -> None:
    """Jobs of workers that are dead: those of orgs are done again, once their leases have run out.

    A worker's silence alone says nothing (it falls silent when it begins to stop, while its jobs go on, and its row is pruned by
    whoever starts next); the lease of a job that lives is renewed to the last.
    """
    found: Iterable[Job] = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=fleet.worker.stalled_seconds)
    jobs = list(found)
    if not jobs:
        return
    held = {lease.job_id for lease in await asyncio.to_thread(tables.leases)}
    for job in jobs:
        if job.id is None or job.id in held:
            continue
        if job.queue == KEEPING:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        else:
            await _again(app, job)


async def _again(app: App, job: Job) -> None:
    org: Any = job.task_kwargs.get("org")
    try:
        await app.job_manager.retry_job(job, retry_at=utcnow())
    except UniqueViolation:  # one of its kind waits already, and will do
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
    log().warning("taken up", org=org, job=job.id, detail="its worker is dead")
