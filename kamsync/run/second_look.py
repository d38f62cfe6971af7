"""A second look before writing: accounts and tasks that people, or another installation, changed after the plan looked.

They are held back, each with its reason, and so is what follows from them. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol, TypeVar

from kamsync.contract import Connection
from kamsync.decide.plan import CreateTask, HeldBack, Plan, UpdateAccount, WriteNote, account_name_of
from kamsync.flags import PEOPLES_WORD, same_value
from kamsync.model import Value
from kamsync.model.exchange import TaskRef, TaskSeen
from kamsync.store.accounts import flags_of
from kamsync.store.database import Cache

GUARDED_FLAGS = (*PEOPLES_WORD, "decided_tier")
STAMP = "evaluated_at"  # moves with every write of this program, and with nobody's hand
FOLLOWS = "its account's update did not go through, and it follows from that"
TOUCHED = "a person changed the task since the plan was made"
GONE = "the task is gone from the CRM"
NOTE = "account plan's note"


class _OnTask(Protocol):
    """A change of a task that exists."""

    @property
    def key(self) -> str: ...
    @property
    def task_id(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def account_name(self) -> str: ...
    @property
    def subject(self) -> str: ...


E = TypeVar("E", bound=_OnTask)


def changed_accounts(
    connection: Connection, cache: Cache, plan: Plan, mapped_flags: Collection[str]
) -> tuple[set[str], list[HeldBack]]:
    """Accounts, of those that get an update or a task, whose tier or override a person changed after the plan looked, or that
    another installation wrote; and the updates that are held back for that. Raises what the connector raises."""
    names = {c.account_id: account_name_of(c) for c in plan.changes if isinstance(c, UpdateAccount | CreateTask)}
    if not names:
        return set(), []
    flags = [flag for flag in (STAMP, *GUARDED_FLAGS) if flag in mapped_flags]
    shown = connection.fetch_accounts(list(names), flags)
    reasons = {account_id: _moved_on(cache, account_id, shown.get(account_id), flags) for account_id in names}
    changed = {account_id for account_id, reason in reasons.items() if reason}
    updates = changed & {change.account_id for change in plan.changes if isinstance(change, UpdateAccount)}
    return changed, [HeldBack(one, name, "account update", reasons[one]) for one, name in names.items() if one in updates]


def _moved_on(cache: Cache, account_id: str, shown: Mapping[str, Value] | None, flags: Sequence[str]) -> str:
    if shown is None:
        return "the account is gone from the CRM"
    known = flags_of(cache, account_id, flags) or {}
    for flag in flags:
        if flag in shown and flag in known and not same_value(shown[flag], known[flag]):
            who = "another kamsync wrote it" if flag == STAMP else f"a person changed {flag}"
            return f"{who} since the plan was made; the next run takes it into account"
    return ""


def following(changes: Iterable[CreateTask | WriteNote], accounts: Collection[str]) -> Iterator[HeldBack]:
    """Those of the changes that follow from an update of these accounts, which was held back or refused."""
    for change in changes:
        if change.account_id in accounts:
            what, key = (f'task "{change.subject}"', change.key) if isinstance(change, CreateTask) else (NOTE, "")
            yield HeldBack(change.account_id, change.account_name, what, FOLLOWS, key, waits=True)


def untouched(
    connection: Connection, changes: Sequence[E], expected: Callable[[E], tuple[str, str, date | None]]
) -> tuple[list[E], list[HeldBack]]:
    """The changes of tasks that are as `expected` (owner, subject, due) and open; the others with their reason.

    Raises what the connector raises.
    """
    if not changes:
        return [], []
    seen = connection.fetch_tasks([TaskRef(change.key, change.task_id) for change in changes], with_accounts=False)
    kept: list[E] = []
    held: list[HeldBack] = []
    for change in changes:
        reason = _touched(seen.get(change.key), expected(change))
        if reason:
            held.append(HeldBack(change.account_id, change.account_name, f'task "{change.subject}"', reason, change.key))
        else:
            kept.append(change)
    return kept, held


def _touched(seen: TaskSeen | None, expected: tuple[str, str, date | None]) -> str:
    if seen is None or seen.is_deleted:
        return GONE
    return "" if seen.is_open and (seen.owner_id, seen.subject, seen.due) == expected else TOUCHED
