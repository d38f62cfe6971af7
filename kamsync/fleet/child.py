"""One ordinary command for one org, in a process of its own: what it may see, how long it may take, what it said.

The process gets of the worker's environment what every program needs and the variables that its own configuration names, nothing
else; its cache, its logs and its secrets are in folders of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from kamsync.config.loader import LEASE_NAME_VARIABLE
from kamsync.config.paths import CACHE_VARIABLE
from kamsync.fleet.leash import Order, live
from kamsync.fleet.remedy import Said, Why

EVERYBODYS = (
    "PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SYSTEMROOT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONPATH",
    "PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
)  # fmt: skip
EVERYBODYS_PREFIXES = ("LC_", "OTEL_")  # the language, and where the operator's traces go
LOG_BYTES, DOCUMENT_BYTES = 65_536, 100_000_000
LOOK_SECONDS = 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Lazy parts of the libraries that a quiet night loads: with the commands' modules a third of the processor time of such a job.
_LIBRARIES = (
    "pydantic.type_adapter",
    "structlog",
    "sqlglot.dialects.sqlite",
    "sqlglot.generators.sqlite",
    "sqlglot.parsers.sqlite",
)
_PROCESSES = multiprocessing.get_context("forkserver")
_LOCK = threading.Lock()  # multiprocessing looks after all processes at once, whichever thread asks about one
# Of a lease. It counts as lost after two fifths; a process that hears nothing for a quarter more ends before another may begin.
TOLD_SHARE, LEASH_SHARE = 1 / 12, 1 / 4


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the command may take, how long it may take to end, how long it lives without a word of us; how much it may hold.

    Seconds and megabytes; `file_megabytes` is for each of its files, `memory_megabytes` for its process, where /proc tells it.
    """

    deadline_seconds: float
    graceful_stop_seconds: float
    lease_seconds: float
    file_megabytes: int
    memory_megabytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command said, and the end of its log. `grown`: a file of it wanted to hold more than it may."""

    said: Said
    log: str
    grown: bool = False


def environment_for(
    variables: frozenset[str], cache: Path, secrets: Path | None, environment: Mapping[str, str], lease_name: str = ""
) -> dict[str, str]:
    """The org's part of the worker's environment. `secrets` is its folder with one file a secret.

    `lease_name`: one job at a time has it, on all machines, so that what a dead one holds in the CRM is its own to take over.
    """
    wanted = {*EVERYBODYS, *variables, *(name for name in environment if name.startswith(EVERYBODYS_PREFIXES))}
    found = {name: value for name, value in environment.items() if name in wanted}
    found[CACHE_VARIABLE] = str(cache)
    if lease_name:
        found[LEASE_NAME_VARIABLE] = lease_name
    if secrets is not None:
        found["CREDENTIALS_DIRECTORY"] = str(secrets)
    return found


def prepare(*, commands: Sequence[str], connectors: Sequence[str]) -> None:
    """Starts the process that jobs are forked from, with the libraries loaded: a job begins at once, and shares their memory.

    `commands`: the modules of what jobs run; `connectors`: the packages of the connectors. The process inherits this one's
    environment as it is now, and never sees a secret.
    """
    _PROCESSES.set_forkserver_preload([*commands, *_LIBRARIES, *(f"{package}.connection" for package in connectors)])
    first = _PROCESSES.Process(target=_nothing, daemon=True)
    first.start()
    first.join()  # the libraries are loaded then, and no org's lease runs out over that


def _nothing() -> None:
    """The first process only shows that there can be others."""


def run_command(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    *,
    is_ours: Callable[[], bool],
    stopping: Callable[[], bool],
) -> Ended:
    """Runs `kamsync ARGUMENTS` with `folder` for what it prints. It ends early where the org is no longer ours or we stop."""
    out, err, grown = folder / "out", folder / "err", folder / "grown"
    for path in (out, err, grown):
        path.unlink(missing_ok=True)
    order = Order(
        arguments,
        environment,
        str(folder),
        str(out),
        str(err),
        str(grown),
        LEASH_SHARE * limits.lease_seconds,
        limits.file_megabytes,
    )
    with _LOCK:
        theirs, ours = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=live, args=(order, theirs), daemon=True)
        process.start()
        theirs.close()
    try:
        why = _attend(process, ours, limits, is_ours, stopping)
    finally:
        _end(process)
        ours.close()
    code = process.exitcode
    process.close()
    return Ended(Said(1 if code is None else code, _document(out), why), _tail(err), grown.exists())


def _attend(
    process: BaseProcess, leash: Connection, limits: Limits, is_ours: Callable[[], bool], stopping: Callable[[], bool]
) -> Why:
    """Until the process has ended; why we ended it, "" where we did not."""
    began = held = time.monotonic()
    why: Why = ""
    asked = 0.0
    while _is_alive(process):
        now = time.monotonic()
        if not is_ours():
            return "lost"
        if _megabytes_of(process) > limits.memory_megabytes:
            return "memory"
        if now - held >= limits.lease_seconds * TOLD_SHARE:
            held = now
            with suppress(OSError):  # it has just ended
                leash.send_bytes(b".")
        if not why and (stopping() or now - began > limits.deadline_seconds):
            why, asked = ("stopping" if stopping() else "deadline"), now
            _signal(process, signal.SIGTERM)
        elif why and now - asked > limits.graceful_stop_seconds:
            return why
        wait([process.sentinel], LOOK_SECONDS)
    return why


def _is_alive(process: BaseProcess) -> bool:
    with _LOCK:
        return process.is_alive()


def _megabytes_of(process: BaseProcess) -> float:
    """What the process has in memory now, with what it shares; 0 where the system does not tell it like Linux."""
    try:
        pages = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):  # it has just ended
        return 0.0
    return int(pages) * PAGE_BYTES / 1_000_000


def _signal(process: BaseProcess, number: signal.Signals) -> None:
    with _LOCK, suppress(ProcessLookupError):
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, number)


def _end(process: BaseProcess) -> None:
    """Whatever happened here, nothing of it goes on."""
    while _is_alive(process):
        _signal(process, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)


def _document(path: Path) -> Any:
    """The one JSON document of standard output, None where there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(DOCUMENT_BYTES + 1)
        return json.loads(text) if len(text) <= DOCUMENT_BYTES else None
    except (ValueError, FileNotFoundError):
        return None


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode("utf-8", "replace")
