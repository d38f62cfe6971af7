"""Decisions that changed: kept with their receipt, so that `history` and `explain` can say what moved since the last one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from kamsync.store.database import Cache

if TYPE_CHECKING:
    from kamsync.decide import moves


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


COLUMNS = tuple(field.name for field in fields(Remembered))
_COLUMNS = ", ".join(COLUMNS)
_ROW = attrgetter(*COLUMNS)


def remember(cache: Cache, decisions: Iterable[Remembered], *, settled: bool) -> None:
    """Adds decisions, `settled` where the CRM has taken them; call it inside a transaction."""
    cache.connection.executemany(
        f"INSERT INTO history (settled, {_COLUMNS}) VALUES ({int(settled)}, {', '.join('?' * len(COLUMNS))})",
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
    return [Remembered(*row) for row in rows]


def whole_history(cache: Cache) -> list[Remembered]:
    """Every decision that the CRM has taken, oldest first."""
    return [Remembered(*row) for row in cache.connection.execute(f"SELECT {_COLUMNS} FROM history WHERE settled ORDER BY id")]


def flaps(cache: Cache) -> list[tuple[str, str, int]]:
    """(account id, name, tier changes) of the accounts that changed tier more than once, most often first."""
    return cache.connection.execute(
        "SELECT account_id, max(name), count(*) FROM history WHERE settled AND tier <> previous_tier"
        " GROUP BY account_id HAVING count(*) > 1 ORDER BY count(*) DESC, account_id LIMIT 100"
    ).fetchall()


def recent_moves_by_account(db: sqlite3.Connection) -> dict[str, moves.LastMoves]:
    """The last move between tiers, and the last change of health, of every account that has a history."""
    from kamsync.decide import moves  # only planning asks

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
    return {account_id: moves.LastMoves(**last) for account_id, last in found.items()}
