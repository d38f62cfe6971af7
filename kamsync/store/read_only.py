"""A connection to the cache that can only read it: what expressions of a configuration run on.

An authorizer lets nothing pass but reading the cache, temporary tables and the listed functions; LIKE is case-sensitive.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION}
_TEMP_WRITES = {
    sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_REINDEX,
}  # fmt: skip
_FUNCTIONS = {
    "coalesce", "nullif", "iif", "abs", "round", "min", "max", "lower", "upper", "trim", "length", "substr", "substring", "like",
    "instr", "replace", "row_number", "avg", "group_concat", "usual_gap",
    "total", "count", "sum", "julianday", "date", "whole_months", "term_months", "money_factor", "count_roles",
}  # fmt: skip


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that sees one state of the cache for as long as it is open."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("BEGIN")
    connection.set_authorizer(_only_reading)
    return connection


def _only_reading(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """Reading anything of the cache, writing temporary tables, calling the listed functions; all else is refused."""
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in _FUNCTIONS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first == "table_info":
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _TEMP_WRITES and database == "temp" else sqlite3.SQLITE_DENY
