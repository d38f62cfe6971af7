"""A lease that is kept while a job lives, from a thread of its own: also while a cache travels, and while the worker stops.

The database's clock decides when a lease ends; by our own clock it counts as lost after two fifths without an answer, so that
nothing of ours goes on when somebody else may begin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from kamsync.errors import KamsyncError

RENEWALS = 6  # in one lease
LOST_SHARE = 0.4


class Keeper:
    """Renews until the context ends. `renew` gives False where the org has been lost, and raises where nobody can tell now."""

    def __init__(self, renew: Callable[[], bool], seconds: float) -> None:
        self._renew, self._seconds = renew, seconds
        self._ended = threading.Event()
        self._lost = False
        self._renewed = time.monotonic()  # the lease has just been taken
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def is_ours(self) -> bool:
        """Whether the org is ours beyond doubt."""
        return not self._lost and time.monotonic() - self._renewed < LOST_SHARE * self._seconds

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS):
            asked = time.monotonic()  # the lease counts from the question at the latest
            try:
                if not self._renew():
                    self._lost = True
                    return
            except KamsyncError:
                continue
            self._renewed = asked
