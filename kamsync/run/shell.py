"""What a run needs from outside, and the frame around it: a record of how it ended, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kamsync.config import Config
from kamsync.contract import Connection
from kamsync.errors import KamsyncError, PlanRefused, Stopped
from kamsync.foreign import MISREAD
from kamsync.log import log, stamped
from kamsync.run.moments import new_run_id, today
from kamsync.run.refresh import Progress
from kamsync.run.stop_signal import Stopping
from kamsync.store.database import Cache
from kamsync.store.erasure import erase_older
from kamsync.store.runs import RunKind, RunStatus, finish_run, is_running, start_run
from kamsync.store.schema import Meta

MONTH = timedelta(days=365.25 / 12)
RECORDED = "Recorded as run "


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
    stopping: Stopping = field(default_factory=Stopping)
    run_id: str = ""

    def read(self, stream: str, count: int, total: int | None) -> None:
        """Progress of a pull. Raises Stopped where somebody has asked the run to end: nothing is half done between pages."""
        if self.stopping():
            raise Stopped("Stopped on request while reading the CRM.", fix="Nothing is lost: the next run goes on from here.")
        self.progress(stream, count, total)


@contextmanager
def recorded(
    cache: Cache, config: Config, kind: RunKind, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[str]:
    """Begins a run and gives its id; however it ends, `runs` and `status` say so, with the mend where it failed."""
    now = clock()
    run_id = new_run_id(now)
    start_run(cache, run_id, kind, now, today(config, now))
    if config.history_months is not None:
        erase_older(cache, now - config.history_months * MONTH)
    with stamped(run_id=run_id, org=cache.meta(Meta.ORG_ID) or ""):
        try:
            yield run_id
        except BaseException as error:
            _record_error(cache, run_id, error, clock)
            error.add_note(f"{RECORDED}{run_id}")
            raise
        if is_running(cache, run_id):
            finish_run(cache, run_id, "declined", clock(), message="nobody said yes")


def is_recorded(error: BaseException) -> bool:
    """Whether a run that `recorded` began ended by this error, and the log has said so."""
    return any(note.startswith(RECORDED) for note in getattr(error, "__notes__", ()))


def _record_error(cache: Cache, run_id: str, error: BaseException, clock: Callable[[], datetime]) -> None:
    status, message, fix = _ending(error)
    if is_running(cache, run_id):
        finish_run(cache, run_id, status, clock(), message=message, fix=fix)
    tell = log().error if status == "failed" else log().warning
    tell("run ended", outcome=status, error=message, fix=fix)
    if not isinstance(error, KamsyncError) or isinstance(error.__cause__, MISREAD):
        log().debug("where it ended", exc_info=error)


def _ending(error: BaseException) -> tuple[RunStatus, str, str]:
    """How a run ended by this error: status, message, mend."""
    match error:
        case PlanRefused():
            return "refused", error.message, error.fix
        case Stopped():
            return "interrupted", error.message, error.fix
        case KamsyncError():
            return "failed", error.message, error.fix
        case KeyboardInterrupt() | SystemExit() | GeneratorExit():
            return "interrupted", "", ""
    return "failed", f"{type(error).__name__}: a bug in kamsync", ""
