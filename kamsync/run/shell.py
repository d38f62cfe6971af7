"""What a run needs from outside, and the frame around it: the lock, and a record of how it ended, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from kamsync.config import Config
from kamsync.contract import Connection
from kamsync.errors import KamsyncError, PlanRefused, Stopped
from kamsync.run.moments import new_run_id, today
from kamsync.run.refresh import Progress
from kamsync.store.database import Cache, make_room, saying_what_is_wrong
from kamsync.store.journal import RunKind, RunStatus, finish_run, is_running, start_run


@dataclass(frozen=True)
class Shell:
    """What every run needs from outside: the open CRM, the cache, the configuration, the clock, who listens, who may stop it.

    `run_id` names the run that `recorded` has begun; empty, a plan gets an id of its own and nothing is recorded.
    """

    connection: Connection
    cache: Cache
    config: Config
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    progress: Progress = lambda stream, count, total: None
    stopping: Callable[[], bool] = lambda: False
    run_id: str = ""

    def read(self, stream: str, count: int, total: int | None) -> None:
        """Progress of a pull. Raises Stopped where somebody has asked the run to end: nothing is half done between pages."""
        if self.stopping():
            raise Stopped("Stopped on request while reading the CRM.", fix="Nothing is lost: the next run goes on from here.")
        self.progress(stream, count, total)


@contextmanager
def run_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second run on the same cache; PlanRefused where one is under way."""
    make_room(cache_path)
    lock = _lock(cache_path)
    with saying_what_is_wrong(cache_path):
        try:
            lock.acquire()
        except Timeout:
            raise PlanRefused(
                f"Another kamsync run holds the lock {lock.lock_file}.", fix="Wait for it to end, then run the command again."
            ) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(cache_path: Path) -> bool:
    """Whether a run is under way on this cache at this moment: a dead process holds no lock."""
    if not cache_path.exists():
        return False
    lock = _lock(cache_path)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def _lock(cache_path: Path) -> FileLock:
    return FileLock(cache_path.with_name(cache_path.name + ".lock"), timeout=0, mode=0o600)


@contextmanager
def recorded(
    cache: Cache, config: Config, kind: RunKind, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[str]:
    """Begins a run and gives its id; however it ends, `runs` and `status` say so, with the mend where it failed."""
    now = clock()
    run_id = new_run_id(now)
    start_run(cache, run_id, kind, now, today(config, now))
    try:
        yield run_id
    except KamsyncError as error:
        if is_running(cache, run_id):
            status: RunStatus = "refused" if isinstance(error, PlanRefused) else "failed"
            status = "interrupted" if isinstance(error, Stopped) else status
            finish_run(cache, run_id, status, clock(), message=error.message, fix=error.fix)
        raise
    except BaseException as error:
        if is_running(cache, run_id):
            stopped = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
            message = "" if stopped else f"{type(error).__name__}: a bug in kamsync"
            finish_run(cache, run_id, "interrupted" if stopped else "failed", clock(), message=message)
        raise
    if is_running(cache, run_id):
        finish_run(cache, run_id, "declined", clock(), message="nobody said yes")
