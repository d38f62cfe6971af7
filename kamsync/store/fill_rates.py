"""How well the columns of a stream are filled, from the cache: for `kamsync mapping`, which shows what a field really holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kamsync.model import Stream
from kamsync.store.database import Cache


@dataclass(frozen=True, slots=True)
class Filled:
    """`known` of `records` rows hold a value; `example` is one of them, None where none does."""

    records: int
    known: int
    example: str | float | int | None


def load_filling(cache: Cache, stream: Stream, columns: Sequence[str]) -> dict[str, Filled]:
    """By column; a column that was never pulled is missing. Empty text counts as no value."""
    held = {row[1] for row in cache.connection.execute(f'PRAGMA table_info("{stream}")')}
    found = {}
    for name in columns:
        if name in held:
            counted = cache.connection.execute(
                f'SELECT count(*), count(nullif("{name}", \'\')), max(nullif("{name}", \'\')) FROM "{stream}"'
            )
            found[name] = Filled(*counted.fetchone())
    return found
