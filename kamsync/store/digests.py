"""Which digests went out: one row a channel and reader, the last one. It is noted before it is sent, so that none goes out twice.

`said` holds hashes, not ids, of what a digest told besides moves: what still stands is not told again after every run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from kamsync.store.database import Cache
from kamsync.store.told_history import TAKEN_BACK

# sending: begun, and nobody has said how it ended. unknown: it was cut short, which has been told.
State = Literal["sending", "sent", "unknown"]


@dataclass(frozen=True, slots=True)
class Told:
    """The last digest of one channel and reader. `since` and `upto`: entries of the history, the first excluded."""

    channel: str
    reader: str
    period: str
    since: int
    upto: int
    said: frozenset[str]
    state: State
    at: datetime


@dataclass(frozen=True, slots=True)
class NetMove:
    """Where an account stood before the first of some decisions, and after the last of them."""

    account_id: str
    name: str
    before: str
    tier: str
    code: str


def told_last(cache: Cache, channel: str, reader: str) -> Told | None:
    """The last digest that went to that channel for that reader ("" the programme); None before the first."""
    row = cache.connection.execute(
        "SELECT channel, reader, period, since, upto, said, state, at FROM digests WHERE channel = ? AND reader = ?",
        (channel, reader),
    ).fetchone()
    if row is None:
        return None
    channel, reader, period, since, upto, said, state, at = row
    return Told(channel, reader, period, since, upto, frozenset(json.loads(said)), state, datetime.fromisoformat(at))


def claim(cache: Cache, before: Told | None, now: Told) -> bool:
    """Notes that `now` is about to be sent; False where another process has noted one since `before` was read."""
    with cache.transaction():
        if told_last(cache, now.channel, now.reader) != before:
            return False
        _keep(cache, now)
    return True


def settle(cache: Cache, told: Told, state: State) -> None:
    """How it ended."""
    with cache.transaction() as connection:
        connection.execute("UPDATE digests SET state = ? WHERE channel = ? AND reader = ?", (state, told.channel, told.reader))


def take_back(cache: Cache, told: Told, before: Told | None) -> None:
    """It was not taken: the next time it is due still."""
    with cache.transaction() as connection:
        connection.execute("DELETE FROM digests WHERE channel = ? AND reader = ?", (told.channel, told.reader))
        if before is not None:
            _keep(cache, before)


def _keep(cache: Cache, told: Told) -> None:
    cache.connection.execute(
        "INSERT OR REPLACE INTO digests (channel, reader, period, since, upto, said, state, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            told.channel,
            told.reader,
            told.period,
            told.since,
            told.upto,
            json.dumps(sorted(told.said)),
            told.state,
            told.at.isoformat(timespec="seconds"),
        ),
    )


def oldest_entry_told(cache: Cache) -> int | None:
    """From where the digest tells that went back farthest; None where none went out."""
    found: int | None = cache.connection.execute("SELECT min(since) FROM digests").fetchone()[0]
    return found


def entry_before(cache: Cache, day: date) -> int:
    """The last entry of the history from before that day, 0 where there is none."""
    found: int = cache.connection.execute(
        "SELECT coalesce(max(id), 0) FROM history WHERE as_of < ?", (day.isoformat(),)
    ).fetchone()[0]
    return found


def last_settled_entry(cache: Cache) -> int:
    """The last entry of the history before the first of which nobody knows yet whether the CRM has taken it."""
    found: int = cache.connection.execute(
        "SELECT coalesce((SELECT min(id) - 1 FROM history WHERE NOT settled), max(id), 0) FROM history"
    ).fetchone()[0]
    return found


def moves_between(cache: Cache, since: int, upto: int) -> list[NetMove]:
    """What the entries after `since` up to `upto` came to, by account; who is back where it was, also by an undo, is left out."""
    rows = cache.connection.execute(
        "SELECT account_id, name, previous_tier, tier, code FROM history"
        f" WHERE settled AND tier <> previous_tier AND id > ? AND id <= ? AND NOT {TAKEN_BACK} ORDER BY id",
        (since, upto),
    )
    found: dict[str, NetMove] = {}
    for account_id, name, before, tier, code in rows:
        first = found.get(account_id)
        found[account_id] = NetMove(account_id, name or account_id, first.before if first else before, tier, code)
    return [move for move in found.values() if move.before != move.tier]
