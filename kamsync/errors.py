"""Every error a user can meet, grouped by what mends it.

A new error class needs a new remedy. Each carries a `message` (what happened, to what, where) and a `fix` (the next
step). Secrets never enter either: connectors redact before they raise.
"""

from __future__ import annotations


class KamsyncError(Exception):
    """What happened (`message`) and what to do next (`fix`); `exit_code` is the process's answer to it."""

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message


class ConfigError(KamsyncError):
    """Edit a file or the command line: `message` names the file and the line where they are known."""

    exit_code = 2


class AccessDenied(KamsyncError):
    """Fix a credential, a permission or a scope in the CRM."""


class TryLater(KamsyncError):
    """Nothing is wrong here: wait. `retry_after_seconds` is the CRM's own advice, where it gave one."""

    def __init__(self, message: str, *, fix: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after_seconds = retry_after_seconds


class Stopped(TryLater):
    """Somebody asked the run to end (SIGTERM): the next one goes on from here."""


class BadAnswer(KamsyncError):
    """What answered is not the CRM we expect (a proxy's page, a wrong host, an unknown shape): check the address."""


class RecordRejected(KamsyncError):
    """The CRM refuses this one record, in its own words; the others are not touched by it."""


class CacheUnusable(KamsyncError):
    """The cache file is corrupt, newer than the program or cannot grow: move it away, upgrade, or make room."""


class PlanRefused(KamsyncError):
    """A guard held the run back and nothing was written: plan again, confirm, or raise the limit.

    `retry_after_seconds` where no person is needed: another run is under way, and has ended by then.
    """

    exit_code = 3

    def __init__(self, message: str, *, fix: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after_seconds = retry_after_seconds
