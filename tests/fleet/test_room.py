"""A worker that runs out of room hears SIGTERM in every moment, also while its jobs in hand come to their end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kamsync.fleet.caches import free_bytes
from kamsync.fleet.room import Room


class Jobs:
    """What a worker does, as Procrastinate does it: asked to end, it finishes what is in hand first."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.begun, self.ending, self.in_hand = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._fails = fails

    async def work(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ending.set()
            await self.in_hand.wait()
            if self._fails is not None:
                raise self._fails


async def _stops_while_ending(monkeypatch: pytest.MonkeyPatch, work: Path, fails: Exception | None) -> None:
    left, jobs = [free_bytes(work)], Jobs(fails)
    monkeypatch.setattr("kamsync.fleet.room.free_bytes", lambda place: left[0])
    at_work = asyncio.ensure_future(Room(work, 1, 0.001).work(jobs.work))
    await jobs.begun.wait()
    left[0] = 0
    await jobs.ending.wait()
    at_work.cancel()  # SIGTERM
    await asyncio.sleep(0)
    assert not at_work.done()  # the jobs in hand are waited for
    jobs.in_hand.set()
    await asyncio.wait_for(at_work, 10)


def test_a_worker_that_ran_out_of_room_is_stopped_while_its_jobs_come_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_stops_while_ending(monkeypatch, tmp_path, None))


def test_what_ends_the_jobs_meanwhile_stops_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_stops_while_ending(monkeypatch, tmp_path, ConnectionError("the database is away")))
