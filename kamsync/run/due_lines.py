"""The lines of the schedule that a configuration has, and whether one of them was missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kamsync.decide.timetable import Timetable

if TYPE_CHECKING:
    from kamsync.config import Schedule


@dataclass(frozen=True, slots=True)
class DueLine:
    """One line of the schedule; `full` reads everything."""

    name: str
    table: Timetable
    full: bool


def scheduled(schedule: Schedule) -> tuple[DueLine, ...]:
    """The lines that the configuration has; the full pull first, so that the sync of the same minute finds everything read."""
    lines = (("full_pull", schedule.full_pull, True), ("sync", schedule.sync, False))
    return tuple(DueLine(name, table, full) for name, table, full in lines if table is not None)


def was_missed(due: DueLine, last: datetime | None, now: datetime) -> bool:
    """Whether a time of this line has come since `last`, when a run of its kind began; never where there was none yet."""
    following = None if last is None else due.table.next_after(last)
    return following is not None and following <= now
