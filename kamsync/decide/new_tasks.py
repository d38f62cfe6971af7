"""Which tasks a firing playbook still lacks, when each is due and who gets it (DECISIONS.md §8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import NamedTuple

from kamsync.decide.assignees import Assignees, NoAssignee, Owner
from kamsync.decide.calendar import BusinessCalendar, account_calendar
from kamsync.decide.due import NoDate
from kamsync.decide.entries import Entries, occurrence_of
from kamsync.decide.fact import FactValue
from kamsync.decide.occurrences import NoOccurrence, NotYet, task_key
from kamsync.decide.plan import HeldBack
from kamsync.decide.playbooks import Playbooks, PreparedPlaybook, PreparedTask
from kamsync.decide.program import Playbook
from kamsync.decide.task_values import Firing
from kamsync.decide.turns import QuietDays

_THERE = "it is there already"


class Wanted(NamedTuple):
    """A task that is not there and should be; `due` is before what the owner's other tasks leave room for."""

    firing: Firing
    task: PreparedTask
    key: str
    due: date
    assignee: Owner
    stands_in: str  # why it is not the one whom the playbook names first
    calendar: BusinessCalendar
    step: int


class Unassigned(NamedTuple):
    """A task that nobody can be given; the text says why."""

    firing: Firing
    task: PreparedTask
    key: str
    why: str


class NotNow(NamedTuple):
    """A task that this run does not make, and nothing is wrong: it is there, or its time has not come. `why`: for people."""

    task: PreparedTask
    key: str
    why: str


class Known(NamedTuple):
    """What a run knows of the tasks and people that are there."""

    existing: Collection[str]
    entries: Entries
    done: Collection[str]
    quiet: QuietDays
    assignees: Assignees
    as_of: date


def wanted_tasks(playbooks: Playbooks, firing: Firing, known: Known) -> Iterator[Wanted | Unassigned | HeldBack]:
    """The tasks of a playbook that are not there and whose time has come, each due no earlier than the one before it."""
    yield from (one for one in steps_of(playbooks, firing, known) if not isinstance(one, NotNow))


def steps_of(playbooks: Playbooks, firing: Firing, known: Known) -> Iterator[Wanted | Unassigned | HeldBack | NotNow]:
    """Every task of a playbook in its order, as it is wanted now, or why it is not."""
    prepared = playbooks.by_name[firing.playbook]
    earliest = known.as_of
    for step, task in enumerate(prepared.tasks):
        key = ""
        try:
            occurrence = occurrence_of(prepared.playbook, task, firing, known.entries, known.as_of)
            key = task_key(prepared.playbook.name, task.template.name, occurrence, firing.account_id)
            if key in known.existing:
                yield NotNow(task, key, _THERE)
                continue
            if not known.quiet.are_over(prepared.playbook, occurrence, firing.account_id):
                yield NotNow(task, key, _quiet(prepared.playbook))
                continue
            # Not before: calendars take long to load, and on most nights every task is there.
            calendar = account_calendar(_text(firing.facts.get("country")), playbooks.program.country)
            if not _is_time(task, firing, calendar, known.as_of):
                yield NotNow(task, key, f"its day is {task.due.planned(known.as_of, firing.facts, calendar)}")
                continue
            if not _is_before_done(prepared, task, firing, known):
                yield NotNow(task, key, f"it waits until {task.template.after!r} is done")
                continue
            due = max(task.due.on(known.as_of, firing.facts, calendar), earliest)
            assignee, stands_in = known.assignees.assign_saying_why(task.template.assignee, firing.facts)
        except NotYet as error:
            yield NotNow(task, key, str(error))
            continue
        except NoAssignee as error:
            yield Unassigned(firing, task, key, str(error))
            continue
        except (NoOccurrence, NoDate) as error:
            yield hold(firing, task, key, str(error))
            continue
        earliest = due
        known.quiet.note(prepared.playbook.name, occurrence, firing.account_id, due)
        yield Wanted(firing, task, key, due, assignee, stands_in, calendar, step)


def _quiet(playbook: Playbook) -> str:
    return f"the group {playbook.group!r} keeps quiet for {playbook.quiet_days} days after its last task"


def _text(value: FactValue) -> str:
    return value if isinstance(value, str) else ""


def _is_time(task: PreparedTask, firing: Firing, calendar: BusinessCalendar, as_of: date) -> bool:
    """Whether the planned day is neither too far ahead nor too long past."""
    ahead, late = task.template.ahead_days, task.template.late_days
    if ahead is None and late is None:
        return True
    days = (task.due.planned(as_of, firing.facts, calendar) - as_of).days
    return (ahead is None or days <= ahead) and (late is None or -days <= late)


def _is_before_done(prepared: PreparedPlaybook, task: PreparedTask, firing: Firing, known: Known) -> bool:
    """Whether somebody has done the task that this one waits for."""
    if not task.template.after:
        return True
    before = next(one for one in prepared.tasks if one.template.name == task.template.after)
    occurrence = occurrence_of(prepared.playbook, before, firing, known.entries, known.as_of)
    return task_key(prepared.playbook.name, before.template.name, occurrence, firing.account_id) in known.done


def hold(firing: Firing, task: PreparedTask, key: str, reason: str, *, waits: bool = False) -> HeldBack:
    """Why a task is not made; `waits` where a later run will make it."""
    what = f"task {firing.playbook}/{task.template.name}"
    return HeldBack(firing.account_id, firing.name, what, reason, key, waits)
