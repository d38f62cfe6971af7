"""Finding one account of the cache by id or name, and evaluating the cache for the commands that only read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from difflib import get_close_matches

from kamsync.cli.session import Session
from kamsync.decide.receipts import Receipt
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.run.moments import today
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.last_evaluation import keep_if_free, kept_receipt


@contextmanager
def evaluated(session: Session, as_of: date | None = None) -> Iterator[Evaluation]:
    """The programme's decisions over the cache as it is."""
    with session.cache(must_exist=True):
        pass  # brings an older cache to this version's schema before it is read
    day = as_of or today(session.config, datetime.now(UTC))
    with Evaluation(session.config.cache_path, session.config.program, day) as evaluation:
        yield evaluation


def receipt_of(session: Session, cache: Cache, account_id: str, as_of: date | None) -> Receipt:
    """One account's receipt: from what the last evaluation left, where it still holds; otherwise everyone is decided again."""
    program = session.config.program
    day = as_of or today(session.config, datetime.now(UTC))
    receipt = kept_receipt(cache, program, day, account_id)
    if receipt is None:
        with Evaluation(cache.path, program, day) as evaluation:
            receipt = evaluation.receipt(account_id)
            if as_of is None:
                keep_if_free(cache, evaluation, program, day)
    return receipt


def find_account(cache: Cache, wanted: str) -> tuple[str, str]:
    """(id, name) of the account with that id or name, or of the only one whose name begins or goes on so."""
    connection = cache.connection
    wanted = wanted.encode("utf-8", "replace").decode()  # an argument in another encoding
    row = connection.execute("SELECT id, name FROM accounts WHERE id = ?1 OR substr(id, 1, 15) = ?1", (wanted,)).fetchone()
    if row:
        return row[0], row[1]
    for pattern in (wanted, f"{wanted}%", f"%{wanted}%"):
        rows = connection.execute("SELECT id, name FROM accounts WHERE name LIKE ? ORDER BY name LIMIT 6", (pattern,)).fetchall()
        if len(rows) == 1:
            return rows[0][0], rows[0][1]
        if rows:
            listed = "; ".join(one_line(f"{name} ({account_id})") for account_id, name in rows[:5])
            raise ConfigError(
                f"{one_line(wanted)!r} names several accounts: {listed}{' …' if len(rows) > 5 else ''}", fix="Give the id."
            )
    names = [name for (name,) in connection.execute("SELECT name FROM accounts WHERE name IS NOT NULL LIMIT 20000")]
    near = get_close_matches(wanted, names, n=1)
    hint = (
        f"Did you mean {one_line(near[0])!r}?" if near else "`kamsync accounts` lists them; `kamsync pull` refreshes the cache."
    )
    raise ConfigError(f"There is no account {one_line(wanted)!r} in the cache.", fix=hint)


def name_of(cache: Cache, account_id: str) -> str:
    """The account's name; its id where it has none."""
    row = cache.connection.execute("SELECT name FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return str(row[0]) if row and row[0] else account_id
