"""Finding one account of the cache by id or name, and evaluating the cache for the commands that only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from difflib import get_close_matches

from kamsync.cli.session import Session
from kamsync.errors import ConfigError
from kamsync.run.sync import today
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation


@contextmanager
def evaluated(session: Session, as_of: date | None = None) -> Iterator[Evaluation]:
    """The programme's decisions over the cache as it is."""
    with session.cache(must_exist=True):
        pass  # brings an older cache to this version's schema before it is read
    day = as_of or today(session.config, datetime.now(UTC))
    with Evaluation(session.config.cache_path, session.config.program, day) as evaluation:
        yield evaluation


def find_account(cache: Cache, wanted: str) -> tuple[str, str]:
    """(id, name) of the account with that id or name, or of the only one whose name begins or goes on so."""
    connection = cache.connection
    row = connection.execute("SELECT id, name FROM accounts WHERE id = ?1 OR substr(id, 1, 15) = ?1", (wanted,)).fetchone()
    if row:
        return row[0], row[1]
    for pattern in (wanted, f"{wanted}%", f"%{wanted}%"):
        rows = connection.execute("SELECT id, name FROM accounts WHERE name LIKE ? ORDER BY name LIMIT 6", (pattern,)).fetchall()
        if len(rows) == 1:
            return rows[0][0], rows[0][1]
        if rows:
            listed = "; ".join(f"{name} ({account_id})" for account_id, name in rows[:5])
            raise ConfigError(f"{wanted!r} names several accounts: {listed}{' …' if len(rows) > 5 else ''}", fix="Give the id.")
    names = [name for (name,) in connection.execute("SELECT name FROM accounts WHERE name IS NOT NULL LIMIT 20000")]
    near = get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "`kamsync accounts` lists them; `kamsync pull` refreshes the cache."
    raise ConfigError(f"There is no account {wanted!r} in the cache.", fix=hint)
