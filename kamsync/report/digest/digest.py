"""What a digest is made of: values only, gathered by the shell. One for the programme, and of it one for each owner."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

EXPIRY_DAYS = 14  # ahead: time enough to think about an override, and near enough to do it
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Moved:
    """An account that changed its tier. `tier` and `before` are as people read them, `is_up`: to a better one."""

    account_id: str
    name: str
    owner_id: str
    before: str
    tier: str
    is_up: bool
    why: str


@dataclass(frozen=True, slots=True)
class DueTask:
    """An open task that is due this week, or was before. `name` is the account's."""

    account_id: str
    name: str
    owner_id: str
    subject: str
    due: date


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A key account whose health is red, with its next renewal where that is known."""

    account_id: str
    name: str
    owner_id: str
    tier: str
    renewal: date | None


@dataclass(frozen=True, slots=True)
class Expiring:
    """A person's choice of the tier that ends soon."""

    account_id: str
    name: str
    owner_id: str
    tier: str
    until: date


@dataclass(frozen=True, slots=True)
class Digest:
    """`reader`: the owner's id, "" for the programme, with the name. `tasks`: due up to the end of the week of `as_of`.

    `people`: names by id. `around`: what stands before and after an account's id in its address in the CRM, None unknown.
    """

    as_of: date
    moved: tuple[Moved, ...] = ()
    tasks: tuple[DueTask, ...] = ()
    at_risk: tuple[AtRisk, ...] = ()
    expiring: tuple[Expiring, ...] = ()
    people: Mapping[str, str] | None = None
    around: tuple[str, str] | None = None
    reader: str = ""
    reader_name: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.moved or self.tasks or self.at_risk or self.expiring)

    @property
    def entered(self) -> tuple[Moved, ...]:
        """Who came into a better tier."""
        return tuple(one for one in self.moved if one.is_up)

    @property
    def left(self) -> tuple[Moved, ...]:
        """Who left a tier for a worse one, or for none."""
        return tuple(one for one in self.moved if not one.is_up)

    @property
    def said(self) -> frozenset[str]:
        """What lasts, by which one tells whether it was said before: accounts at risk, and overrides with their day."""
        risks = (f"risk {one.account_id}" for one in self.at_risk)
        ends = (f"until {one.until} {one.account_id}" for one in self.expiring)
        return frozenset(hashlib.sha256(text.encode()).hexdigest()[:16] for text in (*risks, *ends))

    def of(self, owner_id: str, name: str) -> Digest:
        """What concerns one owner: their accounts, and the tasks that they have."""
        return replace(
            self,
            moved=tuple(one for one in self.moved if one.owner_id == owner_id),
            tasks=tuple(one for one in self.tasks if one.owner_id == owner_id),
            at_risk=tuple(one for one in self.at_risk if one.owner_id == owner_id),
            expiring=tuple(one for one in self.expiring if one.owner_id == owner_id),
            reader=owner_id,
            reader_name=name,
        )

    @property
    def readers(self) -> tuple[str, ...]:
        """The owners whom anything of it concerns, by id."""
        every: tuple[Moved | DueTask | AtRisk | Expiring, ...] = (*self.moved, *self.tasks, *self.at_risk, *self.expiring)
        return tuple(sorted({one.owner_id for one in every} - {""}))


def week_of(day: date) -> str:
    """The week in which a digest is sent once: "2026-W48", from Monday to Sunday."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def end_of_week(day: date) -> date:
    """The Sunday up to which tasks are of this week; on a weekend that of the coming one."""
    ahead = 6 - day.weekday()
    return day + timedelta(days=ahead + (7 if day.weekday() >= SATURDAY else 0))
