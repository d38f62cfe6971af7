"""What must hold of the tasks of a company under every shipped playbook, day after day.

It is read from the CRM and from the playbooks' files, not from the program's own decisions.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.decide.calendar import account_calendar
from tests.story.story import Broken, Key

LIMIT, DAILY = 6, 3  # new tasks for one person in one run; tasks that are due for one person on one day
MOST_NEW, MOST_DUE = LIMIT, DAILY  # as they are checked
QUIET_DAYS = 90
COUNTRY_OF_THE_CALENDAR = ""  # the account's own
# What would stand in a text for something that nobody knows.
NOTHING = re.compile(r"\bNone\b|—|\bnan\b|\{\{|\}\}|\bnull\b|[\ue000-\ue005]")


@dataclass(frozen=True)
class ShownTask:
    """A task of the program as the CRM shows it. `texts` are those that can be seen."""

    id: str
    key: Key
    account_id: str
    owner_id: str
    due: date | None
    is_open: bool
    is_done: bool
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Shipped:
    """What a playbook's file says: its group, whether its tasks follow the owner, and which step each waits for ("" none)."""

    group: str
    follows: bool
    steps: Mapping[str, str]


@cache
def shipped() -> Mapping[str, Shipped]:
    """Every shipped playbook by name."""
    found = {}
    for name in shipped_names("playbooks"):
        table: dict[str, Any] = tomllib.loads(read_shipped(name, "playbooks") or "")
        steps = {task["name"]: task.get("after", "") for task in table["tasks"]}
        found[name] = Shipped(table.get("group", ""), table.get("on_owner_change") == "follow", steps)
    return found


class Watch:
    """Looks at all tasks after every run. `since` the first look, days go forward."""

    def __init__(self) -> None:
        self._made_on: dict[str, date] = {}  # by the task's id
        self._day = date.min

    def hold(self, holds: bool, name: str, message: str) -> None:
        """Raises Broken, with the name of the check, where it does not."""
        if not holds:
            raise Broken(f"[{name}] on {self._day}: {message}")

    def look(
        self,
        day: date,
        every: Sequence[ShownTask],
        countries: Mapping[str, str],
        active: Collection[str],
        touched: Collection[str],
    ) -> None:
        """`countries` by account id, `active` are the owners who are there, `touched` the tasks that people worked on, by id."""
        self._day = day
        new = [task for task in every if task.id not in self._made_on]
        self._made_on |= {task.id: day for task in new}
        twice = [str(key) for key, count in Counter(task.key for task in every).items() if count > 1]
        self.hold(not twice, "no key twice", str(twice))
        self._check_limits(new, every, active)
        for task in new:
            self._check_day(task, countries)
            self._check_text(task)
            self._check_turn(task, every)
        self._check_references(new, every)
        for task in every:
            follows = task.is_open and task.id not in touched and shipped()[task.key.playbook].follows
            there = not follows or task.owner_id in active
            self.hold(there, "tasks follow the owner", f"{task.key} is still with {task.owner_id}, who has left")

    def _check_limits(self, new: Sequence[ShownTask], every: Sequence[ShownTask], active: Collection[str]) -> None:
        per_run = Counter(task.owner_id for task in new)
        self.hold(max(per_run.values(), default=0) <= MOST_NEW, "limit of a run", str(per_run))
        due = Counter((task.owner_id, task.due) for task in every if task.is_open)
        for task in new:
            count = due[task.owner_id, task.due]
            self.hold(count <= MOST_DUE, "limit of a day", f"{count} are due for {task.owner_id} on {task.due}: {task.key}")
            self.hold(task.owner_id in active, "somebody there", f"{task.key} is {task.owner_id}'s, who has left")

    def _check_day(self, task: ShownTask, countries: Mapping[str, str]) -> None:
        calendar = account_calendar(COUNTRY_OF_THE_CALENDAR or countries.get(task.account_id, ""), "")
        fits = task.due is not None and task.due >= self._day and calendar.is_business_day(task.due)
        self.hold(fits, "a working day", f"{task.due:%a} {task.due}, {task.key}")

    def _check_text(self, task: ShownTask) -> None:
        for text in task.texts:
            self.hold(bool(text) and not NOTHING.search(text), "a whole text", f"{task.key}: {text!r}")

    def _check_turn(self, task: ShownTask, every: Sequence[ShownTask]) -> None:
        """A step that waits for another is made when that is done, and none is due before an earlier one of the same day."""
        steps = shipped()[task.key.playbook].steps
        after, order = steps[task.key.task], list(steps)
        mine = [one for one in every if _same_turn(one, task)]
        if after:
            # A merged account brings what was done there, under the day on which it had entered the tier itself.
            brought = [one for one in every if one.account_id == task.account_id and one.key.account_id != task.key.account_id]
            before = [*mine, *(one for one in brought if one.key.playbook == task.key.playbook)]
            done = any(one.key.task == after and one.is_done for one in before)
            self.hold(done, "steps in order", f"{task.key} was made before {after} was done")
        for one in mine:
            if self._made_on[one.id] == self._day and order.index(one.key.task) < order.index(task.key.task):
                fits = one.due is not None and task.due is not None and one.due <= task.due
                self.hold(fits, "steps in order", f"{task.key} is due on {task.due}, {one.key.task} on {one.due}")

    def _check_references(self, new: Sequence[ShownTask], every: Sequence[ShownTask]) -> None:
        """One request in so many days, whoever asks; the steps of one request are one."""
        asked: dict[str, list[ShownTask]] = defaultdict(list)
        for task in every:
            if shipped()[task.key.playbook].group == "reference":
                asked[task.account_id].append(task)
        for task in (one for one in new if shipped()[one.key.playbook].group == "reference"):
            for other in asked[task.account_id]:
                same = (other.key.playbook, other.key.occurrence) == (task.key.playbook, task.key.occurrence)
                made = self._made_on[other.id]
                young = self._day - made < timedelta(days=QUIET_DAYS)
                self.hold(same or not young, "one reference request", f"{task.key} beside {other.key} of {made}")


def _same_turn(one: ShownTask, other: ShownTask) -> bool:
    """What was made for an account that was merged is the survivor's: both hang on it now, whatever account the keys name."""
    is_of = one.account_id == other.account_id or one.key.account_id == other.key.account_id
    return is_of and (one.key.playbook, one.key.occurrence) == (other.key.playbook, other.key.occurrence)
