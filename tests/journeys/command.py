"""`kamsync …` in a process of its own, forked from one that has the libraries loaded: what a shell starts, only sooner."""

from __future__ import annotations

import contextlib
import fcntl
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

LONGEST_SECONDS = 600.0  # as long as a run through a storm of limits
PROCESSES = multiprocessing.get_context("forkserver")
_SERVER = forkserver._forkserver  # the one that the context uses, of which it offers no more
PROCESSES.set_forkserver_preload(
    [*(f"kamsync.fleet.{name}" for name in ("caches", "queue", "status", "upkeep")), "tests.journeys.warm"]
)


def run_command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, hurried: bool = False, user: int | None = None
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error. `hurried`: against a CRM that counts no calls, so that none waits.

    `user`: another user of the machine, whom only root may become.
    """
    code, out, err = run_bytes(arguments, folder, environment, hurried=hurried, user=user)
    return code, out.decode(), err.decode()


def run_bytes(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, hurried: bool = False, user: int | None = None
) -> tuple[int, bytes, bytes]:
    """The same with what was written as it is."""
    texts = [folder / f".{name}-{time.monotonic_ns()}" for name in ("out", "err")]
    args = (list(arguments), str(folder), dict(environment), *map(str, texts), hurried, user)
    process = PROCESSES.Process(target=_child, args=args)
    process.start()
    process.join(LONGEST_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"kamsync {' '.join(arguments)} did not end")
    out, err = (text.read_bytes() for text in texts)
    for text in texts:
        text.unlink()
    return process.exitcode, out, err


class Beside:
    """A command that goes on beside the test: what is used here of subprocess.Popen."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Negative for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float = LONGEST_SECONDS) -> int:
        """The exit code at its end. Raises TimeoutExpired where that does not come."""
        self._process.join(timeout)
        if self.returncode is None:
            self.kill()
            raise subprocess.TimeoutExpired("kamsync", timeout)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Logged(Beside):
    """One whose words go to a file, of which nothing is left out.

    `shares`: the processes that it forks from one with the libraries loaded are forked from the same as this one, which has them.
    `first`: Python that it runs before the command.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        *,
        shares: bool = False,
        first: str = "",
    ) -> None:
        _SERVER.ensure_running()
        loaded: str | None = vars(_SERVER)["_forkserver_address"] if shares else None
        args = (list(arguments), str(folder), dict(environment), str(log), loaded, first)
        super().__init__(PROCESSES.Process(target=_logged, args=args))


class Started(Beside):
    """One that is listened to."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, hurried: bool = False) -> None:
        (out, told), (err, said) = os.pipe(), os.pipe()
        ends = [Connection(descriptor, readable=False) for descriptor in (told, said)]
        args = (list(arguments), str(folder), dict(environment), *ends, hurried)
        super().__init__(PROCESSES.Process(target=_piped, args=args))
        for end in ends:
            end.close()
        self.stdout, self.stderr = os.fdopen(out, encoding="utf-8"), os.fdopen(err, encoding="utf-8")

    def communicate(self, timeout: float = LONGEST_SECONDS) -> tuple[str, str]:
        """What it says from now on until its end. Raises TimeoutExpired where that does not come."""
        said: dict[TextIO, str] = {}
        readers = [threading.Thread(target=_read, args=(stream, said)) for stream in (self.stdout, self.stderr)]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        self.stdout.close()
        self.stderr.close()
        return said[self.stdout], said[self.stderr]


class AtTerminal:
    """A command whose terminal is the other side of `terminal`, of so many columns and rows."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], terminal: int) -> None:
        side = Connection(terminal)
        self._process = PROCESSES.Process(target=_at_terminal, args=(list(arguments), str(folder), dict(environment), side))
        self._process.start()
        side.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def end(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        self._process.join(LONGEST_SECONDS)
        if self._process.exitcode is None:
            self.kill()
            raise TimeoutError("kamsync did not end")
        return self._process.exitcode


def run_here(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """The same in this very process and its environment: quicker, and what it patches holds. `environment`: for the command."""
    from kamsync.cli import main
    from kamsync.log import silence_logs

    out, err = io.StringIO(), io.StringIO()
    argv, where, present = sys.argv, Path.cwd(), dict(os.environ)
    silence_logs()  # what the command before has set up
    sys.argv = ["kamsync", *arguments]
    os.chdir(folder)
    try:
        os.environ.update(environment or {})
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return (ended.code if isinstance(ended.code, int) else 1), out.getvalue(), err.getvalue()
    finally:
        sys.argv = argv
        os.chdir(where)
        if environment is not None:
            os.environ.clear()
            os.environ.update(present)
    raise AssertionError("main() never returns")


def _read(stream: TextIO, said: dict[TextIO, str]) -> None:
    said[stream] = stream.read()


def _child(
    arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str, hurried: bool, user: int | None
) -> None:
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    _live(arguments, folder, environment, hurried)


def _logged(arguments: list[str], folder: str, environment: dict[str, str], log: str, loaded: str | None, first: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    if loaded is not None:  # as multiprocessing itself has it where the one that forks was started by this process
        vars(_SERVER).update(_forkserver_address=loaded, ensure_running=lambda: None)
    exec(first, {})
    _live(arguments, folder, environment, hurried=False)


def _piped(
    arguments: list[str], folder: str, environment: dict[str, str], out: Connection, err: Connection, hurried: bool
) -> None:
    for descriptor, end in ((1, out), (2, err)):
        os.dup2(end.fileno(), descriptor)
        end.close()
    _live(arguments, folder, environment, hurried)


def _at_terminal(arguments: list[str], folder: str, environment: dict[str, str], side: Connection) -> None:
    os.setsid()
    fcntl.ioctl(side.fileno(), termios.TIOCSCTTY, 0)
    for descriptor in range(3):
        os.dup2(side.fileno(), descriptor)
    side.close()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process
    _live(arguments, folder, environment, hurried=True)


def _live(arguments: list[str], folder: str, environment: dict[str, str], hurried: bool) -> None:
    """The command, to its end."""
    from kamsync.__main__ import main
    from kamsync_hubspot.api import limiter

    become(arguments, folder, environment)
    if hurried:
        limiter.SEARCHES_PER_SECOND = 1_000
    main()


def become(arguments: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
    """This forked process as `kamsync arguments` would begin in that folder; its output is open where it is to go."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    # As Python makes them when it starts: those that are here were made for other files.
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = open(1, "w", encoding=encoding, buffering=1 if os.isatty(1) else -1, closefd=False)  # noqa: SIM115  # as long as
    sys.stderr = open(2, "w", encoding=encoding, buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115  # we live
    sys.argv = ["kamsync", *arguments]
    from kamsync.cli import console

    # They look at what they write to when they are made, and these were made in the process that this one is forked from.
    console.out.__init__(width=None if sys.stdout.isatty() else console.OFF_TERMINAL_WIDTH)  # type: ignore[misc]
    console.err.__init__(stderr=True)  # type: ignore[misc]
