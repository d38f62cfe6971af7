"""A move of an earlier run counts as seen for some weeks, so that the tasks it asked for are not lost (DECISIONS.md §8)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from kamsync.decide.decision import Decision
from kamsync.decide.moves import UNFINISHED_ENTRY, LastMoves, Move, move_of, stay_began
from kamsync.decide.program import NO_TIER, Held

TODAY = date(2026, 11, 23)
EARLIEST = TODAY - UNFINISHED_ENTRY
ORDER = {"A": 0, "B": 1, NO_TIER: 2}
SINCE = TODAY - timedelta(days=10)


def a_decision(tier: str = "A", previous: str | None = None) -> Decision:
    before = tier if previous is None else previous
    return Decision("1", tier, before, SINCE, "score", True, 86.0, None, None, None, 1.0, None, None)


def move(
    tier: str = "A", *, previous: str | None = None, since: date | None = SINCE, remembered: LastMoves | None = None
) -> Move | None:
    return move_of(a_decision(tier, previous), Held(tier=tier, since=since), remembered, ORDER, EARLIEST)


def test_a_remembered_move_is_told_with_its_day_its_tier_before_and_its_direction() -> None:
    assert move(remembered=LastMoves("A", "B")) == Move(SINCE, "B", entered=True)
    assert move("B", remembered=LastMoves("B", "A")) == Move(SINCE, "A", entered=False)
    assert move(NO_TIER, remembered=LastMoves(NO_TIER, "A")) == Move(SINCE, "A", entered=False)


def test_a_move_that_this_run_makes_is_none_of_an_earlier_day() -> None:
    assert move(previous="B", remembered=LastMoves("B", "A")) is None


@pytest.mark.parametrize(("days", "counts"), [(0, True), (91, True), (92, False), (93, False), (400, False)])
def test_a_move_counts_for_ninety_two_days(days: int, counts: bool) -> None:
    since = TODAY - timedelta(days=days)
    expected = Move(since, "B", entered=True) if counts else None
    assert move(since=since, remembered=LastMoves("A", "B")) == expected


def test_a_tier_without_a_date_tells_of_no_move() -> None:
    assert move(since=None, remembered=LastMoves("A", "B")) is None


@pytest.mark.parametrize(("tier", "entered"), [("A", True), ("B", True), (NO_TIER, False)])
@pytest.mark.parametrize("remembered", [None, LastMoves("C", "B")], ids=["a rebuilt cache", "another machine moved it"])
def test_where_nobody_remembers_the_move_its_direction_is_read_from_where_the_account_is(
    tier: str, entered: bool, remembered: LastMoves | None
) -> None:
    assert move(tier, remembered=remembered) == Move(SINCE, None, entered)


@pytest.mark.parametrize("remembered", [LastMoves(), LastMoves(health="red", previous_health="green")])
def test_an_account_that_was_only_seen_where_it_is_has_not_moved(remembered: LastMoves) -> None:
    assert move(remembered=remembered) is None


def test_a_move_from_a_tier_that_the_programme_has_no_more_is_no_move() -> None:
    assert move(remembered=LastMoves("A", "Gold")) is None


EARLIER = SINCE - timedelta(days=30)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("previous", "since", "remembered", "began"),
    [
        (None, SINCE, None, SINCE),
        (None, SINCE, LastMoves("A", "B", SINCE), SINCE),
        (None, SINCE, LastMoves("A", "B", SINCE, EARLIER), EARLIER + DAY),
        (None, SINCE, LastMoves("A", "B", SINCE, SINCE), SINCE),
        (None, SINCE, LastMoves("A", "B", EARLIER, EARLIER - DAY), SINCE),
        (None, SINCE, LastMoves("B", "A", SINCE, EARLIER), SINCE),
        ("B", EARLIER, None, EARLIER + DAY),
        ("B", None, None, None),
        (None, None, LastMoves("A", "B", SINCE, EARLIER), None),
    ],
    ids=[
        "nobody remembers how it came",
        "it came from a tier without a date",
        "it came from a tier that it had taken earlier",
        "it came from a tier of the same day",
        "its last remembered move is an older one",
        "its last remembered move led elsewhere",
        "it enters now",
        "it enters now from a tier without a date",
        "its tier has no date",
    ],
)
def test_the_tasks_of_a_stay_are_those_since_it_began(
    previous: str | None, since: date | None, remembered: LastMoves | None, began: date | None
) -> None:
    assert stay_began(a_decision(previous=previous), Held(tier="A", since=since), remembered) == began
