"""Runs `kamsync …` in forked processes that can be killed at any commit of the cache: what a shell starts, only sooner.

A process of its own, forked from the one that has the libraries loaded (tests.journeys.command). For each order (from
tests.accidents.world) it forks, waits, and answers with the exit code, negative for the signal that ended the process. In a
hurry, waiting takes an N-th of its time, so that hundreds of retries fit into minutes. An order may also bring the machine itself
into trouble: a clock that is put to another time of the day, a disk with room for so many more pages, or for no byte more.

The dying is done from inside, by a trace of SQLite: each commit is counted before it happens, and the process ends itself by
SIGKILL before the n-th, or after it before anything else happens. Calls are counted, and deaths at them done, by the CRM
(tests.accidents.gate), which finds a death that is due after a commit in the file that both share.
"""

from __future__ import annotations

import atexit
import mmap
import os
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import time_machine

from tests.journeys.command import become

PID, DUE, COMMITS, SIZE = 0, 8, 16, 24  # places in the shared file, eight bytes each
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP")
CACHE = "kamsync.db"


class Trouble:
    """What the machine itself does to a process, as an order says it: the clock, the disk. Nothing where it says nothing.

    `clock` is the minute of the day to which the clock is put, at the commit `clock_at` (from 0); it stays on its day. `pages` is
    by how many pages the cache may grow; `bytes` how large any file of the process may become.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self._clock: int | None = order.get("clock")
        self._clock_at = int(order.get("clock_at", 0))
        self._pages: int | None = order.get("pages")
        if order.get("bytes") is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["bytes"], resource.RLIM_INFINITY))

    def before_commit(self, number: int) -> None:
        if self._clock is not None and number >= self._clock_at:
            now = datetime.now(UTC)
            then = now.replace(hour=0, minute=0, second=0) + timedelta(minutes=self._clock)
            time_machine.travel(then, tick=True).start()
            self._clock = None

    def on_connection(self, connection: sqlite3.Connection) -> None:
        if self._pages is not None:
            present = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {present + self._pages}")


class Dying:
    """Counts commits in the shared file, and ends the process at the one that is fatal (None: at none)."""

    def __init__(self, shared: mmap.mmap, fatal: int | None, trouble: Trouble, *, after: bool) -> None:
        self._shared, self._fatal, self._trouble, self._after = shared, fatal, trouble, after

    def watch(self) -> None:
        """From now on, every connection to the cache is followed."""
        connect = sqlite3.connect

        def followed(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **options)
            if CACHE in str(arguments[0]):
                self._trouble.on_connection(connection)
                connection.set_trace_callback(lambda statement: self._seen(connection, statement))
            return connection

        sqlite3.connect = followed  # type: ignore[assignment]  # the overloads are not repeated here

    def end_if_due(self) -> None:
        """The end of the process, where it is due after a commit that was the last thing to happen."""
        if get(self._shared, DUE):
            os.kill(os.getpid(), signal.SIGKILL)

    def _seen(self, connection: sqlite3.Connection, statement: str) -> None:
        """SQLite calls before it carries a statement out."""
        self.end_if_due()
        is_write = statement.lstrip()[:7].upper().startswith(WRITES)
        if statement != "COMMIT" and (connection.in_transaction or not is_write):
            return
        count = get(self._shared, COMMITS)
        self._trouble.before_commit(count)
        put(self._shared, COMMITS, count + 1)
        if count == self._fatal:
            put(self._shared, DUE, 1)
            if not self._after:
                self.end_if_due()


def get(shared: mmap.mmap, place: int) -> int:
    return int.from_bytes(shared[place : place + 8], "little")


def put(shared: mmap.mmap, place: int, value: int) -> None:
    shared[place : place + 8] = value.to_bytes(8, "little")


def open_shared(path: Path) -> mmap.mmap:
    """The file that the process, its parent and the CRM have in common."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), SIZE)


def serve(orders: Connection, hurry: float) -> None:
    """Carries out orders until the other side closes."""
    if hurry != 1.0:
        _hurry(hurry)
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        child = os.fork()
        if not child:
            _live(order)
        orders.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _hurry(times: float) -> None:
    """Waits shorter, and has the clock of waits jump over the rest; also where a module or a constructor keeps either."""
    patient, ticking = time.sleep, time.monotonic
    skipped = 0.0

    def hasty(seconds: float) -> None:
        nonlocal skipped
        patient(seconds / times)
        skipped += seconds - seconds / times

    def jumping() -> float:
        return ticking() + skipped

    for module in list(sys.modules.values()):
        constructors = [vars(made).get("__init__") for made in vars(module).values() if isinstance(made, type)]
        for names in (vars(module), *(getattr(made, "__kwdefaults__", None) or {} for made in constructors)):
            for name, value in list(names.items()):
                if value is patient:
                    names[name] = hasty
                elif value is ticking:
                    names[name] = jumping


def _live(order: Mapping[str, Any]) -> NoReturn:
    """One command, as a process of its own."""
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    become(order["arguments"], order["folder"], order["environment"])
    shared = open_shared(Path(order["shared"]))
    put(shared, PID, os.getpid())
    dying = Dying(shared, order["commit"], Trouble(order["trouble"]), after=order["after"])
    dying.watch()
    atexit.register(dying.end_if_due)
    from kamsync.cli import main as kamsync

    try:
        kamsync()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    # As an interpreter ends, but for taking everything that was loaded to pieces, which takes longest.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
