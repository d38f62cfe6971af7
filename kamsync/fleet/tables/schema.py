"""The tables themselves: made, brought up to date, and told from those of every other fleet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import LiteralString

import psycopg

from kamsync.errors import ConfigError
from kamsync.fleet.tables.connection import Database

_SCHEMA: LiteralString = """
CREATE TABLE IF NOT EXISTS kamsync_fleet_orgs (
    org text PRIMARY KEY,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'parked', 'gone')),
    reason text NOT NULL DEFAULT '',
    fix text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    digest text NOT NULL DEFAULT '',
    app text NOT NULL DEFAULT '',
    priority integer NOT NULL DEFAULT 0,
    next_due timestamptz,
    last_good_at timestamptz,
    pulled_at timestamptz,
    calls_left bigint
);
CREATE INDEX IF NOT EXISTS kamsync_fleet_orgs_due ON kamsync_fleet_orgs (next_due) WHERE state = 'active';
CREATE TABLE IF NOT EXISTS kamsync_fleet_leases (
    org text PRIMARY KEY,
    owner text NOT NULL,
    worker text NOT NULL,
    app text NOT NULL,
    kind text NOT NULL,
    job_id bigint NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS kamsync_fleet_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org text NOT NULL,
    kind text NOT NULL,
    job_id bigint NOT NULL,
    attempt integer NOT NULL,
    worker text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    message text NOT NULL,
    fix text NOT NULL,
    document jsonb,
    log text NOT NULL
);
CREATE INDEX IF NOT EXISTS kamsync_fleet_runs_org ON kamsync_fleet_runs (org, id DESC);
CREATE INDEX IF NOT EXISTS kamsync_fleet_runs_ended ON kamsync_fleet_runs (ended_at);
CREATE TABLE IF NOT EXISTS kamsync_fleet_caches (org text PRIMARY KEY, schema integer NOT NULL);
ALTER TABLE kamsync_fleet_caches ADD COLUMN IF NOT EXISTS portal text NOT NULL DEFAULT '';
CREATE TABLE IF NOT EXISTS kamsync_fleet_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
"""


class Schema(Database):
    """What `kamsync fleet init` does to the database."""

    def create(self, queue: str, migrations: Sequence[str]) -> None:
        """The fleet's own tables and those of the queue, where they are missing: all or none. Raises ConfigError.

        `queue` is Procrastinate's schema as of the last of its `migrations`.
        """
        with self.connected() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('kamsync fleet init'))")
            connection.execute(_SCHEMA)
            has_queue = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchone()
            known = connection.execute("SELECT count(*) FROM kamsync_fleet_migrations").fetchone()
            if known is not None and known[0]:
                return
            if has_queue is not None and has_queue[0]:
                raise ConfigError(
                    "This database holds another program's Procrastinate.", fix="Name a database of its own in [fleet] database."
                )
            connection.execute(queue.encode())
            for name in migrations:
                connection.execute("INSERT INTO kamsync_fleet_migrations (name) VALUES (%s)", (name,))

    def applied_migrations(self) -> frozenset[str]:
        """The names of Procrastinate's migrations that this database has seen."""
        with self.connected() as connection:
            return frozenset(name for (name,) in connection.execute("SELECT name FROM kamsync_fleet_migrations"))

    def apply_migration(self, name: str, sql: str) -> None:
        """One migration and its name, or neither; nothing where another `init` was sooner."""
        with self.connected() as connection:
            noted = connection.execute("INSERT INTO kamsync_fleet_migrations (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
            if noted.rowcount:
                connection.execute(sql.encode())

    def identity(self) -> str:
        """Tells this database from every other, a copy of it in another place included; "" where the server does not say."""
        with self.connected() as connection:
            try:
                found = connection.execute(
                    "SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database())"
                    " FROM pg_control_system()"
                ).fetchone()
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
                return ""
        return hashlib.sha256(repr(found).encode()).hexdigest()[:12]
