"""The orgs of a fleet, as their files say: when each is due, what it asks of the environment, what the fleet knows of it.

Only what the queue needs is read here. A file that cannot be read is its own org's trouble: it comes back as `Unreadable`, and
the others are read. The whole configuration is checked where it is used, in the org's own process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kamsync.config.fleet import Fleet, check_org_name
from kamsync.config.inheritance import read_configuration
from kamsync.config.toml_source import TomlSource
from kamsync.decide.timetable import Timetable, parse_cron
from kamsync.errors import ConfigError
from kamsync.files import CONFIG_LIMIT_BYTES, read_bytes

SUFFIX = ".toml"
STORAGE_PREFIXES = ("AWS_", "GOOGLE_", "AZURE_")  # what opens the caches of all orgs
_INHERITS = re.compile(rb"""^\s*inherit\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Org:
    """One org: its file, its schedule's lines, the vendor app that it shares, the variables that its secrets stand in."""

    name: str
    path: Path
    digest: str
    tables: tuple[Timetable, ...]
    app: str
    priority: int
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An org whose file says nothing that can be worked with."""

    name: str
    digest: str
    message: str
    fix: str


def names_of(fleet: Fleet) -> tuple[str, ...]:
    """Every org of the folder, by name. Raises ConfigError where there is no such folder."""
    try:
        return tuple(sorted(path.stem for path in fleet.orgs.iterdir() if path.suffix == SUFFIX and path.name[0] not in "_."))
    except OSError as error:
        raise ConfigError(
            f"The folder of orgs {fleet.orgs} cannot be read: {error.strerror}.",
            fix=f"Put one configuration an org into it, or name another folder in [fleet] orgs ({fleet.path}).",
        ) from error


def path_of_org(fleet: Fleet, name: str) -> Path:
    """The org's file."""
    return fleet.orgs / f"{name}{SUFFIX}"


def digest_of(path: Path) -> str:
    """Tells a file, with the one that it inherits from, from any other; "" where one of them cannot be read."""
    try:
        content = _bytes_of(path)
        found = hashlib.sha256(content)
        for named in _INHERITS.findall(content):
            found.update(_bytes_of(path.parent / named.decode("utf-8", "replace")))
    except (OSError, ValueError, ConfigError):
        return ""
    return found.hexdigest()[:32]


def _bytes_of(path: Path) -> bytes:
    """Of a regular file that could be a configuration: a pipe or a device would hold up the keeping of all orgs."""
    return read_bytes(path, "configuration file", limit_bytes=CONFIG_LIMIT_BYTES, ours=False)


def read_org(fleet: Fleet, name: str) -> Org | Unreadable:
    """What the queue needs of the org's file."""
    path = path_of_org(fleet, name)
    digest = digest_of(path)
    try:
        check_org_name(name, str(path))
        return _read(fleet, name, path, digest)
    except ConfigError as error:
        return Unreadable(name, digest, error.message, error.fix)


def _read(fleet: Fleet, name: str, path: Path, digest: str) -> Org:
    source = read_configuration(path)
    options = fleet.options_of(name)
    crm = source.document.get("crm")
    kind = crm.get("kind") if isinstance(crm, Mapping) else None
    if not isinstance(kind, str):
        raise ConfigError(f"{path}: [crm] kind is missing.", fix='Write kind = "salesforce" or kind = "hubspot" under [crm].')
    variables = frozenset(_variables(source.document))
    for own in sorted(variables):
        if own in fleet.own_variables or own.startswith(STORAGE_PREFIXES):
            raise ConfigError(
                f"{path}: the environment variable {own} is the fleet's own, and no org may see it.",
                fix="Give the org's secret a variable of its own, or a file in its folder of secrets.",
            )
    return Org(
        name=name,
        path=path,
        digest=digest,
        tables=tuple(_tables(source)),
        app=options.app or kind,
        priority=options.priority,
        variables=variables,
    )


def _tables(source: TomlSource) -> Iterator[Timetable]:
    program, schedule = (source.document.get(key) for key in ("program", "schedule"))
    zone = program.get("timezone", "UTC") if isinstance(program, Mapping) else "UTC"
    for key in ("sync", "full_pull"):
        line = schedule.get(key) if isinstance(schedule, Mapping) else None
        if line is not None:
            place = source.place(("schedule", key))
            if not isinstance(line, str) or not isinstance(zone, str):
                raise ConfigError(f"{place}: a schedule's line is a text.", fix='Write it like sync = "0 6 * * 1-5".')
            yield parse_cron(line, zone, place)


def _variables(value: Any) -> Iterator[str]:
    """The names in every `{ env = "NAME" }`: of all variables of the worker, the org's process gets these."""
    if isinstance(value, Mapping):
        if set(value) == {"env"} and isinstance(value["env"], str):
            yield value["env"]
        else:
            for one in value.values():
                yield from _variables(one)
    elif isinstance(value, list):
        for one in value:
            yield from _variables(one)
