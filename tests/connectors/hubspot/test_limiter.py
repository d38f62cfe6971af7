"""How fast calls leave, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kamsync_hubspot.api.limiter import Limiter

TOLD: Mapping[str, str] = {
    "x-hubspot-ratelimit-max": "190",
    "x-hubspot-ratelimit-remaining": "150",
    "x-hubspot-ratelimit-interval-milliseconds": "10000",
}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def moments(limiter: Limiter, clock: Clock, count: int, headers: Mapping[str, str], *, is_search: bool = False) -> list[float]:
    """When each of so many calls left, each answered at once with these headers."""
    left = []
    for _ in range(count):
        with limiter.slot(is_search=is_search):
            left.append(clock.now)
        limiter.observe(headers)
    return left


def most_in(seconds: float, left: list[float]) -> int:
    return max(sum(start <= moment < start + seconds for moment in left) for start in left)


def test_before_the_first_answer_the_smallest_plans_limit_holds(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    left = []
    for _ in range(250):
        with limiter.slot(is_search=False):
            left.append(clock.now)
    assert most_in(10, left) <= 100


def test_the_portals_own_limit_is_kept_and_nearly_used(clock: Clock) -> None:
    left = moments(Limiter(clock=clock, sleep=clock.sleep), clock, 2_000, TOLD)
    assert most_in(10, left) <= 190
    assert len(left) / left[-1] >= 0.7 * 19  # others use 40 of the window, as the headers say


def test_a_portal_that_tells_no_limit_is_not_slowed_down(clock: Clock) -> None:
    assert moments(Limiter(clock=clock, sleep=clock.sleep), clock, 500, {})[-1] == 0


def test_a_portal_that_refuses_a_call_without_telling_a_limit_gets_the_smallest_plans(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    moments(limiter, clock, 50, {})
    limiter.pause(1.0)
    left = moments(limiter, clock, 500, {})
    assert left[0] >= 1.0 and most_in(10, left) <= 100


@pytest.mark.parametrize("junk", ["", "-5", "0x10", "1e9", "²", "9" * 400, "9" * 5_000, "many"])
def test_headers_that_tell_no_number_slow_nothing_down_and_stop_nothing(clock: Clock, junk: str) -> None:
    left = moments(Limiter(clock=clock, sleep=clock.sleep), clock, 200, dict.fromkeys(TOLD, junk))
    assert len(left) == 200 and left[-1] <= 30


def test_an_interval_of_years_is_waited_for_as_one_of_a_minute(clock: Clock) -> None:
    told = {**TOLD, "x-hubspot-ratelimit-interval-milliseconds": "999999999999"}
    assert moments(Limiter(clock=clock, sleep=clock.sleep), clock, 300, told)[-1] < 180


def test_no_more_than_five_searches_a_second_leave(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    moments(limiter, clock, 1, {})
    assert most_in(1, moments(limiter, clock, 40, {}, is_search=True)) <= 5
