"""NEW MODULE"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from kamsync.config import Config
from kamsync.contract import Connection
from kamsync.errors import PlanRefused
from kamsync.run.refresh import Progress
from kamsync.store.database import Cache, make_room, saying_what_is_wrong


@dataclass(frozen=True)
class Shell:
    """What every run needs from outside: the open CRM, the cache, the configuration, the clock, who listens, who may stop it."""

    connection: Connection
    cache: Cache
    config: Config
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    progress: Progress = lambda stream, count, total: None
    stopping: Callable[[], bool] = lambda: False


@contextmanager
def run_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second run on the same cache; PlanRefused where one is under way."""
    make_room(cache_path)
    lock = FileLock(cache_path.with_name(cache_path.name + ".lock"), timeout=0, mode=0o600)
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
