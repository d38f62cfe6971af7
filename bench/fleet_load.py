"""What a large fleet's morning asks of its database and of a worker, measured with jobs that are over at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.fleet_orgs import cpu_seconds, postgres, settings_of, tables_of
from kamsync.fleet.upkeep import queue_due, read_folder
from kamsync.store.database import open_cache
from tests.fleet.company import Company, companies
from tests.fleet.postgres import Server

COMMON = """
[crm]
kind = "hubspot"
[crm.hubspot]
access_token = { env = "NOT_ASKED_FOR" }
[schedule]
sync = "0 6 * * 1-5"
"""
# A worker whose runs take so many seconds and do nothing: what is measured is the queue, the leases, the caches' journeys and
# the records.
WORKER = """
import shutil, sys, time
from pathlib import Path
from kamsync.cli.commands.fleet import OF_JOBS
from kamsync.config.fleet import load_fleet
from kamsync.fleet import job
from kamsync.fleet.child import Ended
from kamsync.fleet.remedy import Said
from kamsync.fleet.worker import run_worker
from kamsync.log import configure_logs

def at_once(arguments, folder, environment, limits, *, is_ours, stopping):
    shutil.copyfile(sys.argv[2], folder / "kamsync.db")
    time.sleep(float(sys.argv[3]))
    return Ended(Said(0, {"run_id": "measured", "api_calls_left": 1000}), "")

job.run_command = at_once
configure_logs()
run_worker(load_fleet(Path(sys.argv[1])), commands=OF_JOBS)
"""
THREADS, THREADS_OF_RUNS = 8, 16  # of runs that are over at once, and of those that take their time
MEASURED_JOBS = 1_000  # of all that wait: each costs the same
MEASURED_SECONDS = 60.0
REST_SECONDS = 20.0


def load(orgs: int, seconds: float) -> None:
    """So many orgs are due at one moment; a worker's runs take `seconds` each and do nothing, so that the fleet's part shows."""
    threads = THREADS_OF_RUNS if seconds else THREADS
    wanted = int(MEASURED_SECONDS * threads / seconds) if seconds else MEASURED_JOBS
    with loaded(orgs, threads) as (company, server):
        fleet, tables = settings_of(company), tables_of(company)
        figure("reading the folder for the first time", timed(lambda: read_folder(fleet, tables)))
        figure("one look at a folder that nothing changed in", timed(lambda: read_folder(fleet, tables)))
        with start(company, seconds) as worker:
            before = asked(server, company)
            time.sleep(REST_SECONDS)
            statements, commits = (after - then for after, then in zip(asked(server, company), before, strict=True))
            a_second = statements / REST_SECONDS, commits / REST_SECONDS
            print("a worker at rest: {:.1f} statements, {:.1f} transactions a second".format(*a_second), flush=True)
            with tables.connected() as connection:
                connection.execute("UPDATE kamsync_fleet_orgs SET next_due = now()")
            queued = timed(lambda: all(iter(lambda: queue_due(fleet, tables), 0)))
            figure(f"queueing {orgs:,} orgs", queued)
            jobs(company, server, worker.pid, min(orgs, wanted))
            print(
                f"    {threads} threads, runs of {seconds:g} s" + (f": {threads / seconds:.1f} jobs/s at most" if seconds else "")
            )
        rows(company)


def jobs(company: Company, server: Server, worker: int, wanted: int) -> None:
    """What so many jobs cost the worker and the database."""
    tables = tables_of(company)
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    before, began = asked(server, company), time.monotonic()
    used = cpu_seconds(worker), cpu_seconds(postmaster)
    first = done = sum(tables.outcomes().values())
    while done < first + wanted:
        time.sleep(0.5)
        done = sum(tables.outcomes().values())
    took, done = time.monotonic() - began, done - first
    statements, commits = (after - then for after, then in zip(asked(server, company), before, strict=True))
    in_worker, in_database = (
        1000 * (cpu_seconds(one) - then) / done for one, then in zip((worker, postmaster), used, strict=True)
    )
    print(
        f"{done:,} jobs: {took:.0f} s, {done / took:.1f} jobs/s (load {os.getloadavg()[0]:.1f}); a job: {statements / done:.0f}"
        f" statements, {commits / done:.0f} transactions, {in_worker:.0f} ms of processor in the worker, {in_database:.0f} ms in"
        " PostgreSQL"
    )


@contextmanager
def loaded(orgs: int, threads: int) -> Iterator[tuple[Company, Server]]:
    """A fleet whose orgs all say six o'clock and have no CRM, in a database that counts statements."""
    folder = Path(tempfile.mkdtemp(prefix="kamsync-bench-"))
    try:
        with (
            postgres(options="-c shared_preload_libraries=pg_stat_statements") as server,
            companies(folder, server.new_database()) as company,
        ):
            company.write_org("_common", COMMON)
            for number in range(orgs):
                company.write_org(f"org-{number:05d}", 'inherit = "_common.toml"\n')
            company.write_fleet(
                threads=threads, graceful_stop_seconds=60.0, stalled_seconds=120.0, lease_seconds=60.0, tick_seconds=30
            )
            figure(f"init with {orgs:,} orgs", timed(lambda: company.good("init")))
            with tables_of(company).connected() as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
                connection.execute("UPDATE kamsync_fleet_orgs SET digest = ''")
            yield company, server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def start(company: Company, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """The worker whose runs do nothing for `seconds`."""
    cache = company.folder / "one.db"
    with open_cache(cache):
        pass
    log = company.folder / "worker-load.log"
    with log.open("wb") as errors:
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(company.folder), str(cache), str(seconds)],
            env=company.environment,
            stdout=errors,
            stderr=errors,
        )
    try:
        company.wait_for(lambda: "started" in log.read_text(encoding="utf-8"))
        yield worker
    finally:
        worker.terminate()
        worker.wait()


def asked(server: Server, company: Company) -> tuple[int, int]:
    """Statements and transactions of the fleet's database until now."""
    with psycopg.connect(settings_of(company).database.reveal()) as connection:
        found = connection.execute(
            "SELECT (SELECT sum(calls) FROM pg_stat_statements), (SELECT xact_commit FROM pg_stat_database"
            " WHERE datname = current_database())"
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def rows(company: Company) -> None:
    with tables_of(company).connected() as connection:
        for name, count, size in connection.execute(
            "SELECT relname, n_live_tup, pg_size_pretty(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
            " WHERE n_live_tup > 0 ORDER BY pg_total_relation_size(relid) DESC LIMIT 6"
        ):
            print(f"    {name:<34} {count:>8,} rows  {size}")


def timed(what: Callable[[], object]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


def figure(what: str, seconds: float) -> None:
    print(f"{what}: {seconds:.1f} s (load {os.getloadavg()[0]:.1f})", flush=True)
