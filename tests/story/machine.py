"""The story at random: Hypothesis plays people, schedule and accidents, and shrinks what it finds to the shortest tale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kamsync.testing.memory import HUBSPOT_LIKE, SALESFORCE_LIKE, Behaviour, FaultKind, Record
from tests.story.company import PROGRAMMES, Rules
from tests.story.model import NONE
from tests.story.story import Story

LEAST_ACCOUNTS = 3
places = st.integers(0, 4)  # an account, or a task, by its place among those that live
tiers = st.sampled_from(["A", "B", ""])
choices = st.sampled_from(["A", "B", NONE, ""])
potentials = st.sampled_from([85, 65, 50, 35, 10])
calls = st.integers(0, 14)
fault_kinds: st.SearchStrategy[FaultKind] = st.sampled_from(["kill_before", "kill_after", "raise", "lose"])
TaskEdit = Literal["complete", "rename", "reassign", "delete"]
edits: st.SearchStrategy[TaskEdit] = st.sampled_from(["complete", "rename", "reassign", "delete"])


STEPS: Counter[str] = Counter()  # played so far, by machine


class CompanyMachine(RuleBasedStateMachine):
    """`behaviour`: of the CRM. `off`: checks that are not made (see Story)."""

    behaviour: ClassVar[Behaviour] = SALESFORCE_LIKE
    off: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.behaviour, number=id(self), off=self.off)

    def teardown(self) -> None:
        try:
            if not self.story.is_broken:
                self.story.settle()
        finally:
            self.story.end()

    @initialize(rules=st.sampled_from(PROGRAMMES), held=st.lists(tiers, max_size=5))
    def a_person_applies_the_first_plan(self, rules: Rules, held: list[str]) -> None:
        """`held`: the tiers that people kept in the field before."""
        for place, tier in enumerate(held):
            self.story.edit_tier(self._account(place), tier)
        self.story.change_programme(rules)
        self.story.apply()

    @invariant()
    def a_step_is_over(self) -> None:
        STEPS[type(self).__name__] += 1

    def _account(self, place: int) -> str:
        living = self.story.accounts()
        return living[place % len(living)]

    def _task(self, place: int) -> Record | None:
        living = self.story.tasks()
        return living[place % len(living)] if living else None

    # --- people --------------------------------------------------------------------------------------------------------------

    @rule(place=places, tier=tiers)
    def somebody_sets_a_tier(self, place: int, tier: str) -> None:
        self.story.edit_tier(self._account(place), tier)

    @rule(place=places, choice=choices, days=st.sampled_from([None, 0, 30]))
    def somebody_sets_an_override(self, place: int, choice: str, days: int | None) -> None:
        until = None if days is None else self.story.day + timedelta(days=days)
        self.story.edit_override(self._account(place), choice, until)

    @rule(place=places, potential=potentials)
    def an_account_changes(self, place: int, potential: int) -> None:
        self.story.edit_potential(self._account(place), potential)

    @rule(place=places)
    def an_account_gets_another_owner(self, place: int) -> None:
        self.story.change_owner(self._account(place))

    @rule(place=st.integers(0, 9), edit=edits)
    def somebody_works_on_a_task(self, place: int, edit: TaskEdit) -> None:
        task = self._task(place)
        if task is not None:
            self._work_on(task, edit)

    def _work_on(self, task: Record, edit: TaskEdit) -> None:
        owners = {"own-000001": "own-000002", "own-000002": "own-000001"}
        act: dict[TaskEdit, Callable[[], None]] = {
            "complete": lambda: self.story.crm.complete_task(task.id),
            "rename": lambda: self.story.crm.edit_task(task.id, subject="Mine"),
            "reassign": lambda: self.story.crm.reassign_task(task.id, owners[task.text("owner_id")]),
            "delete": lambda: self.story.crm.delete_task(task.id),
        }
        act[edit]()

    @precondition(lambda self: len(self.story.accounts()) > LEAST_ACCOUNTS)
    @rule(winner=places, apart=st.integers(1, 3))
    def two_accounts_are_merged(self, winner: int, apart: int) -> None:
        living = self.story.accounts()
        self.story.merge(living[winner % len(living)], living[(winner + apart) % len(living)])

    @precondition(lambda self: len(self.story.accounts()) > LEAST_ACCOUNTS)
    @rule(place=places)
    def an_account_is_deleted(self, place: int) -> None:
        self.story.delete_account(self._account(place))

    @precondition(lambda self: bool(self.story.deleted_accounts()))
    @rule(place=places)
    def a_deleted_account_comes_back(self, place: int) -> None:
        gone = self.story.deleted_accounts()
        self.story.restore_account(gone[place % len(gone)])

    # --- the program ---------------------------------------------------------------------------------------------------------

    @rule()
    def the_schedule_runs(self) -> None:
        self.story.sync()

    @rule()
    def a_person_applies(self) -> None:
        self.story.apply()

    @rule(place=places, choice=st.sampled_from(["A", "B", NONE]))
    def a_person_applies_while_another_sets_an_override(self, place: int, choice: str) -> None:
        account_id = self._account(place)

        def meddle() -> str:
            self.story.edit_override(account_id, choice)
            return account_id

        self.story.apply_while(meddle)

    @rule(place=st.integers(0, 9), edit=edits)
    def a_person_applies_while_another_works_on_a_task(self, place: int, edit: TaskEdit) -> None:
        task = self._task(place)

        def meddle() -> str:
            if task is not None:
                self._work_on(task, edit)
            return ""

        self.story.apply_while(meddle)

    @rule()
    def a_person_saves_a_plan(self) -> None:
        self.story.save_plan()

    @rule()
    def a_person_asks_the_doctor(self) -> None:
        self.story.ask_the_doctor()

    @precondition(lambda self: self.story.saved_by is self.story.computer)
    @rule()
    def a_person_applies_the_saved_plan(self) -> None:
        self.story.apply_saved()

    @precondition(lambda self: self.story.past is not None)
    @rule()
    def a_person_undoes_the_last_run(self) -> None:
        self.story.undo()

    @precondition(lambda self: self.story.undone is not None)
    @rule()
    def a_person_undoes_it_again(self) -> None:
        self.story.undo_again()

    @rule()
    def good_days_follow(self) -> None:
        self.story.settle()

    # --- the world -----------------------------------------------------------------------------------------------------------

    @rule(days=st.sampled_from([1, 29, 91]))
    def days_pass(self, days: int) -> None:
        self.story.sleep(days)

    @rule(kind=fault_kinds, call=calls)
    def the_schedule_runs_on_a_bad_line(self, kind: FaultKind, call: int) -> None:
        self.story.sync_with(kind, call)

    @rule(commit=st.integers(0, 12), after=st.booleans())
    def the_schedule_runs_and_is_killed_at_a_commit(self, commit: int, after: bool) -> None:
        self.story.sync_killed_at_commit(commit, after=after)

    @rule(place=places)
    def the_schedule_runs_and_a_record_is_refused(self, place: int) -> None:
        self.story.sync_refusing(self._account(place))

    @precondition(lambda self: self.behaviour.attaches_tasks_later)
    @rule(count=st.integers(1, 2))
    def the_schedule_runs_and_tasks_stay_loose(self, count: int) -> None:
        self.story.sync_with_loose_tasks(count)

    @precondition(lambda self: self.story.past is not None)
    @rule(kind=fault_kinds, call=calls)
    def a_person_undoes_the_last_run_on_a_bad_line(self, kind: FaultKind, call: int) -> None:
        self.story.undo_with(kind, call)

    @rule()
    def the_index_stops(self) -> None:
        self.story.stop_index()

    @rule()
    def the_index_catches_up(self) -> None:
        self.story.catch_up()

    @rule()
    def the_cache_is_deleted(self) -> None:
        self.story.delete_cache()

    @rule()
    def somebody_works_on_another_machine(self) -> None:
        self.story.other_computer()

    @rule()
    def the_admin_keeps_a_backup(self) -> None:
        self.story.keep_backup()

    @precondition(lambda self: self.story.has_backup)
    @rule()
    def the_admin_restores_the_accounts(self) -> None:
        self.story.restore_backup()

    @rule(rules=st.sampled_from(PROGRAMMES))
    def the_programme_changes(self, rules: Rules) -> None:
        self.story.change_programme(rules)


class CompanyOnHubSpotMachine(CompanyMachine):
    """The same on a CRM that behaves as HubSpot does."""

    behaviour = HUBSPOT_LIKE
