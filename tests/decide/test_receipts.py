"""A receipt says what each criterion brought, and what moved since the last one (DECISIONS.md §7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.place import Expression
from kamsync.decide.program import Axis, Criterion
from kamsync.decide.receipts import Moved, make_receipt, what_moved
from kamsync.decide.scales import Linear
from kamsync.decide.scoring import Scored, weighted_mean


def a_criterion(name: str, weight: float = 1, axis: Axis = "strength", label: str = "") -> Criterion:
    return Criterion(name, axis, "retention", weight, Expression(name), Linear(0, 100), label=label)


def a_decision(score: float | None, *, eligible: bool = True) -> Decision:
    return Decision("a1", "none", "none", None, "score", eligible, score, None, None, None, 1.0, None, None)


def a_contribution(name: str, points: float, value: float | None = None) -> Contribution:
    return Contribution(name, name.title(), "strength", "retention", 1, value, True, points, points, {})


def test_a_receipt_shows_every_criterion_in_the_programmes_order_with_its_share() -> None:
    criteria = (a_criterion("revenue", 3, label="Revenue"), a_criterion("calm", 9, "health"), a_criterion("reach", 1))
    scored = (Scored(60.0, True), Scored(20.0, True), Scored(0.0, False))
    facts = ({"revenue": 6}, {"calm": 2}, {"reach": None})

    receipt = make_receipt(a_decision(45.0), criteria, scored, (6, 2, None), facts)

    assert receipt.decision == a_decision(45.0)
    assert receipt.contributions == (
        Contribution("revenue", "Revenue", "strength", "retention", 3, 6, True, 60.0, 45.0, {"revenue": 6}),
        Contribution("calm", "calm", "health", "retention", 9, 2, True, 20.0, 0.0, {"calm": 2}),
        Contribution("reach", "reach", "strength", "retention", 1, None, False, 0.0, 0.0, {"reach": None}),
    )


def test_an_account_that_is_not_eligible_has_values_and_no_scores() -> None:
    decision = a_decision(None, eligible=False)

    (contribution,) = make_receipt(decision, (a_criterion("nps"),), (Scored(60.0, True),), (6,), ({"nps": 6},)).contributions

    assert (contribution.value, contribution.known, contribution.facts) == (6, True, {"nps": 6})
    assert (contribution.scaled, contribution.points) == (None, 0.0)


ROWS = st.lists(
    st.tuples(
        st.floats(0.01, 50), st.one_of(st.none(), st.floats(0, 100)), st.sampled_from(["attractiveness", "strength", "health"])
    ),
    max_size=10,
)


@given(ROWS)
def test_contributions_sum_to_the_score_to_the_cent(rows: list[tuple[float, float | None, Axis]]) -> None:
    criteria = [a_criterion(f"c{number}", weight, axis) for number, (weight, _, axis) in enumerate(rows)]
    scored = [Scored(scaled, scaled is not None) for _, scaled, _ in rows]
    score = weighted_mean([(weight, scaled) for weight, scaled, axis in rows if axis != "health"])

    contributions = make_receipt(a_decision(score), criteria, scored, [None] * len(rows), [{}] * len(rows)).contributions

    assert sum(round(c.points * 100) for c in contributions) == round((score or 0) * 100)
    assert all(c.points == 0 for c in contributions if c.axis == "health" or c.scaled is None)


def test_what_moved_names_the_largest_move_first_with_both_values() -> None:
    now = [a_contribution("a", 10.0, 1), a_contribution("b", 3.0, 5), a_contribution("c", 20.0), a_contribution("d", 7.0, 2)]
    before: list[dict[str, object]] = [
        {"criterion": "a", "points": 11.5, "value": 2},
        {"criterion": "b", "points": 9.25, "value": "much"},
        {"criterion": "c", "points": 20.0, "value": 4},
        {"criterion": "d", "points": 8.5, "value": 3.5},
    ]

    assert what_moved(now, before) == [
        Moved("b", "B", -6.25, "much", 5),
        Moved("a", "A", -1.5, 2, 1),
        Moved("d", "D", -1.5, 3.5, 2),
    ]


@pytest.mark.parametrize(("was", "moves"), [(10.0, []), (10.004, []), (10.01, [-0.01]), (9.99, [0.01]), (9.0, [1.0])])
def test_a_hundredth_of_a_point_is_a_move(was: float, moves: list[float]) -> None:
    assert [m.points for m in what_moved([a_contribution("a", 10.0)], [{"criterion": "a", "points": was}])] == moves


@pytest.mark.parametrize(
    "before", [[], [{"criterion": "other", "points": 10.0}], [{"criterion": "a"}], [{"criterion": "a", "points": None}]]
)
def test_a_criterion_that_was_not_there_moved_by_all_its_points(before: list[dict[str, object]]) -> None:
    assert what_moved([a_contribution("a", 10.0, 3)], before) == [Moved("a", "A", 10.0, None, 3)]


def test_a_remembered_value_that_is_no_value_is_left_out() -> None:
    before = [{"criterion": "a", "points": 4, "value": ["odd"]}]
    assert what_moved([a_contribution("a", 10.0, 3)], before) == [Moved("a", "A", 6.0, None, 3)]


def test_points_of_a_receipt_are_compared_in_hundredths() -> None:
    before = [{"criterion": "a", "points": 8.7654}]
    assert [m.points for m in what_moved([a_contribution("a", 10.0)], before)] == [1.23]
