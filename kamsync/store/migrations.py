"""The cache's schema and how an older one becomes it, by sqlite-utils: each step is applied once, in order."""

from __future__ import annotations

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import CORE_COLUMNS, Column, Stream
from kamsync.store.schema import INDEXES, SQL_TYPES, index_sql, primary_key

migrations = Migrations("kamsync")


@migrations()
def first_schema(db: sqlite_utils.Database) -> None:
    """Streams, and what the program remembers of its own doing."""
    for stream in Stream:
        columns = list(CORE_COLUMNS[stream])
        if stream is Stream.ACCOUNTS:
            columns += [Column(FLAG_PREFIX + name, kind) for name, kind in FLAGS.items()]
        definitions = [f'"{c.name}" {SQL_TYPES[c.kind]}' for c in columns]
        key = ", ".join(f'"{name}"' for name in primary_key(stream))
        db.execute(f'CREATE TABLE "{stream}" ({", ".join(definitions)}, "_pull" INTEGER NOT NULL, PRIMARY KEY ({key}))')
        if stream in INDEXES:
            db.execute(index_sql(stream))
    db.executescript(_OWN_TABLES)


@migrations()
def kept_evaluation(db: sqlite_utils.Database) -> None:
    """The last evaluation, from which one account is explained (store.kept)."""
    db.execute("CREATE TABLE kept (account_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID")


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the database to this version's schema."""
    migrations.apply(sqlite_utils.Database(connection))


# tier: 'none' where the program wrote an empty field. receipt: JSON of decide.receipts.
_OWN_TABLES = """
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
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, ref TEXT NOT NULL, account_id TEXT NOT NULL, intent TEXT NOT NULL,
  outcome TEXT, record_id TEXT, message TEXT, at TEXT, PRIMARY KEY (run_id, seq));
"""
