"""What follows from how a job ended: nothing, another try after a while, or a person. Pure.

The remedy of the error decides (kamsync.errors), which the org's process has said in its JSON: waiting mends a busy CRM, and no
waiting mends a credential. A process that said nothing was ended from outside or met a bug: two more tries tell.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["done", "partial", "failed", "refused", "stopped", "deadline", "overtaken"]
Then = Literal["nothing", "retry", "park"]
Why = Literal["", "stopping", "deadline", "lost", "memory"]
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 3600.0
CRASH_ATTEMPTS = 3
_PARK = ("AccessDenied", "ConfigError")
_REFUSED = 3


@dataclass(frozen=True, slots=True)
class Said:
    """How an org's process ended: its exit code (negative: the signal), its one JSON document, why we ended it ourselves."""

    exit_code: int
    document: Any = None
    ended_by_us: Why = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended, in words, and what follows. `after_seconds` is the wait before another try."""

    outcome: Outcome
    message: str = ""
    fix: str = ""
    then: Then = "nothing"
    after_seconds: float = 0.0


def ending_of(said: Said, *, attempt: int, attempts: int, deadline_seconds: float) -> Ending:
    """`attempt` counts from 1; `attempts` is the most that a busy CRM gets before the schedule's next time."""
    error = _error(said.document)
    message, fix, remedy = (str(error.get(key, "")) for key in ("message", "fix", "remedy"))
    if said.exit_code == 0 and isinstance(said.document, Mapping):
        return Ending("done")
    if said.ended_by_us == "lost":
        words = "The database did not answer for so long that another worker may have begun."
        return Ending("stopped", words, "", "retry", FIRST_WAIT_SECONDS)
    if said.ended_by_us == "deadline":
        words = f"It took longer than {deadline_seconds:g} s and was ended."
        return Ending("deadline", words, "See its log; [worker] deadline_seconds is the limit.")
    if remedy == "Stopped" or said.ended_by_us == "stopping":
        return Ending("stopped", message or "The worker was asked to stop.", fix, "retry")
    if remedy in _PARK:
        return Ending("failed", message, fix, "park")
    if error.get("retry_after_seconds") is None and (remedy == "PlanRefused" or said.exit_code == _REFUSED):
        return Ending("refused", message, fix)
    if not error and isinstance(said.document, Mapping):
        return Ending(
            "partial",
            "The CRM refused some records, or did not answer for them.",
            "See the run: kamsync fleet logs ORG --journal last",
        )
    if not error:
        message, fix = _crash(said.exit_code)
    most = attempts if remedy in ("TryLater", "PlanRefused") else min(attempts, CRASH_ATTEMPTS)
    if attempt >= most:
        return Ending("failed", message, fix)
    return Ending("failed", message, fix, "retry", wait_seconds(attempt, error.get("retry_after_seconds")))


def wait_seconds(attempt: int, advised: float | None) -> float:
    """Before the try after `attempt`: what the CRM advised, and no less than twice the wait before."""
    own = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1))
    return max(own, advised or 0.0)


def _error(document: Any) -> Mapping[str, Any]:
    found = document.get("error") if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _crash(code: int) -> tuple[str, str]:
    if code >= 0:
        return f"Its process ended with {code} and without a result.", "See its log: kamsync fleet logs ORG --job N"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    mend = "The machine may be short of memory: fewer threads, or a larger machine." if name == "SIGKILL" else "See its log."
    return f"Its process was ended from outside ({name}).", mend
