"""The history as people read it: decisions that changed, and between them what an undo wrote back.

A decision stays in the history although its run was taken back, for it was made. That it no longer holds stands in the journal of
the undo, so both are told, in the order of their runs.
"""

from __future__ import annotations

from kamsync.store.database import Cache
from kamsync.store.history import COLUMNS, Remembered
from kamsync.store.schema import HAPPENED

UNDO = "undo"  # in place of the code of a decision
_NAMES = ", ".join(COLUMNS)
_BACK = "json_extract(j.intent, '$.fields.{}.to')"
_WROTE_BACK = {
    "account_id": "j.account_id",
    "name": "json_extract(j.intent, '$.name')",
    "as_of": "r.as_of",
    "run_id": "j.run_id",
    "tier": f"coalesce({_BACK.format('tier')}, 'none')",
    "previous_tier": "coalesce(json_extract(j.intent, '$.fields.tier.from'), 'none')",
    "code": f"'{UNDO}'",
    "score": _BACK.format("score"),
    "segment": _BACK.format("segment"),
    "health": _BACK.format("health"),
    "criteria_hash": "r.criteria_hash",
    "receipt": "''",
    "previous_health": "NULL",
    "previous_since": "NULL",
}
_HAPPENED = ", ".join(f"'{outcome}'" for outcome in HAPPENED)
# Of an entry of the history: an undo, itself in force, wrote its account back.
TAKEN_BACK = (
    "EXISTS (SELECT 1 FROM runs r JOIN journal j ON j.run_id = r.run_id"
    " WHERE r.undoes = history.run_id AND j.account_id = history.account_id AND j.op = 'update_account'"
    f" AND j.outcome IN ({_HAPPENED})"
    " AND NOT EXISTS (SELECT 1 FROM runs again WHERE again.undoes = r.run_id AND again.status IN ('done', 'partial')))"
)
# `place` orders within a run; runs that were erased from the list are the oldest.
_TOLD = (
    f"WITH told AS (SELECT {_NAMES}, id AS place, 1 AS decided FROM history WHERE settled"
    f" UNION ALL SELECT {', '.join(_WROTE_BACK[name] for name in COLUMNS)}, j.seq, 0"
    " FROM runs r JOIN journal j ON j.run_id = r.run_id"
    f" WHERE r.undoes <> '' AND j.op = 'update_account' AND j.outcome IN ({_HAPPENED})"
    " AND json_type(j.intent, '$.fields.tier') IS NOT NULL)"
)
_RUN = "coalesce((SELECT rowid FROM runs WHERE runs.run_id = told.run_id), 0)"
_MOVED = "tier <> previous_tier"


def told_history_of(cache: Cache, account_id: str, limit: int) -> list[Remembered]:
    """One account's decisions and what undos made of them, newest first; behind its own those of accounts merged into it."""
    rows = cache.connection.execute(
        f"{_TOLD} SELECT {_NAMES} FROM told"
        " WHERE account_id = ?1 OR account_id IN (SELECT old_id FROM merges WHERE new_id = ?1)"
        f" ORDER BY account_id = ?1 DESC, {_RUN} DESC, place DESC LIMIT ?2",
        (account_id, limit),
    )
    return [Remembered(*row) for row in rows]


def told_moves(cache: Cache, limit: int) -> list[Remembered]:
    """The latest tier changes of the portfolio: the newest day first, on it the last run, and of a run the highest score."""
    # Of runs that were erased the last entry tells which came later: two may share the second that their ids tell.
    order = f"as_of DESC, {_RUN} DESC, max(place) OVER (PARTITION BY run_id) DESC, score IS NULL, score DESC, name, place DESC"
    rows = cache.connection.execute(f"{_TOLD} SELECT {_NAMES} FROM told WHERE {_MOVED} ORDER BY {order} LIMIT ?", (limit,))
    return [Remembered(*row) for row in rows]


def count_told(cache: Cache, account_id: str | None) -> int:
    """How many entries `told_history_of` that account, or without one `told_moves`, has in all."""
    which = _MOVED if account_id is None else "account_id = ?1 OR account_id IN (SELECT old_id FROM merges WHERE new_id = ?1)"
    given = () if account_id is None else (account_id,)
    found: int = cache.connection.execute(f"{_TOLD} SELECT count(*) FROM told WHERE {which}", given).fetchone()[0]
    return found
