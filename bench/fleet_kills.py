"""Whether a fleet gets over the deaths of its workers: kill -9 at random moments, and each org's path to rest."""

from __future__ import annotations

import random
import socket
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.fleet_orgs import LONGEST_SECONDS, fleet, put_all, tables_of
from tests.fleet.company import IMPATIENT, Company

# Nothing may end for so long before orgs count as stuck: more than a dead worker's silence, and the first wait after a failure.
STILL_SECONDS = 300.0
LOOK_SECONDS = 1.0
TOLD_SECONDS = 30.0


@dataclass
class Deaths:
    """When each org lost the worker that it was with."""

    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    of_org: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def seconds(self, moment: datetime) -> float:
        """Since the beginning."""
        return (moment - self.began).total_seconds()


def kills(orgs: int, times: int, moments: random.Random) -> None:
    """kill -9 of one of two workers, again and again; every org must come to rest with each task once."""
    with fleet(orgs) as (company, _, names):
        company.write_fleet(threads=2, **IMPATIENT)
        company.good("init")
        company.start_worker()
        company.start_worker(elsewhere=True)
        deaths = Deaths()
        for number in range(times):
            put_all(company, names)  # queued anew before each death, so that there is always somebody at work
            company.wait_for(lambda: tables_of(company).leases(), LONGEST_SECONDS)
            time.sleep(moments.uniform(0, 3))
            kill_one(company, moments, deaths)
            company.start_worker(elsewhere=bool(number % 2))
            if number % 10 == 9:
                print(f"{number + 1} kills after {deaths.seconds(datetime.now(UTC)):.0f} s", flush=True)
        last = datetime.now(UTC)
        stuck = wait_for_rest(company, deaths)
        told(company, names, deaths, last, stuck, times)
        if stuck:
            sys.exit(1)


def kill_one(company: Company, moments: random.Random, deaths: Deaths) -> None:
    victim = moments.choice(company.living_workers())
    name = f"{socket.gethostname()}:{victim.pid}"
    held = [lease.org for lease in tables_of(company).leases() if lease.worker == name]
    victim.kill()
    for org in held:
        deaths.of_org[org].append(datetime.now(UTC))


def wait_for_rest(company: Company, deaths: Deaths) -> list[str]:
    """Until every org is well and nothing waits; gives who is not where nothing has ended for STILL_SECONDS."""
    tables = tables_of(company)
    moved, said = time.monotonic(), time.monotonic()
    ended = sum(tables.outcomes().values())
    while restless := [
        f"{name}: {org['state']} {org['reason']}" for name, org in company.status().items() if org["state"] != "ok"
    ]:
        now, count = time.monotonic(), sum(tables.outcomes().values())
        if count > ended:
            moved, ended = now, count
        elif now - moved > STILL_SECONDS:
            return restless
        if now - said > TOLD_SECONDS:
            said = now
            states = dict(Counter(org["state"] for org in company.status().values()))
            print(
                f"{deaths.seconds(datetime.now(UTC)):.0f} s: {ended:,} jobs have ended; orgs {states}; {queue(company)}",
                flush=True,
            )
        time.sleep(LOOK_SECONDS)
    return []


def queue(company: Company) -> str:
    """The jobs by status, how many of them wait for a moment, and the leases."""
    with tables_of(company).connected() as connection:
        jobs = connection.execute(
            "SELECT status::text, count(*), count(*) FILTER (WHERE scheduled_at > now()) FROM procrastinate_jobs"
            " WHERE args ? 'org' GROUP BY 1 ORDER BY 1"
        ).fetchall()
    words = [f"{count} {status}" + (f" ({later} of them later)" if later else "") for status, count, later in jobs]
    return f"jobs {', '.join(words) or 'none'}; leases {len(tables_of(company).leases())}"


def told(company: Company, names: Sequence[str], deaths: Deaths, last: datetime, stuck: Sequence[str], times: int) -> None:
    tables = tables_of(company)
    now = datetime.now(UTC)
    twice = [name for name in names if len(company.tasks(name)) != len(set(company.tasks(name)))]
    bare = [name for name in names if not set(company.tiers(name).values()) & {"A", "B"}]
    print(f"{times} kills, {len(names)} orgs: {len(twice)} with a task twice, {len(bare)} not synced, {len(stuck)} stuck.")
    for one in stuck[:10]:
        print(f"    {one}")
    jobs = Counter(outcome for (_, outcome), count in tables.outcomes().items() for _ in range(count))
    print(f"Jobs that ended: {dict(jobs)}; taken up of dead workers: {company.worker_logs().count('taken up')}")
    print(
        f"{deaths.seconds(now):.0f} s in all, {(now - last).total_seconds():.0f} s of them after the last kill; {queue(company)}"
    )
    costs = {org: cost for org in deaths.of_org if (cost := cost_of(company, org, deaths.of_org[org][-1])) is not None}
    if costs:
        longest = max(costs, key=lambda org: costs[org])
        middle = statistics.median(costs.values())
        print(f"From an org's last death until it was begun anew, in its turn: {middle:.1f} s, {costs[longest]:.1f} s at most")
        print(f"{longest}, which waited longest: {path_of(company, longest, deaths)}")
    ends = {name: runs[0].ended_at for name in names if (runs := tables.runs(name, 1))}
    slowest = max(ends, key=lambda name: ends[name])
    print(f"{slowest}, which came to rest last: {path_of(company, slowest, deaths)}")


def cost_of(company: Company, org: str, death: datetime) -> float | None:
    """Seconds from its worker's death until a job of the org began that ended; None where none did."""
    began = sorted(run.began_at for run in tables_of(company).runs(org, 1_000) if run.began_at > death)
    return (began[0] - death).total_seconds() if began else None


def path_of(company: Company, org: str, deaths: Deaths) -> str:
    """What happened to an org, in seconds since the beginning."""
    steps = [(moment, f"its worker killed at {deaths.seconds(moment):.1f}") for moment in deaths.of_org.get(org, ())]
    for run in tables_of(company).runs(org, 1_000):
        words = f"{run.outcome} from {deaths.seconds(run.began_at):.1f} to {deaths.seconds(run.ended_at):.1f}"
        steps.append((run.began_at, f"{words} (attempt {run.attempt}){' ' + run.message if run.message else ''}"))
    return "; ".join(words for _, words in sorted(steps))
