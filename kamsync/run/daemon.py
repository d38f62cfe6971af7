"""`kamsync run`: the schedule in the foreground, for systemd, Docker or a terminal.

A run that the machine slept through is made up for at once (level-triggered: one is as good as five). SIGTERM and SIGINT let the
present batch finish, then end. An error of one night is logged and does not stop the next.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from kamsync.config import Config
from kamsync.decide.timetable import Timetable
from kamsync.errors import ConfigError, KamsyncError
from kamsync.run.stopping import Stopping, stopping_on

MISFIRE_GRACE_SECONDS = 24 * 3600  # APScheduler's default of one second silently drops late runs


def run_schedule(config: Config, work: Callable[[bool], None], log: Callable[..., None], stopping: Stopping) -> None:
    """Calls `work(full)` at the configured times until `stopping`. Raises ConfigError where nothing is scheduled."""
    jobs = [(name, table, full) for name, table, full in _jobs(config) if table is not None]
    if not jobs:
        raise ConfigError(
            f"{config.path}: nothing is scheduled.", fix='Add [schedule] sync = "0 6 * * 1-5" to the configuration.'
        )
    scheduler = BackgroundScheduler(timezone=config.program.timezone)
    turn = threading.Lock()  # a weekly full pull and the morning's run never overlap
    for name, table, full in jobs:
        scheduler.add_job(
            _survivor(name, full, work, log, turn, stopping),
            table.trigger,
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=MISFIRE_GRACE_SECONDS,
        )
    with stopping_on(stopping, (signal.SIGINT, signal.SIGTERM)):
        scheduler.start()
        for name, table, _ in jobs:
            log("scheduled", job=name, cron=table.cron, next=str(table.next_after(datetime.now(UTC))))
        stopping.wait()
        log("stopping", detail="the present batch is finished first")
        scheduler.shutdown(wait=True)


def _jobs(config: Config) -> tuple[tuple[str, Timetable | None, bool], ...]:
    return (("sync", config.schedule.sync, False), ("full_pull", config.schedule.full_pull, True))


def _survivor(
    name: str, full: bool, work: Callable[[bool], None], log: Callable[..., None], turn: threading.Lock, stopping: Stopping
) -> Callable[[], None]:
    def job() -> None:
        with turn:
            if stopping():
                return
            try:
                work(full)
            except KamsyncError as error:
                log("run failed", job=name, error=error.message, fix=error.fix)
            except Exception as error:  # noqa: BLE001 - one bad night must not end the schedule
                log("run failed by a bug", job=name, error=f"{type(error).__name__}: {error}")

    return job
