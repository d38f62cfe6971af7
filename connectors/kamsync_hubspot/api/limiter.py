"""Keep under HubSpot's burst and search limits from our side: one limiter for all connections of this process to a portal.

HubSpot counts arrivals in a rolling window ("API usage guidelines and limits"). A call is counted here from before it leaves
until a whole window after its answer came: whatever the network does to it, HubSpot cannot see more than its limit. The first
half of a window may go at once, so that a small run is quick; beyond it calls are spaced evenly, so that a long
one does not stutter.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

# The smallest plan's limit holds until the first answer tells the portal's own.
DEFAULT_BURST = 100
DEFAULT_INTERVAL_SECONDS = 10.0
LONGEST_INTERVAL_SECONDS = 60.0  # a header that says more is an accident, and nobody waits for it
SEARCHES_PER_SECOND = 5  # "Search the CRM": for the whole account
SPARED_SHARE = 0.03  # for people's own integrations in the same app
UNCOUNTED_AFTER = 20  # calls after which a portal that still shows its whole limit is known not to count


class _Window:
    """Calls of one kind in flight, and the moments at which answers came, forgotten after `interval` seconds."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.in_flight = 0
        self._answered: deque[float] = deque()

    def used(self, now: float) -> int:
        while self._answered and self._answered[0] <= now - self.interval:
            self._answered.popleft()
        return self.in_flight + len(self._answered)

    def leave(self) -> None:
        self.in_flight += 1

    def come_back(self, now: float) -> None:
        self.in_flight -= 1
        self._answered.append(now)

    def seconds_until_free(self, now: float) -> float:
        """How long until the oldest answer is forgotten; a short look again where all are still in flight."""
        return max(0.001, self._answered[0] + self.interval - now) if self._answered else 0.01


class Limiter:
    """`burst_limit` overrides what HubSpot's headers say. Safe to use from several threads."""

    def __init__(
        self,
        burst_limit: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._fixed = burst_limit
        self._limit: int | None = burst_limit or DEFAULT_BURST
        self._others = 0  # calls of other processes in the window, as far as the headers betray them
        self._burst = _Window(DEFAULT_INTERVAL_SECONDS)
        self._search = _Window(1.0)
        self._next_start = 0.0
        self._refused = False

    @contextmanager
    def slot(self, *, is_search: bool) -> Iterator[None]:
        """Waits until one more call may leave, and counts it until it is back."""
        while (wait := self._take(is_search)) > 0:
            self._sleep(wait)
        try:
            yield
        finally:
            with self._lock:
                now = self._clock()
                self._burst.come_back(now)
                if is_search:
                    self._search.come_back(now)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learns from the headers of an answer that is not a search's (those carry none). Names in lower case."""
        limit = header_number(headers.get("x-hubspot-ratelimit-max"))
        remaining = header_number(headers.get("x-hubspot-ratelimit-remaining"))
        interval = header_number(headers.get("x-hubspot-ratelimit-interval-milliseconds"))
        with self._lock:
            if self._fixed is not None:
                return
            if interval:
                self._burst.interval = min(interval / 1000, LONGEST_INTERVAL_SECONDS)
            if limit is None:
                # Whoever answers without the headers enforces no burst limit, until it refuses a call all the same.
                self._limit = DEFAULT_BURST if self._refused else None
                return
            used = self._burst.used(self._clock())
            counts = remaining is None or remaining < limit - 1 or used < UNCOUNTED_AFTER
            self._limit = limit if counts or self._refused else None
            self._others = max(0, limit - remaining - used) if remaining is not None else 0

    def pause(self, seconds: float) -> None:
        """HubSpot has refused a call: nobody of this process sends one for that long."""
        with self._lock:
            self._refused = True
            self._limit = self._limit or DEFAULT_BURST
            self._next_start = max(self._next_start, self._clock() + seconds)

    def _take(self, is_search: bool) -> float:
        """0 and the call is counted, or how long to wait before asking again."""
        with self._lock:
            now = self._clock()
            if now < self._next_start:
                return self._next_start - now
            if is_search and self._search.used(now) >= SEARCHES_PER_SECOND:
                return self._search.seconds_until_free(now)
            used = self._burst.used(now)
            if self._limit is not None:
                allowed = self._allowed()
                if used >= allowed:
                    return self._burst.seconds_until_free(now)
                if used >= allowed // 2:
                    self._next_start = now + self._burst.interval / allowed
            self._burst.leave()
            if is_search:
                self._search.leave()
            return 0.0

    def _allowed(self) -> int:
        if self._fixed is not None:
            return self._fixed
        limit = self._limit or DEFAULT_BURST
        return max(1, limit - max(1, round(limit * SPARED_SHARE)) - self._others)


_limiters: dict[tuple[str, str], Limiter] = {}
_limiters_lock = threading.Lock()


def limiter_for(base_url: str, portal: str, burst_limit: int | None) -> Limiter:
    """The process's limiter for one portal; `portal` is anything that tells it from others at the same address."""
    with _limiters_lock:
        key = (base_url, f"{portal} {burst_limit or ''}")
        return _limiters.setdefault(key, Limiter(burst_limit))


def header_number(text: str | None) -> int | None:
    """A number of calls or milliseconds as a header tells it; None for anything else."""
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


_NUMBER = re.compile(r"[0-9]{1,12}")
