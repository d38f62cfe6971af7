"""Stopping gently: a signal asks, the run ends at the next moment at which nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any


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
def stopping_on(stopping: Stopping, signals: Sequence[signal.Signals] = (signal.SIGTERM,)) -> Iterator[Stopping]:
    """These signals set `stopping` while the context is open; only in the main thread, where Python takes signals."""
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, stop) for number in signals}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
