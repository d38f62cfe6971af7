"""What a fleet carries and survives. Run by hand; needs PostgreSQL's packages, which it starts itself.

    python -m bench.fleet throughput [--orgs 200]                     against a plain loop without a queue
    python -m bench.fleet kills [--orgs 200] [--kills 50] [--seed 1]  kill -9 of a worker at random moments
    python -m bench.fleet schedule [--orgs 10000] [--seconds 8]       the morning by simulation: peaks, threads, who waits
    python -m bench.fleet upgrade [--before 3.2.2] [--seconds 60]     workers of two versions of the queue at once

`throughput` syncs orgs that have nothing to write, each from an empty cache, three times: one command after the other as a shell
would, by one worker of one thread (target: 0.9 of the loop), by two workers of two (1.7 times that, where cores allow). `upgrade`
fetches the older Procrastinate by pip.
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kamsync.config.fleet import load_fleet
from kamsync.decide.program import Place
from kamsync.decide.timetable import parse_cron
from kamsync.fleet.due import next_due
from kamsync.fleet.queue import Work, defer, migrations_of_queue, opened
from kamsync.fleet.tables import Tables
from tests.fleet.company import DATABASE, Company, companies
from tests.fleet.postgres import Server, binaries, running

ACCOUNTS = 6
# Where customers are, by share: a fleet of one country has one morning.
ZONES = (("America/Sao_Paulo", 4), ("America/New_York", 3), ("Europe/Berlin", 2), ("Asia/Tokyo", 1))
SPREADS = (0, 60, 120)
THREADS = (16, 32, 64, 128)
LONGEST_SECONDS = 3600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("throughput", "kills", "schedule", "upgrade"))
    parser.add_argument("--orgs", type=int)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--before", default="3.2.2")
    asked = parser.parse_args()
    match asked.what:
        case "throughput":
            throughput(asked.orgs or 200)
        case "kills":
            kills(asked.orgs or 200, asked.kills, random.Random(asked.seed))
        case "schedule":
            schedule(asked.orgs or 10_000, asked.seconds or 8.0)
        case "upgrade":
            upgrade(asked.before, asked.seconds or 60.0)


@contextmanager
def fleet(orgs: int) -> Iterator[tuple[Company, Server, list[str]]]:
    """So many small orgs, each with a CRM of its own, all in this process."""
    found = binaries()
    if found is None:
        sys.exit("PostgreSQL's server is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="kamsync-bench-"))
    try:
        with running(found) as server, companies(folder, server.new_database()) as company:
            names = [f"org-{number:03d}" for number in range(orgs)]
            for name in names:
                company.add_org(name, accounts=ACCOUNTS)
            yield company, server, names
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- throughput ----------------------------------------------------------------------------------------------------------------


def throughput(orgs: int) -> None:
    with fleet(orgs) as (company, server, names):
        in_a_loop(company, names)  # what there is to write is written
        plain = in_a_loop(company, names)
        print(f"plain loop            {plain:7.1f} s  {orgs / plain:5.2f} orgs/s", flush=True)
        for workers, threads in ((1, 1), (2, 2)):
            company.environment[DATABASE] = server.new_database()
            took = by_workers(company, names, workers, threads)
            print(
                f"{workers} worker(s) of {threads}      {took:7.1f} s  {orgs / took:5.2f} orgs/s  {plain / took:4.2f} of the loop"
            )


def in_a_loop(company: Company, names: list[str]) -> float:
    """Seconds for one command after the other, each from an empty cache."""
    shutil.rmtree(company.folder / "plain", ignore_errors=True)
    began = time.monotonic()
    for name in names:
        cache = company.folder / "plain" / name / "kamsync.db"
        subprocess.run(
            [sys.executable, "-m", "kamsync", "run", "--once", "--config", str(company.folder / "orgs" / f"{name}.toml")],
            env={**company.environment, "KAMSYNC_CACHE": str(cache)},
            check=True,
            stderr=subprocess.DEVNULL,
        )
    return time.monotonic() - began


def by_workers(company: Company, names: list[str], workers: int, threads: int) -> float:
    """Seconds from the first worker's first job to the last org's end, each from an empty cache."""
    for folder in [company.folder / "caches", *company.folder.glob("work*")]:
        if folder.is_dir():
            shutil.rmtree(folder)
    company.write_fleet(threads=threads, lease_seconds=60.0, stalled_seconds=60.0)
    company.good("init")
    put_all(company, names)
    first = len(company.processes)
    for number in range(workers):
        company.start_worker(elsewhere=number > 0)
    company.wait_for(lambda: tables_of(company).leases(), LONGEST_SECONDS)
    began = time.monotonic()
    company.wait_for(lambda: len(tables_of(company).last_runs()) == len(names), LONGEST_SECONDS)
    took = time.monotonic() - began
    for worker in company.processes[first:]:
        worker.terminate()
        worker.wait()
    outcomes = Counter(run.outcome for run in tables_of(company).last_runs().values())
    assert outcomes == {"done": len(names)}, outcomes
    return took


def tables_of(company: Company) -> Tables:
    return Tables(load_fleet(company.folder, environment=company.environment).database)


def put_all(company: Company, names: list[str]) -> None:
    """A job for each org, as the schedule puts them."""
    with opened(load_fleet(company.folder, environment=company.environment).database) as app:
        for name in names:
            defer(app, Work(name, "sync"), schema=0)


# -- kill -9 -------------------------------------------------------------------------------------------------------------------


def kills(orgs: int, times: int, moments: random.Random) -> None:
    with fleet(orgs) as (company, _, names):
        company.write_fleet(threads=2)
        company.good("init")
        company.start_worker()
        company.start_worker(elsewhere=True)
        for number in range(times):
            put_all(company, names)  # queued anew before each death, so that there is always somebody at work
            company.wait_for(lambda: tables_of(company).leases(), LONGEST_SECONDS)
            time.sleep(moments.uniform(0, 4))
            moments.choice(company.living_workers()).kill()
            company.start_worker(elsewhere=bool(number % 2))
        company.wait_for(lambda: is_at_rest(company, names), LONGEST_SECONDS)
        twice = [name for name in names if len(company.tasks(name)) != len(set(company.tasks(name)))]
        bare = [name for name in names if not set(company.tiers(name).values()) & {"A", "B"}]
        print(f"{times} kills, {orgs} orgs: {len(twice)} with a task twice, {len(bare)} not synced, none stuck.")
        print(f"Jobs taken up of dead workers: {company.worker_logs().count('taken up')}")


def is_at_rest(company: Company, names: list[str]) -> bool:
    states = Counter(org["state"] for org in company.status().values())
    return states == {"ok": len(names)}


# -- the morning ---------------------------------------------------------------------------------------------------------------


def schedule(orgs: int, seconds: float) -> None:
    """Every org says six o'clock, in its own zone. Peaks of the busiest minute, and how long orgs wait for a thread."""
    began = time.monotonic()
    for minutes in SPREADS:
        dues = sorted(due_times(orgs, minutes * 60.0))
        peak = max(Counter(due.replace(second=0, microsecond=0) for due in dues).values())
        print(f"spread {minutes:>3} min: {orgs:,} orgs, at most {peak:,} due in one minute")
        for threads in THREADS:
            waits = waits_of(dues, seconds, threads)
            late = sorted(waits)[int(0.95 * len(waits))]
            print(f"    {threads:>4} threads: 95 % begin within {late / 60:6.1f} min, the last after {max(waits) / 60:6.1f} min")
    print(f"({time.monotonic() - began:.1f} s for {len(SPREADS) * orgs:,} orgs' next times)")


def due_times(orgs: int, spread_seconds: float) -> Iterator[datetime]:
    zones = [zone for zone, weight in ZONES for _ in range(weight)]
    tables = {zone: parse_cron("0 6 * * 1-5", zone, Place()) for zone, _ in ZONES}
    sunday = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    for number in range(orgs):
        due = next_due([tables[zones[number % len(zones)]]], f"org-{number}", sunday, spread_seconds)
        assert due is not None and due - sunday < timedelta(days=2)
        yield due


def waits_of(dues: list[datetime], seconds: float, threads: int) -> list[float]:
    """How long each org waits where so many are worked on at once."""
    free = [0.0] * threads
    waits = []
    for due in dues:
        moment = due.timestamp()
        start = max(moment, heapq.heappop(free))
        waits.append(start - moment)
        heapq.heappush(free, start + seconds)
    return waits


# -- two versions at once --------------------------------------------------------------------------------------------------------


def upgrade(before: str, seconds: float) -> None:
    """A database of the older queue, its worker; then `init`, a worker of today beside it, the older stopped, `init --finish`."""
    with fleet(8) as (company, _, names):
        old = company.folder / "older"
        command = [sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--target", str(old), f"procrastinate=={before}"]
        subprocess.run(command, check=True)
        today = company.environment["PYTHONPATH"]
        company.environment["PYTHONPATH"] = os.pathsep.join([str(old), today])
        in_process(company, "init")
        older = company.start_worker()
        keep_busy(company, names, seconds / 4, lambda: None)
        company.environment["PYTHONPATH"] = today
        print(in_process(company, "init"), end="")
        newer = company.start_worker(elsewhere=True)
        by = Counter[str]()
        keep_busy(company, names, seconds, lambda: by.update(run.worker for run in tables_of(company).last_runs().values()))
        older.terminate()
        assert older.wait() == 0 and newer.poll() is None
        print(in_process(company, "init", "--finish"), end="")
        keep_busy(company, names, seconds / 4, lambda: None)
        company.wait_for(lambda: is_at_rest(company, names), LONGEST_SECONDS)
        outcomes = tables_of(company).outcomes()
        lacking = dict(migrations_of_queue()).keys() - tables_of(company).applied_migrations()
        print(f"Procrastinate {before} and today's for {seconds:g} s: jobs {outcomes}, seen at work {dict(by)}")
        print(f"Migrations that were not applied: {', '.join(sorted(lacking)) or 'none'}")


def in_process(company: Company, *arguments: str) -> str:
    """`kamsync fleet …` with the environment's own libraries, not those that this process has loaded."""
    command = [sys.executable, "-m", "kamsync", "fleet", *arguments]
    done = subprocess.run(command, cwd=company.folder, env=company.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keep_busy(company: Company, names: list[str], seconds: float, look: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        put_all(company, names)
        look()
        time.sleep(1)


if __name__ == "__main__":
    main()
