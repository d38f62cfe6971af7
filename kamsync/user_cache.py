"""A text that takes long to make and is always the same, kept in this user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`).

Nothing depends on it: where the folder is missing or closed, or the file is damaged or somebody else's, the text is made anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from kamsync.errors import ConfigError
from kamsync.files import read_bytes, write_private

LIMIT_BYTES = 20_000_000


def kept_text(name: str, follows_from: Sequence[str], make: Callable[[], str]) -> str:
    """The text that `make` makes, or has made before of the same versions and inputs: `follows_from` names them all."""
    folder = _folder()
    if folder is None:
        return make()
    path = folder / f"{name}-{_digest(repr(tuple(follows_from)).encode()).decode()[:16]}"
    kept = _read(path)
    if kept is not None:
        return kept
    made = make()
    with suppress(OSError, ConfigError):  # it is made again the next time
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = made.encode()
        write_private(path, _digest(data) + b"\n" + data, "kept text")
    return made


def _folder() -> Path | None:
    try:
        folder = user_cache_path("kamsync")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # no home: the library leaves the ~ where it is


def _read(path: Path) -> str | None:
    try:
        if hasattr(os, "geteuid") and path.stat().st_uid != os.geteuid():
            return None
        told, _, data = read_bytes(path, "kept text", limit_bytes=LIMIT_BYTES).partition(b"\n")
    except (OSError, ConfigError):
        return None
    return data.decode() if told == _digest(data) else None


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
