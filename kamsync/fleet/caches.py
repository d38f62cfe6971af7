"""Caches that travel between workers: packed by zstd, in object storage or a shared folder, one object a generation.

The next generation is written by "create, if it is not there yet", which S3, Google Cloud Storage, Azure and a folder all keep:
that is the compare-and-swap. Whoever worked from generation 7 may create 8, once; who comes second is refused. Readers take the
highest number, so that even a number which was tidied away long ago hides nothing newer. A worker whose own disk has the highest
one fetches nothing. What is lost here costs one full pull.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import zstandard
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from kamsync.errors import CacheUnusable, ConfigError, TryLater
from kamsync.printable import one_line
from kamsync.store.cache_copy import copy_cache

CACHE, BASE = "kamsync.db", "generation"
LEVEL = 3  # 26 of 81 MB in half a second; level 19 saves five more and takes over a minute
KEPT = 2  # generations: a worker may be reading the one before
SUFFIX = ".db.zst"
_DIGITS = 12


class Overtaken(Exception):
    """Another worker has stored a newer generation of this cache; ours is not kept."""


@dataclass(frozen=True, slots=True)
class Held:
    """A cache on this worker's disk, and the generation that it began from."""

    path: Path
    generation: int
    fetched: bool


class Caches:
    """The caches of a fleet. `address` is a folder, or s3://bucket/prefix, gs://…, az://…; obstore reads its credentials."""

    def __init__(self, address: str) -> None:
        try:
            self._store: Any = from_url(address) if "://" in address else LocalStore(Path(address), mkdir=True)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigError(
                f"[fleet] caches = {address!r} cannot be used: {_said(error)}", fix="Name a folder, or s3://, gs:// or az://."
            ) from error

    def hold(self, org: str, folder: Path) -> Held:
        """The newest cache of the org in `folder`, fetched where the disk has an older one or none. Raises TryLater."""
        path = folder / CACHE
        own = _own_generation(folder)
        with _saying_what_is_wrong():
            newest = max(self._generations(org), default=0)
            if own >= newest and (path.exists() or newest == 0):
                return Held(path, own, fetched=False)
            self._fetch(org, newest, folder)
        return Held(path, newest, fetched=True)

    def keep(self, org: str, held: Held) -> int:
        """Stores what has become of it as the next generation, gives its number. Raises Overtaken, TryLater, CacheUnusable."""
        folder = held.path.parent
        following = held.generation + 1
        copy, packed = folder / "copy.db", folder / "copy.zst"
        try:
            _remove(copy, packed)
            copy_cache(held.path, copy)
            with copy.open("rb") as source, packed.open("wb") as target:
                zstandard.ZstdCompressor(LEVEL, write_checksum=True).copy_stream(source, target, size=copy.stat().st_size)
            with _saying_what_is_wrong():
                self._create(org, following, packed)
                _note_generation(folder, following)
                self._tidy(org)
        except OSError as error:
            raise CacheUnusable(
                f"The cache of {org} cannot be packed: {error.strerror}.", fix="Make room on this worker's disk."
            ) from error
        finally:
            _remove(copy, packed)
        return following

    def _create(self, org: str, generation: int, packed: Path) -> None:
        name = _name(org, generation)
        try:
            obstore.put(self._store, name, packed, mode="create", use_multipart=False)
        except AlreadyExistsError:
            raise Overtaken from None
        if max(self._generations(org)) > generation:
            obstore.delete(self._store, name)
            raise Overtaken

    def _fetch(self, org: str, generation: int, folder: Path) -> None:
        new = folder / "fetched.db"
        _remove(new)
        with new.open("wb") as target:
            unpacking = zstandard.ZstdDecompressor().decompressobj()
            for part in obstore.get(self._store, _name(org, generation)).stream():
                target.write(unpacking.decompress(bytes(part)))
        if not unpacking.eof:
            raise zstandard.ZstdError("the object ends early")
        discard(folder)
        new.replace(folder / CACHE)
        _note_generation(folder, generation)

    def _generations(self, org: str) -> list[int]:
        found = (meta["path"] for part in obstore.list(self._store, prefix=org) for meta in part)
        names = (path.rpartition("/")[2].removesuffix(SUFFIX) for path in found)
        return [int(name) for name in names if name.isdecimal()]

    def _tidy(self, org: str) -> None:
        for generation in sorted(self._generations(org))[:-KEPT]:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, _name(org, generation))


def discard(folder: Path) -> None:
    """Forgets the cache on this disk, with the journal files that belong to it."""
    _remove(*(folder / f"{CACHE}{suffix}" for suffix in ("", "-wal", "-shm")), folder / BASE)


def room_for(work: Path, org: str) -> Path:
    """The org's own folder on this worker's disk."""
    folder = work / "orgs" / org
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def free_bytes(work: Path) -> int:
    """What is left on the disk of the caches."""
    return shutil.disk_usage(work).free


def _name(org: str, generation: int) -> str:
    return f"{org}/{generation:0{_DIGITS}d}{SUFFIX}"


def _own_generation(folder: Path) -> int:
    try:
        return int((folder / BASE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _note_generation(folder: Path, generation: int) -> None:
    new = folder / f"{BASE}.new"
    new.write_text(str(generation), encoding="ascii")
    os.replace(new, folder / BASE)  # noqa: PTH105 - whole or not at all


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


@contextmanager
def _saying_what_is_wrong() -> Iterator[None]:
    try:
        yield
    except (BaseError, FileNotFoundError, zstandard.ZstdError) as error:
        raise TryLater(
            f"The storage of caches does not give or take this one: {_said(error)}",
            fix="Check [fleet] caches and its credentials.",
        ) from error


def _said(error: Exception) -> str:
    """The first line: what follows is the library's own debug text."""
    return one_line(str(error).partition("\n")[0])
