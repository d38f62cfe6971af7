"""Guards stop a run that looks like an accident and say how to go on."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from kamsync.decide.decision import Decision
from kamsync.decide.guards import (
    TierMoves,
    check_changed_share,
    check_drifted_share,
    check_first_run,
    check_not_undone,
    check_saved,
    check_vanished_share,
    count_tier_moves,
)
from kamsync.decide.plan import Plan
from kamsync.decide.program import Guards
from kamsync.errors import PlanRefused


def a_decision(previous: str, tier: str, code: Any = "score", *, drifted: bool = False) -> Decision:
    return Decision("1", tier, previous, None, code, True, 1.0, None, None, None, 1.0, None, None, drifted=drifted)


def test_only_accounts_with_a_tier_count_and_a_persons_override_is_no_accident() -> None:
    decisions = [
        a_decision("none", "A"),
        a_decision("A", "A"),
        a_decision("A", "none"),
        a_decision("B", "A"),
        a_decision("B", "A", "override"),
    ]

    assert count_tier_moves(decisions) == TierMoves(flagged=4, changed=2, drifted=0)


def test_tiers_that_were_changed_by_hand_are_counted_whatever_becomes_of_them() -> None:
    decisions = [
        a_decision("B", "A", "override", drifted=True),
        a_decision("none", "A", "override", drifted=True),
        a_decision("B", "B", "hysteresis", drifted=True),
        a_decision("A", "A"),
    ]

    assert count_tier_moves(decisions) == TierMoves(flagged=3, changed=0, drifted=3)


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


@pytest.mark.parametrize(
    ("drifted", "flagged", "share", "refused"),
    [
        (0, 0, 0.2, False),
        (20, 100, 0.2, False),
        (21, 100, 0.2, True),
        (2, 2, 0.2, False),
        (3, 3, 0.2, True),
        (3, 0, 0.2, True),
        (1, 100, 0.0, True),
        (100, 100, 1.0, False),
    ],
)
def test_as_many_tiers_changed_by_hand_at_once_are_no_persons_doing(
    drifted: int, flagged: int, share: float, refused: bool
) -> None:
    moves = TierMoves(flagged, changed=0, drifted=drifted)
    if not refused:
        check_drifted_share(moves, Guards(max_changed_share=share))
        return
    with pytest.raises(PlanRefused, match=f"{drifted} of {max(flagged, drifted)} flagged accounts") as caught:
        check_drifted_share(moves, Guards(max_changed_share=share))
    assert caught.value.exit_code == 3
    assert "a tier that this program did not write" in caught.value.message
    assert "Nothing was written." in caught.value.message
    assert "kamsync apply" in caught.value.fix


def test_the_first_run_waits_for_a_person_unless_the_programme_lets_it_go() -> None:
    check_first_run(True, Guards())
    check_first_run(False, Guards(first_run="go"))
    with pytest.raises(PlanRefused, match=r"^Guard first_run: nobody has approved a plan for this org yet") as caught:
        check_first_run(False, Guards())
    assert caught.value.fix == ('Look at `kamsync plan`, then write it with `kamsync apply`; or set [guard] first_run = "go".')


def test_after_an_undo_the_unattended_runs_wait_for_a_person() -> None:
    check_not_undone("")
    with pytest.raises(PlanRefused, match=r"^Guard undone: run r7 was undone") as caught:
        check_not_undone("r7")
    assert "Nothing was written." in caught.value.message
    assert "`kamsync apply`" in caught.value.fix


# --- saved plans ------


def a_plan(**given: Any) -> Plan:
    values: dict[str, Any] = {
        "run_id": "r1",
        "as_of": date(2026, 11, 23),
        "crm": "salesforce",
        "criteria_hash": "criteria-1",
        "base": "base-1",
        "org_id": "org-1",
    }
    return Plan(**{**values, **given})


def test_a_saved_plan_that_planning_anew_gives_again_may_be_written() -> None:
    check_saved(a_plan(), a_plan(run_id="r2"))


def test_a_saved_plan_of_another_day_may_be_written_while_the_same_changes_are_due() -> None:
    check_saved(a_plan(), a_plan(run_id="r2", as_of=date(2026, 11, 24)))


@pytest.mark.parametrize(
    ("present", "why"),
    [
        ({"base": "base-2"}, "accounts changed in the CRM after it was made"),
        ({"criteria_hash": "criteria-2"}, "it was made under other criteria"),
        ({"criteria_hash": "criteria-2", "base": "base-2"}, "it was made under other criteria"),
        (
            {"base": "base-2", "as_of": date(2026, 11, 24)},
            "it was made for 2026-11-23, and on 2026-11-24 other changes are due",
        ),
    ],
)
def test_a_stale_plan_is_refused_with_its_true_reason(present: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanRefused) as caught:
        check_saved(a_plan(), a_plan(**present))
    assert caught.value.message == f"Plan r1 is stale: {why}. Nothing was written."
    assert caught.value.fix == "Make a new one with `kamsync plan --out plan.json` and apply that."
    assert caught.value.exit_code == 3


def test_a_rehearsal_is_never_written_even_if_its_day_has_come() -> None:
    with pytest.raises(PlanRefused, match=r"a rehearsal, which cannot be applied\. Nothing was written") as caught:
        check_saved(a_plan(rehearsal=True), a_plan())
    assert "for today" in caught.value.fix


@pytest.mark.parametrize("other", [{"org_id": "org-2"}, {"crm": "hubspot"}])
def test_a_plan_for_another_org_is_refused_before_anything_else_is_said(other: dict[str, Any]) -> None:
    with pytest.raises(PlanRefused, match=r"^Plan r1 was made for salesforce org org-1, the credentials open") as caught:
        check_saved(a_plan(), a_plan(**other, criteria_hash="criteria-2", base="base-2"))
    assert "Nothing was written." in caught.value.message


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
