"""What the fleet keeps in PostgreSQL beside Procrastinate's tables. The only SQL of the fleet; each table is a module's."""

from __future__ import annotations

from kamsync.fleet.tables.leases import LeaseTable
from kamsync.fleet.tables.orgs import OrgTables
from kamsync.fleet.tables.runs import RunTable
from kamsync.fleet.tables.schema import Schema
from kamsync.fleet.tables.waiting_jobs import QueueTables


class Tables(OrgTables, LeaseTable, RunTable, QueueTables, Schema):
    """The fleet's tables of one database. Each call is a connection and a transaction of its own."""
