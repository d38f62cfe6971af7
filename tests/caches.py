"""New caches, for the tests that make hundreds: the file that opening a missing one leaves, made once in a process.

Making it takes ten times as long as opening it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from kamsync.store.database import Cache, open_cache


@cache
def _new() -> bytes:
    with tempfile.TemporaryDirectory(prefix="kamsync-new-") as folder:
        path = Path(folder, "kamsync.db")
        with open_cache(path):
            pass
        return path.read_bytes()


def put_new_cache(path: Path) -> None:
    """An empty cache at `path`, as the first command of an installation makes it."""
    path.write_bytes(_new())


@contextmanager
def a_new_cache(path: Path) -> Iterator[Cache]:
    """The same, open."""
    put_new_cache(path)
    with open_cache(path) as opened:
        yield opened
