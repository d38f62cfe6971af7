"""Scoring by the column gives what scoring one by one gives (DECISIONS.md §4)."""

from __future__ import annotations

from datetime import date
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.columns import column_scorer, coverages, means
from kamsync.decide.fact import FactValue
from kamsync.decide.place import Expression
from kamsync.decide.program import Criterion, Decay
from kamsync.decide.scales import Bands, FlagScale, Linear, Log, Scale, Values, percent_ranks
from kamsync.decide.scoring import Scored, coverage, scorer, weighted_mean

T = TypeVar("T")
AS_OF = date(2025, 6, 30)
VALUES: list[FactValue] = [None, 0, 50, 12.5, -3, 1e9, "25", "Energy", "", "inf"]
DAYS = [None, "2025-06-30", "2025-06-20", "2024-01-01T10:00:00Z", "2030-01-01", "soon"]
WEIGHTS = st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.3]), max_size=5)


def a_criterion(scale: Scale, missing: object, decay: Decay | None) -> Criterion:
    return Criterion("c", "strength", "retention", 1, Expression("nps"), scale, missing, decay)  # type: ignore[arg-type]  # as parsed


@pytest.mark.parametrize("decay", [None, Decay(Expression("since"), 10)], ids=["lasting", "fading"])
@pytest.mark.parametrize("missing", ["zero", "skip", 40])
@pytest.mark.parametrize(
    "scale", [Linear(0, 100), Log(10, 1000), Bands(((1, 25), (30, 50))), Values({"Energy": 80}, 5), FlagScale()], ids=repr
)
def test_a_column_is_scored_like_each_of_its_values(scale: Scale, missing: object, decay: Decay | None) -> None:
    criterion = a_criterion(scale, missing, decay)
    rows = [(value, day) for value in VALUES for day in DAYS]

    column = column_scorer(criterion, AS_OF)([value for value, _ in rows], [day for _, day in rows])

    found = [Scored(scaled, known) for scaled, known in zip(column.scaled, column.known, strict=True)]
    assert found == [scorer(criterion, AS_OF)(value, day) for value, day in rows]


def test_ties_share_the_lowest_rank_and_the_unknown_have_none() -> None:
    assert percent_ranks([30, None, 10, 20, 20, 40]) == [0.75, None, 0.0, 0.25, 0.25, 1.0]


def test_one_alone_ranks_at_zero_and_so_does_nobody() -> None:
    assert percent_ranks([7, None]) == [0.0, None]
    assert percent_ranks([None]) == [None]
    assert percent_ranks([]) == []


def test_numbers_rank_before_texts_and_texts_by_their_letters() -> None:
    assert percent_ranks(["b", 5, "B", 1e9, "á"]) == [0.75, 0.0, 0.5, 0.25, 1.0]


def test_two_values_are_the_ends_of_the_scale() -> None:
    assert percent_ranks([2, 1]) == [1.0, 0.0]


def test_each_group_is_ranked_by_itself_and_an_unknown_group_is_one() -> None:
    values = [10, 20, 30, 5, None, 6, 7]
    groups = ["x", "y", "x", None, "x", None, "y"]
    assert percent_ranks(values, groups) == [0.0, 1.0, 1.0, 0.0, None, 1.0, 0.0]


@given(WEIGHTS.flatmap(lambda weights: st.tuples(st.just(weights), _rows(len(weights), st.one_of(st.none(), st.floats(0, 100))))))
def test_means_of_columns_are_the_means_of_each_account(case: tuple[list[float], list[list[float | None]]]) -> None:
    weights, rows = case
    expected = [weighted_mean(list(zip(weights, row, strict=True))) for row in rows]
    assert means(weights, _columns(weights, rows), len(rows)) == expected


@given(WEIGHTS.flatmap(lambda weights: st.tuples(st.just(weights), _rows(len(weights), st.booleans()))))
def test_coverages_of_columns_are_those_of_each_account(case: tuple[list[float], list[list[bool]]]) -> None:
    weights, rows = case
    expected = [coverage(list(zip(weights, row, strict=True))) for row in rows]
    assert coverages(weights, _columns(weights, rows), len(rows)) == pytest.approx(expected)


def test_a_mean_of_columns_is_rounded_away_from_zero() -> None:
    assert means([1.0, 1.0], [[71.0, 10.0], [71.01, None]], 2) == [71.01, 10.0]


def test_without_columns_nothing_is_scored_and_nothing_is_missing() -> None:
    assert means([], [], 2) == [None, None]
    assert coverages([], [], 2) == [1.0, 1.0]
    assert means([0.0], [[50.0]], 1) == [None]
    assert coverages([0.0], [[False]], 1) == [1.0]


def _rows(width: int, values: st.SearchStrategy[T]) -> st.SearchStrategy[list[list[T]]]:
    return st.lists(st.lists(values, min_size=width, max_size=width), max_size=4)


def _columns(weights: list[float], rows: list[list[T]]) -> list[list[T]]:
    return [[row[place] for row in rows] for place in range(len(weights))]
