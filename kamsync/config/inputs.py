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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamsync import __version__
from kamsync.config.layers import INHERIT, merged
from kamsync.config.paths import cache_path_of, secret_files
from kamsync.decide.place import Place
from kamsync.errors import ConfigError
from kamsync.files import CONFIG_LIMIT_BYTES, SECRET_LIMIT_BYTES, path_of, read_text

_PACKAGE = Path(__file__).parent.parent
_SHIPPED = (_PACKAGE / "_mappings", _PACKAGE.parent / "mappings")  # in a wheel, in a checkout (config.shipped)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the cache of a configuration stands, and the digest of everything that it is made of."""

    cache_path: Path
    digest: str

    @property
    def has_cache(self) -> bool:
        """Whether it is there. False also where a folder on the way is closed, or no file can have such a name."""
        try:
            return self.cache_path.exists()
        except OSError:
            return False


def inputs_of(path: Path, environment: Mapping[str, str] = os.environ) -> Inputs | None:
    """None where only loading it can tell: it is not sound, or a secret is in a keyring, which nobody can see into."""
    try:
        str(path.resolve()).encode()  # no database keeps the name of a file that is no text
        text = _text_of(path)
        document = tomllib.loads(text)
        folder = path.resolve().parent
        common, whole = _with_inherited(document, folder)
        written = whole.get("cache", {}).get("path", "kamsync.db")
        told = [__version__, sys.version, str(folder), environment.get("HOME", ""), _digest(text), common, *_of_the_program()]
        told += _told_by(whole, folder, environment)
        cache_path = cache_path_of(written, folder, environment, Place())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError, RuntimeError, ConfigError):
        return None
    return Inputs(cache_path, _digest(json.dumps(told)))


def _text_of(path: Path) -> str:
    """As it is read to be loaded: what would be refused then (a pipe, a file that others can change) is refused here too."""
    return read_text(path, "configuration file", limit_bytes=CONFIG_LIMIT_BYTES)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _with_inherited(document: Mapping[str, Any], folder: Path) -> tuple[str, Mapping[str, Any]]:
    """The digest of the file that this one inherits from, "" for none, and both together."""
    if INHERIT not in document:
        return "", document
    text = _text_of(folder / path_of(document[INHERIT]))
    return _digest(text), merged(tomllib.loads(text), document)


def _told_by(document: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The mapping file, secret files, and which of the named variables are set. Raises ValueError for a keyring."""
    crm = document.get("crm", {})
    file = folder / path_of(crm.get("mapping") or crm.get("kind", ""))
    yield _digest(_text_of(file)) if file.is_file() else "shipped"
    for kind, name in _references({table: value for table, value in document.items() if table != "log"}):  # its file is no secret
        match kind:
            case "env":
                yield f"{name} {_look(environment.get(name, ''))}"
            case "file":
                yield _told_by_file(secret_files(path_of(name), folder, environment))
            case _:
                raise ValueError(f"{kind} is not to be seen")


def _told_by_file(candidates: Sequence[Path]) -> str:
    """Which of them is read, and what of it counts. Raises ValueError where none is there, ConfigError where it is refused."""
    for path in candidates:
        with suppress(FileNotFoundError):
            secret = read_text(path, "secret's file", limit_bytes=SECRET_LIMIT_BYTES)
            return f"{path} {_stamp(path)} {_look(secret)}"
    raise ValueError("a secret's file is not there")


def _look(secret: str) -> str:
    """What of a secret decides whether it is refused, and nothing by which one could tell it from others.

    Raises ValueError for a character that not every setting can hold (config.secrets).
    """
    value = secret.strip(" \t\r\n\ufeff")
    if any(character != "\n" and not " " <= character <= "~" for character in value):
        raise ValueError("a character that loading it may refuse")
    return f"{bool(value)} {chr(10) in value} {'{email}' in value}"


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
    # Where packages are installed: the folder's own time moves when a connector, or a library, comes, goes or is upgraded.
    installed = (Path(folder) for folder in sys.path if folder.endswith("-packages"))
    yield from (f"{folder} {_stamp(folder)}" for folder in installed if folder.is_dir())


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
