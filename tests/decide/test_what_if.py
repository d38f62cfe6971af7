"""Another programme compared with this one, past days replayed, and what each criterion is worth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.backtest import Report, Snapshot, report
from kamsync.decide.decision import Decision
from kamsync.decide.influence import Influence, Scores, influences
from kamsync.decide.place import Expression
from kamsync.decide.program import Axis, Criterion, Program
from kamsync.decide.scales import Linear
from kamsync.decide.simulate import Move, compare

DAYS = [date(2025, month, 1) for month in range(1, 7)]


def a_decision(account_id: str, tier: str) -> Decision:
    return Decision(account_id, tier, "none", None, "score", True, 1.0, None, None, None, 1.0, None, None)


def a_programme(**weights: tuple[float, Axis]) -> Program:
    criteria = tuple(
        Criterion(name, axis, "retention", weight, Expression(name), Linear(0, 100)) for name, (weight, axis) in weights.items()
    )
    return Program((), criteria)


def snapshots(*days: str, later: Mapping[int, Mapping[str, float]] | None = None) -> list[Snapshot]:
    """Each day as the tiers of accounts a, b, c…; `-` is no tier."""
    return [
        Snapshot(
            DAYS[number], {"abcdef"[i]: "none" if tier == "-" else tier for i, tier in enumerate(day)}, (later or {}).get(number)
        )
        for number, day in enumerate(days)
    ]


# --- simulate ------


def test_a_comparison_counts_every_account_and_lists_who_moves() -> None:
    before = [a_decision(i, tier) for i, tier in zip("12345", ["A", "A", "none", "B", "none"], strict=True)]
    after = {i: a_decision(i, tier) for i, tier in zip("12345", ["A", "none", "B", "A", "none"], strict=True)}

    found = compare(before, after, {"1": "ana", "2": "ana", "3": "ben", "5": "eva"})

    assert found.matrix == {("A", "A"): 1, ("A", "none"): 1, ("none", "B"): 1, ("B", "A"): 1, ("none", "none"): 1}
    assert found.entering == (Move(before[2], after["3"]),)
    assert found.leaving == (Move(before[1], after["2"]),)
    assert found.moving == (Move(before[3], after["4"]),)
    assert found.load == {"": (1, 1), "ana": (2, 1), "ben": (0, 1)}


def test_the_owners_who_lose_all_their_key_accounts_are_shown_too() -> None:
    found = compare(
        [a_decision("1", "A"), a_decision("2", "A")], {i: a_decision(i, "none") for i in "12"}, {"1": "eva", "2": "ana"}
    )
    assert list(found.load.items()) == [("ana", (1, 0)), ("eva", (1, 0))]
    assert found.matrix == {("A", "none"): 2}


# --- backtest ------


def test_a_report_measures_days_that_follow_each_other() -> None:
    later = {0: {"a": 60.0, "b": 0.0, "c": 40.0}, 1: {"a": 0.0, "c": 100.0}}

    found = report(snapshots("AB-", "A-B", "AB-", later=later))

    # b left and came back, a never left, c came once. Of {a, b} a stayed; of {a, c} a stayed.
    assert found == Report(days=3, flap_rate=1 / 3, stability=0.5, later_revenue_share=(60 + 100) / 200, silent={"a": 1, "b": 1})


def test_who_was_silent_more_often_comes_first() -> None:
    later: dict[int, dict[str, float]] = {0: {"a": 5.0}, 1: {"b": 5.0}, 2: {}}
    assert list(report(snapshots("AAA", "AAA", "A-A", later=later)).silent.items()) == [("c", 3), ("a", 2), ("b", 1)]


def test_days_whose_next_months_are_not_over_say_nothing_of_revenue() -> None:
    found = report(snapshots("A-", "AA"))
    assert (found.later_revenue_share, found.silent) == (None, {})
    assert (found.stability, found.flap_rate) == (1.0, 0.0)


def test_without_days_or_key_accounts_there_is_nothing_to_say() -> None:
    assert report([]) == Report(0, None, None, None, {})
    assert report(snapshots("--", "--", later={0: {"a": 5.0}})) == Report(2, None, None, 0.0, {})
    assert report(snapshots("A", later={0: {}})) == Report(1, 0.0, None, None, {"a": 1})


@pytest.mark.parametrize(
    ("way", "flaps"),
    [("AAA", 0), ("ABA", 1), ("A-A", 1), ("-A-", 0), ("AB-", 0), ("BAB", 1), ("AAB", 0), ("-A-B", 0), ("ABBA", 1)],
)
def test_an_account_flaps_when_it_comes_back_to_a_tier_that_it_left(way: str, flaps: float) -> None:
    assert report(snapshots(*way)).flap_rate == flaps


def test_an_account_that_is_not_there_yet_has_no_tier() -> None:
    days = [Snapshot(DAYS[0], {"a": "A"}, None), Snapshot(DAYS[1], {}, None), Snapshot(DAYS[2], {"a": "A"}, None)]
    assert report(days).flap_rate == 1.0
    assert report(days).stability == 0.0


# --- influence ------


def test_a_criterion_that_alone_ranks_moves_everybody_and_an_even_one_nobody() -> None:
    program = a_programme(rank=(1, "strength"), even=(1, "attractiveness"), calm=(1, "health"))
    scaled: dict[str, Scores] = {"rank": [0.0, 50.0, 100.0], "even": [50.0, 50.0, 50.0], "calm": [9.99, 10.0, None]}
    known = {"rank": [True, True, True], "even": [True, False, True], "calm": [True, True, False]}

    rank, even, calm = influences(program, scaled, known)

    # Without `rank` all three tie in the middle: the first and the last move one place each, of two possible.
    assert rank == Influence("rank", 3, 3, (1, 0, 0, 0, 0, 1, 0, 0, 0, 1), 2 / 3 / 2)
    assert even == Influence("even", 3, 2, (0, 0, 0, 0, 0, 3, 0, 0, 0, 0), 0.0)
    assert calm == Influence("calm", 3, 2, (1, 1, 0, 0, 0, 0, 0, 0, 0, 0), None)


def test_ranks_that_turn_round_move_as_far_as_they_can_on_average() -> None:
    program = a_programme(loud=(3, "strength"), soft=(1, "strength"))
    scaled = {"loud": [100.0, 0.0], "soft": [0.0, 100.0]}

    loud, soft = influences(program, scaled, {name: [True, True] for name in scaled})

    assert (loud.moves, soft.moves) == (1.0, 0.0)


def test_accounts_without_any_score_rank_last_together() -> None:
    program = a_programme(only=(1, "strength"), other=(1, "strength"))
    scaled: dict[str, Scores] = {"only": [None, 0.0, None, 10.0], "other": [None, None, None, None]}

    only, other = influences(program, scaled, {name: [False] * 4 for name in scaled})

    # Ranks 2.5, 1, 2.5, 0 become 1.5 for all: 1 + 0.5 + 1 + 1.5 places by 4 accounts, of 3 possible.
    assert only == Influence("only", 4, 0, (1, 1, 0, 0, 0, 0, 0, 0, 0, 0), 4 / 4 / 3)
    assert other.moves == 0.0


@pytest.mark.parametrize("count", [0, 1])
def test_one_account_has_nobody_to_change_places_with(count: int) -> None:
    (found,) = influences(a_programme(only=(1, "strength")), {"only": [50.0] * count}, {"only": [True] * count})
    assert (found.scored, found.known, found.moves) == (count, count, None)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=8))
def test_moves_are_a_share(rows: list[tuple[float, float]]) -> None:
    program = a_programme(a=(1, "strength"), b=(2, "attractiveness"))
    columns = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}
    for found in influences(program, columns, {name: [True] * len(rows) for name in columns}):
        assert found.moves is not None
        assert 0 <= found.moves <= 1
        assert sum(found.histogram) == len(rows)


@given(st.lists(st.tuples(st.sampled_from([0.0, 50.0, 100.0]), st.sampled_from([None, 0.0, 50.0])), min_size=2, max_size=7))
def test_moves_count_places_with_ties_at_their_middle(rows: list[tuple[float, float | None]]) -> None:
    program = a_programme(a=(1, "strength"), b=(3, "attractiveness"))
    columns: dict[str, Scores] = {"a": [a for a, _ in rows], "b": [b for _, b in rows]}

    def places(scores: list[float]) -> list[float]:
        return [sum(s > own for s in scores) + (scores.count(own) - 1) / 2 for own in scores]

    whole = places([a if b is None else (a + 3 * b) / 4 for a, b in rows])
    without = {"a": places([-1.0 if b is None else b for _, b in rows]), "b": places([a for a, _ in rows])}
    expected = {
        name: sum(abs(x - y) for x, y in zip(whole, others, strict=True)) / len(rows) / (len(rows) - 1)
        for name, others in without.items()
    }

    assert {i.criterion: i.moves for i in influences(program, columns, {"a": [], "b": []})} == pytest.approx(expected)


def test_accounts_that_were_silent_equally_often_come_by_their_ids() -> None:
    days = [Snapshot(DAYS[0], {"c": "A", "a": "A", "b": "A"}, {})]
    assert list(report(days).silent) == ["a", "b", "c"]
