"""What a fleet does in a second, beside plain loops."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.fleet_orgs import LONGEST_SECONDS, cpu_seconds, fleet, put_all, settings_of, tables_of
from kamsync.cli.commands.fleet import OF_JOBS
from kamsync.fleet.child import Limits, environment_for, prepare, run_command
from kamsync.fleet.orgs import Org, read_org
from kamsync.plugins import connector_packages
from tests.fleet.company import DATABASE, Company
from tests.fleet.postgres import Server

ROW = "{:<42}{:>8}{:>10}{:>13}{:>12}{:>13}{:>14}"
HEAD = ROW.format("", "s", "orgs/s", "of the loop", "CPU s/org", "database", "of the shell")
FORMS = ((1, 1), (2, 1), (1, 2), (2, 2))  # workers and threads
SHELL_SHARE = 8
ALL_DONE = ("run", "--once", "--json")


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of processors: kamsync's processes, and PostgreSQL's."""

    seconds: float
    cpu: float
    database: float = 0.0

    def times(self, factor: float) -> Took:
        """The same for so many times the work."""
        return Took(self.seconds * factor, self.cpu * factor, self.database * factor)


def throughput(orgs: int, crm: str) -> None:
    """Each org has nothing to write and is read from an empty cache, so that every line of the table is the same work."""
    with fleet(orgs, crm) as (company, server, names):
        by_workers(company, server, names, 2, 4)  # what there is to write is written
        few = names[: max(1, orgs // SHELL_SHARE)]  # each takes as long as the next, and twice as long as all else
        shell = in_a_shell(company, few).times(orgs / len(few))
        loop = in_a_loop(company, names)
        load = os.getloadavg()[0]
        print(f"{orgs} orgs of {crm}, load of the machine {load:.1f}, {os.cpu_count()} cores", flush=True)
        print(HEAD, flush=True)
        show(f"a shell's loop: new processes ({len(few)} orgs)", shell, orgs, shell, loop)
        show("a plain loop: forked, no queue, no caches", loop, orgs, shell, loop)
        took = {}
        for workers, threads in FORMS:
            took[workers, threads] = by_workers(company, server, names, workers, threads)
            show(f"fleet: {workers} worker(s) of {threads} thread(s)", took[workers, threads], orgs, shell, loop)
        print(f"Two workers of two threads: {loop.seconds / took[2, 2].seconds:.2f} of the plain loop (0.9 is wanted)")
        print(f"A second worker: {took[1, 1].seconds / took[2, 1].seconds:.2f} of what one does (1.7 where cores allow)")


def show(what: str, took: Took, orgs: int, shell: Took, loop: Took) -> None:
    print(
        ROW.format(
            what,
            f"{took.seconds:.1f}",
            f"{orgs / took.seconds:.2f}",
            f"{loop.seconds / took.seconds:.2f}",
            f"{took.cpu / orgs:.3f}",
            f"{took.database / orgs:.3f}",
            f"{shell.seconds / took.seconds:.2f}",
        ),
        flush=True,
    )


def in_a_shell(company: Company, names: Sequence[str]) -> Took:
    """One command after the other, as a cron file would, each from an empty cache."""
    shutil.rmtree(company.folder / "plain", ignore_errors=True)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for name in names:
        cache = company.folder / "plain" / name / "kamsync.db"
        subprocess.run(
            [sys.executable, "-m", "kamsync", *ALL_DONE, "--config", str(company.folder / "orgs" / f"{name}.toml")],
            env={**company.environment, "KAMSYNC_CACHE": str(cache)},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.monotonic() - began, used)


def in_a_loop(company: Company, names: Sequence[str]) -> Took:
    """The very processes that a worker makes, one after the other, without a queue, a lease, or a cache that travels."""
    shutil.rmtree(company.folder / "plain", ignore_errors=True)
    settings = settings_of(company)
    limits = Limits(3600.0, 60.0, 60.0, 4_096, 2_048)
    prepare(commands=OF_JOBS, connectors=connector_packages())
    began, before = time.monotonic(), cpu_of_forks()
    for name in names:
        folder = company.folder / "plain" / name
        folder.mkdir(parents=True)
        org = read_org(settings, name)
        assert isinstance(org, Org)
        environment = environment_for(org.variables, folder / "kamsync.db", None, company.environment)
        ended = run_command(
            [*ALL_DONE, "--config", str(org.path)], folder, environment, limits, is_ours=lambda: True, stopping=lambda: False
        )
        assert ended.said.exit_code == 0, ended.log
    return Took(time.monotonic() - began, cpu_of_forks() - before)


def cpu_of_forks() -> float:
    """What the processes below this one have used: this one is the CRMs."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return cpu_seconds(os.getpid()) - own.ru_utime - own.ru_stime - ended.ru_utime - ended.ru_stime


def by_workers(company: Company, server: Server, names: Sequence[str], workers: int, threads: int) -> Took:
    """From the first worker's first job to the last org's end, each from an empty cache, with a database of its own."""
    for folder in [company.folder / "caches", *company.folder.glob("work*")]:
        if folder.is_dir():
            shutil.rmtree(folder)
    company.environment[DATABASE] = server.new_database()
    company.write_fleet(threads=threads, lease_seconds=60.0, graceful_stop_seconds=60.0, stalled_seconds=120.0, tick_seconds=30)
    company.good("init")
    tables = tables_of(company)
    first = len(company.processes)
    for number in range(workers):
        company.start_worker(elsewhere=number > 0)
    company.wait_for(lambda: company.worker_logs().count("started") >= first + workers, LONGEST_SECONDS)
    postmaster = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    mine = company.processes[first:]
    began, used = time.monotonic(), sum(cpu_seconds(one.pid) for one in mine)
    database = cpu_seconds(postmaster)
    put_all(company, names)
    while sum(tables.outcomes().values()) < len(names):
        time.sleep(0.25)
    took = time.monotonic() - began
    used, database = sum(cpu_seconds(one.pid) for one in mine) - used, cpu_seconds(postmaster) - database
    for worker in mine:
        worker.terminate()
        worker.wait()
    outcomes = Counter(run.outcome for run in tables.last_runs().values())
    assert outcomes == {"done": len(names)}, outcomes
    return Took(took, used, database)
