"""What an evaluation leaves behind explains any account as deciding for everyone would, and only while that is still true."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.store.accounts import keep_flags
from kamsync.store.database import Cache, open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.known_programme import known_of
from kamsync.store.last_evaluation import keep, keep_if_free, kept_receipt
from kamsync.store.runs import finish_run, start_run
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
