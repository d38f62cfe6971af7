"""Orgs as the database knows them: their files' digests, states with reasons, next times, what their caches say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from kamsync.fleet.tables.connection import Database
from kamsync.redaction import redact

# In place of the digest of a file that is no longer there: a paused org stays paused while it is away.
_GONE = "gone"
# Columns by name, here and in the other tables: a newer kamsync may have added some while this one runs.
_ORGS: LiteralString = (
    "SELECT o.org, state, reason, fix, since, digest, app, priority, next_due, last_good_at, pulled_at, calls_left,"
    " coalesce(schema, 0) AS cache_schema, coalesce(portal, '') AS portal"
    " FROM kamsync_fleet_orgs o LEFT JOIN kamsync_fleet_caches USING (org)"
)


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

    @property
    def is_gone(self) -> bool:
        """Its file was not there at the last look."""
        return self.state == "gone" or self.digest == _GONE


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What an org's cache says of itself; None, 0 and "" where there is none, or where it does not say."""

    last_good_at: datetime | None = None
    pulled_at: datetime | None = None
    schema: int = 0
    portal: str = ""


class OrgTables(Database):
    """kamsync_fleet_orgs and kamsync_fleet_caches."""

    def orgs(self) -> dict[str, KnownOrg]:
        """Every org that the fleet has met and that its folder still has, by name."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(KnownOrg)) as cursor:
            found = cursor.execute(f"{_ORGS} WHERE state <> 'gone' ORDER BY o.org").fetchall()
        return {one.org: one for one in found if not one.is_gone}

    def org(self, name: str) -> KnownOrg | None:
        """One org, None where the fleet has not met it."""
        with self.connected() as connection, connection.cursor(row_factory=class_row(KnownOrg)) as cursor:
            return cursor.execute(f"{_ORGS} WHERE o.org = %s", (name,)).fetchone()

    def note_orgs(self, rows: Sequence[tuple[str, str, str, int, datetime | None]]) -> None:
        """Orgs whose files were read anew: (name, digest, app, priority, next due). One that was parked is tried again.

        A time that has come already stays, as long as the file still has a schedule: the org is queued for it by this look.
        """
        with self.connected() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO kamsync_fleet_orgs (org, digest, app, priority, next_due) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (org) DO UPDATE SET digest = excluded.digest, app = excluded.app, priority = excluded.priority,"
                " next_due = CASE WHEN excluded.next_due IS NOT NULL AND kamsync_fleet_orgs.next_due <= now()"
                " THEN kamsync_fleet_orgs.next_due ELSE excluded.next_due END,"
                " state = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN 'paused' ELSE 'active' END,"
                " reason = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN kamsync_fleet_orgs.reason ELSE '' END,"
                " fix = CASE WHEN kamsync_fleet_orgs.state = 'paused' THEN kamsync_fleet_orgs.fix ELSE '' END",
                rows,
            )

    def note_gone(self, names: Sequence[str]) -> None:
        """Orgs whose files are no longer there: nothing is deleted, nothing runs, what a person has paused stays paused."""
        with self.connected() as connection:
            connection.execute(
                "UPDATE kamsync_fleet_orgs SET digest = %s, state = CASE state WHEN 'paused' THEN 'paused' ELSE 'gone' END"
                " WHERE org = ANY(%s)",
                (_GONE, list(names)),
            )

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
