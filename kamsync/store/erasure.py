"""Erasing for good: one account on request, and what is older than the retention that the configuration names.

The cache is opened with secure_delete, so what is deleted is overwritten; the write-ahead log is emptied afterwards. What the
CRM still holds comes back with the next full pull, and what it no longer holds is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kamsync.model import STREAMS
from kamsync.store.database import Cache
from kamsync.store.kpis import forget_older

# Everything that says something about an account, with the column that names it. Line items hang on their opportunity.
_ABOUT_ACCOUNTS = (
    *((str(stream), record.account) for stream, record in STREAMS.items() if record.account),
    ("history", "account_id"),
    ("journal", "account_id"),
    ("task_ledger", "account_id"),
    ("held_back", "account_id"),
    ("kept", "account_id"),
    ("plan_notes", "account_id"),
    ("kpi_now", "account_id"),
    ("merges", "old_id"),
    ("merges", "new_id"),
)


def known_ids(cache: Cache, wanted: str) -> list[str]:
    """The ids under which an account is remembered, also one that the CRM has deleted: by id, or by its name at any time."""
    found = cache.connection.execute(
        "SELECT id FROM accounts WHERE id = ?1 OR name = ?1 COLLATE NOCASE"
        " UNION SELECT account_id FROM history WHERE account_id = ?1 OR name = ?1 COLLATE NOCASE"
        " UNION SELECT account_id FROM journal WHERE account_id = ?1 OR json_extract(intent, '$.name') = ?1 COLLATE NOCASE"
        " UNION SELECT account_id FROM held_back WHERE account_id = ?1 OR account = ?1 COLLATE NOCASE"
        " UNION SELECT account_id FROM task_ledger WHERE account_id = ?1",
        (wanted,),
    )
    return [account_id for (account_id,) in found]


def erase_account(cache: Cache, account_id: str) -> dict[str, int]:
    """Deletes everything about the account, and about those that were merged into it; rows deleted by table."""
    merged = cache.connection.execute("SELECT old_id FROM merges WHERE new_id = ?", (account_id,)).fetchall()
    ids = [account_id, *(old_id for (old_id,) in merged)]
    marks = ", ".join("?" * len(ids))
    counts: dict[str, int] = {}
    with cache.transaction() as connection:
        cache.outdate()
        numbers = f"(SELECT number FROM kpi_now WHERE account_id IN ({marks}))"
        counts["kpi_history"] = connection.execute(f"DELETE FROM kpi_history WHERE account IN {numbers}", ids).rowcount
        items = f"DELETE FROM line_items WHERE opportunity_id IN (SELECT id FROM opportunities WHERE account_id IN ({marks}))"
        counts["line_items"] = connection.execute(items, ids).rowcount
        for table, column in _ABOUT_ACCOUNTS:
            deleted = connection.execute(f"DELETE FROM {table} WHERE {column} IN ({marks})", ids).rowcount
            counts[table] = counts.get(table, 0) + deleted
    _empty_log(cache)
    return {table: count for table, count in counts.items() if count}


def erase_older(cache: Cache, before: datetime) -> int:
    """Deletes runs, their writes and decisions from before that moment; returns how many rows.

    Kept are what later runs still read: writes that nobody has settled, the last run of each kind and ending, each account's last
    moves while the CRM has the account.
    """
    moment = before.isoformat(timespec="seconds")
    deleted = 0
    with cache.transaction() as connection:
        for statement in _OLDER:
            deleted += connection.execute(statement, {"moment": moment, "day": moment[:10]}).rowcount
        deleted += forget_older(connection, before.date())
    if deleted:
        _empty_log(cache)
    return deleted


_OLDER: Iterable[str] = (
    "DELETE FROM journal WHERE outcome IS NOT NULL AND outcome NOT IN ('unknown', 'halved')"
    " AND run_id IN (SELECT run_id FROM runs WHERE started_at < :moment)",
    "DELETE FROM runs WHERE started_at < :moment AND status <> 'running'"
    " AND rowid NOT IN (SELECT max(rowid) FROM runs GROUP BY kind, status)"
    " AND run_id NOT IN (SELECT run_id FROM journal)",
    "DELETE FROM held_back WHERE list NOT IN (SELECT held FROM runs)",
    "DELETE FROM history WHERE as_of < :day AND (account_id NOT IN (SELECT id FROM accounts) OR settled AND id NOT IN"
    " (SELECT max(id) FROM history WHERE settled AND tier <> previous_tier GROUP BY account_id"
    "  UNION SELECT max(id) FROM history WHERE settled AND health IS NOT previous_health GROUP BY account_id"
    "  UNION SELECT max(id) FROM history WHERE settled GROUP BY account_id))",
    "DELETE FROM task_ledger WHERE account_id NOT IN (SELECT id FROM accounts)"
    " AND run_id NOT IN (SELECT run_id FROM runs WHERE started_at >= :moment)",
)


def _empty_log(cache: Cache) -> None:
    """What was deleted is still in the write-ahead log until it is written back."""
    cache.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
