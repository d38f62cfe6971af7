"""HubSpot's call limits: a rolling ten seconds, a second for search, a day in the portal's time zone.

Numbers and headers: developers.hubspot.com "API usage guidelines and limits". The 429 body has no category and no
Retry-After; search answers carry no headers (HubSpot/hubspot-api-nodejs#416).
"""

from __future__ import annotations

import uuid
from collections import deque
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .options import PortalOptions
from .wire import Refusal

WINDOW_MS = 10_000


class Limits:
    """The counters of one portal. `used_today` counts since its midnight, `calls` since the beginning."""

    def __init__(self, options: PortalOptions) -> None:
        self._options = options
        self._zone = ZoneInfo(options.time_zone)
        self._burst: deque[int] = deque()
        self._search: deque[int] = deque()
        self._day_ends_ms = 0
        self.used_today = 0
        self.calls = 0

    def admit(self, now_ms: int, *, is_search: bool) -> None:
        """Counts the call, or refuses it with the 429 of the limit that it hits."""
        self._roll_day(now_ms)
        options = self._options
        if self.used_today >= options.daily:
            raise _refusal("DAILY", "You have reached your daily limit.")
        if options.enforce_rate_limits and is_search:
            _forget(self._search, now_ms - 1_000)
            if len(self._search) >= options.search_limit:
                raise _refusal("SECONDLY", "You have reached your secondly limit.")
            self._search.append(now_ms)
        elif options.enforce_rate_limits:
            _forget(self._burst, now_ms - WINDOW_MS)
            if len(self._burst) >= options.burst:
                raise _refusal("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
            self._burst.append(now_ms)
        self.used_today += 1
        self.calls += 1

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of an ordinary answer: what is allowed and what is left, of the ten seconds and of the day."""
        options = self._options
        left = options.burst - len(self._burst)
        numbers = {
            "x-hubspot-ratelimit-daily": options.daily,
            "x-hubspot-ratelimit-daily-remaining": max(options.daily - self.used_today, 0),
            "x-hubspot-ratelimit-interval-milliseconds": WINDOW_MS,
            "x-hubspot-ratelimit-max": options.burst,
            "x-hubspot-ratelimit-remaining": left,
            "x-hubspot-ratelimit-secondly": options.burst // 10,
            "x-hubspot-ratelimit-secondly-remaining": max(options.burst // 10 - 1, 0),
        }
        return [(name.encode(), str(number).encode()) for name, number in numbers.items()]

    def resets_at_ms(self, now_ms: int) -> int:
        """The next midnight in the portal's time zone, in epoch milliseconds."""
        self._roll_day(now_ms)
        return self._day_ends_ms

    def _roll_day(self, now_ms: int) -> None:
        if now_ms < self._day_ends_ms:
            return
        local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self._zone)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self._day_ends_ms = int(midnight.timestamp() * 1000)
        self.used_today = 0


def _forget(stamps: deque[int], before_ms: int) -> None:
    while stamps and stamps[0] <= before_ms:
        stamps.popleft()


def _refusal(policy: str, message: str) -> Refusal:
    return Refusal(
        429,
        message,
        extra={
            "errorType": "RATE_LIMIT",
            "policyName": policy,
            "groupName": "publicapi:private-apps:api-calls-daily" if policy == "DAILY" else "publicapi:crm",
            "requestId": uuid.uuid4().hex,
        },
    )
