"""Which note of this program is on which account, as far as is known: its id and its mark. The CRM's note itself is the truth.

What is here spares looking at every note in every run. `theirs`: a person edited or deleted it, so it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kamsync.note_text import NoteMark
from kamsync.store.database import Cache

NO_MARK = NoteMark("", "")
State = Literal["ours", "theirs", "none"]


@dataclass(frozen=True, slots=True)
class KnownNote:
    """`note_id` "" where the account has none; `state` of the mark "" where nobody has read it."""

    account_id: str
    note_id: str
    state: State
    mark: NoteMark = NO_MARK


def known_notes(cache: Cache) -> dict[str, KnownNote]:
    """By account id."""
    rows = cache.connection.execute("SELECT account_id, note_id, state, made_from, text FROM plan_notes")
    return {row[0]: KnownNote(row[0], row[1], row[2], NoteMark(row[3], row[4])) for row in rows}


def keep_notes(cache: Cache, notes: Iterable[KnownNote]) -> None:
    """What was seen or written; call it inside a transaction."""
    some = list(notes)
    if _moves_what_counts(cache, some):
        cache.outdate()
    cache.connection.executemany(
        "INSERT OR REPLACE INTO plan_notes (account_id, note_id, state, made_from, text) VALUES (?, ?, ?, ?, ?)",
        [(one.account_id, one.note_id, one.state, one.mark.state, one.mark.text) for one in some],
    )


def _moves_what_counts(cache: Cache, notes: Iterable[KnownNote]) -> bool:
    """Whether an activity becomes a note of ours, which is no engagement with the account, or is one no longer."""
    execute = cache.connection.execute
    for one in notes:
        row = execute("SELECT note_id FROM plan_notes WHERE account_id = ?", (one.account_id,)).fetchone()
        before = row[0] if row else ""
        moved = [note_id for note_id in (before, one.note_id) if note_id and before != one.note_id]
        if any(execute("SELECT 1 FROM activities WHERE id = ?", (note_id,)).fetchone() for note_id in moved):
            return True
    return False


def unlooked_accounts(cache: Cache) -> list[str]:
    """Accounts with a tier in the CRM of which nobody knows whether they have a note."""
    rows = cache.connection.execute(
        "SELECT id FROM accounts WHERE flag_tier IS NOT NULL AND flag_tier <> ''"
        " AND id NOT IN (SELECT account_id FROM plan_notes) ORDER BY id"
    )
    return [account_id for (account_id,) in rows]


def look_again_at_theirs(cache: Cache) -> None:
    """After a full pull: what a person did with a note is looked at anew, so that one who gives it back is heard.

    Call it inside a transaction.
    """
    if cache.connection.execute("DELETE FROM plan_notes WHERE state = 'theirs' AND note_id <> ''").rowcount:
        cache.outdate()
