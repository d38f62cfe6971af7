"""`kamsync run`: the schedule in the foreground, for systemd, Docker or a terminal.

Runs that the machine slept or was switched off through are made up for by one, at once (level-triggered: one is as good as
five). SIGTERM and SIGINT let the present batch finish, then end. An error of one night is logged and does not stop the next.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from kamsync.config import Config
from kamsync.decide.timetable import Timetable
from kamsync.errors import ConfigError, KamsyncError
from kamsync.run.due_lines import DueLine, scheduled, was_missed
from kamsync.run.heartbeat import Job, beat, schedule_lock
from kamsync.run.shell import is_recorded
from kamsync.run.stop_signal import STOP_SECONDS, Stopping, stopping_on

MISFIRE_GRACE_SECONDS = 7 * 24 * 3600  # APScheduler's default of one second silently drops late runs
BEAT_SECONDS = 20.0  # also how late a job may be that a suspended machine slept through: timers stand still meanwhile
WATCH_SECONDS = 600
FIRST_WATCH_SECONDS = 2  # by then a run that makes up for missed ones has begun
LONGEST_RUN_SECONDS = 3 * 3600.0  # one that takes longer hangs
Work = Callable[[bool], None]
Log = Callable[..., None]


class _Times(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """A timetable as APScheduler asks for it, each time put off at random by up to `jitter_seconds`."""

    def __init__(self, table: Timetable, jitter_seconds: int) -> None:
        self._table, self._jitter_seconds = table, jitter_seconds

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        following = self._table.next_after(previous_fire_time or now)
        if following is None:
            return None
        # In UTC: Python compares two moments of one zone by their wall clocks, which lie in the hour that comes twice.
        return following.astimezone(UTC) + timedelta(seconds=random.uniform(0, self._jitter_seconds))


def run_schedule(
    config: Config,
    work: Work,
    log: Log,
    stopping: Stopping,
    *,
    last_runs: Callable[[], tuple[datetime | None, datetime | None]],
    watch: Callable[[], None] | None,
) -> None:
    """Calls `work(full)` at the configured times until `stopping`; missed ones are made up for once at the start.

    `last_runs` tells when the last run, and the last full pull, began. `watch` is called every WATCH_SECONDS between runs: what
    is to be noticed because nothing happens. Raises ConfigError where nothing is scheduled and
    PlanRefused where another schedule runs on the same cache.
    """
    jobs = scheduled(config.schedule)
    if not jobs:
        raise ConfigError(
            f"{config.path}: nothing is scheduled.", fix='Add [schedule] sync = "0 6 * * 1-5" to the configuration.'
        )
    with stopping_on(stopping, (signal.SIGINT, signal.SIGTERM)), schedule_lock(config.cache_path):
        keeper = _Keeper(config, work, log, stopping, jobs)
        keeper.start(watch)
        _make_up(keeper, last_runs(), log)
        keeper.hold()


def _make_up(keeper: _Keeper, last_runs: tuple[datetime | None, datetime | None], log: Log) -> None:
    """One run for whatever was missed while nothing held the schedule: a full one where that was among them."""
    last, last_full = last_runs
    now = datetime.now(UTC)
    missed = [due for due in keeper.jobs if was_missed(due, last_full if due.full else last, now)]
    if missed:
        log("missed", jobs=", ".join(due.name for due in missed), detail="made up for by one run now")
        keeper.run_now(missed[0])


class _Keeper:
    """The running scheduler, its heartbeat, and its end."""

    def __init__(self, config: Config, work: Work, log: Log, stopping: Stopping, jobs: tuple[DueLine, ...]) -> None:
        self.jobs = jobs
        self._config, self._work, self._log, self._stopping = config, work, log, stopping
        self._turn = threading.Lock()  # a weekly full pull and the morning's run never overlap
        self._turn_since = 0.0
        self._started_at = _iso(datetime.now(UTC))
        self._scheduler = BackgroundScheduler(timezone=UTC)

    def start(self, watch: Callable[[], None] | None) -> None:
        for due in self.jobs:
            self._scheduler.add_job(
                self._survivor(due),
                _Times(due.table, self._config.schedule.jitter_seconds),
                id=due.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=MISFIRE_GRACE_SECONDS,
            )
        if watch is not None:
            first = datetime.now(UTC) + timedelta(seconds=FIRST_WATCH_SECONDS)
            self._scheduler.add_job(self._watcher(watch), "interval", seconds=WATCH_SECONDS, next_run_time=first, coalesce=True)
        self._scheduler.start()
        for job in self._next():
            self._log("scheduled", job=job.name, line=job.line, next=job.next_at or "never")

    def run_now(self, due: DueLine) -> None:
        self._scheduler.add_job(self._survivor(due), id="missed")

    def hold(self) -> None:
        """Until somebody asks to stop; then waits for the batch in hand, and no longer than STOP_SECONDS."""
        self._beat()
        while not self._stopping.wait(BEAT_SECONDS):
            self._scheduler.wakeup()
            self._beat()
        self._log("stopping", detail="the present batch is finished first")
        self._scheduler.shutdown(wait=False)
        if not self._turn.acquire(timeout=STOP_SECONDS):
            self._log("stopped", detail="the CRM let us wait too long; the next run settles what is left open")
            _leave()
        self._turn.release()

    def _beat(self) -> None:
        try:
            beat(self._config.cache_path, self._started_at, _iso(datetime.now(UTC)), tuple(self._next()))
        except KamsyncError as error:
            self._log("no heartbeat", error=error.message, fix=error.fix)

    def _next(self) -> Iterator[Job]:
        for due in self.jobs:
            found: Any = self._scheduler.get_job(due.name)
            following = None if found is None else found.next_run_time
            zone = ZoneInfo(due.table.timezone)
            shown = None if following is None else following.astimezone(zone).isoformat(timespec="seconds")
            yield Job(due.name, due.table.cron, due.table.timezone, shown)

    def _survivor(self, due: DueLine) -> Callable[[], None]:
        def job() -> None:
            with self._turn:
                if not self._stopping():
                    self._turn_since = time.monotonic()
                    self._survive(due.name, lambda: self._work(due.full))

        return job

    def _watcher(self, watch: Callable[[], None]) -> Callable[[], None]:
        """Looks while no run is under way: one that is may be about to bring what is missed. One that hangs hides nothing."""

        def job() -> None:
            if self._turn.acquire(blocking=False):
                self._turn.release()
            elif time.monotonic() - self._turn_since < LONGEST_RUN_SECONDS:
                return
            self._survive("watch", watch)

        return job

    def _survive(self, job: str, work: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            work()
        except KamsyncError as error:
            if not is_recorded(error):
                self._log("failed", job=job, error=error.message, fix=error.fix, seconds=_since(began))
        except Exception as error:  # noqa: BLE001 - one bad night must not end the schedule
            self._log("failed by a bug", job=job, error=f"{type(error).__name__}: {error}")


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _leave() -> None:
    """Ends the process though a thread still waits for an answer: every write is in the journal before it is sent."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(0)
