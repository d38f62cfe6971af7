"""The schedule's cron lines: checked when they are read, and when they fire next.

Five fields with crontab's own meaning: Sunday is 0 and 7, and where day of month and day of week are both restricted either
one suffices. APScheduler counts days of the week from Monday = 0 and wants both, so its `from_crontab` would run
`0 6 * * 1-5` from Tuesday to Saturday; this module translates. Pure: the moment is an argument.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kamsync.decide.program import Place
from kamsync.errors import ConfigError

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger
    from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_PART = re.compile(r"(?P<first>\*|[0-7]|[a-z]{3})(?:-(?P<last>[0-7]|[a-z]{3}))?(?:/(?P<step>[1-9]\d?))?")
_FIX = 'Write five fields as in crontab: minute hour day month weekday, for example "0 6 * * 1-5" for weekdays at six.'


@dataclass(frozen=True, slots=True)
class Timetable:
    """One cron line in a time zone. `trigger` is what the scheduler takes."""

    cron: str
    timezone: str
    trigger: BaseTrigger

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after `moment` (which must have a time zone), None where the line never fires again."""
        following: datetime | None = self.trigger.get_next_fire_time(moment, moment)
        return following


def parse_cron(text: str, timezone: str, place: Place) -> Timetable:
    """The timetable that a crontab line says; ConfigError with its place where it says none."""
    fields = text.split()
    if len(fields) != 5:
        raise ConfigError(f"{place}: {text!r} has {len(fields)} fields instead of five.", fix=_FIX)
    minute, hour, day, month, weekday = (field.lower() for field in fields)
    zone = _zone(timezone, place)
    try:
        weekdays = _weekdays(weekday)
        if day != "*" and weekdays != "*":
            from apscheduler.triggers.combining import OrTrigger

            alternatives = ((day, "*"), ("*", weekdays))
            trigger: BaseTrigger = OrTrigger([_trigger(minute, hour, d, month, w, zone) for d, w in alternatives])
        else:
            trigger = _trigger(minute, hour, day, month, weekdays, zone)
    except ValueError as error:
        raise ConfigError(f"{place}: {text!r} is no cron line: {error}", fix=_FIX) from error
    return Timetable(text, timezone, trigger)


def _zone(name: str, place: Place) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
        raise ConfigError(
            f"{place}: {name!r} is no time zone.", fix="Use a name such as America/Sao_Paulo or UTC in [program] timezone."
        ) from error


def _trigger(minute: str, hour: str, day: str, month: str, weekdays: str, zone: ZoneInfo) -> CronTrigger:
    from apscheduler.triggers.cron import CronTrigger  # loaded where there is a schedule

    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekdays, timezone=zone)


def _weekdays(field: str) -> str:
    """Crontab's days of the week as a list of names, which mean the same to APScheduler; `*` stays."""
    if field == "*":
        return field
    chosen: set[int] = set()
    for part in field.split(","):
        match = _DAY_PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no day of the week")
        chosen |= _span(match["first"], match["last"], match["step"])
    return ",".join(_DAYS[number] for number in sorted(chosen))


def _span(first: str, last: str | None, step: str | None) -> set[int]:
    if first == "*":
        start, end = 0, 6
    else:
        start = _day_number(first)
        # `2/2` is not crontab's own, but widely read as "from Tuesday on, every second day".
        end = _day_number(last) if last is not None else (6 if step else start)
    if end < start:
        if end != 0:
            raise ValueError(f"the days {first}-{last} run backwards")
        end = 7  # fri-sun: Sunday closes the week here
    return {number % 7 for number in range(start, end + 1, int(step or 1))}


def _day_number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in _DAYS:
        raise ValueError(f"{text!r} is no day of the week")
    return _DAYS.index(text)
