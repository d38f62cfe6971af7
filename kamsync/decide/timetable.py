"""The schedule's lines: checked when they are read, and when they fire next.

A line is crontab's five fields, or an interval ("every 15 minutes"). Crontab's own meaning: Sunday is 0 and 7, and where day of
month and day of week are both restricted either one suffices. APScheduler counts days of the week from Monday = 0 and wants both,
so its `from_crontab` would run `0 6 * * 1-5` from Tuesday to Saturday; this module translates. Pure: the moment is an argument.

When clocks change, a time of day happens once: one that is skipped at the first moment after it, one that comes twice the first
time. A line for every hour goes on hour by hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kamsync.decide.program import Place
from kamsync.errors import ConfigError

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger
    from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_PART = re.compile(r"(?P<first>\*|[0-7]|[a-z]{3})(?:-(?P<last>[0-7]|[a-z]{3}))?(?:/(?P<step>[1-9]\d?))?")
MOST_CHARACTERS = 200
_INTERVAL = re.compile(r"every\s+(?:(?P<count>[1-9]\d{0,3})\s+)?(?P<unit>minute|hour|day)s?", re.IGNORECASE)
_FIX = (
    'Write five fields as in crontab: minute hour day month weekday, for example "0 6 * * 1-5" for weekdays at six; '
    'or an interval, "every 15 minutes".'
)


@dataclass(frozen=True, slots=True)
class Timetable:
    """One line in a time zone: a cron line, of which `trigger` finds the times of day, or an `interval`.

    `trigger` knows wall clocks, which it takes for UTC. `hourly`: the line means every hour, whatever a clock shows.
    """

    cron: str
    timezone: str
    trigger: BaseTrigger | None = None
    interval: timedelta | None = None
    hourly: bool = False

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after `moment` (which must have a time zone), None where the line never fires again."""
        zone = ZoneInfo(self.timezone)
        if self.interval is not None:
            passed = (moment - _EPOCH) // self.interval + 1
            return (_EPOCH + passed * self.interval).astimezone(zone)
        if self.hourly:
            return self._next_hourly(moment.astimezone(UTC), zone)
        wall = moment.astimezone(zone).replace(tzinfo=UTC)
        while (found := self._next(wall)) is not None:
            instant = _instant(found.replace(tzinfo=None), zone)
            if instant > moment:
                return instant.astimezone(zone)
            wall = found  # the second time that clocks show it
        return None

    def _next_hourly(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """By a clock that is not put forward or back, from the one change to the next."""
        offset = _offset(moment, zone)
        found = self._next(moment + offset)
        if found is None or _offset(found - offset, zone) == offset:
            return None if found is None else (found - offset).astimezone(zone)
        change = _change(moment, found - offset, zone)
        offset = _offset(change, zone)
        found = self._next(change + offset - timedelta(seconds=1))
        return None if found is None else (found - offset).astimezone(zone)

    def _next(self, moment: datetime) -> datetime | None:
        following: datetime | None = None if self.trigger is None else self.trigger.get_next_fire_time(moment, moment)
        return following


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_cron(text: str, timezone: str, place: Place) -> Timetable:
    """The timetable that a line says; ConfigError with its place where it says none."""
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"{place}: a line of a schedule has at most {MOST_CHARACTERS} characters, not {len(text):,}.", fix=_FIX)
    _check_zone(timezone, place)
    interval = _INTERVAL.fullmatch(text.strip())
    if interval is not None:
        return Timetable(text, timezone, interval=timedelta(**{f"{interval['unit'].lower()}s": int(interval["count"] or 1)}))
    fields = text.split()
    if len(fields) != 5:
        raise ConfigError(f"{place}: {text!r} has {len(fields)} fields instead of five.", fix=_FIX)
    minute, hour, day, month, weekday = (field.lower() for field in fields)
    try:
        weekdays = _weekdays(weekday)
        if day != "*" and weekdays != "*":
            from apscheduler.triggers.combining import OrTrigger

            alternatives = ((day, "*"), ("*", weekdays))
            trigger: BaseTrigger = OrTrigger([_trigger(minute, hour, d, month, w) for d, w in alternatives])
        else:
            trigger = _trigger(minute, hour, day, month, weekdays)
    except ValueError as error:
        raise ConfigError(f"{place}: {text!r} is no cron line: {error}", fix=_FIX) from error
    return Timetable(text, timezone, trigger, hourly=hour == "*")


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When clocks in the zone show `wall` for the first time; where they skip it, the first moment after the gap. In UTC."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return first
    # PEP 495: in a gap fold 0 counts with the offset before it, fold 1 with the one after, so the change is between the two.
    return _change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second after `before` at which the zone's offset is that of `after`, in UTC."""
    early, late, offset = int(before.timestamp()), int(after.timestamp()), _offset(after, zone)
    while late - early > 1:
        middle = (early + late) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), zone) == offset:
            late = middle
        else:
            early = middle
    return datetime.fromtimestamp(late, UTC)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _check_zone(name: str, place: Place) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
        raise ConfigError(
            f"{place}: {name!r} is no time zone.", fix="Use a name such as America/Sao_Paulo or UTC in [program] timezone."
        ) from error


def _trigger(minute: str, hour: str, day: str, month: str, weekdays: str) -> CronTrigger:
    from apscheduler.triggers.cron import CronTrigger  # loaded where there is a schedule

    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekdays, timezone=UTC)


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
