"""One ordinary command in a forked process, on a leash that its worker holds.

The worker writes to the leash as long as the org is its own. Where the leash ends (the worker was killed) or is silent too long
(the worker hangs, or has lost the org), this process ends at once, as if by SIGKILL, which every run survives. So an org that
another worker takes over is never worked on twice.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

FIRST_TO_GO = 500  # of 1000: https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
LET_GO = 128 + signal.SIGKILL  # as shells say it


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is to be: `kamsync ARGUMENTS`, its environment, where it prints, how much any file of it may hold.

    `grown` is a file that is there afterwards where one of them was to hold more.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    out: str
    err: str
    grown: str
    silence_seconds: float
    megabytes: int


def live(order: Order, leash: Connection) -> None:
    """Becomes the command; never returns to what was forked."""
    threading.Thread(target=_hold, args=(leash, order.silence_seconds), name="leash", daemon=True).start()
    os.setsid()  # Ctrl-C at the worker's terminal is the worker's to pass on
    os.chdir(order.folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, path in ((1, order.out), (2, order.err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    # A cache that grows without end would fill the disk of all the others. SQLite takes the limit for some trouble of the disk.
    signal.signal(signal.SIGXFSZ, lambda number, frame: Path(order.grown).touch())
    resource.setrlimit(resource.RLIMIT_FSIZE, (order.megabytes * 1_000_000,) * 2)
    with suppress(OSError):  # where the machine itself runs out of memory, Linux is to end a job and not the worker
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")
    sys.argv = ["kamsync", *order.arguments]
    runpy.run_module("kamsync", run_name="__main__", alter_sys=True)


def _hold(leash: Connection, silence_seconds: float) -> None:
    while True:
        try:
            if not leash.poll(silence_seconds):
                os._exit(LET_GO)
            leash.recv_bytes()
        except (EOFError, OSError):
            os._exit(LET_GO)
