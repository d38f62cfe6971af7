"""How an account is placed among the others, exactly: limits, ties, holds and what the decision says (DECISIONS.md §5 to §7)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from kamsync.decide.candidate import Standing
from kamsync.decide.decision import Capacity, Decision
from kamsync.decide.program import NO_TIER, Expression, Held, Program, Rule, Tier
from kamsync.decide.tiers import settle, tier_order

AS_OF = date(2025, 6, 30)
SINCE = date(2024, 1, 1)
WHEN = Expression("nps > 8")
A, B, C = Tier("A", 80, 70), Tier("B", 50, 40), Tier("C", 20, 10)


def an_account(account_id: str, score: float | None, tier: str | None = None, **settings: Any) -> Standing:
    held = Held(
        tier=tier, **{"since": SINCE if tier else None} | {k: settings.pop(k) for k in list(settings) if k in Held.__slots__}
    )
    dull: dict[str, Any] = {
        "owner_id": None,
        "eligible": True,
        "attractiveness": score,
        "strength": score,
        "health_score": None,
        "coverage": 1.0,
        "won_amount_12m": 0.0,
    }
    return Standing(account_id, score=score, held=held, **(dull | settings))


def decide(*standings: Standing, tiers: tuple[Tier, ...] = (A, B, C), **settings: Any) -> list[Decision]:
    return list(settle(standings, Program(tiers, (), **settings), AS_OF))


def placed(*standings: Standing, tiers: tuple[Tier, ...] = (A, B, C), **settings: Any) -> dict[str, tuple[str, str]]:
    return {d.account_id: (d.tier, d.code) for d in decide(*standings, tiers=tiers, **settings)}


# --- what a decision says ------


def test_a_decision_says_everything_that_was_settled() -> None:
    account = an_account(
        "a1", 62.5, "A", attractiveness=80.0, strength=45.0, health_score=55.0, coverage=0.75, since=SINCE, fired=(0, 1)
    )

    (decision,) = decide(account, rules=(Rule(WHEN, reason="loyal"), Rule(WHEN, ceiling="A")), min_coverage=0.75)

    assert decision == Decision(
        account_id="a1",
        tier="B",
        previous_tier="A",
        since=AS_OF,
        code="score",
        eligible=True,
        score=62.5,
        attractiveness=80.0,
        strength=45.0,
        health_score=55.0,
        coverage=0.75,
        segment="development",
        health="amber",
        fired=("loyal", "nps > 8"),
        next_tier="A",
        points_missing=17.5,
    )


def test_an_overridden_account_keeps_its_scores_and_says_until_when() -> None:
    (decision,) = decide(an_account("a1", 30.0, "B", override=" a ", override_until=AS_OF, health_score=10.0))

    assert (decision.tier, decision.code, decision.override, decision.until) == ("A", "override", "A", AS_OF)
    assert (decision.score, decision.segment, decision.health) == (30.0, "opportunistic", "red")
    assert (decision.next_tier, decision.points_missing, decision.notes) == (None, None, ())


def test_an_account_that_is_not_eligible_says_so_and_has_no_score() -> None:
    (decision,) = decide(an_account("a1", None, "A", eligible=False))
    assert (decision.tier, decision.code, decision.eligible) == (NO_TIER, "not_eligible", False)
    assert (decision.score, decision.segment, decision.health) == (None, None, None)
    assert (decision.next_tier, decision.points_missing) == ("C", None)


@pytest.mark.parametrize(
    ("score", "tier", "next_tier", "missing"),
    [
        (79.99, "B", "A", 0.01),
        (50.0, "B", "A", 30.0),
        (33.33, "C", "B", 16.67),
        (0.0, "none", "C", 20.0),
        (80.0, "A", None, None),
    ],
)
def test_the_next_tier_and_the_points_that_are_missing(
    score: float, tier: str, next_tier: str | None, missing: float | None
) -> None:
    (decision,) = decide(an_account("a1", score))
    assert (decision.tier, decision.next_tier, decision.points_missing) == (tier, next_tier, missing)


def test_a_programme_without_tiers_gives_none_and_promises_nothing() -> None:
    (decision,) = decide(an_account("a1", 90.0), tiers=())
    assert (decision.tier, decision.next_tier, decision.points_missing) == (NO_TIER, None, None)


@pytest.mark.parametrize(
    ("attractiveness", "strength", "segment"),
    [
        (50.0, 60.0, "key"),
        (50.0, 59.99, "development"),
        (49.99, 60.0, "maintenance"),
        (49.99, 59.99, "opportunistic"),
        (None, 60.0, None),
        (50.0, None, None),
        (None, None, None),
    ],
)
def test_a_segment_is_high_at_its_threshold(attractiveness: float | None, strength: float | None, segment: str | None) -> None:
    account = an_account("a1", 55.0, attractiveness=attractiveness, strength=strength)
    assert decide(account, segment_attractiveness=50, segment_strength=60)[0].segment == segment


@pytest.mark.parametrize(
    ("health_score", "health"), [(70.0, "green"), (69.99, "amber"), (40.0, "amber"), (39.99, "red"), (0.0, "red"), (None, None)]
)
def test_health_has_its_colour_from_its_threshold_on(health_score: float | None, health: str | None) -> None:
    assert decide(an_account("a1", 55.0, health_score=health_score))[0].health == health


# --- since ------


def test_since_stays_while_the_tier_stays_and_is_today_when_it_moves() -> None:
    stays, moves, new = decide(an_account("a1", 85.0, "A"), an_account("a2", 85.0, "B"), an_account("a3", 5.0))
    assert (stays.since, moves.since, new.since) == (SINCE, AS_OF, AS_OF)


def test_a_tier_without_a_date_in_the_crm_counts_from_today() -> None:
    assert decide(an_account("a1", 85.0, "A", since=None))[0].since == AS_OF


def test_an_adopted_tier_counts_from_the_day_of_its_adoption() -> None:
    (decision,) = decide(an_account("a1", 5.0, "A", decided_tier="B"), adopt_days=30)
    assert (decision.tier, decision.code, decision.override) == ("A", "override", "A")
    assert (decision.since, decision.until) == (AS_OF, AS_OF + timedelta(days=30))


def test_an_existing_tier_that_becomes_an_override_keeps_its_date() -> None:
    (decision,) = decide(an_account("a1", 5.0, "A"), existing_tiers="override")
    assert (decision.tier, decision.since, decision.until) == ("A", SINCE, AS_OF + timedelta(days=90))


# --- what the CRM shows ------


@pytest.mark.parametrize(("shown", "previous"), [("A", "A"), (" a ", "A"), ("None", NO_TIER), ("", NO_TIER), (None, NO_TIER)])
def test_the_crms_tier_is_read_as_people_write_it(shown: str | None, previous: str) -> None:
    (decision,) = decide(an_account("a1", 75.0, shown))
    assert (decision.previous_tier, decision.notes) == (previous, ())


def test_tiers_that_differ_only_in_case_are_told_apart() -> None:
    tiers = (Tier("a", 80, 70), Tier("A", 50, 40))
    assert [decide(an_account("a1", 45.0, shown), tiers=tiers)[0].previous_tier for shown in ("a", "A")] == ["a", "A"]


def test_words_that_name_no_tier_are_all_reported() -> None:
    (decision,) = decide(an_account("a1", 75.0, "Gold", override="Platinum"))
    assert (decision.tier, decision.previous_tier, decision.code) == ("B", NO_TIER, "score")
    assert decision.notes == (
        "the CRM's tier 'Gold' is none of this programme; it counts as no tier",
        "the override 'Platinum' names no tier and is ignored",
    )


def test_an_override_of_none_takes_the_tier_away() -> None:
    assert placed(an_account("a1", 95.0, "A", override="None")) == {"a1": ("none", "override")}


def test_the_current_tier_is_the_crms_but_for_reclaim() -> None:
    reclaimed, kept = (decide(an_account("a1", 45.0, "A", decided_tier=decided), drift="reclaim")[0] for decided in ("B", None))
    assert (reclaimed.tier, reclaimed.previous_tier, reclaimed.code, reclaimed.since) == ("B", "B", "hysteresis", SINCE)
    assert (kept.tier, kept.previous_tier, kept.since) == ("B", "A", AS_OF)


def test_reclaim_reads_the_crm_where_nothing_was_written_yet() -> None:
    (decision,) = decide(an_account("a1", 75.0, "A"), drift="reclaim")
    assert (decision.tier, decision.previous_tier, decision.since) == ("A", "A", SINCE)


def test_no_drift_where_the_crm_shows_what_was_decided_or_nothing_was() -> None:
    assert placed(
        an_account("a1", 55.0, "A", decided_tier="A"),
        an_account("a2", 55.0, "A", decided_tier=None),
        an_account("a3", 55.0, "A", decided_tier=None, is_mapped=False),
        an_account("a4", 95.0, None, decided_tier="none"),
    ) == {"a1": ("B", "score"), "a2": ("B", "score"), "a3": ("B", "score"), "a4": ("A", "score")}


@pytest.mark.parametrize(("shown", "decided"), [("A", "none"), ("A", "B"), (None, "A"), ("none", "A"), ("", "B")])
def test_a_tier_that_a_person_gave_or_emptied_stays_so(shown: str | None, decided: str) -> None:
    wanted = shown or "none"
    for score in (5.0, 45.0, 95.0):
        assert placed(an_account("a1", score, shown, decided_tier=decided)) == {"a1": (wanted, "override")}


def test_a_persons_choice_stays_where_a_rule_excludes_the_account_or_it_is_not_eligible() -> None:
    assert placed(
        an_account("a1", 5.0, "A", decided_tier="B", fired=(5,)),
        an_account("a2", None, "A", decided_tier="B", eligible=False),
        an_account("a3", 5.0, "A", decided_tier="B", coverage=0.0),
        rules=RULES,
        min_coverage=0.5,
    ) == dict.fromkeys(("a1", "a2", "a3"), ("A", "override"))


def test_a_word_that_is_no_tier_is_not_adopted() -> None:
    assert placed(an_account("a1", 55.0, "Gold", decided_tier="A")) == {"a1": ("B", "score")}


# --- score, rules and holds ------


@pytest.mark.parametrize(
    ("score", "current", "settled"),
    [
        (80.0, None, ("A", "score")),
        (79.99, None, ("B", "score")),
        (70.0, "A", ("A", "hysteresis")),
        (69.99, "A", ("B", "score")),
        (40.0, "A", ("B", "hysteresis")),
        (40.0, "B", ("B", "hysteresis")),
        (40.0, "C", ("C", "score")),
        (10.0, "C", ("C", "hysteresis")),
        (10.0, None, ("none", "score")),
        (9.99, "C", ("none", "score")),
        (None, "A", ("none", "score")),
    ],
)
def test_a_tier_is_entered_at_enter_and_left_below_leave(
    score: float | None, current: str | None, settled: tuple[str, str]
) -> None:
    assert placed(an_account("a1", score, current))["a1"] == settled


RULES = (
    Rule(WHEN, floor="B"),
    Rule(WHEN, floor="A"),
    Rule(WHEN, ceiling="B"),
    Rule(WHEN, ceiling="C"),
    Rule(WHEN, ceiling=NO_TIER),
    Rule(WHEN, exclude=True),
)


@pytest.mark.parametrize(
    ("score", "fired", "settled"),
    [
        (30.0, (0,), ("B", "floor")),
        (30.0, (0, 1), ("A", "floor")),
        (55.0, (0,), ("B", "score")),
        (90.0, (0,), ("A", "score")),
        (90.0, (2,), ("B", "ceiling")),
        (90.0, (2, 3), ("C", "ceiling")),
        (55.0, (2,), ("B", "score")),
        (30.0, (2,), ("C", "score")),
        (30.0, (1, 2), ("B", "ceiling")),
        (90.0, (4, 1), ("none", "ceiling")),
        (90.0, (5,), ("none", "excluded")),
        (5.0, (4,), ("none", "score")),
    ],
)
def test_the_best_floor_and_the_worst_ceiling_hold(score: float, fired: tuple[int, ...], settled: tuple[str, str]) -> None:
    assert placed(an_account("a1", score, fired=fired), rules=RULES)["a1"] == settled


@pytest.mark.parametrize(
    ("coverage", "settled"),
    [
        (0.5999, ("C", "low_coverage")),
        (0.6, ("A", "score")),
        (0.1 + 0.2 + 0.3 - 1e-12, ("A", "score")),
        (0.61, ("A", "score")),
    ],
)
def test_coverage_at_the_minimum_is_enough_and_binary_noise_is_no_gap(coverage: float, settled: tuple[str, str]) -> None:
    assert placed(an_account("a1", 90.0, "C", coverage=coverage), min_coverage=0.6)["a1"] == settled


def test_thin_data_does_not_keep_whom_a_rule_excluded_or_who_is_not_eligible() -> None:
    assert placed(
        an_account("a1", 90.0, "A", coverage=0.1, fired=(5,)),
        an_account("a2", None, "A", coverage=0.1, eligible=False),
        rules=RULES,
        min_coverage=0.5,
    ) == {"a1": ("none", "excluded"), "a2": ("none", "not_eligible")}


def test_minimum_days_hold_only_against_a_worse_tier() -> None:
    tiers = (Tier("A", 80, 70, min_days=30), Tier("B", 50, 40, min_days=30), C)
    yesterday = AS_OF - timedelta(days=1)
    assert placed(
        an_account("a1", 55.0, "A", since=yesterday),
        an_account("a2", 90.0, "B", since=yesterday),
        an_account("a3", 55.0, "B", since=yesterday),
        an_account("a4", 55.0, "A", since=None),
        an_account("a5", 90.0, "A", since=yesterday, fired=(5,)),
        an_account("a6", 90.0, "A", since=yesterday, fired=(2,)),
        tiers=tiers,
        rules=RULES,
    ) == {
        "a1": ("A", "min_days"),
        "a2": ("A", "score"),
        "a3": ("B", "score"),
        "a4": ("B", "score"),
        "a5": ("none", "excluded"),
        "a6": ("A", "min_days"),
    }


# --- capacity ------


def capacities(*standings: Standing, tiers: tuple[Tier, ...], **settings: Any) -> dict[str, Capacity | None]:
    return {d.account_id: d.capacity for d in decide(*standings, tiers=tiers, **settings)}


def test_the_best_scores_get_the_places_and_the_rest_learn_rank_and_limit() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=2), B, C)
    accounts = [an_account(f"a{number}", 80.0 + number) for number in range(4)]

    assert placed(*accounts, tiers=tiers) == {
        "a0": ("B", "capacity"),
        "a1": ("B", "capacity"),
        "a2": ("A", "score"),
        "a3": ("A", "score"),
    }
    assert capacities(*[an_account(f"a{number}", 80.0 + number) for number in range(4)], tiers=tiers) == {
        "a0": Capacity("A", 4, 2, "max_accounts"),
        "a1": Capacity("A", 3, 2, "max_accounts"),
        "a2": None,
        "a3": None,
    }


@pytest.mark.parametrize(
    ("newcomer", "winner"), [(84.99, "held"), (85.0, "held"), (85.01, "newcomer")], ids=["worse", "equal", "better"]
)
def test_who_is_in_the_tier_is_ahead_by_the_width_of_its_band(newcomer: float, winner: str) -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), B)
    found = placed(an_account("held", 75.0, "A"), an_account("newcomer", newcomer, "B"), tiers=tiers)
    assert [i for i, (tier, _) in found.items() if tier == "A"] == [winner]


def test_the_band_counts_in_its_own_tier_only() -> None:
    tiers = (Tier("A", 80, 70), Tier("B", 50, 40, max_accounts=1), C)
    # a1 was in A: falling into B it competes with its bare score.
    assert placed(an_account("a1", 55.0, "A"), an_account("a2", 55.01, "C"), tiers=tiers) == {
        "a1": ("C", "capacity"),
        "a2": ("B", "score"),
    }


def test_equal_scores_are_told_apart_by_revenue_then_by_id() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), B)
    assert placed(an_account("a1", 85.0, won_amount_12m=5.0), an_account("a2", 85.0, won_amount_12m=6.0), tiers=tiers) == {
        "a1": ("B", "capacity"),
        "a2": ("A", "score"),
    }
    assert placed(an_account("a2", 85.0), an_account("a1", 85.0), tiers=tiers) == {
        "a2": ("B", "capacity"),
        "a1": ("A", "score"),
    }


def test_scores_that_differ_only_by_a_fraction_still_rank() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), B)
    assert placed(an_account("a1", 85.01), an_account("a2", 85.02), tiers=tiers)["a2"] == ("A", "score")


def test_binary_noise_of_the_band_does_not_decide_a_tie() -> None:
    # 70.1 + (80.3 − 70.2) is a hair more than 80.2 in binary; by the rules the two are equal and revenue decides.
    tiers = (Tier("A", 80.3, 70.2, max_accounts=1), B)
    held, newcomer = an_account("a1", 70.3, "A"), an_account("a2", 80.4, won_amount_12m=1.0)
    assert placed(held, newcomer, tiers=tiers)["a2"] == ("A", "score")


def test_an_account_without_a_score_comes_last() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), B)
    found = placed(an_account("a1", None, fired=(1,)), an_account("a2", 1.0, fired=(1,)), tiers=tiers, rules=RULES)
    assert found == {"a1": ("B", "capacity"), "a2": ("A", "floor")}


@pytest.mark.parametrize(("accounts", "places"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_share_of_the_eligible_is_rounded_up(accounts: int, places: int) -> None:
    tiers = (Tier("A", 80, 70, top_percent=25), B)
    standings = [an_account(f"a{number}", 90.0) for number in range(accounts)]
    others = [an_account(f"z{number}", None, eligible=False) for number in range(20)]
    found = decide(*others, *standings, tiers=tiers)
    assert sum(d.tier == "A" for d in found) == places
    assert {d.capacity.kind for d in found if d.capacity} <= {"top_percent"}


def test_a_share_that_binary_makes_a_hair_too_large_gives_no_extra_place() -> None:
    # 1.1 % of 1,000 is 11; in binary 11.000000000000002.
    half = decide(*(an_account(f"a{number:04}", 90.0) for number in range(1000)), tiers=(Tier("A", 80, 70, top_percent=50), B))
    assert sum(d.tier == "A" for d in half) == 500
    tiers = (Tier("A", 80, 70, top_percent=1.1), B)
    found = decide(*(an_account(f"a{number:04}", 90.0) for number in range(1000)), tiers=tiers)
    assert sum(d.tier == "A" for d in found) == 11


@pytest.mark.parametrize(("percent", "most", "kind"), [(50.0, 1, "max_accounts"), (25.0, 3, "top_percent")])
def test_the_tighter_limit_holds_and_is_named(percent: float, most: int, kind: str) -> None:
    tiers = (Tier("A", 80, 70, max_accounts=most, top_percent=percent), B)
    found = decide(*(an_account(f"a{number}", 90.0) for number in range(4)), tiers=tiers)
    assert [d.capacity for d in found] == [None, *(Capacity("A", rank, 1, kind) for rank in (2, 3, 4))]  # type: ignore[arg-type]  # as given


def test_an_owner_carries_no_more_than_the_tier_allows_and_nobodys_accounts_are_not_counted() -> None:
    tiers = (Tier("A", 80, 70, max_per_owner=2), B)
    accounts = [an_account(f"a{number}", 90.0 - number, owner_id=owner) for number, owner in enumerate(["p", "q", "p", "p", "q"])]
    nobodys = [an_account(f"n{number}", 85.0, owner_id=None) for number in range(4)]

    found = {d.account_id: (d.tier, d.capacity) for d in decide(*accounts, *nobodys, tiers=tiers)}

    assert found["a3"] == ("B", Capacity("A", 4, 2, "max_per_owner"))
    assert [i for i, (tier, _) in found.items() if tier == "B"] == ["a3"]


def test_places_that_people_gave_count_for_the_tier_and_its_owner() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=3, max_per_owner=1), B)
    found = capacities(
        an_account("chosen", 5.0, override="A", owner_id="p"),
        an_account("kept", 5.0, "A", decided_tier="B", owner_id="q"),
        an_account("a1", 99.0, owner_id="p"),
        an_account("a2", 98.0, owner_id="q"),
        an_account("a3", 97.0, owner_id="r"),
        an_account("a4", 96.0, owner_id="s"),
        tiers=tiers,
    )
    assert found == {
        "chosen": None,
        "kept": None,
        "a1": Capacity("A", 3, 1, "max_per_owner"),
        "a2": Capacity("A", 4, 1, "max_per_owner"),
        "a3": None,
        "a4": Capacity("A", 6, 3, "max_accounts"),
    }


def test_people_may_give_more_places_than_there_are_and_nobody_else_gets_one() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), B)
    found = placed(
        an_account("c1", 5.0, override="A"), an_account("c2", 5.0, override="A"), an_account("a1", 99.0, "A"), tiers=tiers
    )
    assert found == {"c1": ("A", "override"), "c2": ("A", "override"), "a1": ("B", "capacity")}


@pytest.mark.parametrize(
    ("score", "current", "fired"), [(90.0, None, ()), (75.0, "A", ()), (45.0, "A", (1,)), (45.0, None, (1,)), (None, None, (1,))]
)
def test_who_does_not_fit_falls_to_the_next_tier_that_is_reached(
    score: float | None, current: str | None, fired: tuple[int, ...]
) -> None:
    tiers = (Tier("A", 80, 70, max_accounts=0), B, C)
    assert placed(an_account("a1", score, current, fired=fired), tiers=tiers, rules=RULES) == {"a1": ("B", "capacity")}


def test_an_account_of_thin_data_that_does_not_fit_falls_to_where_its_score_reaches() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=0), B, C)
    points = {"a1": 50.0, "a2": 49.99, "a3": 39.99, "a4": 20.0, "a5": 10.0, "a6": 9.99, "a7": None}
    found = placed(*(an_account(i, score, "A", coverage=0.1) for i, score in points.items()), tiers=tiers, min_coverage=0.5)
    fell = {"a1": "B", "a2": "B", "a3": "C", "a4": "C", "a5": "C", "a6": "none", "a7": "none"}
    assert found == {i: (tier, "capacity") for i, tier in fell.items()}


# --- promises and ceilings where there is no room ------

YOUNG: dict[str, Any] = {"since": AS_OF - timedelta(days=29)}
PROMISING = (Tier("A", 80, 70, min_days=30, max_accounts=1, max_per_owner=1), B, C)


def test_nobody_leaves_a_tier_before_its_minimum_days_for_lack_of_room() -> None:
    tiers = (Tier("A", 80, 70, min_days=30, max_accounts=0, top_percent=0, max_per_owner=0), B, C)
    assert placed(
        an_account("a1", 95.0, "A", **YOUNG),
        an_account("a2", 75.0, "A", **YOUNG),
        an_account("a3", 5.0, "A", **YOUNG),
        an_account("a4", None, "A", **YOUNG),
        an_account("a5", 95.0, "A", since=AS_OF - timedelta(days=30)),
        an_account("a6", 95.0, "A", since=None),
        an_account("a7", 95.0, "B", **YOUNG),
        tiers=tiers,
    ) == {
        "a1": ("A", "score"),
        "a2": ("A", "hysteresis"),
        "a3": ("A", "min_days"),
        "a4": ("A", "min_days"),
        "a5": ("B", "capacity"),
        "a6": ("B", "capacity"),
        "a7": ("B", "capacity"),
    }


def test_places_are_taken_by_overrides_then_by_promises_then_by_rank() -> None:
    tiers = (Tier("A", 80, 70, min_days=30, max_accounts=3), B, C)
    found = decide(
        an_account("best", 99.0),
        an_account("next", 98.0),
        an_account("held", 5.0, "A", **YOUNG),
        an_account("chosen", 5.0, override="A"),
        tiers=tiers,
    )
    assert [(d.tier, d.code) for d in found] == [("A", "score"), ("B", "capacity"), ("A", "min_days"), ("A", "override")]
    assert found[1].capacity == Capacity("A", 4, 3, "max_accounts")


def test_a_promise_counts_for_its_owner_too() -> None:
    held, mine, other = decide(
        an_account("held", 5.0, "A", owner_id="p", **YOUNG),
        an_account("mine", 95.0, owner_id="p"),
        an_account("other", 95.0, owner_id="q"),
        tiers=(Tier("A", 80, 70, min_days=30, max_accounts=3, max_per_owner=1), B, C),
    )
    assert [d.tier for d in (held, mine, other)] == ["A", "B", "A"]
    assert mine.capacity == Capacity("A", 2, 1, "max_per_owner")


def test_who_finds_a_better_tier_full_keeps_the_tier_that_is_promised_even_if_that_is_full_too() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=0), Tier("B", 50, 40, min_days=30, max_accounts=1), C)
    found = placed(an_account("a1", 85.0, "B", **YOUNG), an_account("a2", 99.0), tiers=tiers)
    assert found == {"a1": ("B", "capacity"), "a2": ("C", "capacity")}


def test_a_promised_tier_is_kept_where_its_own_thresholds_are_not_reached() -> None:
    tiers = (Tier("A", 50, 40, max_accounts=0), Tier("B", 80, 70, min_days=30), Tier("C", 20, 10))
    assert placed(an_account("a1", 55.0, "B", **YOUNG), an_account("a2", 55.0, "B"), tiers=tiers) == {
        "a1": ("B", "capacity"),
        "a2": ("C", "capacity"),
    }


def test_a_promise_does_not_keep_whom_a_rule_excluded_or_who_is_not_eligible() -> None:
    assert placed(
        an_account("a1", 95.0, "A", fired=(5,), **YOUNG),
        an_account("a2", None, "A", eligible=False, **YOUNG),
        an_account("a3", 95.0),
        tiers=PROMISING,
        rules=RULES,
    ) == {"a1": ("none", "excluded"), "a2": ("none", "not_eligible"), "a3": ("A", "score")}


@pytest.mark.parametrize(
    ("fired", "tier"), [((), "B"), ((2,), "B"), ((3,), "C"), ((2, 3), "C"), ((4,), "none"), ((0, 3), "C"), ((0, 4), "none")]
)
def test_nobody_falls_to_a_tier_above_its_ceiling(fired: tuple[int, ...], tier: str) -> None:
    # Thin data holds the account in A, above its ceiling; A has no room.
    tiers = (Tier("A", 80, 70, max_accounts=0), B, C)
    account = an_account("a1", 95.0, "A", coverage=0.1, fired=fired)
    assert placed(account, tiers=tiers, rules=RULES, min_coverage=0.5) == {"a1": (tier, "capacity")}


def test_a_newcomer_raised_by_a_rule_falls_no_lower_than_room_allows() -> None:
    full = (Tier("A", 80, 70, max_accounts=0), Tier("B", 50, 40, max_accounts=0), Tier("C", 20, 10, max_accounts=1))
    found = decide(an_account("a1", 1.0, fired=(0,)), an_account("a2", 95.0), an_account("a3", 30.0), tiers=full, rules=RULES)
    assert [(d.tier, d.code) for d in found] == [("none", "capacity"), ("C", "capacity"), ("none", "capacity")]
    # The limit that is named is the first one that was met, the best tier that it could have had.
    assert [d.capacity for d in found] == [
        Capacity("B", 2, 0, "max_accounts"),
        Capacity("A", 1, 0, "max_accounts"),
        Capacity("C", 2, 1, "max_accounts"),
    ]


def test_who_would_have_entered_a_lower_tier_by_leave_must_have_been_in_or_above_it() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=0), Tier("B", 85, 40), C)
    # B is entered at 85 only, so 82 points reach it from A and from B itself, not from C.
    points = {"a1": (82.0, "A"), "a2": (82.0, "B"), "a3": (82.0, "C"), "a4": (85.0, "C"), "a5": (84.99, "C")}
    assert placed(*(an_account(i, score, tier) for i, (score, tier) in points.items()), tiers=tiers) == {
        "a1": ("B", "capacity"),
        "a2": ("B", "capacity"),
        "a3": ("C", "capacity"),
        "a4": ("B", "capacity"),
        "a5": ("C", "capacity"),
    }


def test_decisions_come_in_the_order_of_the_accounts() -> None:
    assert [d.account_id for d in decide(an_account("z", 5.0), an_account("a", 95.0), an_account("m", 55.0))] == ["z", "a", "m"]


def test_tiers_are_ordered_best_first_and_none_is_last() -> None:
    assert tier_order(Program((A, B, C), ())) == {"A": 0, "B": 1, "C": 2, "none": 3}
