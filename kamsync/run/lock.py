"""One run at a time on a cache, and one schedule: locks that die with their process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kamsync.errors import PlanRefused
from kamsync.store.database import make_room, saying_what_is_wrong

LOCK_WAIT_SECONDS = 60.0  # for whoever comes again by itself
LOOK_SECONDS = 0.5  # whoever asks whether a lock is held holds it for a moment: a run that begins in it must not be refused
RUN = ".lock"


@contextmanager
def hold(cache_path: Path, ending: str, refused: Callable[[str], PlanRefused]) -> Iterator[None]:
    """Holds the lock beside the cache that has this ending; where somebody else does, raises what `refused` says of its path.

    Raises CacheUnusable where there can be no lock.
    """
    make_room(cache_path)
    lock = _lock(cache_path, ending)
    with saying_what_is_wrong(cache_path):
        try:
            lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            raise refused(lock.lock_file) from None
    try:
        yield
    finally:
        lock.release()


def is_held(cache_path: Path, ending: str) -> bool:
    """Whether somebody holds it at this moment: a dead process holds no lock."""
    lock = _lock(cache_path, ending)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def run_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second run on the same cache. Raises PlanRefused where one is under way."""

    def refused(lock: str) -> PlanRefused:
        return PlanRefused(
            f"Another kamsync run holds the lock {lock}.",
            fix="Wait for it to end, then run the command again.",
            retry_after_seconds=LOCK_WAIT_SECONDS,
        )

    with hold(cache_path, RUN, refused):
        yield


def is_locked(cache_path: Path) -> bool:
    """Whether a run is under way on this cache at this moment."""
    return cache_path.exists() and is_held(cache_path, RUN)


def _lock(cache_path: Path, ending: str) -> FileLock:
    return FileLock(cache_path.with_name(cache_path.name + ending), timeout=0, mode=0o600)
