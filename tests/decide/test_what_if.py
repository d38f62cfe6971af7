"""Another programme compared with this one, past days replayed, and what each criterion is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.backtest import Share, Snapshot, TierReport, report
from kamsync.decide.decision import Decision
from kamsync.decide.influence import Influence, Scores, influences
from kamsync.decide.place import Expression
from kamsync.decide.program import Axis, Criterion, Program, Rule, Tier
from kamsync.decide.replay import LeftOut, replayable
from kamsync.decide.scales import Linear
from kamsync.decide.simulate import Move, compare
from kamsync.errors import ConfigError
from kamsync.model import Kind

DAYS = [date(2025, month, 1) for month in range(1, 7)]


def a_decision(account_id: str, tier: str) -> Decision:
    return Decision(account_id, tier, "none", None, "score", True, 1.0, None, None, None, 1.0, None, None)


def a_programme(**weights: tuple[float, Axis]) -> Program:
    criteria = tuple(
        Criterion(name, axis, "retention", weight, Expression(name), Linear(0, 100)) for name, (weight, axis) in weights.items()
    )
    return Program((), criteria)


def snapshots(*days: str, won: Sequence[float] = (), later: Mapping[int, Sequence[float]] | None = None) -> list[Snapshot]:
    """Each day as the tiers of accounts a, b, c…, `-` is no tier. Amounts are in the same order."""
    found: list[Snapshot] = []
    since: dict[str, date] = {}
    for number, day in enumerate(days):
        tiers = {"abcdef"[i]: "none" if tier == "-" else tier for i, tier in enumerate(day)}
        before = found[-1].tiers if found else {}
        since = {one: since[one] if before.get(one) == tier else DAYS[number] for one, tier in tiers.items()}
        came = (later or {}).get(number)
        found.append(
            Snapshot(DAYS[number], tiers, since, frozenset(tiers), amounts(won), None if came is None else amounts(came))
        )
    return found


def amounts(values: Sequence[float]) -> dict[str, float]:
    return {"abcdef"[i]: float(value) for i, value in enumerate(values)}


def tier_a(days: Sequence[Snapshot], min_days: int = 0) -> TierReport:
    return report(days, [Tier("A", 70, 60, min_days=min_days), Tier("B", 50, 40)]).tiers[0]


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


def test_a_tier_is_counted_day_by_day() -> None:
    found = tier_a(snapshots("AAB-", "ABAA", "A-A-"))

    assert [(d.size, d.entered, d.rose, d.left) for d in found.days] == [(2, None, None, None), (3, 2, 0, 1), (2, 0, 0, 1)]
    assert (found.size, found.left) == (7 / 3, 2)


def test_who_rises_out_of_a_tier_has_not_left_it() -> None:
    found = report(snapshots("B", "A"), [Tier("A", 70, 60), Tier("B", 50, 40)]).tiers[1]
    assert (found.days[1].rose, found.days[1].left) == (1, 0)


def test_leaving_before_min_days_is_a_broken_promise() -> None:
    days = snapshots("A-", "AA", "--")  # on the first of March: a leaves after 59 days, b after 28
    assert [tier_a(days, min_days=least).left_early for least in (28, 29, 59, 60)] == [0, 1, 1, 2]


def test_still_there_counts_those_who_rose() -> None:
    days = [
        replace(day, day=when) for day, when in zip(snapshots("ABB", "-A-"), [date(2025, 1, 1), date(2025, 7, 1)], strict=True)
    ]
    first, second = (tier.days[0] for tier in report(days, [Tier("A", 70, 60), Tier("B", 50, 40)]).tiers)
    assert (first.still_6m, second.still_6m) == (0.0, 0.5)
    assert first.still_12m is None


def test_what_came_is_shown_beside_the_largest_by_revenue_and_chance() -> None:
    # Chosen: a, small today, large next year. The largest is b. Of four accounts each brings a quarter by chance.
    (day,) = tier_a(snapshots("A---", won=[10, 90, 0, 0], later={0: [60, 30, 10, 0]})).days

    assert day.revenue == Share(0.6, 0.3, 0.25)
    assert day.growth == Share(50 / 60, 0.0, 0.25)


def test_a_lower_tier_is_measured_with_those_above_it() -> None:
    days = snapshots("AB--", won=[10, 90, 0, 0], later={0: [60, 30, 10, 0]})
    share = report(days, [Tier("A", 70, 60), Tier("B", 50, 40)]).tiers[1].revenue
    assert share == Share(0.9, 0.9, 0.5)


def test_the_baseline_and_chance_choose_among_the_eligible_only() -> None:
    (snapshot,) = snapshots("A--", won=[10, 90, 50], later={0: [60, 30, 10]})
    (day,) = tier_a([replace(snapshot, eligible={"a", "c"})]).days
    assert day.revenue == Share(0.6, 0.1, 0.35)


def test_what_accounts_brought_that_came_later_is_part_of_the_whole() -> None:
    (day,) = tier_a(snapshots("A", won=[10], later={0: [30, 90]})).days
    assert day.revenue == Share(0.25, 0.25, 0.25)


def test_days_whose_next_months_are_not_over_say_nothing_of_what_came() -> None:
    (day,) = tier_a(snapshots("A", won=[10])).days
    assert (day.revenue, day.growth, day.lost) == (None, None, None)
    assert tier_a(snapshots("A", won=[10])).revenue is None


def test_lost_is_who_bought_before_and_never_after() -> None:
    days = snapshots("AAA", "AAB", won=[5, 5, 0], later={0: [5, 0, 0], 1: [0, 0, 9]})
    assert [day.lost for day in tier_a(days).days] == [1, 2]
    assert list(report(days, [Tier("A", 70, 60), Tier("B", 50, 40)]).lost.items()) == [("b", 2), ("a", 1)]


def test_without_days_or_key_accounts_there_is_nothing_to_say() -> None:
    assert report([], []).flap_rate is None
    assert tier_a([]) == TierReport("A", (), 0.0, 0, 0, None, None, None, None)
    assert tier_a(snapshots("--", won=[1, 1], later={0: [5, 5]})).revenue is None
    assert tier_a(snapshots("A", won=[1], later={0: [0]})).revenue is None


@pytest.mark.parametrize(
    ("way", "flaps"),
    [("AAA", 0), ("ABA", 1), ("A-A", 1), ("-A-", 0), ("AB-", 0), ("BAB", 1), ("AAB", 0), ("-A-B", 0), ("ABBA", 1)],
)
def test_an_account_flaps_when_it_comes_back_to_a_tier_that_it_left(way: str, flaps: float) -> None:
    assert report(snapshots(*way), [Tier("A", 70, 60), Tier("B", 50, 40)]).flap_rate == flaps


def test_an_account_that_is_not_there_yet_has_no_tier() -> None:
    days = snapshots("A", "A", "A")
    days[1] = replace(days[1], tiers={})
    assert report(days, [Tier("A", 70, 60)]).flap_rate == 1.0
    assert [day.left for day in tier_a(days).days] == [None, 1, 0]


# --- what can be replayed ------

FIRST = date(2025, 6, 1)


def reading(*values: str, **more: Any) -> Program:
    criteria = tuple(Criterion(v, "attractiveness", "retention", 1, Expression(v), Linear(0, 100)) for v in values)
    columns: dict[str, Kind] = {"employees": "number", "nps": "number", "evidence": "date", "type": "text"}
    return Program((Tier("A", 70, 60),), criteria, account_columns=columns, **more)


def test_a_criterion_that_reads_only_todays_value_is_left_out_and_said() -> None:
    found = replayable(reading("won_amount_12m", "nps + won_count_12m"), FIRST, None)
    assert [c.name for c in found.program.criteria] == ["won_amount_12m"]
    assert found.left_out == (LeftOut("criterion nps + won_count_12m", ("nps",), "only today's nps is known"),)


def test_a_field_that_was_the_same_then_can_be_named() -> None:
    found = replayable(reading("employees", "nps"), FIRST, None, ["employees"])
    assert [c.name for c in found.program.criteria] == ["employees"]
    assert "Taken to have been the same: employees." in found.notes


def test_a_field_that_is_a_date_is_known_from_that_day_on() -> None:
    assert replayable(reading("evidence is not null"), FIRST, None).left_out == ()


@pytest.mark.parametrize(("since", "left_out"), [(date(2025, 3, 3), 0), (date(2025, 3, 4), 1), (None, 1)])
@pytest.mark.parametrize("fact", ["days_since_last_activity", "silence_ratio", "meetings_90d"])
def test_activities_count_where_they_are_known_for_long_enough(fact: str, since: date | None, left_out: int) -> None:
    assert len(replayable(reading("won_amount_12m", fact), FIRST, since).left_out) == left_out


def test_pipeline_is_replayed_and_weighed_by_what_was_won_before() -> None:
    found = replayable(reading("weighted_pipeline"), FIRST, None)
    assert found.left_out == ()
    assert any("no stage of the past" in note for note in found.notes)


def test_a_rule_that_reads_only_todays_value_is_left_out() -> None:
    rules = (Rule(Expression("nps < 3"), ceiling="none"), Rule(Expression("won_count_12m = 0"), ceiling="none"))
    found = replayable(reading("won_amount_12m", rules=rules), FIRST, None)
    assert (found.program.rules, found.left_out) == (
        (rules[1],),
        (LeftOut("rule nps < 3", ("nps",), "only today's nps is known"),),
    )


def test_who_takes_part_must_be_known() -> None:
    with pytest.raises(ConfigError, match="type, of which only today's") as caught:
        replayable(reading("won_amount_12m", eligible=Expression("type = 'Customer'")), FIRST, None)
    assert "--fixed type" in caught.value.fix
    replayable(reading("won_amount_12m", eligible=Expression("type = 'Customer'")), FIRST, None, ["type"])


def test_a_score_of_which_nothing_can_be_replayed_is_refused() -> None:
    with pytest.raises(ConfigError, match="Nothing of this score"):
        replayable(reading("nps"), FIRST, None)


def test_a_field_that_is_not_mapped_cannot_have_been_the_same() -> None:
    with pytest.raises(ConfigError, match="--fixed nsp"):
        replayable(reading("won_amount_12m"), FIRST, None, ["nsp"])


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
