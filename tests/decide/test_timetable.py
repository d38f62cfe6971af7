"""The schedule reads cron lines as crontab does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from kamsync.decide.program import Place
from kamsync.decide.timetable import parse_cron
from kamsync.errors import ConfigError

PLACE = Place("config.toml", 40, "schedule.sync")
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


def days(cron: str, count: int = 7, timezone: str = "UTC") -> list[str]:
    timetable = parse_cron(cron, timezone, PLACE)
    moment, found = FRIDAY, []
    for _ in range(count):
        following = timetable.next_after(moment)
        assert following is not None
        found.append(f"{following:%a}")
        moment = following + timedelta(seconds=1)
    return found


def test_one_to_five_are_monday_to_friday() -> None:
    assert days("0 6 * * 1-5", 6) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Mon"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("0", ["Sun", "Sun"]),
        ("7", ["Sun", "Sun"]),
        ("mon-fri", ["Mon", "Tue"]),
        ("MON,wed", ["Mon", "Wed"]),
        ("*/2", ["Sat", "Sun", "Tue", "Thu"]),
        ("1-5/2", ["Mon", "Wed", "Fri"]),
        ("3/2", ["Wed", "Fri", "Wed"]),
        ("5-7", ["Sat", "Sun", "Fri"]),
        ("fri-sun", ["Sat", "Sun", "Fri"]),
    ],
)
def test_days_of_the_week(field: str, expected: list[str]) -> None:
    assert days(f"0 6 * * {field}", len(expected)) == expected


def test_a_day_of_the_month_or_a_day_of_the_week_suffices() -> None:
    timetable = parse_cron("0 6 25 * 1", "UTC", PLACE)
    monday = timetable.next_after(FRIDAY)
    assert monday == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert timetable.next_after(monday + timedelta(seconds=1)) == datetime(2026, 11, 25, 6, tzinfo=UTC)


def test_times_are_in_the_programmes_time_zone() -> None:
    following = parse_cron("0 6 * * *", "America/Sao_Paulo", PLACE).next_after(FRIDAY)

    assert following == datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron",
    ["", "0 6 * *", "0 6 * * 1-5 2026", "61 6 * * *", "0 25 * * *", "0 6 * * 8", "0 6 * * 5-2", "0 6 * * funday", "@daily"],
)
def test_a_line_that_is_no_cron_line_is_told_with_its_place(cron: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:40") as caught:
        parse_cron(cron, "UTC", PLACE)
    assert "minute hour day month weekday" in caught.value.fix


@pytest.mark.parametrize(
    ("cron", "message"),
    [
        ("0 6 * *", "config.toml:40 (schedule.sync): '0 6 * *' has 4 fields instead of five."),
        ("0 6 * * funday", "config.toml:40 (schedule.sync): '0 6 * * funday' is no cron line: 'funday' is no day of the week"),
        ("0 6 * * abc", "config.toml:40 (schedule.sync): '0 6 * * abc' is no cron line: 'abc' is no day of the week"),
        ("0 6 * * 5-2", "config.toml:40 (schedule.sync): '0 6 * * 5-2' is no cron line: the days 5-2 run backwards"),
    ],
)
def test_the_words_of_an_error_say_what_is_wrong(cron: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_cron(cron, "UTC", PLACE)

    assert caught.value.message == message


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc"])
def test_an_unknown_time_zone_is_told(zone: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        parse_cron("0 6 * * *", zone, PLACE)


def following(cron: str, after: datetime = FRIDAY, zone: str = "UTC") -> str:
    moment = parse_cron(cron, zone, PLACE).next_after(after)
    assert moment is not None
    return f"{moment:%a %d %b %H:%M %Z}"


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 6 25 * *", "Wed 25 Nov 06:30 UTC"),
        ("15 7 * 12 *", "Tue 01 Dec 07:15 UTC"),
        ("15 7 20 12 *", "Sun 20 Dec 07:15 UTC"),
        ("5 4 25 * 1", "Mon 23 Nov 04:05 UTC"),
        ("5 4 25 12 5", "Fri 04 Dec 04:05 UTC"),
        ("5 4 * 12 5", "Fri 04 Dec 04:05 UTC"),
        ("*/20 * * * *", "Fri 20 Nov 12:20 UTC"),
        ("0 6 1 JAN *", "Fri 01 Jan 06:00 UTC"),
    ],
)
def test_a_line_fires_next_at(cron: str, expected: str) -> None:
    assert following(cron, FRIDAY + timedelta(seconds=1)) == expected


def test_both_halves_of_day_or_weekday_are_in_the_programmes_time_zone() -> None:
    assert following("0 6 25 * 1", zone="America/Sao_Paulo") == "Mon 23 Nov 06:00 -03"


def test_a_moment_that_has_just_come_is_not_the_next_one() -> None:
    assert following("0 12 * * *") == "Sat 21 Nov 12:00 UTC"


def test_a_line_that_never_fires_has_no_next_time() -> None:
    assert parse_cron("0 6 30 2 *", "UTC", PLACE).next_after(FRIDAY) is None


def test_a_timetable_remembers_its_line_and_zone() -> None:
    timetable = parse_cron("0 6 * * 1-5", "America/Sao_Paulo", PLACE)
    assert (timetable.cron, timetable.timezone) == ("0 6 * * 1-5", "America/Sao_Paulo")


@pytest.mark.parametrize(
    ("field", "expected"), [("*/3", ["Sat", "Sun", "Wed"]), ("*/6", ["Sat", "Sun", "Sat"]), ("0-0", ["Sun", "Sun"])]
)
def test_steps_begin_on_sunday(field: str, expected: list[str]) -> None:
    assert days(f"0 6 * * {field}", len(expected)) == expected


def test_an_unknown_time_zone_says_its_place_and_what_to_write() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_cron("0 6 * * *", "Mars/Olympus", PLACE)
    assert caught.value.message == "config.toml:40 (schedule.sync): 'Mars/Olympus' is no time zone."
    assert caught.value.fix == "Use a name such as America/Sao_Paulo or UTC in [program] timezone."


ZONES = (
    "America/New_York", "America/Sao_Paulo", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "Asia/Kolkata",
    "Australia/Lord_Howe", "Europe/Berlin", "Europe/Helsinki", "Pacific/Apia",
)  # fmt: skip
LINES = ("0 6 * * 1-5", "0 3 * * 0", "0 0 * * *", "30 2 * * *")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", LINES)
def test_a_year_has_every_day_of_a_line_once_whatever_clocks_do(cron: str, zone: str) -> None:
    timetable, moment = parse_cron(cron, zone, PLACE), datetime(2025, 12, 31, 12, tzinfo=ZoneInfo(zone))
    minute, hour, _, _, weekdays = cron.split()
    wanted = {"1-5": range(5), "0": (6,), "*": range(7)}[weekdays]
    days_of_year = [day for number in range(365) if (day := date(2026, 1, 1) + timedelta(number)).weekday() in wanted]
    for day in days_of_year:
        following = timetable.next_after(moment)
        assert following is not None and following > moment and following.date() == day
        late = datetime.combine(day, following.time()) - datetime.combine(day, time(int(hour), int(minute)))
        assert timedelta(0) <= late <= timedelta(hours=1)
        moment = following


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC), "Sun 29 Mar 03:00 CEST"),
        ("0 0 * * *", "Africa/Cairo", datetime(2026, 4, 23, 12, tzinfo=UTC), "Fri 24 Apr 01:00 EEST"),
        ("15 2 * * *", "Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC), "Sun 04 Oct 02:30 +11"),
        ("0 3 * * 0", "Europe/Helsinki", datetime(2026, 10, 24, 12, tzinfo=UTC), "Sun 25 Oct 03:00 EEST"),
    ],
)
def test_a_time_that_clocks_skip_comes_at_the_first_moment_after(cron: str, zone: str, after: datetime, expected: str) -> None:
    assert following(cron, after, zone) == expected


def test_a_time_that_comes_twice_is_kept_the_first_time_only() -> None:
    table = parse_cron("30 1 * * *", "America/New_York", PLACE)
    first = table.next_after(datetime(2026, 11, 1, 4, tzinfo=UTC))
    assert first is not None and first.astimezone(UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = table.next_after(first)
    assert second is not None and second.astimezone(UTC) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ZONES)
def test_a_line_of_every_quarter_goes_on_when_clocks_change(zone: str) -> None:
    table = parse_cron("*/15 * * * *", zone, PLACE)
    for begin in (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)):
        moment = begin
        for _ in range(4 * 48):
            following = table.next_after(moment)
            assert following is not None and following.astimezone(UTC) - moment == timedelta(minutes=15)
            moment = following.astimezone(UTC)


@pytest.mark.parametrize(
    ("line", "minutes"), [("every minute", 1), ("every 15 minutes", 15), ("Every 2 hours", 120), ("every day", 1440)]
)
def test_an_interval_is_kept_in_any_zone(line: str, minutes: int) -> None:
    table = parse_cron(line, "Asia/Kolkata", PLACE)
    first = table.next_after(FRIDAY)
    assert first is not None and table.next_after(first) == first + timedelta(minutes=minutes)


@pytest.mark.parametrize("line", ["every", "every 0 minutes", "every other day", "every 3 weeks"])
def test_what_is_no_interval_is_told(line: str) -> None:
    with pytest.raises(ConfigError, match="fields instead of five"):
        parse_cron(line, "UTC", PLACE)
