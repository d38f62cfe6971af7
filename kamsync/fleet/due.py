"""When an org is due: its own schedule in its own time zone, each time put off by the org's own share of the spread.

The share comes of the org's name, so that it is the same on every machine and every day, and a thousand orgs whose schedule says
six o'clock begin evenly over the hour after it. Pure: the moment is an argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from kamsync.decide.timetable import Timetable

_STEPS = 2**32


def share_of(org: str) -> float:
    """The org's place in the spread, 0 ≤ share < 1."""
    return int.from_bytes(hashlib.sha256(org.encode()).digest()[:4], "big") / _STEPS


def next_due(tables: Sequence[Timetable], org: str, after: datetime, spread_seconds: float) -> datetime | None:
    """The first time after `after` at which one of the lines wants the org to run, in UTC; None where nothing is scheduled."""
    found = [following for table in tables if (following := _next(table, share_of(org), after, spread_seconds)) is not None]
    return min(found, default=None)


def _next(table: Timetable, share: float, after: datetime, spread_seconds: float) -> datetime | None:
    """A time is put off by the share of the spread, or of the gap to the following time where that is shorter."""
    moment = after - timedelta(seconds=spread_seconds)
    time = table.next_after(moment)
    while time is not None:
        following = table.next_after(time)
        gap = spread_seconds if following is None else (following.astimezone(UTC) - time.astimezone(UTC)).total_seconds()
        due = time.astimezone(UTC) + timedelta(seconds=share * min(spread_seconds, gap))
        if due > after:
            return due
        time = following
    return None
