"""What runs held back: every write that one chose not to make, with its reason, for `runs show` and `/metrics`.

Nights hold back the same things as a rule (tasks that wait for their turn, people's own edits), so a list is kept once and
named by its content: a run every quarter of an hour does not fill the cache with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from kamsync.decide.plan import HeldBack
from kamsync.store.database import Cache

_COLUMNS = "account_id, account, what, reason, key, waits"


def keep_held(cache: Cache, run_id: str, held: Sequence[HeldBack]) -> None:
    """Notes what a run held back, in its order."""
    rows = [(one.account_id, one.name, one.what, one.reason, one.key, int(one.waits)) for one in held]
    name = hashlib.sha256(json.dumps(rows).encode()).hexdigest() if rows else ""
    with cache.transaction() as connection:
        connection.execute("UPDATE runs SET held = ? WHERE run_id = ?", (name, run_id))
        # Those that are there already stay; what `forget` has taken out of an earlier list is there again.
        connection.executemany(
            f"INSERT OR IGNORE INTO held_back (list, seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(name, seq, *row) for seq, row in enumerate(rows, start=1)],
        )


def held_of(cache: Cache, run_id: str) -> list[HeldBack]:
    """What the run held back, in its order."""
    rows = cache.connection.execute(
        f"SELECT {_COLUMNS} FROM held_back WHERE list = (SELECT held FROM runs WHERE run_id = ?) ORDER BY seq", (run_id,)
    )
    return [HeldBack(account_id, name, what, reason, key, bool(waits)) for account_id, name, what, reason, key, waits in rows]


def held_reasons(cache: Cache, run_id: str, most: int) -> dict[str, int]:
    """How many writes the run held back for each reason, the most frequent first, and no more than `most` reasons."""
    rows = cache.connection.execute(
        "SELECT reason, count(*) FROM held_back WHERE list = (SELECT held FROM runs WHERE run_id = ?)"
        " GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ?",
        (run_id, most),
    )
    return dict(rows.fetchall())
