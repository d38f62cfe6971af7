"""When each org of many is due: its own schedule and zone, spread so that they do not all begin at six."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kamsync.decide.program import Place
from kamsync.decide.timetable import Timetable, parse_cron
from kamsync.fleet.due import next_due, share_of

NIGHT = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
HOUR = 3600.0


def line(text: str, zone: str = "UTC") -> Timetable:
    return parse_cron(text, zone, Place("config.toml", 1, "schedule.sync"))


def test_an_org_is_due_at_the_same_moment_on_every_machine_and_within_the_hour_after_its_time() -> None:
    table = line("0 6 * * 1-5", "America/Sao_Paulo")
    moments = {next_due([table], "acme", NIGHT, HOUR) for _ in range(3)}

    (due,) = moments
    assert due is not None
    local = due.astimezone(ZoneInfo("America/Sao_Paulo"))
    assert (local.hour, local.minute * 60 + local.second) == (6, int(share_of("acme") * HOUR))


def test_a_thousand_orgs_that_say_six_are_spread_evenly_over_the_hour() -> None:
    table = line("0 6 * * *")
    found = (next_due([table], f"org-{number}", NIGHT, HOUR) for number in range(1_000))
    minutes = Counter(due.minute for due in found if due is not None and due.hour == 6)

    assert sum(minutes.values()) == 1_000 and len(minutes) == 60 and max(minutes.values()) < 3 * 1_000 / 60


@pytest.mark.parametrize("text", ["every 15 minutes", "0 6 * * *", "30 5,17 * * 1-5", "0 * * * *"])
def test_every_time_of_the_schedule_comes_once_however_often_one_looks(text: str) -> None:
    table, moment, end = line(text), NIGHT, NIGHT + timedelta(days=7)
    dues: list[datetime] = []
    while (due := next_due([table], "acme", moment, HOUR)) is not None and due < end:
        assert due > moment
        dues.append(due)
        moment = due
    times: list[datetime] = []
    moment = NIGHT - timedelta(seconds=1)
    while (time := table.next_after(moment)) is not None and time < end:
        times.append(time)
        moment = time

    assert abs(len(dues) - len(times)) <= 1 and len(set(dues)) == len(dues)
    for due in dues[1:-1]:  # looked for from any moment before it, it is the same
        assert next_due([table], "acme", due - timedelta(seconds=1), HOUR) == due


def test_the_earlier_line_counts_and_no_line_means_never() -> None:
    tables = [line("0 6 * * *"), line("0 3 * * 0")]
    due = next_due(tables, "acme", datetime(2026, 11, 28, 12, 0, tzinfo=UTC), 0.0)

    assert due == datetime(2026, 11, 29, 3, 0, tzinfo=UTC) and next_due([], "acme", NIGHT, HOUR) is None
