"""Stopping gently: a signal asks, the run ends at the next moment at which nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

# How long a batch in hand is waited for: systemd and Docker kill what has not ended after a while, and the next run settles what
# is left open then.
STOP_SECONDS = 25.0


class Stopping:
    """Set once, by a signal; asked between pages and between batches."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Asks the run to end."""
        self._event.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Until somebody asks, or so long; returns whether somebody did."""
        return self._event.wait(seconds)


@contextmanager
def stopping_on(
    stopping: Stopping,
    signals: Sequence[signal.Signals] = (signal.SIGTERM,),
    told: Callable[[], None] = lambda: None,
) -> Iterator[Stopping]:
    """These signals set `stopping` while the context is open; only in the main thread, where Python takes signals.

    `told` is called at the first of each; a second one does what it did before: whoever does not want to wait need not.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        signal.signal(number, before[number])
        told()

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
