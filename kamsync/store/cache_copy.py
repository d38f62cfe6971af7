"""A copy of the cache that is whole at one moment, for what carries it elsewhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kamsync.store.database import saying_what_is_wrong


def copy_cache(path: Path, target: Path) -> None:
    """Writes the cache, with all that its journal files hold, into the new file `target`. Raises CacheUnusable."""
    # https://sqlite.org/lang_vacuum.html#vacuuminto: consistent, and without the pages that are free.
    with saying_what_is_wrong(path), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
