"""The morning of a large fleet, by simulation: when its orgs are due, and who waits for a thread."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from kamsync.decide.program import Place
from kamsync.decide.timetable import parse_cron
from kamsync.fleet.due import next_due

# Where customers are, by share: a fleet of one country has one morning.
ZONES = (("America/Sao_Paulo", 4), ("America/New_York", 3), ("Europe/Berlin", 2), ("Asia/Tokyo", 1))
SPREADS = (0, 60, 120)
THREADS = (16, 32, 64, 128)


def schedule(orgs: int, seconds: float) -> None:
    """Every org says six o'clock, in its own zone. Peaks of the busiest minute, and how long orgs wait for a thread."""
    began = time.monotonic()
    for minutes in SPREADS:
        dues = sorted(due_times(orgs, minutes * 60.0))
        peak = max(Counter(due.replace(second=0, microsecond=0) for due in dues).values())
        print(f"spread {minutes:>3} min: {orgs:,} orgs, at most {peak:,} due in one minute")
        for threads in THREADS:
            waits = waits_of(dues, seconds, threads)
            late = sorted(waits)[int(0.95 * len(waits))]
            print(f"    {threads:>4} threads: 95 % begin within {late / 60:6.1f} min, the last after {max(waits) / 60:6.1f} min")
    print(f"({time.monotonic() - began:.1f} s for {len(SPREADS) * orgs:,} orgs' next times)")


def due_times(orgs: int, spread_seconds: float) -> Iterator[datetime]:
    zones = [zone for zone, weight in ZONES for _ in range(weight)]
    tables = {zone: parse_cron("0 6 * * 1-5", zone, Place()) for zone, _ in ZONES}
    sunday = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    for number in range(orgs):
        due = next_due([tables[zones[number % len(zones)]]], f"org-{number}", sunday, spread_seconds)
        assert due is not None and due - sunday < timedelta(days=2)
        yield due


def waits_of(dues: list[datetime], seconds: float, threads: int) -> list[float]:
    """How long each org waits where so many are worked on at once."""
    free = [0.0] * threads
    waits = []
    for due in dues:
        moment = due.timestamp()
        start = max(moment, heapq.heappop(free))
        waits.append(start - moment)
        heapq.heappush(free, start + seconds)
    return waits
