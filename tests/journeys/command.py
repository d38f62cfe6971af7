"""`kamsync …` in a process of its own, forked from one that has the libraries loaded: what a shell starts, only sooner."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_SECONDS = 600.0  # as long as a run through a storm of limits
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [
        "kamsync.cli.app",
        *(
            f"kamsync.cli.commands.{name}"
            for name in ("doctor", "explain", "plan", "pull", "fleet", "setup", "simulate", "sync", "undo")
        ),
        *(f"kamsync.fleet.{name}" for name in ("caches", "queue", "status", "upkeep")),
        "kamsync_hubspot.connection",
        "kamsync_salesforce.connection",
        "pydantic.type_adapter",
        "sqlglot.dialects.sqlite",
        "sqlglot.generators.sqlite",
        "sqlglot.parsers.sqlite",
        "tests.journeys.warm",
    ]
)


def run_command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, hurried: bool = False
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error. `hurried`: against a CRM that counts no calls, so that none waits."""
    code, out, err = run_bytes(arguments, folder, environment, hurried=hurried)
    return code, out.decode(), err.decode()


def run_bytes(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, hurried: bool = False
) -> tuple[int, bytes, bytes]:
    """The same with what was written as it is."""
    texts = [folder / f".{name}-{time.monotonic_ns()}" for name in ("out", "err")]
    process = _PROCESSES.Process(target=_child, args=(list(arguments), str(folder), dict(environment), *map(str, texts), hurried))
    process.start()
    process.join(LONGEST_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"kamsync {' '.join(arguments)} did not end")
    out, err = (text.read_bytes() for text in texts)
    for text in texts:
        text.unlink()
    return process.exitcode, out, err


def run_here(arguments: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """The same in this very process and its environment: quicker, and what it patches holds."""
    from kamsync.cli import main
    from kamsync.log import silence_logs

    out, err = io.StringIO(), io.StringIO()
    argv, where = sys.argv, Path.cwd()
    silence_logs()  # what the command before has set up
    sys.argv = ["kamsync", *arguments]
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return (ended.code if isinstance(ended.code, int) else 1), out.getvalue(), err.getvalue()
    finally:
        sys.argv = argv
        os.chdir(where)
    raise AssertionError("main() never returns")


def _child(arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str, hurried: bool) -> None:
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if encoding := environment.get("PYTHONIOENCODING"):  # which Python reads when it starts
        sys.stdout.reconfigure(encoding=encoding)  # type: ignore[union-attr]  # of a process they are text streams
        sys.stderr.reconfigure(encoding=encoding)  # type: ignore[union-attr]  # the same
    sys.argv = ["kamsync", *arguments]
    from kamsync.cli import main
    from kamsync_hubspot.api import limiter

    if hurried:
        limiter.SEARCHES_PER_SECOND = 1_000
    main()
