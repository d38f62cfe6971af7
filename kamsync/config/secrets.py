"""Secrets by reference: `{ env = … }`, `{ file = … }`, `{ keyring = "service/user" }` → contract.Secret. Never a plain value.

From the moment it is resolved, a secret is known to the redactor. What a header, a form or a key could not carry is refused
here, by its place and the character, before a library puts the whole value into an error.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamsync.config.paths import secret_files
from kamsync.contract import Secret, Setting
from kamsync.decide.program import Place
from kamsync.errors import ConfigError
from kamsync.files import SECRET_LIMIT_BYTES, everyone_can_read, path_of, read_text
from kamsync.pem import pem_text
from kamsync.printable import named, one_line
from kamsync.redaction import redact

_WAYS = '{ env = "NAME" }, { file = "path" } or { keyring = "service/user" }'
# What files and variables have at their ends without anybody wanting it: line ends, spaces, a byte-order mark.
_AROUND = " \t\r\n\ufeff"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where references are looked up: relative files beside the configuration, and who hears of what is not well (`warn`)."""

    folder: Path
    environment: Mapping[str, str]
    warn: Callable[[str], None] = lambda sentence: None


def resolve_secret(reference: Any, place: Place, setting: Setting, around: Surroundings) -> Secret:
    """The secret that a reference names. Relative files are looked for in $CREDENTIALS_DIRECTORY, then beside the configuration.

    Raises ConfigError, which names the reference and never the value.
    """
    if not isinstance(reference, Mapping) or len(reference) != 1:
        raise ConfigError(f"{place}: a secret must not stand in the file.", fix=f"Refer to it as {_WAYS}.")
    ((way, name),) = reference.items()
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ConfigError(f"{place}: the name of the secret must be a text.", fix=f"Refer to it as {_WAYS}.")
    match way:
        case "env":
            value, source = _from_environment(name, place, around.environment), f"environment variable {name}"
        case "file":
            value, source = _from_file(name, place, around)
        case "keyring":
            value, source = _from_keyring(name, place), f"keyring entry {name}"
        case _:
            raise ConfigError(f"{place}: unknown kind of secret {one_line(str(way))!r}.", fix=f"Refer to it as {_WAYS}.")
    redact.add(value)
    value = value.strip(_AROUND)
    if not value:
        raise ConfigError(f"{place}: the {source} is empty.", fix="Write the secret into it.")
    value = pem_text(value) if setting.holds == "pem" else value
    redact.add(value)
    check_carried(value, setting, place, source)
    return Secret(value, source)


def check_carried(value: str, setting: Setting, place: Place, source: str = "") -> None:
    """Refuses, with ConfigError, what the setting cannot hold, by the character's position and name; never shows the value."""
    for position, character in enumerate(value, start=1):
        if _fits(character, setting.holds):
            continue
        what = f"U+{ord(character):04X}, which is not ASCII" if character.isprintable() else named(character)
        where = f" in the {source}" if source else ""
        raise ConfigError(
            f"{place}: character {position} of {len(value)}{where} is {what}; {setting.name} cannot hold it.",
            fix="Copy the value anew, without what the copying added.",
        )


def _fits(character: str, holds: str) -> bool:
    match holds:
        case "token":
            return " " <= character <= "~"
        case "pem":
            return " " <= character <= "~" or character == "\n"
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _from_environment(name: str, place: Place, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value.strip(_AROUND):
        raise ConfigError(f"{place}: the environment variable {name} is not set.", fix=f"Set it: export {name}=…")
    return value


def _from_file(name: str, place: Place, around: Surroundings) -> tuple[str, str]:
    candidates = secret_files(path_of(name, place), around.folder, around.environment)
    for path in candidates:
        try:
            text = read_text(path, "secret's file", limit_bytes=SECRET_LIMIT_BYTES)
        except FileNotFoundError:
            continue
        except ConfigError as error:
            raise ConfigError(f"{place}: {error.message}", fix=error.fix) from None
        if everyone_can_read(path.stat()):
            around.warn(f"Everyone on this machine can read the secret's file {path}: chmod 600 {path}")
        return text, f"file {path}"
    raise ConfigError(f"{place}: there is no file {candidates[-1]}.", fix="Write the secret into that file, mode 600.")


def _from_keyring(name: str, place: Place) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise ConfigError(
            f"{place}: the package keyring is not installed.", fix="pip install 'kamsync[keyring]', or use env or file."
        ) from None
    service, _, user = name.partition("/")
    try:
        value: str | None = keyring.get_password(service, user or "kamsync")
    except KeyringError as error:
        raise ConfigError(
            f"{place}: the keyring does not open: {one_line(str(error))}", fix="Unlock it, or use env or file."
        ) from error
    if not value:
        raise ConfigError(f"{place}: the keyring has no entry {name!r}.", fix=f"keyring set {service} {user or 'kamsync'}")
    return value
