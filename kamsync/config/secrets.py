"""Secrets by reference: `{ env = … }`, `{ file = … }`, `{ keyring = "service/user" }` → contract.Secret. Never a plain value."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kamsync.contract import Secret
from kamsync.decide.program import Place
from kamsync.errors import ConfigError

_WAYS = '{ env = "NAME" }, { file = "path" } or { keyring = "service/user" }'


def resolve_secret(reference: Any, place: Place, *, folder: Path, environment: Mapping[str, str] = os.environ) -> Secret:
    """The secret that a reference names. Relative files are looked for in $CREDENTIALS_DIRECTORY, then beside the configuration.

    Raises ConfigError, which names the reference and never the value.
    """
    if not isinstance(reference, Mapping) or len(reference) != 1:
        raise ConfigError(f"{place}: a secret must not stand in the file.", fix=f"Refer to it as {_WAYS}.")
    ((way, name),) = reference.items()
    match way:
        case "env":
            return _from_environment(str(name), place, environment)
        case "file":
            return _from_file(str(name), place, folder, environment)
        case "keyring":
            return _from_keyring(str(name), place)
    raise ConfigError(f"{place}: unknown kind of secret {way!r}.", fix=f"Refer to it as {_WAYS}.")


def _from_environment(name: str, place: Place, environment: Mapping[str, str]) -> Secret:
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigError(f"{place}: the environment variable {name} is not set.", fix=f"Set it: export {name}=…")
    return Secret(value, f"environment variable {name}")


def _from_file(name: str, place: Place, folder: Path, environment: Mapping[str, str]) -> Secret:
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    candidates = [Path(credentials) / name] if credentials else []
    candidates.append(folder / name)
    for path in candidates:
        try:
            value = path.read_text(encoding="utf-8").strip()
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{place}: the secret's file {path} cannot be read.", fix="Check its permissions.") from error
        if mode & (stat.S_IRGRP | stat.S_IROTH) and not credentials:
            raise ConfigError(f"{place}: others can read the secret's file {path}.", fix=f"chmod 600 {path}")
        if value:
            return Secret(value, f"file {path}")
        raise ConfigError(f"{place}: the secret's file {path} is empty.", fix="Write the secret into it.")
    raise ConfigError(f"{place}: there is no file {candidates[-1]}.", fix="Write the secret into that file, mode 600.")


def _from_keyring(name: str, place: Place) -> Secret:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigError(
            f"{place}: the package keyring is not installed.", fix="pip install 'kamsync[keyring]', or use env or file."
        ) from None
    service, _, user = name.partition("/")
    try:
        value = keyring.get_password(service, user or "kamsync")
    except KeyringError as error:
        raise ConfigError(f"{place}: the keyring does not open: {error}", fix="Unlock it, or use env or file.") from error
    if not value:
        raise ConfigError(f"{place}: the keyring has no entry {name!r}.", fix=f"keyring set {service} {user or 'kamsync'}")
    return Secret(value, f"keyring entry {name}")
