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

from kamsync import __version__
from kamsync.errors import PlanRefused
from kamsync.files import write_private
from kamsync.run.lock import hold, is_held

LOCK = ".schedule.lock"


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
    if not _file(cache_path).is_file() or not is_held(cache_path, LOCK):
        return None
    try:
        read: dict[str, Any] = json.loads(_file(cache_path).read_text(encoding="utf-8"))
        return Heartbeat(**{**read, "jobs": tuple(Job(**job) for job in read["jobs"])})
    except (OSError, ValueError, TypeError, KeyError):  # of another version: it beats again within a minute of its restart
        return None


@contextmanager
def schedule_lock(cache_path: Path) -> Iterator[None]:
    """Holds off a second `kamsync run` on the same cache. Raises PlanRefused where one is running."""

    def refused(lock: str) -> PlanRefused:
        return PlanRefused(
            f"Another `kamsync run` holds the schedule of the cache {cache_path}.",
            fix="Stop that one first, or run once by hand: kamsync sync",
        )

    with hold(cache_path, LOCK, refused):
        try:
            yield
        finally:
            _file(cache_path).unlink(missing_ok=True)


def _file(cache_path: Path) -> Path:
    return cache_path.with_name(cache_path.name + ".schedule")
