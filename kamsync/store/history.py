"""Decisions that changed: kept with their receipt, so that `history` and `explain` can say what moved since the last one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any

from kamsync.decide import moves
from kamsync.store.database import Cache


@dataclass(frozen=True, slots=True)
class Remembered:
    """One decision as it was. `receipt` is the text of the JSON that explain prints: a first run keeps a hundred thousand.

    `previous_since`: the day on which the account had taken the tier before, as the CRM showed it.
    """

    account_id: str
    name: str
    as_of: str
    run_id: str
    tier: str
    previous_tier: str
    code: str
    score: float | None
    segment: str | None
    health: str | None
    criteria_hash: str
    receipt: str
    previous_health: str | None = None
    previous_since: str | None = None

    @property
    def contributions(self) -> list[Mapping[str, Any]]:
        """What each criterion had brought."""
        return list(json.loads(self.receipt)["contributions"])


_COLUMNS = (
    "account_id, name, as_of, run_id, tier, previous_tier, code, score, segment, health, criteria_hash, receipt, previous_health,"
    " previous_since"
)
_ROW = attrgetter(*_COLUMNS.split(", "))


def remember(cache: Cache, decisions: Iterable[Remembered], *, settled: bool) -> None:
    """Adds decisions, `settled` where the CRM has taken them; call it inside a transaction."""
    cache.connection.executemany(
        f"INSERT INTO history (settled, {_COLUMNS}) VALUES ({int(settled)}, {', '.join('?' * len(_COLUMNS.split(', ')))})",
        [_ROW(decision) for decision in decisions],
    )


def settle_history(cache: Cache, run_id: str, account_ids: Iterable[str], *, happened: bool) -> None:
    """What became of the decisions that a run was about to write; call it inside a transaction."""
    sql = "UPDATE history SET settled = 1" if happened else "DELETE FROM history"
    cache.connection.executemany(
        f"{sql} WHERE run_id = ? AND account_id = ? AND NOT settled", [(run_id, account_id) for account_id in account_ids]
    )


def history_of(cache: Cache, account_id: str, limit: int = 100) -> list[Remembered]:
    """One account's decisions, newest first; behind its own those of accounts that were merged into it."""
    rows = cache.connection.execute(
        f"SELECT {_COLUMNS} FROM history WHERE settled"
        " AND (account_id = ?1 OR account_id IN (SELECT old_id FROM merges WHERE new_id = ?1))"
        " ORDER BY account_id = ?1 DESC, id DESC LIMIT ?2",
        (account_id, limit),
    )
    return [_remembered(row) for row in rows]


def recent_moves(cache: Cache, limit: int = 100) -> list[Remembered]:
    """The latest tier changes of the portfolio: the newest day first, on it the last run, and of a run the highest score."""
    # A run's id tells its second, and two may share one: its last entry tells which came later.
    order = "as_of DESC, max(id) OVER (PARTITION BY run_id) DESC, score IS NULL, score DESC, name, id DESC"
    rows = cache.connection.execute(
        f"SELECT {_COLUMNS} FROM history WHERE settled AND tier <> previous_tier ORDER BY {order} LIMIT ?", (limit,)
    )
    return [_remembered(row) for row in rows]


def whole_history(cache: Cache) -> list[Remembered]:
    """Every decision that the CRM has taken, oldest first."""
    return [_remembered(row) for row in cache.connection.execute(f"SELECT {_COLUMNS} FROM history WHERE settled ORDER BY id")]


def count_history(cache: Cache, account_id: str | None = None) -> int:
    """How many entries `history_of` that account, or without one `recent_moves`, has in all."""
    which = "tier <> previous_tier" if account_id is None else "account_id = ?"
    given = () if account_id is None else (account_id,)
    found: int = cache.connection.execute(f"SELECT count(*) FROM history WHERE settled AND {which}", given).fetchone()[0]
    return found


def _remembered(row: tuple[Any, ...]) -> Remembered:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Remembered(**named)


def flaps(cache: Cache) -> list[tuple[str, str, int]]:
    """(account id, name, tier changes) of the accounts that changed tier more than once, most often first."""
    return cache.connection.execute(
        "SELECT account_id, max(name), count(*) FROM history WHERE settled AND tier <> previous_tier"
        " GROUP BY account_id HAVING count(*) > 1 ORDER BY count(*) DESC, account_id LIMIT 100"
    ).fetchall()


def recent_moves_by_account(db: sqlite3.Connection) -> dict[str, moves.Remembered]:
    """The last move between tiers, and the last change of health, of every account that has a history."""
    found: dict[str, dict[str, Any]] = {}
    columns = "account_id, as_of, tier, previous_tier, previous_since, health, previous_health"
    rows = db.execute(f"SELECT {columns} FROM history WHERE settled ORDER BY id")
    for account_id, as_of, tier, previous_tier, previous_since, health, previous_health in rows:
        last = found.setdefault(account_id, {})
        if tier != previous_tier:
            came_from = date.fromisoformat(previous_since) if previous_since else None
            last |= {"tier": tier, "previous_tier": previous_tier}
            last |= {"moved_on": date.fromisoformat(as_of), "previous_since": came_from}
        if health != previous_health:
            last |= {"health": health, "previous_health": previous_health, "health_moved_on": date.fromisoformat(as_of)}
    return {account_id: moves.Remembered(**last) for account_id, last in found.items()}
