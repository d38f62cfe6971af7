"""One run at a time on a cache: a lock that dies with its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kamsync.errors import PlanRefused
from kamsync.store.database import make_room, saying_what_is_wrong

LOCK_WAIT_SECONDS = 60.0  # for whoever comes again by itself
LOOK_SECONDS = 0.5  # `is_locked` holds the lock for a moment: a run that begins in it must not be refused


@contextmanager
def run_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second run on the same cache; PlanRefused where one is under way."""
    make_room(cache_path)
    lock = _lock(cache_path)
    with saying_what_is_wrong(cache_path):
        try:
            lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            raise PlanRefused(
                f"Another kamsync run holds the lock {lock.lock_file}.",
                fix="Wait for it to end, then run the command again.",
                retry_after_seconds=LOCK_WAIT_SECONDS,
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
