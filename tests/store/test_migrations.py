"""Every cache that any version wrote becomes the cache of this version, with what it held."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kamsync.decide.compiled import compile_program
from kamsync.decide.program import Program
from kamsync.errors import CacheUnusable
from kamsync.flags import FLAG_PREFIX, FLAGS, kind_of
from kamsync.model import STREAMS, Stream
from kamsync.store.accounts import flags_of, name_of
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.history import history_of
from kamsync.store.journal import entries
from kamsync.store.known_program import known_of
from kamsync.store.last_evaluation import keep, kept_receipt
from kamsync.store.ledger import known_keys
from kamsync.store.migrations import SCHEMA_VERSION, STEPS, migrate
from kamsync.store.runs import list_runs
from kamsync.store.schema import SQL_TYPES, Meta
from tests.store.oracle import AS_OF

Shape = dict[str, list[tuple[object, ...]]]


def an_old_cache(path: Path, version: int) -> None:
    """The file that an installation of that schema left, with a little of everything in it."""
    with sqlite3.connect(path) as old:
        old.executescript(_SCHEMA_1)
        if version == 2:
            old.executescript(_SCHEMA_2)
        old.executescript(_ROWS)
        old.execute(f"PRAGMA user_version = {version}")
    old.close()


def shape_of(path: Path) -> Shape:
    """Columns of every table, and of every index, as SQLite tells them."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%'")
        found: Shape = {}
        for kind, name in rows.fetchall():
            pragma = "table_info" if kind == "table" else "index_info"
            # Where a column stands in its table is how the file came about, and nothing reads by place.
            told = connection.execute(f'PRAGMA {pragma}("{name}")').fetchall()
            found[name] = sorted(row[1:] for row in told) if kind == "table" else [row[2:] for row in told]
    connection.close()
    return found


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_cache_comes_out_like_a_new_one(version: int, tmp_path: Path) -> None:
    an_old_cache(tmp_path / "old.db", version)
    for name in ("old.db", "new.db"):
        with open_cache(tmp_path / name) as cache:
            assert cache.connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)

    assert shape_of(tmp_path / "old.db") == shape_of(tmp_path / "new.db")


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_cache_of_any_earlier_version_comes_out_like_a_new_one(version: int, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db", isolation_level=None) as old:
        migrate(old, STEPS[:version])
        old.execute("INSERT INTO accounts (id, name, _pull) VALUES ('1', 'Acme', 1)")
    old.close()

    with open_cache(tmp_path / "old.db") as cache:
        assert cache.connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert name_of(cache, "1") == "Acme"
    with open_cache(tmp_path / "new.db"):
        pass
    assert shape_of(tmp_path / "old.db") == shape_of(tmp_path / "new.db")


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_cache_keeps_what_it_held_and_decides_nothing_from_its_own_memory(version: int, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    an_old_cache(path, version)

    with open_cache(path) as cache:
        assert name_of(cache, "1") == "Acme"
        assert flags_of(cache, "1", ["tier", "decided_tier"]) == {"tier": "A", "decided_tier": None}
        assert cache.meta(Meta.ORG_ID) == "org-1"
        assert known_keys(cache) == {"care:call:once:1"}
        assert [(one.tier, one.previous_tier, one.previous_health) for one in history_of(cache, "1")] == [("A", "none", None)]
        (run,) = list_runs(cache)
        assert (run.run_id, run.status, run.criteria_hash, run.undoes, run.fix) == ("r1", "done", "", "", "")
        assert [(entry.op, entry.outcome) for entry in entries(cache, "r1")] == [("update_account", "done")]
        # The tier is none of this program's, so far as it can tell: `written` said B, and no drift is made of that.
        program = compile_program(Program(tiers=(), criteria=()))
        with Evaluation(path, program, AS_OF) as evaluation:
            assert not evaluation.decision("1").drifted
            keep(cache, evaluation, program, AS_OF)
            assert kept_receipt(cache, known_of(program), AS_OF, "1") == evaluation.receipt("1")


def test_opening_a_cache_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    with open_cache(path):
        before = shape_of(path)
    with open_cache(path):
        assert shape_of(path) == before


def test_a_cache_of_a_newer_version_is_refused_with_its_name_and_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    with open_cache(path) as cache:
        cache.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(CacheUnusable, match="written by a newer kamsync") as caught, open_cache(path):
        pass
    assert str(path) in caught.value.message
    assert "Upgrade kamsync" in caught.value.fix


@pytest.mark.parametrize("stream", Stream)
def test_every_column_of_every_stream_has_its_place_its_type_and_its_key(stream: Stream, tmp_path: Path) -> None:
    with open_cache(tmp_path / "cache.db") as cache:
        told = cache.connection.execute(f'PRAGMA table_info("{stream}")').fetchall()
        index = [row[2] for row in cache.connection.execute(f'PRAGMA index_info("{stream}_lookup")')]
    types, keys = {row[1]: row[2] for row in told}, [row[1] for row in sorted(told, key=lambda row: row[5]) if row[5]]
    wanted = {column.name: SQL_TYPES[column.kind] for column in STREAMS[stream].columns}
    if stream is Stream.ACCOUNTS:
        wanted |= {FLAG_PREFIX + flag: SQL_TYPES[kind_of(flag)] for flag in FLAGS}
    assert types == {**wanted, "_pull": "INTEGER"}
    assert tuple(keys) == STREAMS[stream].key
    assert tuple(index) == STREAMS[stream].index


# Frozen: what versions 1 and 2 made, dumped from their files. Never edit; a later schema gets a fixture of its own.
_SCHEMA_1 = """
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE TABLE "owners" ("id" TEXT, "name" TEXT, "email" TEXT, "is_active" INTEGER, "manager_id" TEXT, "_pull" INTEGER NOT
  NULL, PRIMARY KEY ("id"));
CREATE TABLE "rates" ("currency" TEXT, "valid_from" TEXT, "rate" REAL, "_pull" INTEGER NOT NULL, PRIMARY KEY ("currency",
  "valid_from"));
CREATE TABLE "accounts" ("id" TEXT, "name" TEXT, "owner_id" TEXT, "parent_id" TEXT, "type" TEXT, "industry" TEXT,
  "country" TEXT, "employees" REAL, "annual_revenue" REAL, "currency" TEXT, "created_date" TEXT, "flag_tier" TEXT,
  "flag_score" REAL, "flag_segment" TEXT, "flag_health" TEXT, "flag_reasons" TEXT, "flag_since" TEXT, "flag_evaluated_at"
  TEXT, "flag_override" TEXT, "flag_override_until" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE "opportunities" ("id" TEXT, "account_id" TEXT, "name" TEXT, "amount" REAL, "currency" TEXT, "close_date"
  TEXT, "stage" TEXT, "is_closed" INTEGER, "is_won" INTEGER, "probability" REAL, "type" TEXT, "owner_id" TEXT, "_pull"
  INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE INDEX "opportunities_lookup" ON "opportunities" ("account_id");
CREATE TABLE "line_items" ("id" TEXT, "opportunity_id" TEXT, "product_family" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY
  ("id"));
CREATE INDEX "line_items_lookup" ON "line_items" ("opportunity_id", "product_family");
CREATE TABLE "activities" ("id" TEXT, "account_id" TEXT, "kind" TEXT, "activity_date" TEXT, "_pull" INTEGER NOT NULL,
  PRIMARY KEY ("id", "account_id"));
CREATE INDEX "activities_lookup" ON "activities" ("account_id", "activity_date", "kind");
CREATE TABLE "tasks" ("id" TEXT, "key" TEXT, "account_id" TEXT, "owner_id" TEXT, "subject" TEXT, "due" TEXT, "is_open"
  INTEGER, "is_deleted" INTEGER, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor TEXT, fingerprint TEXT NOT NULL, pulled_at TEXT NOT NULL);
CREATE TABLE written (account_id TEXT PRIMARY KEY, tier TEXT NOT NULL, since TEXT, run_id TEXT, written_at TEXT);
CREATE TABLE drift (account_id TEXT PRIMARY KEY, tier TEXT NOT NULL, seen TEXT NOT NULL);
CREATE TABLE history (
  id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, name TEXT, as_of TEXT NOT NULL, run_id TEXT NOT NULL, tier TEXT NOT NULL,
  previous_tier TEXT NOT NULL, code TEXT NOT NULL, score REAL, segment TEXT, health TEXT, criteria_hash TEXT NOT NULL,
  receipt TEXT NOT NULL);
CREATE INDEX history_account ON history (account_id, id);
CREATE TABLE task_ledger (
  key TEXT PRIMARY KEY, account_id TEXT NOT NULL, task_id TEXT, owner_id TEXT, subject TEXT, due TEXT, status TEXT NOT NULL,
  run_id TEXT NOT NULL);
CREATE TABLE waiting_tasks (key TEXT PRIMARY KEY, account_id TEXT NOT NULL, run_id TEXT NOT NULL);
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, kind TEXT NOT NULL, as_of TEXT, started_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL,
  summary TEXT NOT NULL DEFAULT '{}', message TEXT NOT NULL DEFAULT '');
CREATE TABLE journal (
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, ref TEXT NOT NULL, account_id TEXT NOT NULL, intent TEXT
  NOT NULL,
  outcome TEXT, record_id TEXT, message TEXT, at TEXT, PRIMARY KEY (run_id, seq));
INSERT INTO "_sqlite_migrations" VALUES (1, 'kamsync', 'first_schema', '2026-01-05 06:00:00.000000+00:00');
"""
_SCHEMA_2 = """
CREATE TABLE kept (account_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "_sqlite_migrations" VALUES (2, 'kamsync', 'kept_evaluation', '2026-02-05 06:00:00.000000+00:00');
"""
_ROWS = """
INSERT INTO accounts (id, name, flag_tier, flag_since, _pull) VALUES ('1', 'Acme', 'A', '2026-01-05', 1);
INSERT INTO meta VALUES ('org_id', 'org-1');
INSERT INTO written VALUES ('1', 'B', '2026-01-05', 'r1', '2026-01-05T06:00:00+00:00');
INSERT INTO drift VALUES ('1', 'A', '2026-01-06');
INSERT INTO waiting_tasks VALUES ('care:mail:once:1', '1', 'r1');
INSERT INTO task_ledger VALUES ('care:call:once:1', '1', 'T1', 'u1', 'Call', '2026-01-12', 'created', 'r1');
INSERT INTO history VALUES (1, '1', 'Acme', '2026-01-05', 'r1', 'A', 'none', 'score', 86.0, 'key', 'green', 'h', '{}');
INSERT INTO runs VALUES ('r1', 'apply', '2026-01-05', '2026-01-05T06:00:00+00:00', '2026-01-05T06:01:00+00:00', 'done', '{}', '');
INSERT INTO journal VALUES ('r1', 1, 'update_account', '1', '1', '{"name": "Acme", "fields": {}}', 'done', '', '', '');
"""
