"""Where the cache stands: beside the configuration, or in the state folder of the service or of the user where that is closed.

A configuration in /etc is read by a service that may write nowhere near it, and systemd says where it may
(systemd.exec(5), StateDirectory=).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kamsync.decide.place import Place
from kamsync.errors import ConfigError
from kamsync.files import path_of

CACHE_VARIABLE = "KAMSYNC_CACHE"  # goes before what the file says: whoever starts the program knows where it may write


def cache_path_of(written: str, folder: Path, environment: Mapping[str, str], place: Place) -> Path:
    """The cache's path. Only a bare file name moves to a state folder: whoever names a folder means that one.

    Raises ConfigError where it names a folder.
    """
    told = environment.get(CACHE_VARIABLE)
    if told:
        return folder / path_of(told, f"the environment variable {CACHE_VARIABLE}")
    path = path_of(written, place)
    if path.name in ("", ".."):
        raise ConfigError(
            f"{place}: {written!r} names a folder, not the cache's file.", fix='Write a file name, like "kamsync.db".'
        )
    if path.is_absolute() or path.parent != Path() or os.access(folder, os.W_OK):
        return folder / path
    return _state_folder(environment, place) / path


def secret_files(written: Path, folder: Path, environment: Mapping[str, str]) -> list[Path]:
    """Where a secret's file may be, the first first: among the service's credentials (systemd.exec(5), LoadCredential=), then
    beside the configuration, which is in `folder`."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    return [*([Path(credentials) / written] if credentials else []), folder / written]


def _state_folder(environment: Mapping[str, str], place: Place) -> Path:
    told = environment.get("STATE_DIRECTORY", "").split(":")[0]  # systemd lists several with colons
    if told:
        return Path(told)
    from platformdirs import user_state_path  # few caches stand there

    try:
        own = user_state_path("kamsync")
    except RuntimeError:
        own = Path()
    if not own.is_absolute():  # no home: the library says so, or leaves the ~ where it is
        raise ConfigError(
            f"{place}: the configuration's folder cannot be written, and this user has no home folder for the cache.",
            fix="Write the whole path of the cache, or set STATE_DIRECTORY.",
        )
    return own
