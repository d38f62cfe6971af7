"""The promises that broke over several runs, each as the shortest story that broke it, on both behaviours of a CRM."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from kamsync.testing.memory import HUBSPOT_LIKE, SALESFORCE_LIKE, Behaviour, FaultKind
from tests.story.company import KEEPING, RECLAIMING
from tests.story.model import NONE
from tests.story.program import LEASE, Computer
from tests.story.story import Story

ACME, BETA, CORE, DYNE, ECHO = (f"acc-{number:06}" for number in range(1, 6))


@pytest.fixture(scope="module", params=[SALESFORCE_LIKE, HUBSPOT_LIKE], ids=["salesforce", "hubspot"])
def behaviour(request: pytest.FixtureRequest) -> Behaviour:
    """How the CRM behaves."""
    chosen: Behaviour = request.param
    return chosen


@pytest.fixture
def story(behaviour: Behaviour, request: pytest.FixtureRequest) -> Iterator[Story]:
    """A company to which nothing has happened yet."""
    story = Story(behaviour, number=id(request))
    yield story
    story.end()


@pytest.fixture(scope="module")
def first_settled(behaviour: Behaviour, request: pytest.FixtureRequest) -> Iterator[Story]:
    story = Story(behaviour, number=id(request))
    story.settle()
    yield story
    story.end()


@pytest.fixture
def settled(first_settled: Story) -> Iterator[Story]:
    """A company whose first days were good ones: all that was wanted is there."""
    story = first_settled.twin()
    yield story
    story.end()


@pytest.fixture
def on_hubspot() -> Iterator[Story]:
    story = Story(HUBSPOT_LIKE, number=-1)
    yield story
    story.end()


# --- their own choice always wins ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", ["A", ""])
def test_a_tier_set_by_hand_stays_whatever_is_written_beside_it(settled: Story, tier: str) -> None:
    settled.edit_tier(BETA, tier)
    settled.sync()
    settled.edit_potential(BETA, 50)
    settled.sync()
    settled.sleep(29)
    settled.settle()


def test_a_tier_set_by_hand_is_decided_anew_when_its_time_is_over(settled: Story) -> None:
    settled.edit_tier(BETA, "A")
    settled.settle()
    settled.sleep(91)
    settled.settle()


@pytest.mark.parametrize("tier", ["A", ""])
def test_a_tier_set_by_hand_is_written_back_where_the_programme_says_so(story: Story, tier: str) -> None:
    story.change_programme(RECLAIMING)
    story.settle()
    story.edit_tier(BETA, tier)
    story.settle()

    assert (story.crm.flag(BETA, "tier"), story.crm.flag(BETA, "override")) == ("B", None)


def test_the_tiers_that_people_kept_before_stay_for_a_while_where_the_programme_says_so(story: Story) -> None:
    story.edit_tier(ECHO, "A")
    story.change_programme(KEEPING)
    story.settle()
    assert (story.crm.flag(ECHO, "tier"), story.crm.flag(ECHO, "override")) == ("A", "A")

    story.sleep(91)
    story.settle()
    assert story.crm.flag(ECHO, "tier") is None


@pytest.mark.parametrize("kind", ["kill_after", "lose"])
@pytest.mark.parametrize("days", [0, 1])
def test_what_a_killed_run_wrote_is_nobodys_edit(settled: Story, kind: FaultKind, days: int) -> None:
    settled.edit_potential(BETA, 85)
    settled.edit_potential(DYNE, 50)
    settled.sync_with(kind, name="push_accounts")
    settled.sleep(days)
    settled.settle()


@pytest.mark.parametrize("kind", ["kill_after", "lose"])
def test_what_a_killed_first_run_wrote_is_nobodys_edit(story: Story, kind: FaultKind) -> None:
    story.sync_with(kind, name="push_accounts")
    story.sleep(1)
    story.settle()


def test_what_a_restored_backup_wrote_is_nobodys_edit(story: Story) -> None:
    story.keep_backup()
    story.settle()
    story.restore_backup()
    story.settle()


def test_what_a_backup_of_an_earlier_decision_wrote_is_nobodys_edit(settled: Story) -> None:
    settled.keep_backup()
    settled.edit_potential(ACME, 50)
    settled.settle()
    settled.restore_backup()
    settled.settle()


def test_a_deleted_cache_forgets_no_edit(settled: Story) -> None:
    settled.edit_tier(BETA, "A")
    settled.delete_cache()
    settled.settle()


def test_another_machine_knows_the_edits_too(settled: Story) -> None:
    settled.edit_tier(ACME, "B")
    settled.other_computer()
    settled.settle()


def test_a_second_machine_waits_for_one_that_died_while_it_wrote_and_completes_what_that_left() -> None:
    story = Story(SALESFORCE_LIKE, number=-2)
    story.sync_with("kill_after", name="push_accounts")
    other = Computer(story.crm, "second")

    early = other.sync(story.rules, story.day)
    story.crm.let_pass(LEASE)
    late = other.sync(story.rules, story.day)

    assert (early.ending, late.ending) == ("refused", "done")
    assert "Another kamsync writes to this org" in early.words
    other.throw_away()
    story.settle()
    story.end()


def test_a_tier_that_people_set_beside_an_override_is_theirs_from_the_day_of_the_run(settled: Story) -> None:
    settled.edit_tier(ACME, "B")
    settled.edit_override(ACME, "B")
    settled.sleep(29)
    settled.settle()

    assert settled.crm.flag(ACME, "since") == settled.day


# --- no task is lost -----------------------------------------------------------------------------------------------------------


def _two_of_ana_enter(settled: Story) -> None:
    """Four tasks for one owner, of whom two wait."""
    settled.edit_potential(CORE, 85)
    settled.edit_potential(ECHO, 85)


def test_tasks_that_wait_come_with_the_next_runs(settled: Story) -> None:
    _two_of_ana_enter(settled)
    settled.settle()


def test_tasks_that_wait_survive_a_kill_before_they_are_made(settled: Story) -> None:
    _two_of_ana_enter(settled)
    settled.sync()
    settled.sync_with("kill_before", name="create_tasks")
    settled.settle()


def test_tasks_that_wait_survive_a_deleted_cache(settled: Story) -> None:
    _two_of_ana_enter(settled)
    settled.sync()
    settled.delete_cache()
    settled.settle()


def test_tasks_that_wait_survive_a_second_machine(settled: Story) -> None:
    _two_of_ana_enter(settled)
    settled.sync()
    settled.other_computer()
    settled.settle()


@pytest.mark.parametrize("name", ["create_tasks", "push_accounts", "find_tasks", "fetch_accounts"])
@pytest.mark.parametrize("kind", ["kill_before", "kill_after"])
def test_a_run_killed_anywhere_is_completed_by_the_next(settled: Story, name: str, kind: FaultKind) -> None:
    _two_of_ana_enter(settled)
    settled.sync_with(kind, name=name)
    settled.sleep(1)
    settled.settle()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("commit", range(14))
def test_a_run_killed_at_any_commit_is_completed_by_the_next(settled: Story, commit: int, after: bool) -> None:
    _two_of_ana_enter(settled)
    settled.sync_killed_at_commit(commit, after=after)
    settled.sleep(1)
    settled.settle()


@pytest.mark.parametrize("kind", ["kill_after", "raise"])
def test_a_second_stay_in_a_tier_gets_its_own_tasks_also_where_all_of_them_were_cut(settled: Story, kind: FaultKind) -> None:
    for potential in (85, 50):
        settled.edit_potential(BETA, potential)
        settled.settle()
        settled.sleep(5)
    settled.edit_potential(BETA, 85)
    settled.sync_with(kind, name="create_tasks" if kind == "raise" else "push_accounts")
    settled.sleep(1)
    settled.settle()


def test_a_tier_that_was_left_on_the_day_of_its_entry_is_entered_with_tasks_again(story: Story) -> None:
    story.apply()
    story.edit_tier(ACME, "B")
    story.settle()
    story.sleep(91)
    story.settle()


def test_tasks_that_people_kept_through_an_undo_do_not_come_again(settled: Story) -> None:
    settled.sleep(1)
    settled.edit_potential(BETA, 85)
    settled.sync()
    kept = [task.id for task in settled.tasks("onboarding") if BETA in task.text("kam_task_key")]
    for task_id in kept:
        settled.crm.complete_task(task_id)
    settled.undo()
    settled.sleep(1)
    settled.apply()
    settled.settle()

    assert kept == [task.id for task in settled.tasks("onboarding") if BETA in task.text("kam_task_key")]


def test_a_text_that_names_the_tier_before_is_not_lost_with_the_cache(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync_with("kill_after", name="push_accounts")
    settled.delete_cache()
    settled.settle()


def test_tasks_that_failed_to_hang_on_their_company_are_completed(on_hubspot: Story) -> None:
    on_hubspot.settle()
    on_hubspot.edit_potential(BETA, 85)
    on_hubspot.sync_with_loose_tasks(2)
    on_hubspot.settle()


def test_a_task_that_people_complete_before_it_hangs_on_its_company_is_completed_too(on_hubspot: Story) -> None:
    on_hubspot.settle()
    on_hubspot.edit_potential(BETA, 85)
    on_hubspot.sync_with_loose_tasks(2)
    for task in on_hubspot.tasks("onboarding"):
        on_hubspot.crm.complete_task(task.id)
    on_hubspot.settle()


def test_tasks_of_a_run_killed_before_they_were_attached_are_completed(on_hubspot: Story) -> None:
    on_hubspot.settle()
    on_hubspot.edit_potential(BETA, 85)
    on_hubspot.sync_with("kill_before", name="attach_tasks")
    on_hubspot.sleep(1)
    on_hubspot.settle()


def test_tasks_that_the_index_does_not_show_yet_are_completed_all_the_same(on_hubspot: Story) -> None:
    on_hubspot.settle()
    on_hubspot.edit_potential(BETA, 85)
    on_hubspot.sync_with_loose_tasks(2)
    on_hubspot.stop_index()
    on_hubspot.sync()
    on_hubspot.settle()


# --- untouched tasks close by themselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["kill_after", "lose"])
def test_untouched_tasks_of_a_killed_run_close_when_their_reason_is_gone(settled: Story, kind: FaultKind) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()  # as many tasks as one owner gets in one run; the review waits
    settled.sync_with(kind, name="create_tasks")
    settled.settle()
    settled.edit_potential(BETA, 10)
    settled.settle()


# --- undo ----------------------------------------------------------------------------------------------------------------------


def test_undo_returns_the_first_run_field_by_field(story: Story) -> None:
    story.apply()
    story.undo()


def test_undo_returns_a_later_run_field_by_field(settled: Story) -> None:
    settled.edit_potential(ACME, 50)
    settled.edit_potential(BETA, 85)
    settled.sleep(1)
    settled.sync()
    settled.undo()


def test_undo_finds_the_tasks_that_the_index_does_not_show_yet(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()  # the cache knows the change before the index stops
    settled.undo()
    settled.apply()
    settled.stop_index()
    settled.undo()


def test_undo_finds_the_tasks_of_a_first_run_within_the_lag_of_the_index(story: Story) -> None:
    story.stop_index()
    story.apply()
    story.undo()


@pytest.mark.parametrize("name", ["create_tasks", "push_accounts"])
def test_a_killed_run_can_be_taken_back(settled: Story, name: str) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync_with("kill_after", name=name)
    settled.undo()
    settled.settle()


def test_undo_removes_the_tasks_whose_answer_was_lost(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync_with("lose", name="create_tasks")
    settled.undo()


def test_after_an_undo_the_schedule_waits_for_a_person_and_then_everything_comes_again(story: Story) -> None:
    story.apply()
    story.undo()
    story.sync()
    story.apply()
    story.settle()


def test_a_second_undo_of_the_first_run_does_nothing(story: Story) -> None:
    story.apply()
    story.undo()
    story.undo_again()


def test_a_second_undo_says_so_and_does_nothing(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()
    settled.undo()
    settled.undo_again()


def test_undoing_the_undo_brings_everything_again(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()
    settled.undo()
    settled.undo()
    settled.settle()


def test_undo_leaves_what_people_changed_since(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()
    made = next(task for task in settled.tasks("onboarding:meet") if BETA in task.text("kam_task_key"))
    settled.crm.complete_task(made.id)
    settled.edit_override(DYNE, "B")
    settled.undo()
    settled.settle()


def test_a_tier_that_people_emptied_stays_empty_after_an_undo(story: Story) -> None:
    story.apply()
    story.edit_tier(CORE, "")  # what the run had found, and yet a person's choice
    story.undo()
    story.apply()
    story.settle()


@pytest.mark.parametrize("choice", ["A", ""])
def test_an_override_that_people_changed_stays_after_an_undo_also_where_it_had_been_empty(settled: Story, choice: str) -> None:
    settled.edit_tier(BETA, "A")
    settled.sync()
    settled.edit_override(BETA, choice)  # for ever, or not at all; the run had found neither an override nor a date
    settled.undo()

    assert (settled.crm.flag(BETA, "tier"), settled.crm.flag(BETA, "override")) == ("A", choice or None)


@pytest.mark.parametrize("name", ["push_accounts", "free_keys", "delete_tasks"])
@pytest.mark.parametrize("kind", ["kill_before", "kill_after"])
def test_a_killed_undo_leaves_a_state_from_which_a_person_goes_on(settled: Story, name: str, kind: FaultKind) -> None:
    settled.edit_potential(BETA, 85)
    settled.sync()
    settled.undo_with(kind, name=name)
    settled.settle()


# --- merges --------------------------------------------------------------------------------------------------------------------


def test_a_merged_account_does_not_get_its_plan_again(settled: Story) -> None:
    for task in settled.tasks():
        settled.crm.complete_task(task.id)
    settled.merge(ACME, CORE)
    settled.settle()


@pytest.mark.parametrize("winner_leads", [True, False])
def test_two_accounts_with_the_same_plan_merge_into_one(settled: Story, winner_leads: bool) -> None:
    settled.edit_potential(BETA, 85)
    settled.settle()
    settled.merge(*((ACME, BETA) if winner_leads else (BETA, ACME)))
    settled.settle()


def test_a_merge_forgets_nothing_where_the_cache_is_gone(settled: Story) -> None:
    settled.merge(CORE, ACME)
    settled.delete_cache()
    settled.settle()


def test_an_override_follows_the_account_that_lives_on(settled: Story) -> None:
    settled.edit_tier(BETA, "A")
    settled.sync()
    settled.merge(BETA, DYNE)
    settled.settle()


def test_an_override_of_the_account_that_is_lost_counts_for_the_one_that_lives_on(story: Story) -> None:
    story.edit_override(DYNE, "A")
    story.settle()
    survivor = story.merge(BETA, DYNE)
    story.settle()

    assert (story.crm.flag(survivor, "tier"), story.crm.flag(survivor, "override")) == ("A", "A")


@pytest.mark.parametrize("apart", [CORE, ACME])
def test_an_undo_follows_the_account_that_lives_on(settled: Story, apart: str) -> None:
    settled.edit_potential(BETA, 85)
    before = settled.crm.flag(BETA, "tier")
    settled.sync()
    survivor = settled.merge(BETA, apart)
    settled.undo()

    assert (before, settled.crm.flag(survivor, "tier"), settled.crm.flag(survivor, "decided_tier")) == ("B", "B", "B")
    assert not [task for task in settled.tasks("onboarding") if BETA in task.text("kam_task_key")]


def test_a_redo_after_a_merge_makes_the_plan_of_one_account(story: Story) -> None:
    story.apply()
    story.apply()
    story.undo()
    story.merge(BETA, CORE)
    story.undo()
    story.settle()


# --- refused when people changed it meanwhile ----------------------------------------------------------------------------------


def test_an_override_set_while_the_plan_is_read_holds_the_account_and_its_tasks_back(settled: Story) -> None:
    settled.edit_potential(BETA, 85)

    def meddle() -> str:
        settled.edit_override(BETA, NONE)
        return BETA

    settled.apply_while(meddle)
    settled.settle()


def test_a_task_renamed_while_the_plan_is_read_is_not_closed(settled: Story) -> None:
    settled.edit_potential(ACME, 10)
    (review,) = settled.tasks("review")

    def meddle() -> str:
        settled.crm.edit_task(review.id, subject="Mine")
        return ""

    settled.apply_while(meddle)
    settled.settle()


def test_a_saved_plan_writes_what_was_read_or_nothing(settled: Story) -> None:
    settled.edit_potential(BETA, 85)
    settled.save_plan()
    settled.edit_override(DYNE, "A", settled.day + timedelta(days=30))
    settled.apply_saved()
    settled.settle()
