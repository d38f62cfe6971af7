"""What takes long or talks to the CRM: one job at a time, in a thread of its own, by the functions that the command line calls.

A job ends in a result or in an error with its mend; both are kept until the next job of its kind.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from kamsync.errors import KamsyncError, PlanRefused
from kamsync.log import log
from kamsync.run.stop_signal import STOP_SECONDS, Stopping

Status = Literal["running", "done", "failed"]
Work = Callable[[Stopping], Any]


@dataclass
class Job:
    """`kind` is its key in the words; `back`: the page that shows its result. `about`: the run that it concerns."""

    number: int
    kind: str
    back: str
    started: datetime
    about: str = ""
    status: Status = "running"
    result: Any = None
    message: str = ""
    fix: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """The job of this process, and the last result of each kind."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._stopping = Stopping()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.present: Job | None = None
        self.last: dict[str, Job] = {}

    def start(self, kind: str, back: str, work: Work, *, about: str = "") -> Job:
        """Begins the work. Raises PlanRefused while another job runs."""
        with self._lock:
            if self.present is not None and self.present.status == "running":
                raise PlanRefused("The console is still at work.", fix="Wait until it has ended, then try again.")
            job = Job(next(self._numbers), kind, back, datetime.now(UTC), about)
            self.present = self.last[kind] = job
            self._thread = threading.Thread(target=self._run, args=(job, work), name=f"job-{kind}")
            self._thread.start()
        return job

    def forget(self, kind: str) -> None:
        """Drops the last result of that kind."""
        self.last.pop(kind, None)

    def result(self, kind: str) -> Any:
        """What the last job of that kind came to; None while it runs, where it failed, and where there was none."""
        job = self.last.get(kind)
        return None if job is None or job.status != "done" else job.result

    def failed(self, kind: str) -> Job | None:
        """The last job of that kind, where it failed."""
        job = self.last.get(kind)
        return job if job is not None and job.status == "failed" else None

    def close(self) -> None:
        """Lets a batch in hand finish."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self, job: Job, work: Work) -> None:
        try:
            job.result = work(self._stopping)
            job.status = "done"
        except KamsyncError as error:
            job.message, job.fix, job.status = error.message, error.fix, "failed"
        except BaseException as error:
            # Whoever waits for the job must hear of its end; the thread's own hook tells what it was.
            job.message, job.fix = f"kamsync met a bug: {type(error).__name__}", "The terminal shows it; please report it."
            job.status = "failed"
            log().error("job failed", kind=job.kind, exc_info=error)
            raise
        finally:
            job.ended.set()
