"""What the fleet keeps in PostgreSQL beside Procrastinate's tables: orgs, leases, runs. The only SQL of the fleet.

A lease says which worker an org belongs to now. It is renewed while the org's process lives, by the database's clock, and is what
decides whether somebody else may begin: heartbeats of workers stop while a worker ends, leases do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from kamsync.contract import Secret
from kamsync.errors import ConfigError, TryLater
from kamsync.printable import one_line
from kamsync.redaction import redact

CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 20_000
# A process that is suspended, or a machine that is gone, in the middle of a transaction must not hold its rows for ever.
IDLE_MILLISECONDS = 20_000
KEPT_RUN_DAYS = 90
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
# Columns by name: a newer kamsync may have added some while this one runs.
_ORGS: LiteralString = (
    "SELECT o.org, state, reason, fix, since, digest, app, priority, next_due, last_good_at, pulled_at, calls_left,"
    " coalesce(schema, 0) AS cache_schema, coalesce(portal, '') AS portal"
    " FROM kamsync_fleet_orgs o LEFT JOIN kamsync_fleet_caches USING (org)"
)
_LEASES: LiteralString = "SELECT org, owner, worker, app, kind, job_id, began_at, until FROM kamsync_fleet_leases"
_RUN: LiteralString = "id, org, kind, job_id, attempt, worker, began_at, ended_at, outcome, message, fix"
_RUNS: LiteralString = f"SELECT {_RUN}, document, log FROM kamsync_fleet_runs"


@dataclass(frozen=True, slots=True)
class KnownOrg:
    """An org as the database knows it; `digest` is of the file that was read last.

    `cache_schema` is of the cache that is stored, `portal` names what it was read from; 0 and "" until it has run.
    """

    org: str
    state: str
    reason: str
    fix: str
    since: datetime
    digest: str
    app: str
    priority: int
    next_due: datetime | None
    last_good_at: datetime | None
    pulled_at: datetime | None
    calls_left: int | None
    cache_schema: int
    portal: str


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What an org's cache says of itself; None, 0 and "" where there is none, or where it does not say."""

    last_good_at: datetime | None = None
    pulled_at: datetime | None = None
    schema: int = 0
    portal: str = ""


@dataclass(frozen=True, slots=True)
class FleetRun:
    """One job as it ended. `document` is what the command printed, without what names accounts; `log` the end of its log."""

    id: int
    org: str
    kind: str
    job_id: int
    attempt: int
    worker: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    message: str
    fix: str
    document: Any
    log: str


@dataclass(frozen=True, slots=True)
class Lease:
    """An org in a worker's hands."""

    org: str
    owner: str
    worker: str
    app: str
    kind: str
    job_id: int
    began_at: datetime
    until: datetime


class Tables:
    """The fleet's tables of one database. Each call is a connection and a transaction of its own."""

    def __init__(self, database: Secret) -> None:
        self._database = database

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction. Raises TryLater where the database does not answer, ConfigError where it is none of a fleet."""
        with (
            saying_what_is_wrong(),
            psycopg.connect(
                self._database.reveal(),
                connect_timeout=CONNECT_SECONDS,
                options=f"-c statement_timeout={STATEMENT_MILLISECONDS} {idle_option()}",
                application_name="kamsync fleet",
            ) as connection,
        ):
            yield connection

    # -- schema ----------------------------------------------------------------------------------------------------------------

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

    # -- leases ----------------------------------------------------------------------------------------------------------------

    def take(
        self, org: str, owner: str, worker: str, *, app: str, kind: str, job_id: int, seconds: float, most_of_app: int | None
    ) -> bool:
        """Takes the org, where nobody has it and the app has room for one more."""
        with self.connected() as connection:
            if most_of_app is not None:
                connection.execute("SELECT pg_advisory_xact_lock(hashtext('kamsync fleet app ' || %s))", (app,))
                counted = connection.execute(
                    "SELECT count(*) FROM kamsync_fleet_leases WHERE app = %s AND org <> %s AND until > now()", (app, org)
                ).fetchone()
                if counted is not None and counted[0] >= most_of_app:
                    return False
            taken = connection.execute(
                "INSERT INTO kamsync_fleet_leases (org, owner, worker, app, kind, job_id, until)"
                " VALUES (%s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s))"
                " ON CONFLICT (org) DO UPDATE SET owner = excluded.owner, worker = excluded.worker, app = excluded.app,"
                " kind = excluded.kind, job_id = excluded.job_id, began_at = now(), until = excluded.until"
                " WHERE kamsync_fleet_leases.until < now() RETURNING org",
                (org, owner, worker, app, kind, job_id, seconds),
            )
            return taken.fetchone() is not None

    def renew(self, org: str, owner: str, seconds: float) -> bool:
        """Keeps the org for so long from now; False where it has been lost."""
        with self.connected() as connection:
            renewed = connection.execute(
                "UPDATE kamsync_fleet_leases SET until = now() + make_interval(secs => %s)"
                " WHERE org = %s AND owner = %s AND until > now()",
                (seconds, org, owner),
            )
            return renewed.rowcount == 1

    def release(self, org: str, owner: str) -> None:
        """Gives the org back."""
        with self.connected() as connection:
            connection.execute("DELETE FROM kamsync_fleet_leases WHERE org = %s AND owner = %s", (org, owner))

    def leases(self) -> list[Lease]:
        """The orgs in somebody's hands."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(Lease)) as cursor:
            return cursor.execute(f"{_LEASES} WHERE until > now() ORDER BY org").fetchall()

    # -- orgs ------------------------------------------------------------------------------------------------------------------

    def orgs(self) -> dict[str, KnownOrg]:
        """Every org that the fleet has met and that its folder still has, by name."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(KnownOrg)) as cursor:
            found = cursor.execute(f"{_ORGS} WHERE state <> 'gone' ORDER BY o.org").fetchall()
        return {one.org: one for one in found}

    def org(self, name: str) -> KnownOrg | None:
        """One org, None where the fleet has not met it."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(KnownOrg)) as cursor:
            return cursor.execute(f"{_ORGS} WHERE o.org = %s", (name,)).fetchone()

    def note_orgs(self, rows: Sequence[tuple[str, str, str, int, datetime | None]]) -> None:
        """Orgs whose files were read anew: (name, digest, app, priority, next due). One that was parked is tried again."""
        with self.connected() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO kamsync_fleet_orgs (org, digest, app, priority, next_due) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (org) DO UPDATE SET digest = excluded.digest, app = excluded.app, priority = excluded.priority,"
                " next_due = excluded.next_due,"
                " state = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN 'paused' ELSE 'active' END,"
                " reason = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN kamsync_fleet_orgs.reason ELSE '' END,"
                " fix = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN kamsync_fleet_orgs.fix ELSE '' END",
                rows,
            )

    def note_gone(self, names: Sequence[str]) -> None:
        """Orgs whose files are no longer there: nothing is deleted, nothing runs."""
        with self.connected() as connection:
            connection.execute("UPDATE kamsync_fleet_orgs SET state = 'gone', digest = '' WHERE org = ANY(%s)", (list(names),))

    def note_unreadable(self, name: str, digest: str, reason: str, fix: str) -> None:
        """An org whose file says nothing: parked, with the reason, until the file changes."""
        with self.connected() as connection:
            connection.execute(
                "INSERT INTO kamsync_fleet_orgs (org, state, digest, reason, fix) VALUES (%(org)s, 'parked', %(d)s, %(r)s, %(f)s)"
                " ON CONFLICT (org) DO UPDATE SET digest = %(d)s, since = now(), reason = %(r)s, fix = %(f)s,"
                " state = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN 'paused' ELSE 'parked' END",
                {"org": name, "d": digest, "r": redact(reason), "f": redact(fix)},
            )

    def due(self, most: int) -> list[KnownOrg]:
        """Active orgs whose time has come, first who waits longest, and that nothing is queued or running for."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(KnownOrg)) as cursor:
            return cursor.execute(
                f"{_ORGS} WHERE state = 'active' AND next_due <= now()"
                " AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j WHERE j.lock = 'org:' || o.org"
                " AND j.status IN ('todo', 'doing')) ORDER BY next_due LIMIT %s",
                (most,),
            ).fetchall()

    def set_due(self, rows: Sequence[tuple[datetime | None, str]]) -> None:
        """When each org is due next: (moment, name)."""
        with self.connected() as connection, connection.cursor() as cursor:
            cursor.executemany("UPDATE kamsync_fleet_orgs SET next_due = %s WHERE org = %s", rows)

    def set_state(self, org: str, state: str, reason: str = "", fix: str = "") -> bool:
        """Parks, pauses or sets going; False where it was so already, so that it is told once."""
        with self.connected() as connection:
            changed = connection.execute(
                "UPDATE kamsync_fleet_orgs SET state = %s, reason = %s, fix = %s, since = now() WHERE org = %s AND state <> %s",
                (state, redact(reason), redact(fix), org, state),
            )
            return changed.rowcount == 1

    def note_figures(self, org: str, cache: CacheFigures, calls_left: int | None) -> None:
        """What the org's cache and its last run say; what they do not say stays as it was."""
        with self.connected() as connection:
            connection.execute(
                "UPDATE kamsync_fleet_orgs SET last_good_at = coalesce(%s, last_good_at), pulled_at = coalesce(%s, pulled_at),"
                " calls_left = coalesce(%s, calls_left) WHERE org = %s",
                (cache.last_good_at, cache.pulled_at, calls_left, org),
            )
            if cache.schema:
                connection.execute(
                    "INSERT INTO kamsync_fleet_caches (org, schema, portal) VALUES (%s, %s, %s)"
                    " ON CONFLICT (org) DO UPDATE SET schema = excluded.schema, portal = excluded.portal",
                    (org, cache.schema, cache.portal),
                )

    # -- runs ------------------------------------------------------------------------------------------------------------------

    def keep_run(self, run: Mapping[str, Any]) -> None:
        """How a job ended: the fields of FleetRun but for `id` and `ended_at`."""
        words = {name: redact(run[name]) for name in ("message", "fix", "log")}
        with self.connected() as connection:
            connection.execute(
                "INSERT INTO kamsync_fleet_runs"
                " (org, kind, job_id, attempt, worker, began_at, outcome, message, fix, document, log) VALUES (%(org)s, %(kind)s,"
                " %(job_id)s, %(attempt)s, %(worker)s, %(began_at)s, %(outcome)s, %(message)s, %(fix)s, %(document)s, %(log)s)",
                {**run, **{name: text.replace("\0", "") for name, text in words.items()}, "document": Jsonb(run["document"])},
            )

    def runs(self, org: str, limit: int) -> list[FleetRun]:
        """The org's latest jobs, newest first."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(FleetRun)) as cursor:
            return cursor.execute(f"{_RUNS} WHERE org = %s ORDER BY id DESC LIMIT %s", (org, limit)).fetchall()

    def run_of_job(self, job_id: int) -> FleetRun | None:
        """How a job ended last, None where it has not."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(FleetRun)) as cursor:
            return cursor.execute(f"{_RUNS} WHERE job_id = %s ORDER BY id DESC LIMIT 1", (job_id,)).fetchone()

    def last_runs(self) -> dict[str, FleetRun]:
        """Each org's last job, without its log."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(FleetRun)) as cursor:
            found = cursor.execute(
                f"SELECT DISTINCT ON (org) {_RUN}, NULL AS document, '' AS log FROM kamsync_fleet_runs ORDER BY org, id DESC"
            ).fetchall()
        return {one.org: one for one in found}

    def outcomes(self) -> dict[tuple[str, str], int]:
        """How many jobs of the last KEPT_RUN_DAYS are remembered, by (kind, outcome)."""
        with self.connected() as connection:
            rows = connection.execute("SELECT kind, outcome, count(*) FROM kamsync_fleet_runs GROUP BY 1, 2 ORDER BY 1, 2")
            return {(kind, outcome): count for kind, outcome, count in rows}

    def forget_old_runs(self) -> None:
        """Drops what is older than KEPT_RUN_DAYS."""
        with self.connected() as connection:
            connection.execute(
                "DELETE FROM kamsync_fleet_runs WHERE ended_at < now() - make_interval(days => %s)", (KEPT_RUN_DAYS,)
            )

    # -- the queue, as operators look at it --------------------------------------------------------------------------------------

    def queued(self) -> list[Mapping[str, Any]]:
        """Jobs of orgs that wait or run: job_id, queue, org, kind, status, scheduled_at, attempt."""
        with self.connected() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(
                cursor.execute(
                    "SELECT id AS job_id, queue_name AS queue, args->>'org' AS org, args->>'kind' AS kind,"
                    " status::text AS status, scheduled_at, coalesce((args->>'attempt')::int, 1) AS attempt"
                    " FROM procrastinate_jobs WHERE args ? 'org' AND status IN ('todo', 'doing') ORDER BY priority DESC, id"
                )
            )

    def workers(self) -> list[Mapping[str, Any]]:
        """Workers by their last heartbeat: id, seconds since it."""
        with self.connected() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(
                cursor.execute(
                    "SELECT id, extract(epoch FROM now() - last_heartbeat)::float AS silent_seconds FROM procrastinate_workers"
                    " ORDER BY id"
                )
            )


def idle_option() -> str:
    """Of every connection to the database: how long it may hold rows and say nothing."""
    return f"-c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}"


@contextmanager
def saying_what_is_wrong() -> Iterator[None]:
    """PostgreSQL's errors with what mends each. The words hold no password: libpq leaves it out, and `redact` again."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise ConfigError("This database is none of a fleet yet.", fix="Prepare it: kamsync fleet init") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
        said = redact(one_line(str(error)))
        raise TryLater(
            f"The fleet's database does not answer: {said}",
            fix="Check that it runs, and the address, the user and the password in [fleet] database.",
        ) from error
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            f"The fleet's database cannot be used: {redact(one_line(str(error)))}",
            fix="Check the address in [fleet] database and its user's rights; prepare it with `kamsync fleet init`.",
        ) from error
