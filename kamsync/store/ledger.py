"""NEW MODULE"""

from __future__ import annotations

from datetime import date

from kamsync.decide.tasks import CreatedTask
from kamsync.store.database import Cache


def ledger_keys(cache: Cache) -> set[str]:
    """Every key that this cache has seen or made."""
    keys = {row[0] for row in cache.connection.execute("SELECT key FROM task_ledger")}
    return keys | {row[0] for row in cache.connection.execute("SELECT key FROM tasks")}


def created_tasks(cache: Cache) -> dict[str, CreatedTask]:
    """Open tasks as this program made them, by key."""
    rows = cache.connection.execute("SELECT key, owner_id, subject, due FROM task_ledger WHERE status = 'created'")
    return {key: CreatedTask(owner, subject, date.fromisoformat(due)) for key, owner, subject, due in rows}
