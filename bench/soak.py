"""Days on end in one process: memory, open files and threads stay as they are, and the cache no larger than its retention.

    python -m bench.soak [--crm memory|salesforce|hubspot] [--days 1000] [--months 6]

`kamsync run --once` every simulated day, in this very process, over a small company whose people set overrides, change tiers by
hand and do their tasks. The clock is moved, nothing waits. The CRM lives here too, and its tasks are part of what grows. Run by
hand (`nice -n 19`); a short one is in the tests. Targets: 1,000 days on the in-memory CRM and 30 on each sandbox, of which the
last quarter takes no more than a tenth above the second.
"""

from __future__ import annotations

import argparse
import gc
import os
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import time_machine

from kamsync.cli import main as kamsync
from kamsync.cli.sandboxes import start_sandbox
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions, SandboxView
from kamsync.testing.memory import CONNECTOR, mapping_text, write_entry_point
from tests.accidents.programme import programme_text, secret_name

ACCOUNTS, OPPORTUNITIES = 40, 160
BEGIN = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
DAYS_A_MONTH = 31
MORE = 1.1  # times what it was: what growth there is must be the CRM's own
CHECKPOINTS = 8
BOUND_TABLES = ("runs", "journal", "history", "held_back")


@dataclass(frozen=True)
class Reading:
    """What the process holds after a day: blocks of Python's memory, resident bytes, open files, threads, rows of the cache."""

    day: int
    blocks: int
    resident: int
    files: int
    threads: int
    rows: Mapping[str, int]

    def __str__(self) -> str:
        rows = ", ".join(f"{name} {count}" for name, count in self.rows.items())
        return (
            f"day {self.day}: {self.blocks:,} blocks, {self.resident >> 20} MB resident, {self.files} files,"
            f" {self.threads} threads; {rows}"
        )


def soak(crm: str, days: int, months: int, folder: Path) -> list[Reading]:
    """Lives through the days. Raises AssertionError where a run does not end well."""
    readings = []
    with _a_company(crm, folder, months) as (view, forget), _folder_of(folder), _time_machine() as clock:
        _command("setup", "--yes")
        for day in range(1, days + 1):
            clock.move_to(BEGIN + timedelta(days=day))
            _people_act(view, day)
            _command("run", "--once")
            forget()
            if day % max(1, days // CHECKPOINTS) == 0:
                readings.append(_reading(day, folder))
    return readings


def growth(readings: Sequence[Reading], months: int) -> list[str]:
    """What grew from the second quarter to the last one; nothing where all is well. Rows count once the retention has passed."""
    early, late = readings[len(readings) // 4 : len(readings) // 2], readings[-(len(readings) // 4) :]
    found = []
    for name in ("blocks", "resident", "files", "threads"):
        before, after = (max(getattr(one, name) for one in some) for some in (early, late))
        if after > before * MORE:
            found.append(f"{name}: {before} became {after}")
    for table in BOUND_TABLES if early[0].day > months * DAYS_A_MONTH else ():
        before, after = (max(one.rows[table] for one in some) for some in (early, late))
        if after > before * MORE + 5:
            found.append(f"rows of {table}: {before} became {after}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crm", choices=("memory", "salesforce", "hubspot"), default="memory")
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--months", type=int, default=6, help="[history] months")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kamsync-soak-") as folder:
        readings = soak(options.crm, options.days, options.months, Path(folder))
    for one in readings:
        print(one)
    grown = growth(readings, options.months)
    print("\n".join(grown) or f"{options.crm}: {options.days} days, nothing grew")
    sys.exit(bool(grown))


# --- the company ----


@contextmanager
def _a_company(crm: str, folder: Path, months: int) -> Iterator[tuple[SandboxView, Any]]:
    """The CRM's page, and what makes the CRM forget what it need not know."""
    company = Company(accounts=ACCOUNTS, opportunities=OPPORTUNITIES, today=BEGIN.date())
    with ExitStack() as stack:
        if crm == "memory":
            write_entry_point(folder / "site")
            sys.path.insert(0, str(folder / "site"))
            stack.callback(sys.path.remove, str(folder / "site"))
            sandbox = CONNECTOR.sandbox(company, SandboxOptions(today=BEGIN.date(), provisioned=True))
            (folder / "memory.toml").write_text(mapping_text({}), encoding="utf-8")
            _configure(crm, folder, sandbox.settings(), months, mapping="memory.toml")
            yield sandbox.view, sandbox.crm.records.log.clear
        else:
            server = stack.enter_context(
                start_sandbox(crm, today=BEGIN.date(), company=company, provisioned=False, enforce_rate_limits=False)
            )
            _configure(crm, folder, server.crm.settings(server.base_url), months, mapping=crm)
            yield server.crm.view, server.requests.clear


def _configure(crm: str, folder: Path, settings: Mapping[str, Any], months: int, *, mapping: str) -> None:
    text = programme_text(crm, settings, "won_amount_12m").replace(f'mapping = "{crm}"', f'mapping = "{mapping}"')
    if crm == "memory":
        text = text.replace(f'token = "{settings["token"]}"', 'token = { env = "KAMSYNC_TOKEN" }')
        os.environ["KAMSYNC_TOKEN"] = str(settings["token"])
    for name, value in settings.items():
        os.environ[secret_name(name)] = str(value)
    (folder / "config.toml").write_text(f"{text}\n[history]\nmonths = {months}\n", encoding="utf-8")


def _people_act(view: SandboxView, day: int) -> None:
    """One account a day gets a tier by hand, one an override, one loses it; whatever is open is done after a while."""
    accounts = sorted(view.accounts(limit=10_000), key=lambda one: one.id)
    by_hand, chosen, freed = (accounts[(day + step) % len(accounts)] for step in (0, 13, 26))
    if by_hand.flags["tier"]:
        view.set_flag(by_hand.id, "tier", "B" if by_hand.flags["tier"] == "A" else "A")
    view.set_flag(chosen.id, "override", "C")
    view.set_flag(freed.id, "override", "")
    for task in view.tasks(by_hand.id):
        if task.by_kamsync and task.is_open:
            view.complete_task(task.id)


# --- the machine ----


@contextmanager
def _time_machine() -> Iterator[Any]:
    with time_machine.travel(BEGIN, tick=True) as clock:
        yield clock


@contextmanager
def _folder_of(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _command(*arguments: str) -> None:
    """`kamsync arguments` in this process. Raises AssertionError where it does not end well."""
    out, err, before = StringIO(), StringIO(), sys.argv
    sys.argv = ["kamsync", *arguments]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            kamsync()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = before
    if code:
        raise AssertionError(f"kamsync {' '.join(arguments)} ended with {code}: {out.getvalue()} {err.getvalue()}")


def _reading(day: int, folder: Path) -> Reading:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    with sqlite3.connect(folder / "kamsync.db") as db:
        tables = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        ]
        rows = {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in sorted(tables)}
    db.close()
    return Reading(
        day, sys.getallocatedblocks(), resident, len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), rows
    )


if __name__ == "__main__":
    main()
