"""Leases: which worker an org belongs to now.

One is renewed while the org's process lives, by the database's clock, and is what decides whether somebody else may begin:
heartbeats of workers stop while a worker ends, leases do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from kamsync.fleet.tables.connection import Database

_LEASES: LiteralString = "SELECT org, owner, worker, app, kind, job_id, began_at, until FROM kamsync_fleet_leases"


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


class LeaseTable(Database):
    """kamsync_fleet_leases."""

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
