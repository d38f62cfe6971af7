"""Decisions that changed: kept with their receipt, so that `history` and `explain` can say what moved since the last one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kamsync.store.database import Cache


@dataclass(frozen=True, slots=True)
class Remembered:
    """One decision as it was. `receipt` is the text of the JSON that explain prints: a first run keeps a hundred thousand."""

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

    @property
    def contributions(self) -> list[Mapping[str, Any]]:
        """What each criterion had brought."""
        return list(json.loads(self.receipt)["contributions"])


_COLUMNS = "account_id, name, as_of, run_id, tier, previous_tier, code, score, segment, health, criteria_hash, receipt"


def remember(cache: Cache, decisions: Iterable[Remembered]) -> None:
    """Adds decisions; call it inside a transaction."""
    cache.connection.executemany(
        f"INSERT INTO history ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                d.account_id,
                d.name,
                d.as_of,
                d.run_id,
                d.tier,
                d.previous_tier,
                d.code,
                d.score,
                d.segment,
                d.health,
                d.criteria_hash,
                d.receipt,
            )
            for d in decisions
        ],
    )


def history_of(cache: Cache, account_id: str, limit: int = 100) -> list[Remembered]:
    """One account's decisions, newest first."""
    rows = cache.connection.execute(
        f"SELECT {_COLUMNS} FROM history WHERE account_id = ? ORDER BY id DESC LIMIT ?", (account_id, limit)
    )
    return [_remembered(row) for row in rows]


def recent_moves(cache: Cache, limit: int = 100) -> list[Remembered]:
    """The latest tier changes of the portfolio, newest first."""
    rows = cache.connection.execute(
        f"SELECT {_COLUMNS} FROM history WHERE tier <> previous_tier ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [_remembered(row) for row in rows]


def _remembered(row: tuple[Any, ...]) -> Remembered:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Remembered(**named)


def flaps(cache: Cache) -> list[tuple[str, str, int]]:
    """(account id, name, tier changes) of the accounts that changed tier more than once, most often first."""
    return cache.connection.execute(
        "SELECT account_id, max(name), count(*) FROM history WHERE tier <> previous_tier"
        " GROUP BY account_id HAVING count(*) > 1 ORDER BY count(*) DESC, account_id LIMIT 100"
    ).fetchall()
