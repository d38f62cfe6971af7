"""That `kamsync run` is alive, and what it is about to do: a lock that dies with its process, and a small file beside the cache.

The lock keeps a second schedule off the same cache; the file tells `status` which schedule is really running, whatever the
configuration has come to say since.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kamsync import __version__
from kamsync.errors import PlanRefused
from kamsync.files import write_private
from kamsync.run.lock import LOOK_SECONDS
from kamsync.store.database import make_room, saying_what_is_wrong


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the schedule. `next_at` is ISO with offset, None where it never fires again."""

    name: str
    line: str
    timezone: str
    next_at: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A running schedule; moments are ISO, in UTC."""

    started_at: str
    beat_at: str
    jobs: tuple[Job, ...]
    pid: int
    host: str
    version: str


def beat(cache_path: Path, started_at: str, now: str, jobs: Sequence[Job]) -> None:
    """Says that the schedule is alive. Raises ConfigError where the file cannot be written."""
    heartbeat = Heartbeat(started_at, now, tuple(jobs), os.getpid(), platform.node(), __version__)
    write_private(_file(cache_path), json.dumps(asdict(heartbeat)) + "\n", "heartbeat")


def living_schedule(cache_path: Path) -> Heartbeat | None:
    """The schedule that runs on this cache at this moment, None where none does."""
    if not _file(cache_path).is_file() or not _is_held(cache_path):
        return None
    try:
        read: dict[str, Any] = json.loads(_file(cache_path).read_text(encoding="utf-8"))
        return Heartbeat(**{**read, "jobs": tuple(Job(**job) for job in read["jobs"])})
    except (OSError, ValueError, TypeError, KeyError):  # of another version: it beats again within a minute of its restart
        return None


@contextmanager
def schedule_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second `kamsync run` on the same cache; PlanRefused where one is running."""
    make_room(cache_path)
    lock = _lock(cache_path)
    with saying_what_is_wrong(cache_path):
        try:
            lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            raise PlanRefused(
                f"Another `kamsync run` holds the schedule of the cache {cache_path}.",
                fix="Stop that one first, or run once by hand: kamsync sync",
            ) from None
    try:
        yield
    finally:
        _file(cache_path).unlink(missing_ok=True)
        lock.release()


def _is_held(cache_path: Path) -> bool:
    lock = _lock(cache_path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _file(cache_path: Path) -> Path:
    return cache_path.with_name(cache_path.name + ".schedule")


def _lock(cache_path: Path) -> FileLock:
    return FileLock(cache_path.with_name(cache_path.name + ".schedule.lock"), timeout=0, mode=0o600)
