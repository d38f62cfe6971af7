"""What a configuration is made of, as one digest: its file, the files that it names, what it takes from the environment, and us.

Whoever keeps something of a loaded configuration keeps the digest with it; another digest means that it has to be loaded anew.
Nothing here checks a configuration, and nothing of pydantic's is loaded for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamsync import __version__
from kamsync.config.layers import INHERIT, merged
from kamsync.config.paths import cache_path_of
from kamsync.decide.place import Place
from kamsync.errors import ConfigError

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (_PACKAGE / "_mappings", _PACKAGE.parent / "mappings")  # in a wheel, in a checkout (config.shipped)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the cache of a configuration stands, and the digest of everything that it is made of."""

    cache_path: Path
    digest: str


def inputs_of(path: Path, environment: Mapping[str, str] = os.environ) -> Inputs | None:
    """None where only loading it can tell: it is not sound, or a secret is in a keyring, which nobody can see into."""
    try:
        text = path.read_bytes()
        document = tomllib.loads(text.decode("utf-8-sig"))
        folder = path.resolve().parent
        common, whole = _with_inherited(document, folder)
        written = whole.get("cache", {}).get("path", "kamsync.db")
        told = [__version__, sys.version, str(folder), hashlib.sha256(text).hexdigest(), common, *_of_the_program()]
        told += _told_by(whole, folder, environment)
        cache_path = cache_path_of(written, folder, environment, Place())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, ConfigError):
        return None
    return Inputs(cache_path, hashlib.sha256(json.dumps(told).encode()).hexdigest())


def _with_inherited(document: Mapping[str, Any], folder: Path) -> tuple[str, Mapping[str, Any]]:
    """The digest of the file that this one inherits from, "" for none, and both together."""
    if INHERIT not in document:
        return "", document
    text = (folder / document[INHERIT]).read_bytes()
    return hashlib.sha256(text).hexdigest(), merged(tomllib.loads(text.decode("utf-8-sig")), document)


def _told_by(document: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The mapping file, secret files, and which of the named variables are set. Raises ValueError for a keyring."""
    mapping = document.get("crm", {}).get("mapping")
    file = folder / mapping if isinstance(mapping, str) else None
    yield hashlib.sha256(file.read_bytes()).hexdigest() if file is not None and file.is_file() else "shipped"
    for kind, name in _references(document):
        match kind:
            case "env":
                yield f"{name} {'is set' if environment.get(name) else 'is not'}"
            case "file":
                yield _stamp(folder / name)
            case _:
                raise ValueError(f"{kind} is not to be seen")


def _references(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if len(value) == 1 and value.keys() <= {"env", "file", "keyring"}:
            ((kind, name),) = value.items()
            yield str(kind), str(name)
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _references(item)


def _of_the_program() -> Iterator[str]:
    """What a newer checkout of the same version would do otherwise: the code that reads configurations, and what is shipped."""
    for folder, ending in ((_PACKAGE / "config", ".py"), (_PACKAGE / "decide", ".py"), *((one, ".toml") for one in _SHIPPED)):
        if folder.is_dir():
            yield from sorted(_stamps_in(str(folder), ending))
    yield from (_stamp(_PACKAGE / name) for name in ("model/streams.py", "flags.py"))


def _stamps_in(folder: str, ending: str) -> Iterator[str]:
    """The stamp of each file with that ending, in folders of the folder too. A path's own methods take three times as long."""
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir():
                yield from _stamps_in(entry.path, ending)
            elif entry.name.endswith(ending):
                told = entry.stat()
                yield f"{entry.path} {told.st_size} {told.st_mtime_ns}"


def _stamp(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"
