"""Room on a worker's disk: without it the worker takes no jobs, and leaves them to those that can do them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from kamsync.fleet.caches import free_bytes
from kamsync.log import log

LOOK_SECONDS = 5.0
AMPLE = 1.25  # of what is needed before a worker goes on: what one job takes for a while must not stop and start it


class Room:
    """Whether the disk of `work` has so many megabytes left; looked at every `look_seconds`. Said when it changes."""

    def __init__(self, work: Path, megabytes: int, look_seconds: float = LOOK_SECONDS) -> None:
        self._work, self._megabytes, self._look_seconds = work, megabytes, look_seconds
        self._short = False

    def is_short(self) -> bool:
        """Whether there is too little now."""
        trouble = self._trouble()
        if trouble and not self._short:
            fix = "Make room where [fleet] work is. This worker takes no jobs until then; those in hand go on."
            log().error("no room", error=trouble, fix=fix)
        elif self._short and not trouble:
            log().info("room again", detail="this worker takes jobs")
        self._short = bool(trouble)
        return self._short

    def _trouble(self) -> str:
        needed = self._megabytes * (AMPLE if self._short else 1)
        try:
            free = free_bytes(self._work) // 1_000_000
        except OSError as error:
            return f"The disk of {self._work} cannot be looked at: {error.strerror}."
        if free >= needed:
            return ""
        return f"The disk of {self._work} has {free:,} MB left, less than the {self._megabytes:,} that a worker needs."

    async def work(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Awaits `begin` where there is room, asks it to end (by cancelling it) where there is none any longer, and so on.

        Returns when it has ended by itself; when this is cancelled, it is, and waited for.
        """
        while True:
            while self.is_short():
                await asyncio.sleep(self._look_seconds)
            working = asyncio.ensure_future(begin())
            try:
                while not working.done() and not self.is_short():
                    await asyncio.wait([working], timeout=self._look_seconds)
                if working.done():
                    return working.result()
            finally:
                await _ended(working)


async def _ended(task: asyncio.Future[None]) -> None:
    """Asks the task to end and waits until it has. Who cancels this meanwhile is not unheard: that is raised afterwards."""
    task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    failed = None if task.cancelled() else task.exception()
    if cancelled is not None:
        raise cancelled
    if failed is not None:
        raise failed
