"""Guards stop a run that looks like an accident and say how to go on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kamsync.decide.decision import Decision
from kamsync.decide.guards import TierMoves, check_changed_share, check_fresh, check_vanished_share, count_tier_moves
from kamsync.decide.plan import Plan
from kamsync.decide.program import Guards
from kamsync.errors import PlanRefused


def a_decision(previous: str, tier: str, code: Any = "score") -> Decision:
    return Decision("1", tier, previous, None, code, True, 1.0, None, None, None, 1.0, None, None)


def test_only_accounts_with_a_tier_count_and_a_persons_override_is_no_accident() -> None:
    decisions = [
        a_decision("none", "A"),
        a_decision("A", "A"),
        a_decision("A", "none"),
        a_decision("B", "A"),
        a_decision("B", "A", "override"),
    ]

    assert count_tier_moves(decisions) == TierMoves(flagged=4, changed=2)


@pytest.mark.parametrize(
    ("changed", "flagged", "share", "refused"),
    [
        (0, 0, 0.2, False),
        (21, 100, 0.2, True),
        (20, 100, 0.2, False),
        (2, 2, 0.2, False),
        (3, 3, 0.2, True),
        (1, 100, 0.0, True),
        (0, 100, 0.0, False),
        (100, 100, 1.0, False),
    ],
)
def test_a_large_share_of_changed_tiers_is_refused(changed: int, flagged: int, share: float, refused: bool) -> None:
    def check() -> None:
        check_changed_share(TierMoves(flagged, changed), Guards(max_changed_share=share))

    if not refused:
        check()
        return
    with pytest.raises(PlanRefused, match=f"max_changed_share: {changed} of {flagged}") as caught:
        check()
    assert caught.value.exit_code == 3
    assert "kamsync apply --yes" in caught.value.fix
    assert "[guard] max_changed_share" in caught.value.fix


def test_a_refusal_tells_the_numbers_and_that_nothing_was_written() -> None:
    with pytest.raises(PlanRefused) as caught:
        check_changed_share(TierMoves(flagged=40, changed=10), Guards())

    assert caught.value.message == (
        "Guard max_changed_share: 10 of 40 flagged accounts (25%) would change tier, more than the allowed 20%. "
        "Nothing was written."
    )


@pytest.mark.parametrize(
    ("vanished", "known", "refused"),
    [(0, 0, False), (0, 9, False), (11, 100, True), (10, 100, False), (2, 5, False), (2, 2, True), (1, 1, True)],
)
def test_many_vanished_accounts_are_refused(vanished: int, known: int, refused: bool) -> None:
    if not refused:
        check_vanished_share(vanished, known, Guards())
        return
    with pytest.raises(PlanRefused, match="max_vanished_share") as caught:
        check_vanished_share(vanished, known, Guards())
    assert "kamsync doctor" in caught.value.fix


def a_plan() -> Plan:
    return Plan("r1", date(2026, 11, 23), "salesforce", "criteria-1", "base-1")


def test_a_plan_made_from_the_present_state_is_fresh() -> None:
    check_fresh(a_plan(), "base-1", "criteria-1")


@pytest.mark.parametrize(("base", "criteria"), [("base-2", "criteria-1"), ("base-1", "criteria-2")])
def test_a_stale_plan_is_refused(base: str, criteria: str) -> None:
    with pytest.raises(PlanRefused, match=r"^Plan r1 is stale: .* Nothing was written\.$") as caught:
        check_fresh(a_plan(), base, criteria)
    assert caught.value.fix == "Make a new one with `kamsync plan --out plan.json` and apply that."


def test_one_flagged_account_or_three_of_them_trip_only_past_the_allowance() -> None:
    check_changed_share(TierMoves(flagged=1, changed=1), Guards(max_changed_share=0.2))
    with pytest.raises(PlanRefused, match="1 of 1 flagged accounts"):
        check_changed_share(TierMoves(flagged=1, changed=1), Guards(max_changed_share=0.0))


def test_a_refusal_says_what_to_look_at_what_to_do_and_which_limit_to_raise() -> None:
    with pytest.raises(PlanRefused) as changed:
        check_changed_share(TierMoves(flagged=10, changed=9), Guards())
    with pytest.raises(PlanRefused) as vanished:
        check_vanished_share(5, 10, Guards())

    assert changed.value.fix == (
        "Look at `kamsync plan`. If it is what you want, write it with `kamsync apply --yes`; "
        "to allow as many on every run, raise [guard] max_changed_share."
    )
    assert vanished.value.message == (
        "Guard max_vanished_share: 5 of the 10 accounts of the last pull (50%) are gone, more than the allowed 10%. "
        "Nothing was written."
    )
    assert vanished.value.fix == (
        "Check with `kamsync doctor` that the agent's user still sees all accounts. If they were really deleted, "
        "run `kamsync apply --yes` once, or raise [guard] max_vanished_share."
    )
