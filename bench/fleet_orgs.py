"""A fleet for measuring: small orgs, each with a CRM of its own in this process, PostgreSQL; what processes have used."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kamsync.config.fleet import Fleet, load_fleet
from kamsync.fleet.queue import Work, defer, opened
from kamsync.fleet.tables import Tables
from tests.fleet.company import Company, companies
from tests.fleet.postgres import Server, binaries, running

ACCOUNTS = 6
LONGEST_SECONDS = 3600.0
TICKS_A_SECOND = 100  # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, sysconf(_SC_CLK_TCK)


@contextmanager
def postgres(*, options: str = "") -> Iterator[Server]:
    """A server of its own, where PostgreSQL is installed; `options` as postgres takes them."""
    found = binaries()
    if found is None:
        sys.exit("PostgreSQL's server is not installed: apt-get install postgresql")
    with running(found, options=options) as server:
        yield server


@contextmanager
def fleet(orgs: int, crm: str = "salesforce") -> Iterator[tuple[Company, Server, list[str]]]:
    """So many small orgs, each with a CRM of its own, all in this process."""
    folder = Path(tempfile.mkdtemp(prefix="kamsync-bench-"))
    try:
        with postgres() as server, companies(folder, server.new_database()) as company:
            company.forks_workers = False  # as an operator starts them
            names = [f"org-{number:03d}" for number in range(orgs)]
            for name in names:
                company.add_org(name, crm=crm, accounts=ACCOUNTS)
            yield company, server, names
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings_of(company: Company) -> Fleet:
    """The fleet as its file says."""
    return load_fleet(company.folder, environment=company.environment)


def tables_of(company: Company) -> Tables:
    """The fleet's database."""
    return Tables(settings_of(company).database)


def put_all(company: Company, names: Sequence[str]) -> None:
    """A job for each org, as the schedule puts them."""
    known = tables_of(company).orgs()
    with opened(settings_of(company).database) as app:
        for name in names:
            defer(app, Work(name, "sync"), schema=known[name].cache_schema)


def is_at_rest(company: Company, names: Sequence[str]) -> bool:
    """Whether every org is well and nothing waits."""
    states = Counter(org["state"] for org in company.status().values())
    return states == {"ok": len(names)}


def cpu_seconds(process: int) -> float:
    """What the process and all that it has started have used until now, those that have ended among them."""
    parents, used = {}, {}
    for place in Path("/proc").iterdir():
        with suppress(OSError):
            if place.name.isdecimal():
                fields = (place / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
                parents[int(place.name)] = int(fields[1])
                used[int(place.name)] = sum(map(int, fields[11:15])) / TICKS_A_SECOND
    family = {process}
    while found := {one for one, parent in parents.items() if parent in family} - family:
        family |= found
    return sum(used.get(one, 0.0) for one in family)
