"""From a value to 0…100, and from criteria to a score (DECISIONS.md §4)."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.place import Expression
from kamsync.decide.program import Criterion, Decay
from kamsync.decide.scales import Bands, FlagScale, Linear, Log, Percentile, Scale, Values
from kamsync.decide.scoring import (
    Scored,
    coverage,
    fade,
    points,
    round_half_away,
    scorer,
    weighted_mean,
)

AS_OF = date(2025, 6, 30)
NUMBERS = st.floats(-1e9, 1e9)
BANDS = Bands(((1, 25), (3, 50), (6, 75)))


def a_criterion(scale: Scale = Linear(0, 100), missing: object = "zero", decay: Decay | None = None) -> Criterion:
    return Criterion("c", "strength", "retention", 1, Expression("nps"), scale, missing, decay)  # type: ignore[arg-type]  # as parsed


@pytest.mark.parametrize(
    ("scale", "value", "score"),
    [
        (Linear(0, 200), 50, 25),
        (Linear(0, 200), -1, 0),
        (Linear(0, 200), 201, 100),
        (Linear(120, 14), 14, 100),
        (Linear(120, 14), 67, 50),
        (Linear(120, 14), 500, 0),
        (Log(10, 1000), 100, 50),
        (Log(10, 1000), 10, 0),
        (Log(10, 1000), 0, 0),
        (Log(10, 1000), -3, 0),
        (Log(10, 1000), 5000, 100),
        (BANDS, 0.99, 0),
        (BANDS, 1, 25),
        (BANDS, 5.9, 50),
        (BANDS, 600, 75),
        (Percentile(), 0.25, 25),
        (Values({"Energy": 80, "3": 10}, 5), "Energy", 80),
        (Values({"Energy": 80, "3": 10}, 5), "energy", 5),
        (Values({"Energy": 80, "3": 10}, 5), 3.0, 10),
        (Values({"Energy": 80}), 3.5, 0),
        (FlagScale(), 1, 100),
        (FlagScale(), 0, 0),
        (FlagScale(), -0.5, 100),
        (Linear(0, 10), "5", 50),
        (Linear(0, 10), "five", None),
        (Linear(0, 10), "inf", None),
        (Linear(0, 10), None, None),
        (Values({"None": 80}, 5), None, None),
    ],
)
def test_a_value_is_scaled_like_this(scale: Scale, value: float | str | None, score: float | None) -> None:
    assert scale.scaler()(value) == (None if score is None else pytest.approx(score))


@given(NUMBERS, NUMBERS)
@pytest.mark.parametrize("scale", [Linear(-5, 1000), Log(0.5, 1e6), BANDS], ids=repr)
def test_more_never_scores_less_and_always_0_to_100(scale: Scale, a: float, b: float) -> None:
    low, high = scale.scaler()(min(a, b)), scale.scaler()(max(a, b))
    assert low is not None
    assert high is not None
    assert 0 <= low <= high <= 100


@given(NUMBERS, NUMBERS)
def test_an_inverted_line_falls(a: float, b: float) -> None:
    low, high = Linear(100, -3).scaler()(min(a, b)), Linear(100, -3).scaler()(max(a, b))
    assert low is not None
    assert high is not None
    assert low >= high


@pytest.mark.parametrize(
    ("missing", "scored"),
    [("zero", Scored(0, False)), ("skip", Scored(None, False)), (40, Scored(40, False)), (0, Scored(0, False))],
)
def test_a_null_is_scored_as_its_criterion_says_and_is_not_known(missing: object, scored: Scored) -> None:
    assert scorer(a_criterion(missing=missing), AS_OF)(None, None) == scored


@pytest.mark.parametrize(
    ("since", "scored"),
    [
        ("2025-06-30", Scored(80, True)),
        ("2025-06-20", Scored(40, True)),
        ("2025-06-10T23:59:59Z", Scored(20, True)),
        ("2026-01-01", Scored(80, True)),
        (None, Scored(None, False)),
        ("soon", Scored(None, False)),
    ],
)
def test_evidence_fades_by_half_lives_and_is_unknown_without_its_date(since: str | None, scored: Scored) -> None:
    criterion = a_criterion(missing="skip", decay=Decay(Expression("since"), 10))
    assert scorer(criterion, AS_OF)(80, since) == scored


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_older_evidence_never_counts_more(a: int, b: int) -> None:
    criterion = a_criterion(decay=Decay(Expression("since"), 365))
    older, newer = (scorer(criterion, AS_OF)(80, str(AS_OF - timedelta(days=d))).scaled for d in (max(a, b), min(a, b)))
    assert older is not None
    assert newer is not None
    assert 0 <= older <= newer <= 80


@pytest.mark.parametrize(("value", "rounded"), [(71.005, 71.01), (0.125, 0.13), (-0.125, -0.13), (1.004999, 1.0), (2.675, 2.68)])
def test_halves_round_away_from_zero_whatever_binary_makes_of_them(value: float, rounded: float) -> None:
    assert round_half_away(value) == rounded


def test_a_mean_leaves_out_what_was_skipped() -> None:
    assert weighted_mean([(1, 50.0), (3, None), (1, 100.0)]) == 75
    assert weighted_mean([(3, None)]) is None
    assert weighted_mean([]) is None
    assert weighted_mean([(0, 50.0)]) is None


def test_coverage_is_the_known_share_of_the_weights() -> None:
    assert coverage([(1, True), (3, False)]) == 0.25
    assert coverage([]) == 1


# Weights as people write them: nothing, or at least a thousandth; a denormal number has no two decimals left to round.
WEIGHTS = st.one_of(st.just(0.0), st.floats(0.001, 50))
PARTS = st.lists(st.tuples(WEIGHTS, st.one_of(st.none(), st.floats(0, 100))), max_size=12)


@given(PARTS)
def test_points_sum_to_the_score_in_cents_and_none_is_negative(parts: list[tuple[float, float | None]]) -> None:
    score = weighted_mean(parts)
    brought = points(parts, score)
    assert sum(round(p * 100) for p in brought) == round((score or 0) * 100)
    assert all(p >= 0 for p in brought)
    assert all(p == 0 for p, (_, scaled) in zip(brought, parts, strict=True) if scaled is None)


@given(st.lists(st.tuples(st.sampled_from([1.0, 0.1, 7.3, 12.5]), st.floats(0, 100)), min_size=1, max_size=5))
def test_the_order_of_criteria_does_not_change_the_score(parts: list[tuple[float, float | None]]) -> None:
    assert len({weighted_mean(order) for order in itertools.permutations(parts)}) == 1


@pytest.mark.parametrize(("value", "score"), [("yes", 100), ("no", 100), ("", None), ("0", 0), ("1", 100), (None, None)])
def test_a_text_is_a_flag_where_it_says_something(value: str | None, score: float | None) -> None:
    assert FlagScale().scaler()(value) == score


def test_a_text_is_no_number_for_any_other_scale() -> None:
    assert [scale.scaler()("yes") for scale in (Linear(0, 1), Log(1, 2), BANDS, Percentile())] == [None] * 4


@pytest.mark.parametrize(("days", "left"), [(-5, 1.0), (0, 1.0), (1, 0.5 ** (1 / 30)), (30, 0.5), (60, 0.25)])
def test_evidence_has_halved_after_each_half_life(days: int, left: float) -> None:
    assert fade(days, 30) == pytest.approx(left)


def test_a_value_that_is_unknown_does_not_need_its_date() -> None:
    criterion = a_criterion(missing=40, decay=Decay(Expression("since"), 10))
    assert scorer(criterion, AS_OF)(None, "2025-06-20") == Scored(40, False)
    assert scorer(criterion, AS_OF)(None, None) == Scored(40, False)


def test_points_are_nothing_without_a_score_or_weights() -> None:
    assert points([(1, 50.0), (2, 50.0)], None) == [0, 0]
    assert points([(0, 50.0)], 50.0) == [0]
    assert points([], None) == []


def test_points_of_a_single_criterion_of_weight_one_are_the_score() -> None:
    assert points([(1, 33.33)], 33.33) == [33.33]


def test_cents_that_are_left_over_go_to_the_largest_remainders_first() -> None:
    assert points([(1, 10.0), (1, 10.0), (1, 10.0)], 10.0) == [3.34, 3.33, 3.33]
    assert points([(2, 50.0), (1, 50.0)], 50.0) == [33.33, 16.67]


def test_nothing_rounds_to_minus_zero() -> None:
    assert str(round_half_away(-0.001)) == "0.0"
