"""Runs: every job as it ended, for a quarter of a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kamsync.fleet.tables.connection import Database
from kamsync.redaction import redact

KEPT_RUN_DAYS = 90
_RUN: LiteralString = "id, org, kind, job_id, attempt, worker, began_at, ended_at, outcome, message, fix"
_RUNS: LiteralString = f"SELECT {_RUN}, document, log FROM kamsync_fleet_runs"


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


class RunTable(Database):
    """kamsync_fleet_runs."""

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
