"""What the console needs from whoever starts it: the configuration, shells that run in any thread, what doctor verifies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from kamsync.config import Config
from kamsync.contract import Connection, DoctorRequest, Finding
from kamsync.run.shell import Shell
from kamsync.run.stop_signal import Stopping
from kamsync.store.database import Cache
from kamsync.store.runs import RunKind


@dataclass(frozen=True, slots=True)
class Doors:
    """`shell` holds the lock while it is open and records a run of that kind; without a kind it records none.

    `configured`: what is to be said of the configuration itself, before anything of the CRM.
    """

    config: Config
    shell: Callable[[RunKind | None, Stopping], AbstractContextManager[Shell]]
    cache: Callable[[], AbstractContextManager[Cache]]
    connection: Callable[[], AbstractContextManager[Connection]]
    doctor_request: Callable[[], DoctorRequest]
    configured: Callable[[], list[Finding]]
