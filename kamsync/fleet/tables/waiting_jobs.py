"""Procrastinate's own tables as operators look at them: what waits, who works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg.rows import dict_row

from kamsync.fleet.tables.connection import Database


class QueueTables(Database):
    """procrastinate_jobs and procrastinate_workers; they are only read."""

    def queued(self) -> list[Mapping[str, Any]]:
        """Jobs of orgs that wait or run: job_id, queue, org, kind, status, scheduled_at, attempt."""
        return self._rows(
            "SELECT id AS job_id, queue_name AS queue, args->>'org' AS org, args->>'kind' AS kind,"
            " status::text AS status, scheduled_at, coalesce((args->>'attempt')::int, 1) AS attempt"
            " FROM procrastinate_jobs WHERE args ? 'org' AND status IN ('todo', 'doing') ORDER BY priority DESC, id"
        )

    def workers(self) -> list[Mapping[str, Any]]:
        """Workers by their last heartbeat: id, seconds since it."""
        return self._rows(
            "SELECT id, extract(epoch FROM now() - last_heartbeat)::float AS silent_seconds FROM procrastinate_workers"
            " ORDER BY id"
        )

    def _rows(self, sql: LiteralString) -> list[Mapping[str, Any]]:
        with self.connected() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return list(cursor.execute(sql))
