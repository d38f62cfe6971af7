"""From scores to tiers where every account is a value (DECISIONS.md §6 and §7); worlds are in tests/store."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.candidate import Standing
from kamsync.decide.decision import Decision
from kamsync.decide.program import Expression, Held, Program, Rule, Tier
from kamsync.decide.tiers import settle

AS_OF = date(2025, 6, 30)
LADDER = (Tier("A", 80, 70), Tier("B", 50, 40))


def an_account(score: float | None, tier: str | None = None, account_id: str = "a1", **settings: Any) -> Standing:
    held = Held(tier=tier, **{k: settings.pop(k) for k in list(settings) if k in Held.__slots__})
    dull: dict[str, Any] = {"owner_id": None, "eligible": True, "coverage": 1.0, "won_amount_12m": 0.0} | settings
    return Standing(account_id, score=score, attractiveness=score, strength=score, health_score=score, held=held, **dull)


def decide(*standings: Standing, tiers: tuple[Tier, ...] = LADDER, **settings: Any) -> list[Decision]:
    return list(settle(standings, Program(tiers, (), **settings), AS_OF))


@given(st.integers(0, 10_000), st.sampled_from(["A", "B", None]))
def test_nobody_who_is_inside_the_band_of_their_tier_moves(cents: int, tier: str | None) -> None:
    score = cents / 100
    (decision,) = decide(an_account(score, tier))
    bands = {"A": (70, 101), "B": (40, 80), None: (-1, 50)}
    low, high = bands[tier]
    assert (decision.tier == decision.previous_tier) == (low <= score < high)


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from(["A", "B", None]))
def test_a_better_score_never_gives_a_worse_tier(a: float, b: float, tier: str | None) -> None:
    order = ["A", "B", "none"]
    (lower,), (higher,) = decide(an_account(min(a, b), tier)), decide(an_account(max(a, b), tier))
    assert order.index(higher.tier) <= order.index(lower.tier)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["A", "B", None]), st.sampled_from("pq")), max_size=12), st.randoms()
)
def test_capacity_holds_and_the_order_of_accounts_does_not_matter(rows: list[tuple[float, str | None, str]], rng: Any) -> None:
    tiers = (Tier("A", 80, 70, max_accounts=2, max_per_owner=1), Tier("B", 50, 40, top_percent=25))
    accounts = list(enumerate(rows))
    first = decide(*(an_account(s, t, f"a{i}", owner_id=o) for i, (s, t, o) in accounts), tiers=tiers)
    rng.shuffle(accounts)
    second = decide(*(an_account(s, t, f"a{i}", owner_id=o) for i, (s, t, o) in accounts), tiers=tiers)
    assert sorted(second, key=lambda d: d.account_id) == sorted(first, key=lambda d: d.account_id)
    assert sum(d.tier == "A" for d in first) <= 2
    assert sum(d.tier == "B" for d in first) <= -(-len(rows) // 4)


@pytest.mark.parametrize(("days", "tier", "code"), [(29, "A", "min_days"), (30, "B", "score")])
def test_a_demotion_waits_for_the_days_of_the_tier(days: int, tier: str, code: str) -> None:
    tiers = (Tier("A", 80, 70, min_days=30), Tier("B", 50, 40))
    (decision,) = decide(an_account(60, "A", since=AS_OF - timedelta(days=days)), tiers=tiers)
    assert (decision.tier, decision.code) == (tier, code)


def test_thin_data_moves_nobody_in_either_direction() -> None:
    up, down = decide(an_account(90, "B", coverage=0.4), an_account(5, "B", "a2", coverage=0.4), min_coverage=0.5)
    assert [(d.tier, d.code) for d in (up, down)] == [("B", "low_coverage")] * 2


def test_a_ceiling_beats_a_floor_and_exclude_beats_both() -> None:
    when = Expression("true")
    rules = (Rule(when, floor="A"), Rule(when, ceiling="B"), Rule(when, exclude=True, reason="sanctioned"))
    floor, ceiling, excluded = decide(
        an_account(5, fired=(0,)),
        an_account(90, account_id="a2", fired=(0, 1)),
        an_account(90, "A", "a3", fired=(0, 1, 2)),
        rules=rules,
    )
    assert [(d.tier, d.code) for d in (floor, ceiling, excluded)] == [("A", "floor"), ("B", "ceiling"), ("none", "excluded")]
    assert excluded.fired[-1] == "sanctioned"


def test_an_override_takes_its_place_first_and_pushes_out_the_last() -> None:
    tiers = (Tier("A", 80, 70, max_accounts=1), Tier("B", 50, 40))
    chosen, pushed = decide(an_account(1, override="A"), an_account(99, "A", "a2"), tiers=tiers)
    assert (chosen.tier, chosen.code) == ("A", "override")
    assert (pushed.tier, pushed.code) == ("B", "capacity")
    assert pushed.capacity is not None
    assert (pushed.capacity.tier, pushed.capacity.rank, pushed.capacity.limit) == ("A", 2, 1)


@pytest.mark.parametrize(("until", "code"), [(AS_OF, "override"), (None, "override"), (AS_OF - timedelta(days=1), "score")])
def test_an_override_holds_through_its_last_day(until: date | None, code: str) -> None:
    assert decide(an_account(1, override="A", override_until=until))[0].code == code


def test_an_override_that_names_no_tier_is_said_and_ignored() -> None:
    (decision,) = decide(an_account(90, override="Gold"))
    assert (decision.tier, decision.code) == ("A", "score")
    assert "'Gold'" in decision.notes[0]


def test_a_tier_changed_by_hand_becomes_an_override_for_its_days() -> None:
    (decision,) = decide(an_account(5, "A", decided_tier="B"))
    assert (decision.tier, decision.code, decision.previous_tier) == ("A", "override", "B")
    assert (decision.override, decision.until) == ("A", AS_OF + timedelta(days=90))
    assert decision.drifted
    assert decision.writes_override


def test_a_tier_changed_by_hand_is_reclaimed_where_the_programme_says_so() -> None:
    (decision,) = decide(an_account(45, "A", decided_tier="B"), drift="reclaim")
    assert (decision.tier, decision.previous_tier, decision.code) == ("B", "B", "hysteresis")
    assert decision.drifted
    assert not decision.writes_override


@pytest.mark.parametrize("decided", [None, "A", " a ", "a"])
def test_there_is_no_drift_where_nothing_was_decided_yet_or_the_tier_is_the_decided_one(decided: str | None) -> None:
    (decision,) = decide(an_account(75, "A", decided_tier=decided))
    assert (decision.code, decision.drifted, decision.writes_override) == ("hysteresis", False, False)


@given(
    score=st.integers(0, 100).map(float),
    shown=st.sampled_from(["A", "B", None]),
    decided=st.sampled_from(["A", "B", "none"]),
    days=st.integers(0, 90),
)
def test_what_a_person_chose_holds_on_every_day_until_its_date(score: float, shown: str | None, decided: str, days: int) -> None:
    program = Program(LADDER, ())
    (first,) = settle([an_account(score, shown, decided_tier=decided)], program, AS_OF)
    if not first.drifted:
        return
    written: dict[str, Any] = {"decided_tier": first.tier, "override": first.override, "override_until": first.until}
    later = AS_OF + timedelta(days=days)
    (second,) = settle([an_account(score, shown, since=first.since, **written)], program, later)
    assert (second.tier, second.since, second.until) == (shown or "none", AS_OF, AS_OF + timedelta(days=90))
    assert (second.code, second.drifted, second.writes_override) == ("override", False, False)


@pytest.mark.parametrize(
    ("existing", "score", "tier", "code"),
    [("current", 75, "A", "hysteresis"), ("current", 5, "none", "score"), ("override", 5, "A", "override")],
)
def test_a_tier_from_before_the_first_write_is_current_or_an_override(existing: str, score: int, tier: str, code: str) -> None:
    (decision,) = decide(an_account(score, "A", since=AS_OF - timedelta(days=400)), existing_tiers=existing)
    assert (decision.tier, decision.code, decision.previous_tier, decision.drifted) == (tier, code, "A", False)
    assert decision.until == (AS_OF + timedelta(days=90) if existing == "override" else None)
    assert decision.writes_override == (existing == "override")


@pytest.mark.parametrize("held", [{"decided_tier": "none"}, {"decided_tier": "A"}, {"is_mapped": False}])
def test_only_what_people_kept_before_the_first_write_is_an_existing_tier(held: dict[str, Any]) -> None:
    (decision,) = decide(an_account(5, "A", **held), existing_tiers="override", drift="reclaim")
    assert (decision.tier, decision.code, decision.writes_override) == ("none", "score", False)


@pytest.mark.parametrize("shown", [None, "", " ", "none"])
def test_no_tier_at_all_is_no_existing_tier(shown: str | None) -> None:
    (decision,) = decide(an_account(90, shown), existing_tiers="override")
    assert (decision.tier, decision.code) == ("A", "score")


def test_an_override_holds_against_a_changed_tier_and_the_plan_is_told() -> None:
    (decision,) = decide(an_account(5, None, decided_tier="A", override="B"))
    assert (decision.tier, decision.code, decision.previous_tier) == ("B", "override", "A")
    assert (decision.drifted, decision.writes_override) == (False, False)
    assert decision.notes == ("the tier was changed to 'none' by hand; the override holds",)


def test_an_override_that_says_the_same_as_the_changed_tier_needs_no_words() -> None:
    (decision,) = decide(an_account(5, "A", decided_tier="B", override="A"))
    assert (decision.tier, decision.previous_tier, decision.since, decision.notes) == ("A", "B", AS_OF, ())
    assert not decision.drifted


@pytest.mark.parametrize("held", [{"override": "Gold"}, {"override": "B", "override_until": AS_OF - timedelta(days=1)}])
def test_an_override_that_does_not_hold_leaves_a_changed_tier_to_be_adopted(held: dict[str, Any]) -> None:
    (decision,) = decide(an_account(5, "A", decided_tier="none", **held))
    assert (decision.tier, decision.code, decision.override, decision.drifted) == ("A", "override", "A", True)


def test_the_override_of_a_merged_account_is_written_to_the_one_that_lives_on() -> None:
    until = AS_OF + timedelta(days=7)
    (decision,) = decide(an_account(5, None, decided_tier="A", override="B", override_until=until, inherited=True))
    assert (decision.tier, decision.override, decision.until) == ("B", "B", until)
    assert (decision.writes_override, decision.drifted) == (True, False)


@pytest.mark.parametrize("drift", ["adopt", "reclaim"])
@pytest.mark.parametrize(
    ("decided", "counts_as", "previous"), [("A", "A", "A"), ("none", "no tier", "none"), (None, "no tier", "none")]
)
def test_a_tier_that_the_programme_does_not_know_is_said_and_reclaimed(
    drift: str, decided: str | None, counts_as: str, previous: str
) -> None:
    (decision,) = decide(an_account(75, "Gold", decided_tier=decided), drift=drift, existing_tiers="override")
    assert (decision.previous_tier, decision.drifted, decision.writes_override) == (previous, False, False)
    assert decision.tier == ("A" if previous == "A" else "B")
    assert decision.notes == (f"the CRM's tier 'Gold' is none of this programme; it counts as {counts_as}",)


def test_a_tier_chosen_after_the_decided_one_left_the_programme_is_a_persons_choice() -> None:
    adopted, reclaimed = (decide(an_account(5, "A", decided_tier="Gold"), drift=drift)[0] for drift in ("adopt", "reclaim"))
    assert (adopted.tier, adopted.previous_tier, adopted.drifted) == ("A", "none", True)
    assert (reclaimed.tier, reclaimed.previous_tier, reclaimed.drifted) == ("none", "none", True)
