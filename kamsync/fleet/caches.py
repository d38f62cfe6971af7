"""Caches that travel between workers: packed by zstd, in object storage or a shared folder, one object a generation.

The next generation is written by "create, if it is not there yet", which S3, Google Cloud Storage, Azure and a folder all keep:
that is the compare-and-swap. Whoever worked from generation 7 may create 8, once; who comes second is refused. Readers take the
highest number, so that even a number which was tidied away long ago hides nothing newer. A worker whose own disk has the highest
one fetches nothing. What is damaged or lost here costs the way from the generation before, or one full pull.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import zstandard
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, from_url

from kamsync.errors import CacheUnusable, ConfigError, TryLater
from kamsync.log import log
from kamsync.printable import one_line
from kamsync.redaction import redact
from kamsync.store.cache_copy import copy_cache

CACHE, BASE = "kamsync.db", "generation"
LEVEL = 3  # 26 of 81 MB in half a second; level 19 saves five more and takes over a minute
KEPT = 2  # generations: a worker may be reading the one before
SUFFIX = ".db.zst"
_DIGITS = 12
# The library's own patience is three minutes a call, in which an org's slot would stand still.
_AGAIN: Any = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_PATIENCE = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=120)}
_REFUSAL = re.compile(r"status code: (\d{3})")
_THEIR_WORDS = re.compile(r"<Code>([^<]*)</Code>.*?<Message>([^<]*)</Message>", re.DOTALL)
# Where S3, Google and Azure give a machine its own credentials; it is asked where the environment names none.
_OF_THE_MACHINE = ("169.254.169.254", "metadata.google.internal", "metadata service")


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
        self._address = address
        try:
            self._store: Any = _remote(address) if "://" in address else LocalStore(Path(address), mkdir=True)
        except (BaseError, ValueError, OSError) as error:
            raise ConfigError(
                f"[fleet] caches = {address!r} cannot be used: {_said(error)}", fix="Name a folder, or s3://, gs:// or az://."
            ) from error

    def check(self) -> None:
        """Writes, reads, lists and deletes a small object. Raises TryLater where one of them does not succeed."""
        name = f".check/{secrets.token_hex(8)}"
        with self._saying_what_is_wrong():
            obstore.put(self._store, name, b"kamsync")
            obstore.get(self._store, name).bytes()
            self._generations(".check")
            obstore.delete(self._store, name)

    def hold(self, org: str, folder: Path) -> Held:
        """The newest cache of the org in `folder`, fetched where the disk has an older one or none. Raises TryLater.

        Where nothing that is stored can be read, there is none: the next generation follows upon it all the same.
        """
        path = folder / CACHE
        own = _own_generation(folder)
        with self._saying_what_is_wrong():
            stored = sorted(self._generations(org), reverse=True)
            newest = max(stored, default=0)
            if own >= newest and (path.exists() or newest == 0):
                return Held(path, own, fetched=False)
            fetched = any(self._fetch(org, generation, folder) for generation in stored)
        if not fetched:
            discard(folder)
        return Held(path, newest, fetched)

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
            with self._saying_what_is_wrong():
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
            if not self._is_ours(name, packed):
                raise Overtaken from None
        if max(self._generations(org)) > generation:
            obstore.delete(self._store, name)
            raise Overtaken

    def _is_ours(self, name: str, packed: Path) -> bool:
        """Whether what is there is what we sent: the answer to our own first try has been lost on its way."""
        found = obstore.get(self._store, name)
        return bool(found.meta["size"] == packed.stat().st_size) and bytes(found.bytes()) == packed.read_bytes()

    def _fetch(self, org: str, generation: int, folder: Path) -> bool:
        """False where the object is damaged, or has just been tidied away."""
        new = folder / "fetched.db"
        _remove(new)
        try:
            with new.open("wb") as target:
                unpacking = zstandard.ZstdDecompressor().decompressobj()
                for part in obstore.get(self._store, _name(org, generation)).stream():
                    target.write(unpacking.decompress(bytes(part)))
            if not unpacking.eof:
                raise zstandard.ZstdError("it ends early")
        except (zstandard.ZstdError, FileNotFoundError) as error:
            _remove(new)
            log().warning("cache damaged", org=org, generation=generation, error=_said(error))
            return False
        discard(folder)
        new.replace(folder / CACHE)
        _note_generation(folder, generation)
        return True

    def _generations(self, org: str) -> list[int]:
        found = (meta["path"] for part in obstore.list(self._store, prefix=org) for meta in part)
        names = (path.rpartition("/")[2].removesuffix(SUFFIX) for path in found)
        return [int(name) for name in names if name.isdecimal()]

    def _tidy(self, org: str) -> None:
        for generation in sorted(self._generations(org))[:-KEPT]:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, _name(org, generation))

    @contextmanager
    def _saying_what_is_wrong(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            words, fix = _explained(error)
            raise TryLater(f"The caches at {self._address}: {words}", fix=fix) from error


def _remote(address: str) -> Any:
    """obstore takes its settings from the environment, but not AWS_ALLOW_HTTP where it is given any options."""
    options: Any = {**_PATIENCE, "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")}
    return from_url(address, retry_config=_AGAIN, client_options=options)


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


def _explained(error: Exception) -> tuple[str, str]:
    """What the storage said and what mends it. obstore gives most refusals as text, with the storage's own answer inside."""
    text = str(error)
    refused = _REFUSAL.search(text)
    theirs = _THEIR_WORDS.search(text)
    words = f"{one_line(theirs[2]).rstrip('.')} ({one_line(theirs[1])})." if theirs else _said(error)
    if any(place in text for place in _OF_THE_MACHINE):
        return "no credentials are named for it, and this machine has none of its own.", (
            "Name them in the worker's environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3: docs/fleet.md."
        )
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or (refused and refused[1] in ("401", "403")):
        return words, "Check the credentials in the worker's environment: they must list, read, write and delete there."
    if "error sending request" in text:
        return "nothing answers there.", "Check [fleet] caches, AWS_ENDPOINT_URL where it is set, and this machine's network."
    return words, "Check [fleet] caches."


def _said(error: Exception) -> str:
    """The first line: what follows is the library's own debug text."""
    return redact(one_line(str(error).partition("\n")[0]))
