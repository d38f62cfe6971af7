"""Accounts as the cache has them: found by id or name, the flags that the CRM shows, where a merged one lives on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kamsync.errors import ConfigError
from kamsync.flags import FLAG_PREFIX, from_json, to_json
from kamsync.model import Stream, Value
from kamsync.printable import one_line
from kamsync.store.database import Cache

if TYPE_CHECKING:
    from kamsync.decide.assignees import Owner


def find_account(cache: Cache, wanted: str) -> tuple[str, str]:
    """(id, name) of the account with that id or name, or of the only one whose name begins or goes on so.

    Raises ConfigError where there is none, naming the nearest, or where there are several.
    """
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
            more = " …" if len(rows) > 5 else ""
            raise ConfigError(f"{one_line(wanted)!r} names several accounts: {listed}{more}", fix="Give the id.")
    names = [name for (name,) in connection.execute("SELECT name FROM accounts WHERE name IS NOT NULL LIMIT 20000")]
    near = get_close_matches(wanted, names, n=1)
    listing = "`kamsync accounts` lists them; `kamsync pull` refreshes the cache."
    hint = f"Did you mean {one_line(near[0])!r}?" if near else listing
    raise ConfigError(f"There is no account {one_line(wanted)!r} in the cache.", fix=hint)


def name_of(cache: Cache, account_id: str) -> str:
    """The account's name; its id where it has none."""
    row = cache.connection.execute("SELECT name FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return str(row[0]) if row and row[0] else account_id


def flags_of(cache: Cache, account_id: str, flags: Sequence[str]) -> dict[str, Value] | None:
    """What the CRM showed at the last pull, by flag, in the flags' types; None for an account that is not there."""
    columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in flags) or "1"
    row = cache.connection.execute(f"SELECT {columns} FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return None if row is None else {flag: from_json(flag, value) for flag, value in zip(flags, row, strict=False)}


def keep_flags(cache: Cache, account_id: str, flags: Mapping[str, Value]) -> None:
    """What the CRM shows now; call it inside a transaction. An account that is not in the cache stays out of it."""
    if not flags:
        return
    cache.outdate()
    names = ", ".join(f'"{FLAG_PREFIX}{flag}" = ?' for flag in flags)
    cache.connection.execute(f"UPDATE accounts SET {names} WHERE id = ?", (*map(_stored, flags.values()), account_id))


def _stored(value: Value) -> Value:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return to_json(value)  # type: ignore[no-any-return]  # dates become text, all else is what it was


def was_written(cache: Cache) -> bool:
    """Whether this program ever wrote to an account that the cache shows, from whatever machine."""
    found = cache.connection.execute("SELECT 1 FROM accounts WHERE flag_decided_tier IS NOT NULL LIMIT 1").fetchone()
    return found is not None


def latest_stamp(cache: Cache) -> str | None:
    """The latest `evaluated_at` that an account shows, as ISO text in UTC; None where none is stamped."""
    found: str | None = cache.connection.execute("SELECT max(flag_evaluated_at) FROM accounts").fetchone()[0]
    return found


def stamped_after(cache: Cache, moment: str) -> int:
    """How many accounts show an `evaluated_at` after that moment, given as the cache keeps them."""
    found: int = cache.connection.execute("SELECT count(*) FROM accounts WHERE flag_evaluated_at > ?", (moment,)).fetchone()[0]
    return found


def record_counts(cache: Cache) -> dict[str, int]:
    """Rows in the cache, by stream."""
    return {str(s): cache.connection.execute(f'SELECT count(*) FROM "{s}"').fetchone()[0] for s in Stream}


def tier_counts(cache: Cache) -> dict[str, int]:
    """Accounts by the tier that the CRM shows."""
    rows = cache.connection.execute("SELECT flag_tier, count(*) FROM accounts WHERE flag_tier IS NOT NULL GROUP BY 1 ORDER BY 1")
    return dict(rows.fetchall())


def owners(cache: Cache) -> list[Owner]:
    """The people of the CRM."""
    from kamsync.decide.assignees import Owner  # who explains one account names nobody

    rows = cache.connection.execute("SELECT id, name, email, is_active, manager_id FROM owners ORDER BY id")
    return [Owner(row[0], row[1] or "", row[2] or "", bool(row[3]), row[4] or "") for row in rows]


# -- merges --------------------------------------------------------------------------------------------------------------------


def note_merges(cache: Cache, merged: Iterable[tuple[str, str]], seen: date) -> None:
    """Remembers (old id, id that lives on) with a lost account's override; call it in the transaction that deletes it, before."""
    for old, new in merged:
        cache.connection.execute(
            "INSERT INTO merges (old_id, new_id, override, override_until, seen)"
            " SELECT ?1, ?2, max(flag_override), max(flag_override_until), ?3 FROM accounts WHERE id = ?1"
            " ON CONFLICT (old_id) DO UPDATE SET new_id = excluded.new_id",
            (old, new, seen.isoformat()),
        )
        cache.connection.execute("UPDATE merges SET new_id = ?2 WHERE new_id = ?1 AND old_id <> ?2", (old, new))


def merged_into(cache: Cache) -> dict[str, str]:
    """The id that each merged account lives on as."""
    return dict(cache.connection.execute("SELECT old_id, new_id FROM merges").fetchall())


def merged_on(cache: Cache) -> dict[str, date]:
    """The day on which the last merge into an account was seen, by the id that lives on."""
    rows = cache.connection.execute("SELECT new_id, max(seen) FROM merges GROUP BY new_id")
    return {account_id: date.fromisoformat(seen) for account_id, seen in rows}


def forget_inherited_overrides(cache: Cache, account_ids: Iterable[str] | None = None) -> None:
    """The override of a merged account counts until the survivor has one: those named, or all that the CRM shows with one.

    Call it inside a transaction. Without it, an override that a person clears would come back.
    """
    if account_ids is None:
        shown = "SELECT id FROM accounts WHERE coalesce(flag_override, '') <> ''"
        forgotten = cache.connection.execute(f"{_FORGET} AND new_id IN ({shown})").rowcount
    else:
        forgotten = cache.connection.executemany(f"{_FORGET} AND new_id = ?", [(one,) for one in account_ids]).rowcount
    if forgotten > 0:
        cache.outdate()


_FORGET = "UPDATE merges SET override = NULL WHERE override IS NOT NULL"
