"""The last evaluation of the cache, kept in it, so that one account is explained at once and not by deciding for all again.

What is kept belongs to one state of the cache, one programme and one day; for any other it is as if nothing were kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from kamsync import __version__
from kamsync.decide.decision import Capacity, Decision
from kamsync.decide.receipts import Receipt
from kamsync.decide.scoring import Scored
from kamsync.store.database import ACCOUNTS_AT_ONCE, Cache, without_waiting
from kamsync.store.known_program import KnownProgram, mark_of
from kamsync.store.readings import Readings
from kamsync.store.schema import Meta

if TYPE_CHECKING:
    from kamsync.decide.compiled import CompiledProgram
    from kamsync.store.evaluate import Evaluation


def keep(cache: Cache, evaluation: Evaluation, compiled: CompiledProgram, as_of: date) -> None:
    """Keeps what explaining any account needs. Raises CacheUnusable; then nothing counts as kept."""
    key = _key(evaluation.generation, mark_of(compiled.program), as_of)
    if cache.meta(Meta.LAST_EVALUATION) == key:
        return
    with cache.transaction() as connection:
        cache.set_meta(Meta.LAST_EVALUATION, "")
        connection.execute("DELETE FROM kept")
    bodies, kept = _bodies(evaluation), ACCOUNTS_AT_ONCE
    while kept == ACCOUNTS_AT_ONCE:
        with cache.transaction() as connection:  # one account after the other: a list of them would be the run's largest
            kept = connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", islice(bodies, ACCOUNTS_AT_ONCE)).rowcount
    with cache.transaction():
        cache.set_meta(Meta.LAST_EVALUATION, key)


def keep_if_free(cache: Cache, evaluation: Evaluation, compiled: CompiledProgram, as_of: date) -> None:
    """The same for a command that only reads: where a run is writing to the cache, or the disk is full, nothing is kept."""
    with without_waiting(cache):
        keep(cache, evaluation, compiled, as_of)


def kept_receipt(cache: Cache, known: KnownProgram, as_of: date, account_id: str) -> Receipt | None:
    """The receipt as deciding for all would give it now; None where that is not known."""
    connection = cache.connection
    if cache.meta(Meta.LAST_EVALUATION) != _key(cache.generation, known.mark, as_of):
        return None
    row: tuple[bytes] | None = connection.execute("SELECT body FROM kept WHERE account_id = ?", (account_id,)).fetchone()
    return None if row is None else _receipt(orjson.loads(row[0]), known)


def _key(generation: str, mark: str, as_of: date) -> str:
    return hashlib.sha256(f"{__version__} {generation} {as_of} {mark}".encode()).hexdigest()


def _bodies(evaluation: Evaluation) -> Iterator[tuple[str, bytes]]:
    for decision, scaled, unknown, row in evaluation.raw():
        yield decision.account_id, orjson.dumps((tuple(decision), scaled, unknown, row))  # nan becomes null


def _receipt(body: Sequence[Any], known: KnownProgram) -> Receipt:
    decided, scaled, unknown, row = body
    named = dict(zip(Decision._fields, decided, strict=True))
    for name in ("since", "until"):
        named[name] = named[name] and date.fromisoformat(named[name])
    for name in ("fired", "notes"):
        named[name] = tuple(named[name])
    named["capacity"] = named["capacity"] and Capacity(**named["capacity"])
    scored = [Scored(one, known=not missed) for one, missed in zip(scaled, unknown, strict=True)]
    return Readings(known.program.criteria, known.columns).receipt(Decision(**named), scored, row)
