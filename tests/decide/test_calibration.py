"""What weights the past suggests: the arithmetic, on days that are made for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from kamsync.decide.calibration import Array, Calibration, PastDay, Wanted, calibrate
from kamsync.decide.months import add_months
from kamsync.decide.place import Expression
from kamsync.decide.program import Axis, Criterion, Program, Tier
from kamsync.decide.scales import Linear

FIRST, COUNT = date(2022, 1, 1), 200
DAYS = [add_months(FIRST, 6 * place) for place in range(5)]


def a_programme(*criteria: tuple[str, float, Axis]) -> Program:
    tiers = (Tier("A", 50, 40, max_accounts=20),)
    made = (Criterion(name, axis, "retention", weight, Expression(name), Linear(0, 100)) for name, weight, axis in criteria)
    return Program(tiers, tuple(made))


ORDINARY = a_programme(("telling", 50, "attractiveness"), ("idle", 30, "attractiveness"), ("tenure", 20, "strength"))


def days(telling: bool = True, flat: bool = False, gaps: bool = False) -> list[PastDay]:
    """What `telling` says is what comes; `idle` speaks against it; `tenure` says nothing."""
    dice = np.random.default_rng(7)
    made = []
    for day in DAYS:
        worth = dice.uniform(0, 100, COUNT)
        idle = np.full(COUNT, 50.0) if flat else (100 - worth + dice.uniform(0, 100, COUNT)) / 2
        scaled = np.column_stack([(worth if telling else dice.uniform(0, 100, COUNT)), idle, dice.uniform(0, 100, COUNT)])
        if gaps:
            scaled[:, 2] = np.nan
        made.append(PastDay(day, [str(one) for one in range(COUNT)], scaled, np.full(COUNT, 40.0), worth, COUNT))
    return made


def calibrated(
    program: Program = ORDINARY,
    some: Sequence[PastDay] | None = None,
    wanted: Wanted = "revenue",
    penalty: float = 1.0,
    names: Sequence[str] = ("telling", "idle", "tenure"),
) -> Calibration:
    return calibrate(program, names, some or days(), wanted, penalty, np.random.default_rng(1))


def suggested(found: Calibration) -> dict[str, float]:
    return {one.criterion: one.suggested for one in found.weights}


def test_what_tells_the_future_weighs_more_and_what_speaks_against_it_is_dropped() -> None:
    found = calibrated(penalty=0.0)
    weights = suggested(found)
    assert weights["telling"] > 80 and weights["idle"] == 0 and found.changes["idle"] == 0
    assert found.gain.low > 0.01 and found.gain.low < found.gain.mean < found.gain.high


def test_the_harder_todays_weights_pull_the_closer_the_suggestion_stays() -> None:
    moved = [abs(suggested(calibrated(penalty=penalty))["telling"] - 50) for penalty in (0.0, 1.0, 10.0, 1000.0)]
    assert moved == sorted(moved, reverse=True) and moved[0] > moved[1] > moved[2] > moved[3] == 0


def test_weights_are_not_negative_and_keep_their_sum() -> None:
    for penalty in (0.0, 0.3, 1.0):
        weights = suggested(calibrated(penalty=penalty))
        assert sum(weights.values()) == 100 and min(weights.values()) >= 0
        assert all(weight == int(weight) for weight in weights.values())


def test_small_weights_are_rounded_in_their_own_steps() -> None:
    program = a_programme(("telling", 0.5, "attractiveness"), ("idle", 0.3, "attractiveness"), ("tenure", 0.2, "strength"))
    assert suggested(calibrated(program)) == {name: round(one / 100, 10) for name, one in suggested(calibrated()).items()}


def test_a_criterion_that_is_the_same_for_everybody_does_nothing() -> None:
    assert suggested(calibrated(some=days(flat=True)))["idle"] == 0


def test_no_axis_is_left_empty() -> None:
    program = a_programme(("telling", 50, "attractiveness"), ("idle", 50, "strength"))
    cut = [PastDay(day.day, day.accounts, day.scaled[:, :2], day.won, day.later, COUNT) for day in days()]
    assert suggested(calibrated(program, cut, penalty=0.0, names=("telling", "idle")))["idle"] > 0


def test_what_the_past_cannot_tell_keeps_its_weight() -> None:
    named = calibrated(some=days(gaps=True))  # nobody has a value
    (tenure,) = (one for one in named.weights if one.criterion == "tenure")
    assert (tenure.suggested, tenure.judged) == (20, False)
    cut = [PastDay(day.day, day.accounts, day.scaled[:, :2], day.won, day.later, COUNT) for day in days()]
    left_out = calibrated(some=cut, names=("telling", "idle"))  # not among what can be replayed
    assert suggested(left_out)["tenure"] == 20 and sum(suggested(left_out).values()) == 100


def test_where_nothing_tells_the_future_no_gain_is_sure() -> None:
    found = calibrated(some=days(telling=False, flat=True))
    assert found.gain.low <= 0 <= found.gain.high


def test_a_later_day_is_judged_by_what_was_known_a_year_before_it() -> None:
    """The proof: another future of the last day changes what is suggested, and nothing of what the earlier days say."""
    other = days()
    other[-1] = PastDay(other[-1].day, other[-1].accounts, other[-1].scaled, other[-1].won, other[-1].later[::-1].copy(), COUNT)
    before, after = calibrated(penalty=0.1), calibrated(some=other, penalty=0.1)

    assert [one.day for one in before.held_out] == DAYS[2:]
    assert after.held_out[:-1] == before.held_out[:-1] and after.held_out[-1].today != before.held_out[-1].today
    # The last day's weights were learned from the first three, so what came after it has no part in whom they choose.
    assert suggested(after) != suggested(before)


@pytest.mark.parametrize(("wanted", "same"), [("revenue", False), ("growth", True), ("both", False)])
def test_growth_is_what_came_more_than_before(wanted: Wanted, same: bool) -> None:
    """Who brings as much as before brings revenue, and no growth."""
    steady = [PastDay(day.day, day.accounts, day.scaled, day.later.copy(), day.later, COUNT) for day in days()]
    assert (suggested(calibrated(some=steady, wanted=wanted)) == {"telling": 50, "idle": 30, "tenure": 20}) is same


def test_the_best_are_as_many_as_the_best_tier_takes() -> None:
    assert {one.places for one in calibrated().held_out} == {20}
    unlimited = Program((Tier("A", 0, 0),), ORDINARY.criteria)
    assert {one.places for one in calibrated(unlimited).held_out} == {COUNT}


def test_the_shares_are_of_the_whole_days_revenue() -> None:
    found, day = calibrated(penalty=0.0), days()[-1]
    best: Array = np.sort(day.later)[-20:]
    assert found.held_out[-1].suggested.revenue == pytest.approx(best.sum() / day.later.sum(), rel=0.02)
