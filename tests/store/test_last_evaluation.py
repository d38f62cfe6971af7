"""What an evaluation leaves behind explains any account as deciding for everyone would, and only while that is still true."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.model.exchange import Identity
from kamsync.store.accounts import forget_inherited_overrides, keep_flags, note_merges
from kamsync.store.database import Cache, open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.known_program import known_of
from kamsync.store.last_evaluation import keep, keep_if_free, kept_receipt
from kamsync.store.notes import KnownNote, keep_notes
from kamsync.store.origin import note_pull
from kamsync.store.runs import finish_run, start_run
from kamsync.store.schema import Meta
from tests.store.oracle import AS_OF, random_program, random_world


def a_decided_cache(path: Path, seed: int = 1) -> CompiledProgram:
    """A random world, its programme, and its evaluation kept."""
    rng = random.Random(seed)
    world = random_world(rng)
    program = compile_program(dataclasses.replace(random_program(rng), account_columns=world.mapped))
    with open_cache(path) as cache:
        world.save(cache)
        with Evaluation(path, program, AS_OF) as evaluation:
            keep(cache, evaluation, program, AS_OF)
    return program


def some_account(cache: Cache) -> str:
    found: tuple[str] = cache.connection.execute("SELECT min(id) FROM accounts").fetchone()
    return found[0]


@pytest.mark.parametrize("seed", range(25))
def test_what_is_kept_says_of_every_account_what_deciding_for_all_says(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    program = a_decided_cache(path, seed)
    with open_cache(path) as cache, Evaluation(path, program, AS_OF) as evaluation:
        for decision in evaluation.decisions():
            assert kept_receipt(cache, known_of(program), AS_OF, decision.account_id) == evaluation.receipt(decision.account_id)


def test_another_day_another_programme_and_an_unknown_account_find_nothing(tmp_path: Path) -> None:
    program = a_decided_cache(tmp_path / "cache.db")
    with open_cache(tmp_path / "cache.db") as cache:
        account = some_account(cache)
        assert kept_receipt(cache, known_of(program), AS_OF, account) is not None
        assert kept_receipt(cache, known_of(program), AS_OF + timedelta(days=1), account) is None
        other = compile_program(dataclasses.replace(program.program, min_coverage=0.123))
        assert kept_receipt(cache, known_of(other), AS_OF, account) is None
        assert kept_receipt(cache, known_of(program), AS_OF, "nobody") is None


def know_a_note(cache: Cache) -> None:
    (note,) = cache.connection.execute("SELECT min(id) FROM activities").fetchone()
    keep_notes(cache, [KnownNote(some_account(cache), note, "ours")])


def move_the_org_to_another_currency(cache: Cache) -> None:
    note_pull(cache, Identity("org", "Acme", "u", "U", "XAF", ""), "", datetime.now(UTC), whole=False)


def forget_the_override_of_a_merged_account(cache: Cache) -> None:
    account = some_account(cache)
    keep_flags(cache, account, {"override": "A"})
    note_merges(cache, [(account, "another")], AS_OF)
    cache.set_meta(Meta.GENERATION, "before")
    forget_inherited_overrides(cache, ["another"])


@pytest.mark.parametrize(
    "write",
    [know_a_note, move_the_org_to_another_currency, forget_the_override_of_a_merged_account],
    ids=lambda one: one.__name__,
)
def test_whoever_writes_what_decisions_read_need_not_know_what_that_outdates(
    write: Callable[[Cache], None], tmp_path: Path
) -> None:
    a_decided_cache(tmp_path / "cache.db")
    with open_cache(tmp_path / "cache.db") as cache, cache.transaction():
        before = cache.generation
        write(cache)
        assert cache.generation not in (before, "before")


def test_a_change_of_the_cache_outdates_it_and_the_journal_of_a_run_does_not(tmp_path: Path) -> None:
    program = a_decided_cache(tmp_path / "cache.db")
    now = datetime(2025, 6, 30, 6, tzinfo=UTC)
    with open_cache(tmp_path / "cache.db") as cache:
        account = some_account(cache)
        start_run(cache, "r1", "sync", now)
        finish_run(cache, "r1", "done", now)
        assert kept_receipt(cache, known_of(program), AS_OF, account) is not None
        with cache.transaction():
            keep_flags(cache, account, {"override": "none"})
        assert kept_receipt(cache, known_of(program), AS_OF, account) is None


def test_an_evaluation_from_before_a_change_does_not_count_as_one_from_after(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    program = a_decided_cache(path)
    with open_cache(path) as cache, Evaluation(path, program, AS_OF) as evaluation:
        account = some_account(cache)
        with cache.transaction():
            keep_flags(cache, account, {"override": "none"})
        keep(cache, evaluation, program, AS_OF)
        assert kept_receipt(cache, known_of(program), AS_OF, account) is None


def test_nothing_is_kept_and_nothing_fails_while_a_run_writes(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    program = a_decided_cache(path)
    with open_cache(path) as cache, Evaluation(path, program, AS_OF + timedelta(days=1)) as evaluation:
        run = sqlite3.connect(path, isolation_level=None)
        run.execute("BEGIN IMMEDIATE")
        keep_if_free(cache, evaluation, program, AS_OF + timedelta(days=1))
        run.execute("ROLLBACK")
        run.close()
        assert kept_receipt(cache, known_of(program), AS_OF + timedelta(days=1), some_account(cache)) is None
        assert kept_receipt(cache, known_of(program), AS_OF, some_account(cache)) is not None
