"""What this program does with the cache's file keeps the locks that SQLite has on it, in this process and for others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kamsync.store.database import open_cache
from kamsync.store.schema import Meta

OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from kamsync.store.database import open_cache
with open_cache(Path(sys.argv[1])):
    pass
"""


def test_opening_the_cache_again_lets_go_of_no_lock_that_another_connection_of_the_process_holds(tmp_path: Path) -> None:
    """Closing any descriptor of a file gives up all locks that the process has on it (sqlite.org/howtocorrupt.html, 2.2); another
    process then takes itself for the last one, and deletes the journal under those who still write to it."""
    path = tmp_path / "kamsync.db"
    with open_cache(path) as cache:
        cache.set_meta(Meta.ORG_NAME, "Before")
        with open_cache(path):
            pass  # as a console does for each of its pages
        subprocess.run([sys.executable, "-c", OPEN_AND_CLOSE, path], check=True)
        assert path.with_name("kamsync.db-wal").exists()
        cache.set_meta(Meta.ORG_NAME, "After")
        with open_cache(path) as other:
            assert other.meta(Meta.ORG_NAME) == "After"
