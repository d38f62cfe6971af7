"""Whose turn it is: playbooks that give way to others, groups with quiet days, steps that wait, days that are full.

A person is helped by the next useful task and hindered by a heap of them (DECISIONS.md §8). Everything here is read from the
tasks that exist, as the CRM and the ledger know them, so that a rebuilt cache changes nothing that the CRM still shows. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.decide.calendar import BusinessCalendar
from kamsync.decide.occurrences import parse_key
from kamsync.decide.playbooks import Playbooks
from kamsync.decide.program import Playbook


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task with this program's key, open or not. `due` is None where nobody knows it; `is_done`: completed, not deleted."""

    key: str
    account_id: str
    owner_id: str
    due: date | None
    is_open: bool
    is_done: bool


def gives_way(playbook: Playbook, account_id: str, at_work: Collection[tuple[str, str]]) -> bool:
    """Whether a playbook to which this one gives way is at work for the account: `at_work` holds (playbook, account id)."""
    return any((other, account_id) in at_work for other in playbook.not_with)


def with_open_tasks(seen: Iterable[SeenTask]) -> set[tuple[str, str]]:
    """The playbooks that have an open task, as (playbook, account id)."""
    keys = ((parse_key(task.key), task) for task in seen if task.is_open)
    return {(key.playbook, task.account_id or key.account_id) for key, task in keys if key is not None}


class QuietDays:
    """Which occurrences of the groups of playbooks were made for an account, and when they are due."""

    def __init__(self, playbooks: Playbooks, seen: Iterable[SeenTask], as_of: date) -> None:
        self._group = {name: prepared.playbook.group for name, prepared in playbooks.by_name.items() if prepared.playbook.group}
        self._made: dict[tuple[str, str], dict[tuple[str, str], date]] = defaultdict(dict)
        self._as_of = as_of
        for task in seen if self._group else ():
            key = parse_key(task.key)
            if key is not None and key.playbook in self._group and task.due is not None:
                self.note(key.playbook, key.occurrence, task.account_id or key.account_id, task.due)

    def note(self, playbook: str, occurrence: str, account_id: str, due: date) -> None:
        """A task of this occurrence was made."""
        made = self._made[(self._group.get(playbook, ""), account_id)]
        made[(playbook, occurrence)] = max(due, made.get((playbook, occurrence), due))

    def are_over(self, playbook: Playbook, occurrence: str, account_id: str) -> bool:
        """Whether no other occurrence of the playbook's group is younger than its quiet days."""
        if not playbook.group:
            return True
        earliest = self._as_of - timedelta(days=playbook.quiet_days)
        made = self._made[(playbook.group, account_id)]
        return all(which == (playbook.name, occurrence) or due <= earliest for which, due in made.items())


class Workload:
    """What is due by person and day; `limit` None lets everything through."""

    def __init__(self, limit: int | None, seen: Iterable[SeenTask]) -> None:
        self._limit = limit
        self._due = Counter((task.owner_id, task.due) for task in seen if task.is_open and task.due)

    def first_free_day(self, owner_id: str, due: date, calendar: BusinessCalendar) -> date:
        """`due`, or the first business day after it on which the person has less than the limit."""
        while self._limit is not None and self._due[(owner_id, due)] >= self._limit:
            due = calendar.shift(due, 1)
        return due

    def add(self, owner_id: str, due: date) -> None:
        """One more task of the person on that day."""
        self._due[(owner_id, due)] += 1


def done_keys(seen: Iterable[SeenTask], with_merged: Callable[[Iterable[tuple[str, str]]], set[str]]) -> set[str]:
    """Keys of the tasks that were completed, those of merged accounts also as keys of the account that lives on."""
    return with_merged((task.key, task.account_id) for task in seen if task.is_done)


__all__ = ["QuietDays", "SeenTask", "Workload", "done_keys", "gives_way", "with_open_tasks"]
