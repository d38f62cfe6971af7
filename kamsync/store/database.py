"""The cache file: opening it safely, and its schema through migrations.

The cache is disposable: what must outlive it is in the CRM. It still never loses anything by itself: WAL, one transaction for
what belongs together, secure_delete, and mode 0600.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from kamsync.errors import CacheUnusable
from kamsync.files import kind_of, reason
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Kind, Stream
from kamsync.store.migrations import SCHEMA_VERSION, migrate
from kamsync.store.schema import SQL_TYPES, Meta

BUSY_TIMEOUT_MS = 10_000
ACCOUNTS_AT_ONCE = 5_000  # in one transaction: another process never waits longer than a second
OWN_TABLES = frozenset({"meta", "accounts"})


class Cache:
    """An open cache. `connection` is in autocommit; `transaction()` is the one way to write several things together."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is kept together or not at all. Raises CacheUnusable on a full disk or a damaged file."""
        with saying_what_is_wrong(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    @property
    def generation(self) -> str:
        """Names the state of everything that decisions read."""
        return self.meta(Meta.GENERATION) or ""

    def outdate(self) -> None:
        """Called by each operation of the store that changes what decisions read: what was decided before no longer holds."""
        self.set_meta(Meta.GENERATION, secrets.token_hex(8))

    def meta(self, name: Meta) -> str | None:
        """One remembered fact about the whole cache, None where it was never noted."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: Meta, value: str) -> None:
        """Notes it; inside a transaction where it belongs to other writes. What no database can hold becomes a question mark."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value.encode("utf-8", "replace").decode()))

    def add_account_columns(self, columns: Mapping[str, Kind]) -> None:
        """Makes room for further mapped fields, and drops what is mapped no longer: only mapped fields are stored."""
        kept = set(STREAMS[Stream.ACCOUNTS].kinds) | {FLAG_PREFIX + name for name in FLAGS} | {"_pull"}
        present = {row[1] for row in self.connection.execute("PRAGMA table_info(accounts)")}
        if present - kept == set(columns):
            return
        with self.transaction() as connection:
            self.outdate()
            for name in sorted(present - kept - set(columns)):
                connection.execute(f'ALTER TABLE accounts DROP COLUMN "{name}"')
            for name in sorted(set(columns) - present):
                connection.execute(f'ALTER TABLE accounts ADD COLUMN "{name}" {SQL_TYPES[columns[name]]}')


@contextmanager
def open_cache(path: Path) -> Iterator[Cache]:
    """The cache at `path`, made where it is missing, brought to this version's schema. Raises CacheUnusable."""
    make_room(path)
    with saying_what_is_wrong(path):
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    with closing(connection), saying_what_is_wrong(path):
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _refuse_others_database(connection, path)
        _refuse_newer(connection, path)
        _make_private(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16384")
        if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
            migrate(connection)
        yield Cache(path, connection)


@contextmanager
def without_waiting(cache: Cache) -> Iterator[None]:
    """For what is kept to be quick and not to be right: where a run is writing to the cache, or the disk is full, it is left."""
    waits = cache.connection.execute("PRAGMA busy_timeout").fetchone()[0]
    cache.connection.execute("PRAGMA busy_timeout = 0")
    with suppress(CacheUnusable):
        yield
    cache.connection.execute(f"PRAGMA busy_timeout = {waits}")


def schema_of(path: Path) -> int:
    """The schema of the cache at `path`, from its head alone; 0 where there is none, or none that can be read."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def make_room(path: Path) -> None:
    """Makes the cache's folder and an empty file of our own where there is none. Raises CacheUnusable over what is no cache.

    Nothing of a file changes before it is known for a cache of this user: a path with a slip in it may name anything.
    """
    with saying_what_is_wrong(path):
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _refuse_foreign(path)
        _refuse_second_names(path)


def _refuse_foreign(path: Path) -> None:
    found = path.lstat()
    elsewhere = "Name another file in [cache] path."
    if not stat.S_ISREG(found.st_mode):
        raise CacheUnusable(f"The cache {path} is {kind_of(found.st_mode)}, not a regular file.", fix=elsewhere)
    if sys.platform != "win32" and found.st_uid != os.geteuid():
        raise CacheUnusable(
            f"The cache {path} belongs to another user ({found.st_uid}).", fix="Run kamsync as that user, or move the file away."
        )
    if not _is_empty_or_database(path):
        raise CacheUnusable(
            f"The cache {path} is damaged, or it is another file: it is not a database.",
            fix=f"Move the file away: the next run rebuilds it from the CRM. If it is something else: {elsewhere}",
        )


def _is_empty_or_database(path: Path) -> bool:
    """By its head, which SQLite reads: to open and close the file ourselves would give up the locks that other connections of
    this process have on it (https://sqlite.org/howtocorrupt.html, 2.2). `immutable`: nothing is locked, recovered or made."""
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB  # whatever else is wrong, opening it will tell
    return True


def _refuse_second_names(path: Path) -> None:
    """SQLite empties its own files beside the cache: what has another name as well would lose what it holds."""
    for ending in ("-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + ending)
        with suppress(FileNotFoundError):
            if stat.S_ISREG(beside.lstat().st_mode) and beside.lstat().st_nlink > 1:
                raise CacheUnusable(
                    f"{beside} is a file that has another name as well, and the database would empty it.",
                    fix="Move it away while no kamsync runs: the next run does without it.",
                )


def _refuse_others_database(connection: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables >= OWN_TABLES:
        raise CacheUnusable(f"{path} is a database of another program.", fix="Name another file in [cache] path.")


def _make_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise CacheUnusable(
            f"The cache {path} was written by a newer kamsync (schema {version}, this one knows {SCHEMA_VERSION}).",
            fix="Upgrade kamsync, or move the file away: the next run rebuilds it from the CRM.",
        )


@contextmanager
def saying_what_is_wrong(path: Path) -> Iterator[None]:
    """Raises SQLite's and the system's errors about the file as CacheUnusable, with what mends each."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _explained(error, path) from error
    except OSError as error:
        raise CacheUnusable(
            f"The cache {path} cannot be used: {reason(error)}.",
            fix="Check the folder's owner, permissions and free space, or name another file in [cache] path.",
        ) from error


def _explained(error: sqlite3.DatabaseError, path: Path) -> CacheUnusable:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        fix = "Move the file away: the next run rebuilds it from the CRM, and nothing is written twice."
        return CacheUnusable(f"The cache {path} is damaged: {text}", fix=fix)
    if "full" in text:
        return CacheUnusable(f"The disk is full: the cache {path} cannot grow.", fix="Make room, then run the command again.")
    if "locked" in text or "busy" in text:
        return CacheUnusable(f"Another process holds the cache {path}.", fix="Wait for it to end, then run the command again.")
    return CacheUnusable(f"The cache {path} cannot be used: {text}", fix="Check the file's and its folder's permissions.")
