"""A year of a company at random, in memory (`make stories` plays many, and longer): nobody is flooded or asked twice."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import tests.story.watch
from kamsync.model import Stream
from kamsync.testing.memory import HUBSPOT_LIKE, SALESFORCE_LIKE, TASK_KEY, Behaviour
from tests.story.settings import STORIES, played
from tests.story.story import Broken
from tests.story.year import Language, Year

places = st.integers(0, 5)
languages: st.SearchStrategy[Language] = st.sampled_from(["en", "pt_BR", "es"])


class YearMachine(RuleBasedStateMachine):
    """`behaviour`: of the CRM."""

    behaviour: ClassVar[Behaviour] = SALESFORCE_LIKE

    @initialize(language=languages)
    def a_year_begins(self, language: Language) -> None:
        self.year = Year(self.behaviour, number=id(self), language=language)
        self.year.run()

    def teardown(self) -> None:
        if hasattr(self, "year"):
            self.year.end()

    def _account(self, place: int) -> str:
        living = self.year.accounts()
        return living[place % len(living)]

    # --- people and the world ------------------------------------------------------------------------------------------------

    @rule(places=st.lists(st.integers(0, 30), min_size=1, max_size=6))
    def people_complete_tasks(self, places: list[int]) -> None:
        for place in places:
            if tasks := self.year.tasks():
                self.year.crm.complete_task(tasks[place % len(tasks)].id)

    @rule()
    def everybody_does_what_there_is(self) -> None:
        for task in self.year.tasks():
            self.year.crm.complete_task(task.id)

    @rule(place=st.integers(0, 30), edit=st.sampled_from(["delete", "rename", "postpone", "reassign"]))
    def somebody_works_on_a_task(self, place: int, edit: str) -> None:
        tasks = self.year.tasks()
        if not tasks:
            return
        task, crm = tasks[place % len(tasks)], self.year.crm
        match edit:
            case "delete":
                crm.delete_task(task.id)
            case "rename":
                crm.edit_task(task.id, subject="Mine")
            case "postpone":
                crm.edit_task(task.id, due=self.year.day + timedelta(days=40))
            case _:
                crm.reassign_task(task.id, self.year.eva)

    @rule(place=places, potential=st.sampled_from([90, 72, 65, 50, 35, 5]))
    def an_account_rises_or_falls(self, place: int, potential: int) -> None:
        self.year.say(self._account(place), potential=potential)

    @rule(place=places, nps=st.sampled_from([10, 9, 7, 5, 2, None]))
    def an_account_says_how_it_is(self, place: int, nps: int | None) -> None:
        self.year.say(self._account(place), nps=nps)

    @rule(place=places, days=st.sampled_from([130, 95, 40, 10, None]))
    def a_contract_is_prolonged(self, place: int, days: int | None) -> None:
        until = None if days is None else self.year.day + timedelta(days=days)
        self.year.say(self._account(place), next_renewal_date=until)

    @rule(place=places)
    def an_account_buys(self, place: int) -> None:
        self.year.win(self._account(place))

    @rule(place=places)
    def somebody_meets_an_account(self, place: int) -> None:
        self.year.meet(self._account(place))

    @rule(place=places)
    def a_champion_leaves(self, place: int) -> None:
        self.year.lose_champion(self._account(place))

    @rule(place=places)
    def an_owner_leaves(self, place: int) -> None:
        self.year.owner_leaves(place)

    @rule()
    def those_who_left_come_back(self) -> None:
        self.year.owner_comes_back()

    @rule(place=places, owner=places)
    def an_account_moves(self, place: int, owner: int) -> None:
        self.year.move(self._account(place), owner)

    @rule(winner=places, loser=places)
    def two_accounts_are_merged(self, winner: int, loser: int) -> None:
        self.year.merge(self._account(winner), self._account(loser))

    @rule(place=places)
    def somebody_sets_an_override(self, place: int) -> None:
        account = self._account(place)
        self.year.crm.set_flag(account, "override", "Gold")
        self.year.crm.set_flag(account, "override_until", self.year.day + timedelta(days=25))

    # --- time ----------------------------------------------------------------------------------------------------------------

    @rule()
    def a_day_passes(self) -> None:
        self.year.days_pass(1)

    @rule()
    def a_week_passes(self) -> None:
        self.year.days_pass(7)

    @rule(days=st.sampled_from([20, 60, 91]))
    def a_season_passes_without_a_run(self, days: int) -> None:
        self.year.day += timedelta(days=days)
        self.year.days_pass(1)


class YearOnHubSpotMachine(YearMachine):
    """The same on a CRM that behaves as HubSpot does."""

    behaviour = HUBSPOT_LIKE


PLAYED = played(stories=max(STORIES // 10, 20) if STORIES else 4, steps=60 if STORIES else 25)
TestYear = YearMachine.TestCase
TestYear.settings = PLAYED
TestYearOnHubSpot = YearOnHubSpotMachine.TestCase
TestYearOnHubSpot.settings = PLAYED


@pytest.mark.parametrize(("check", "name", "value"), [
    ("limit of a run", "MOST_NEW", 0),
    ("limit of a day", "MOST_DUE", 0),
    ("a whole text", "NOTHING", re.compile("a")),
    ("a working day", "COUNTRY_OF_THE_CALENDAR", "SA"),
])  # fmt: skip
def test_each_check_finds_what_it_looks_for(check: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tests.story.watch, name, value)
    year = Year(number=id(check))
    try:
        with pytest.raises(Broken, match=re.escape(f"[{check}]")):
            year.run()
    finally:
        year.end()


def test_two_reference_requests_would_be_found() -> None:
    year = Year(number=1)
    try:
        year.run()
        year.days_pass(3)
        asked = next(task for task in year.tasks() if "reference" in task.text(TASK_KEY))
        other = "nps-reference:thank:1" if "request" in asked.text(TASK_KEY) else "reference-request:ask:1999"
        key = f"{other}:{asked.get('account_id')}"
        year.crm.records.add(Stream.TASKS, {**asked.values, TASK_KEY: key})
        with pytest.raises(Broken, match="one reference request"):
            year.run()
    finally:
        year.end()
