"""Reviews, approval, seats, groups, promised days and limited places, over months and at random (`make stories` plays many)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from kamsync.testing.memory import HUBSPOT_LIKE, SALESFORCE_LIKE, Behaviour, FaultKind
from tests.story.board import BOARDS, Board, dates_around
from tests.story.company import Rules
from tests.story.model import NONE
from tests.story.settings import STORIES, played

LEAST_ACCOUNTS = 3
days_until = st.sampled_from([0, 1, 19, 31, 62])
fault_kinds: st.SearchStrategy[FaultKind] = st.sampled_from(["kill_before", "kill_after", "raise", "lose"])


@dataclass(frozen=True)
class Edit:
    """What somebody does to an account, both by their places in the lists of those that there are."""

    what: str
    place: int
    value: int


edits = st.builds(
    Edit,
    st.sampled_from(
        ["potential", "potential", "evidence", "evidence", "barred", "parent", "override", "tier", "delete", "restore"]
    ),
    st.integers(0, 5),
    st.integers(0, 6),
)
some_edits = st.lists(edits, max_size=3)


class BoardMachine(RuleBasedStateMachine):
    """`first_rules`: of the board at the beginning; `behaviour`: of the CRM."""

    first_rules: ClassVar[Rules] = BOARDS[0]
    behaviour: ClassVar[Behaviour] = SALESFORCE_LIKE

    @initialize()
    def the_board_decides_for_the_first_time(self) -> None:
        self.board = Board(self.first_rules, self.behaviour, number=id(self))
        self.board.apply()

    def teardown(self) -> None:
        if hasattr(self, "board"):
            self.board.end()

    # --- people --------------------------------------------------------------------------------------------------------------

    def _edit(self, edit: Edit) -> None:
        board, living = self.board, self.board.accounts()
        account_id, other = living[edit.place % len(living)], living[edit.value % len(living)]
        match edit.what:
            case "potential":
                board.crm.edit_account(account_id, potential=(95, 85, 72, 65, 50, 35, 10)[edit.value])
            case "evidence":
                days: tuple[date | None, ...] = (*dates_around(board.day), None)
                size = (0, 250, 900)[edit.value % 3]
                board.crm.edit_account(account_id, strategic=True, evidence_date=days[edit.value % 5], market_size=size)
            case "barred":
                board.crm.edit_account(account_id, barred=edit.value % 2 == 0)
            case "parent":
                board.crm.edit_account(account_id, parent_id=None if other == account_id else other)
            case "override":
                choice, days_left = ("A", "B", NONE, "")[edit.value % 4], (None, 0, 30)[edit.value % 3]
                until = board.day + timedelta(days=days_left) if days_left is not None and choice else None
                board.crm.set_flag(account_id, "override", choice)
                board.crm.set_flag(account_id, "override_until", until)
            case "tier":
                board.crm.set_flag(account_id, "tier", ("A", "B", "")[edit.value % 3])
            case "delete" if len(living) > LEAST_ACCOUNTS:
                board.crm.delete_account(account_id)
            case "restore" if gone := board.gone():
                board.crm.restore_account(gone[edit.place % len(gone)])

    def _live(self, some: list[Edit], days: int) -> None:
        for edit in some:
            self._edit(edit)
        self.board.day += timedelta(days=days)

    # --- the program ---------------------------------------------------------------------------------------------------------

    @rule(some=some_edits, days=days_until)
    def the_schedule_runs(self, some: list[Edit], days: int) -> None:
        self._live(some, days)
        self.board.sync()

    @rule(some=some_edits, days=days_until)
    def a_person_applies(self, some: list[Edit], days: int) -> None:
        self._live(some, days)
        self.board.apply()

    @rule(some=some_edits, days=days_until, meanwhile=edits)
    def a_person_applies_while_others_work(self, some: list[Edit], days: int, meanwhile: Edit) -> None:
        self._live(some, days)
        self.board.apply_while(lambda: self._edit(meanwhile))

    @rule(some=some_edits, days=days_until, kind=fault_kinds, call=st.integers(0, 14))
    def the_schedule_runs_on_a_bad_line(self, some: list[Edit], days: int, kind: FaultKind, call: int) -> None:
        self._live(some, days)
        self.board.sync_with(kind, call)

    @rule()
    def a_person_undoes_the_last_run(self) -> None:
        self.board.undo()

    @rule()
    def the_cache_is_deleted(self) -> None:
        self.board.lose_the_cache()

    @rule(some=some_edits, days=days_until)
    def another_machine_plans(self, some: list[Edit], days: int) -> None:
        self._live(some, days)
        self.board.compare_with_another_machine()

    @precondition(lambda self: bool(STORIES))
    @rule(rules=st.sampled_from(BOARDS))
    def the_programme_changes(self, rules: Rules) -> None:
        self.board.rules = rules

    @rule()
    def good_runs_follow(self) -> None:
        self.board.settle()


PLAYED = played(stories=max(STORIES // 10, 20) if STORIES else 2, steps=40 if STORIES else 12)


@pytest.mark.parametrize("behaviour", [SALESFORCE_LIKE, HUBSPOT_LIKE], ids=["salesforce", "hubspot"])
@pytest.mark.parametrize("rules", BOARDS, ids=[rules.name for rules in BOARDS])
def test_the_board_s_rules_hold_whatever_people_and_accidents_do(rules: Rules, behaviour: Behaviour) -> None:
    machine = type("OneBoardMachine", (BoardMachine,), {"first_rules": rules, "behaviour": behaviour})
    run_state_machine_as_test(machine, settings=PLAYED)
