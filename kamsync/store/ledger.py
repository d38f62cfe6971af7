"""The ledger of tasks: which keys exist, and how this program made its own. What the CRM shows joins what it has forgotten.

A key that stands here or in the CRM is never made again; only undo takes one out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kamsync.decide.entries import inherited_keys, keys_by_account
from kamsync.decide.plan import CreateTask
from kamsync.decide.task_values import CreatedTask, ExistingTask
from kamsync.decide.turns import SeenTask
from kamsync.model.exchange import Outcome, TaskSeen
from kamsync.store.accounts import merged_into
from kamsync.store.database import Cache

# created: by this program, whole. loose: its account is missing. existed: somebody's key was there before ours. closed: by us.
Status = Literal["created", "loose", "existed", "closed"]


@dataclass(frozen=True, slots=True)
class Made:
    """A task as this program made it, or found it while making it."""

    key: str
    account_id: str
    task_id: str
    owner_id: str
    subject: str
    due: date
    status: Status
    run_id: str


def made_from(task: CreateTask, outcome: Outcome, run_id: str) -> Made | None:
    """What the ledger keeps of one creation; None where nothing is known to exist."""
    if outcome.status in ("done", "existed"):
        status: Status = "created" if outcome.status == "done" else "existed"
    elif outcome.record_id:
        status = "loose"  # it exists, but not whole
    else:
        return None
    return Made(task.key, task.account_id, outcome.record_id, task.owner_id, task.subject, task.due, status, run_id)


def keep_made(cache: Cache, tasks: Iterable[Made]) -> None:
    """Adds tasks, whose keys are taken from now on; call it inside a transaction."""
    rows = [(t.key, t.account_id, t.task_id, t.owner_id, t.subject, t.due.isoformat(), t.status, t.run_id) for t in tasks]
    cache.connection.executemany(
        "INSERT OR REPLACE INTO task_ledger (key, account_id, task_id, owner_id, subject, due, status, run_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def keep_seen(cache: Cache, key: str, task: TaskSeen) -> None:
    """The cache shows a task that was looked up, though no pull has brought it yet: an index may hide it for a while.

    Call it inside a transaction.
    """
    cache.connection.execute(
        "INSERT OR IGNORE INTO tasks (id, key, account_id, owner_id, subject, due, is_open, is_deleted, _pull)"
        " SELECT ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(_pull), 0) FROM tasks",
        (
            task.task_id,
            key,
            task.account_id,
            task.owner_id,
            task.subject,
            task.due and task.due.isoformat(),
            task.is_open,
            task.is_deleted,
        ),
    )


def mark_closed(cache: Cache, keys: Iterable[str]) -> None:
    """These tasks were closed by this program; call it inside a transaction."""
    some = [(key,) for key in keys]
    cache.connection.executemany("UPDATE task_ledger SET status = 'closed' WHERE key = ?", some)
    cache.connection.executemany("UPDATE tasks SET is_open = 0 WHERE key = ?", some)


def mark_reassigned(cache: Cache, owners: Iterable[tuple[str, str]]) -> None:
    """These tasks, as (key, owner id), are another person's by this program's hand; call it inside a transaction."""
    some = [(owner_id, key) for key, owner_id in owners]
    cache.connection.executemany("UPDATE task_ledger SET owner_id = ? WHERE key = ?", some)
    cache.connection.executemany("UPDATE tasks SET owner_id = ? WHERE key = ?", some)


def mark_attached(cache: Cache, accounts: Iterable[tuple[str, str]]) -> None:
    """These tasks, as (key, account id), hang on their account now; call it inside a transaction."""
    some = [(account_id, key) for key, account_id in accounts]
    cache.connection.executemany("UPDATE task_ledger SET status = 'created' WHERE ? <> '' AND key = ? AND status = 'loose'", some)
    cache.connection.executemany("UPDATE tasks SET account_id = ? WHERE key = ?", some)


def follow_merges(cache: Cache, merged: Iterable[tuple[str, str]]) -> None:
    """Tasks made for (old id, id that lives on) belong to the survivor; call it inside a transaction."""
    some = [(new, old) for old, new in merged]
    cache.connection.executemany("UPDATE task_ledger SET account_id = ? WHERE account_id = ?", some)


def free_keys(cache: Cache, keys: Iterable[str]) -> None:
    """Undo removed these tasks: their keys may be made again; call it inside a transaction."""
    some = [(key,) for key in keys]
    cache.connection.executemany("UPDATE journal SET outcome = 'done' WHERE ref = ? AND outcome = 'halved'", some)
    cache.connection.executemany("DELETE FROM task_ledger WHERE key = ?", some)
    cache.connection.executemany("DELETE FROM tasks WHERE key = ?", some)


def known_keys(cache: Cache) -> set[str]:
    """Every key that exists or existed, those of merged accounts also as keys of the account that lives on."""
    return keys_by_account(_keys_with_accounts(cache))


def keys_of_the_merged(cache: Cache) -> set[str]:
    """Of `known_keys` those that count as an account's own, though they were made for one that was merged into it."""
    return inherited_keys(_keys_with_accounts(cache))


def _keys_with_accounts(cache: Cache) -> Iterator[tuple[str, str]]:
    lives_on = merged_into(cache)
    rows = cache.connection.execute("SELECT key, account_id FROM tasks UNION ALL SELECT key, account_id FROM task_ledger")
    return ((key, lives_on.get(account_id or _named(key), account_id or "")) for key, account_id in rows if key)


def _named(key: str) -> str:
    return key.rpartition(":")[2]


def created_tasks(cache: Cache) -> dict[str, CreatedTask]:
    """Open tasks as this program made them, by key."""
    rows = cache.connection.execute("SELECT key, owner_id, subject, due FROM task_ledger WHERE status = 'created'")
    return {key: CreatedTask(owner, subject, date.fromisoformat(due)) for key, owner, subject, due in rows}


def open_tasks(cache: Cache) -> Iterator[ExistingTask]:
    """This program's open tasks as the CRM showed them at the last pull."""
    yield from _existing(cache, "t.is_open AND t.account_id IS NOT NULL AND t.account_id <> ''")


def seen_tasks(cache: Cache) -> list[SeenTask]:
    """Every task of this program, open, done or gone: as the CRM shows it, else as the ledger has it."""
    lives_on = merged_into(cache)
    rows = cache.connection.execute(
        "SELECT key, account_id, owner_id, due, is_open AND NOT coalesce(is_deleted, 0),"
        " NOT is_open AND NOT coalesce(is_deleted, 0) FROM tasks WHERE key IS NOT NULL"
        " UNION ALL SELECT key, account_id, owner_id, due, 0, status = 'closed' FROM task_ledger"
        " WHERE key NOT IN (SELECT key FROM tasks WHERE key IS NOT NULL) ORDER BY 1"
    )
    return [
        SeenTask(
            key,
            lives_on.get(account_id or _named(key), account_id or ""),
            owner_id or "",
            date.fromisoformat(due) if due else None,
            bool(is_open),
            bool(is_done),
        )
        for key, account_id, owner_id, due, is_open, is_done in rows
        if key
    ]


@dataclass(frozen=True, slots=True)
class ShownTask(ExistingTask):
    """A task of this program for people: as the CRM showed it at the last pull, else as the ledger has it since."""

    is_done: bool


def shown_tasks(cache: Cache, account_id: str | None = None) -> list[ShownTask]:
    """Every task, or those of one account, by due day; one that no pull has brought yet is as this program left it."""
    lives_on = merged_into(cache)
    rows = cache.connection.execute(
        "SELECT key, id, account_id, owner_id, subject, due, is_open AND NOT coalesce(is_deleted, 0) AS open_now,"
        " NOT is_open AND NOT coalesce(is_deleted, 0) FROM tasks WHERE key IS NOT NULL"
        " UNION ALL SELECT key, task_id, account_id, owner_id, subject, due, status <> 'closed', status = 'closed'"
        " FROM task_ledger WHERE key NOT IN (SELECT key FROM tasks WHERE key IS NOT NULL) ORDER BY 6, 1"
    )
    found = (
        ShownTask(
            key,
            task_id or "",
            lives_on.get(account or _named(key), account or ""),
            owner or "",
            subject or "",
            date.fromisoformat(due) if due else None,
            bool(is_open),
            bool(is_done),
        )
        for key, task_id, account, owner, subject, due, is_open, is_done in rows
        if key
    )
    return [task for task in found if account_id is None or task.account_id == account_id]


def loose_tasks(cache: Cache) -> Iterator[ExistingTask]:
    """Tasks that hang on no account: those of which it is known that they never did, and open ones of which nobody knows.

    Of any other a person took the account off.
    """
    never, unknown = "l.status = 'loose'", "t.is_open AND coalesce(l.status, 'existed') = 'existed'"
    yield from _existing(cache, f"coalesce(t.account_id, '') = '' AND ({never} OR {unknown})")


def _existing(cache: Cache, condition: str) -> Iterator[ExistingTask]:
    rows = cache.connection.execute(
        "SELECT t.key, t.id, t.account_id, t.owner_id, t.subject, t.due, t.is_open FROM tasks t"
        " LEFT JOIN task_ledger l ON l.key = t.key"
        f" WHERE NOT coalesce(t.is_deleted, 0) AND t.key IS NOT NULL AND {condition} ORDER BY t.key"
    )
    for key, task_id, account_id, owner_id, subject, due, is_open in rows:
        day = date.fromisoformat(due) if due else None
        yield ExistingTask(key, task_id, account_id or "", owner_id or "", subject or "", day, bool(is_open))


def task_counts(cache: Cache) -> dict[str, int]:
    """Tasks of the ledger by status."""
    return dict(cache.connection.execute("SELECT status, count(*) FROM task_ledger GROUP BY 1 ORDER BY 1").fetchall())
