"""A worker: so many threads for orgs, one place for the keeping, until SIGTERM; then each org's batch in hand is finished.

The keeping has a place of its own, so that orgs which fill every thread never stop the schedule, nor the search for dead workers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition

from kamsync.config.fleet import Fleet
from kamsync.errors import TryLater
from kamsync.fleet.caches import Caches
from kamsync.fleet.child import EVERYBODYS, prepare
from kamsync.fleet.job import Bench, do_job, worker_name
from kamsync.fleet.metrics import serving
from kamsync.fleet.queue import KEEPING, ORGS, Work, queues_up_to, worker_app
from kamsync.fleet.room import LOOK_SECONDS, Room
from kamsync.fleet.tables import Tables
from kamsync.fleet.upkeep import keep, read_folder
from kamsync.log import log
from kamsync.plugins import connector_packages
from kamsync.printable import one_line
from kamsync.store.migrations import SCHEMA_VERSION

SPARE_THREADS = 8
POLL_SECONDS = 5.0  # and how soon a worker that has lost its database looks for it again


def run_worker(fleet: Fleet, *, commands: Sequence[str], environment: Mapping[str, str] = os.environ) -> None:
    """Works until SIGTERM or SIGINT. Raises ConfigError and TryLater where the fleet cannot be worked for at all.

    `commands`: the modules of the commands that jobs run, loaded once for all of them.
    """
    os.umask(0o077)  # caches and logs of every org
    fleet.work.mkdir(mode=0o700, parents=True, exist_ok=True)
    tables, stopping = Tables(fleet.database), threading.Event()
    caches = Caches(fleet.caches)
    caches.check()  # a worker without them would take everybody's jobs and fail them
    bench = Bench(fleet, tables, caches, stopping.is_set, worker_name(), dict(environment), tables.identity())
    _forget_secrets()
    _log_without_traces_of_the_database()
    prepare(commands=commands, connectors=connector_packages())
    read_folder(fleet, tables)
    log().info("started", worker=bench.worker, threads=fleet.worker.threads, orgs=len(tables.orgs()))
    with serving(fleet, tables):
        asyncio.run(_serve(bench, stopping))
    log().info("stopped", worker=bench.worker)


def _forget_secrets() -> None:
    """Takes out of this process's environment what only some org is to see: what it forks inherits it."""
    for name in os.environ.keys() - set(EVERYBODYS):
        if not name.startswith(("LC_", "PG")):  # libpq reads its own at each connection
            del os.environ[name]


def _log_without_traces_of_the_database() -> None:
    """A database that is away is one line of ours; each library would tell it twice a second, or with its whole stack."""

    def shorten(record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], ConnectorException | TryLater):
            record.exc_info = None
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(shorten)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


async def _serve(bench: Bench, stopping: threading.Event) -> None:
    """Until somebody asks to stop. A database that restarts ends Procrastinate's workers: they are begun anew."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(bench.fleet.worker.threads + SPARE_THREADS, thread_name_prefix="org"))
    asked = asyncio.Event()

    def stop() -> None:
        log().info("stopping", detail="the present batch of each org is finished first")
        stopping.set()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    while not asked.is_set():
        said = ""
        try:
            await _work(bench, asked)
        except (ConnectorException, TryLater) as error:
            said = one_line(str(error)).strip()
        if not asked.is_set():
            log().error("no database", error=said or "The connection to it has ended.", detail="another try follows")
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), min(POLL_SECONDS, bench.fleet.worker.tick_seconds))


async def _work(bench: Bench, asked: asyncio.Event) -> None:
    """Both of Procrastinate's workers, until one is asked to stop or cannot go on; then neither works."""

    def run(context: JobContext, work: Work) -> None:
        assert context.job.id is not None
        do_job(bench, work, context.job.id)

    async def keep_going(app: App) -> None:
        await keep(app, bench.fleet, bench.tables)

    settings = bench.fleet.worker
    app = worker_app(bench.fleet.database, settings.threads, run, keep_going, settings.tick_seconds)
    room = Room(bench.fleet.work, settings.free_megabytes, min(LOOK_SECONDS, settings.tick_seconds))
    async with app.open_async():
        workers = [
            asyncio.create_task(room.work(lambda: app.run_worker_async(**_options(bench, ORGS, settings.threads)))),
            asyncio.create_task(app.run_worker_async(**_options(bench, KEEPING, 1))),
        ]
        told = asyncio.create_task(asked.wait())
        await asyncio.wait([*workers, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        for worker in workers:
            worker.cancel()  # Procrastinate's way to ask: it waits for the jobs in hand
        ended = await asyncio.gather(*workers, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException) and not isinstance(one, asyncio.CancelledError):
            raise one


def _options(bench: Bench, queue: str, places: int) -> dict[str, Any]:
    settings = bench.fleet.worker
    beat = min(10.0, settings.stalled_seconds / 4)
    return {
        "queues": queues_up_to(SCHEMA_VERSION) if queue == ORGS else [queue],
        "name": f"{bench.worker}:{queue}",
        "concurrency": places,
        "install_signal_handlers": False,
        "delete_jobs": DeleteJobCondition.ALWAYS,  # what became of each stands in kamsync_fleet_runs
        "fetch_job_polling_interval": min(POLL_SECONDS, settings.tick_seconds),
        "update_heartbeat_interval": beat,
        "stalled_worker_timeout": settings.stalled_seconds,  # else a worker that stops gently is pruned by the next that starts
    }
