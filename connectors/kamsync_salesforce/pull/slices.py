"""Parts of a query that is too much for one: by the day of an activity, or by the moment of a change. Pure.

Without View All Data, Salesforce checks our user against every record that the activities of a query are about, and refuses above
100,000 of them (OPERATION_TOO_LARGE). Fewer days hold fewer of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kamsync_salesforce.translate import STAMP, literal

Bounds = Callable[[datetime | None, datetime | None], str]  # (from, before) → SOQL; None: no bound
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FAR_BACK = timedelta(days=3650)  # where halving begins if there is no lower bound


@dataclass(frozen=True, slots=True)
class Slice:
    """From `start` until before `end`, None is open; `smallest` is a day or a minute. Halving looks no further than `now`."""

    bounds: Bounds
    now: datetime
    smallest: timedelta
    start: datetime | None = None
    end: datetime | None = None

    def condition(self) -> str:
        """As a SOQL condition."""
        return self.bounds(self.start, self.end)

    def halves(self) -> tuple[Slice, Slice] | None:
        """Both halves, cut at a whole day or minute (UTC); None where this is one already."""
        low = self.start or (self.end or self.now) - FAR_BACK
        high = self.end or max(self.now, low) + 2 * self.smallest
        middle = floor(low + (high - low) / 2, self.smallest)
        if middle <= low or middle >= high:
            return None
        return replace(self, end=middle), replace(self, start=middle)


def floor(moment: datetime, unit: timedelta) -> datetime:
    """The beginning of the day or minute, in UTC."""
    start = moment.astimezone(UTC).replace(second=0, microsecond=0)
    return start.replace(hour=0, minute=0) if unit >= DAY else start


def by_stamp(start: datetime | None, end: datetime | None) -> str:
    """Bounds on when a record changed."""
    conditions = [f"{STAMP} >= {literal(start)}"] if start else []
    conditions += [f"{STAMP} < {literal(end)}"] if end else []
    return " AND ".join(conditions) or f"{STAMP} != null"
