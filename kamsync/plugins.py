"""Which connectors are installed: entry points of the group `kamsync.connectors`. Nobody else knows that they exist."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from kamsync.contract import CONTRACT_VERSION, Connector
from kamsync.errors import ConfigError

GROUP = "kamsync.connectors"


def installed_connectors() -> tuple[str, ...]:
    """The kinds that `[crm] kind` may name, sorted."""
    return tuple(sorted({point.name for point in _points(tuple(sys.path))}))


def connector_packages() -> tuple[str, ...]:
    """The packages that the installed connectors live in, sorted."""
    return tuple(sorted({point.module for point in _points(tuple(sys.path))}))


def load_connector(kind: str, *, where: str = "[crm] kind") -> Connector:
    """The connector of that kind; ConfigError where there is none, or where the installed one does not load."""
    for point in _points(tuple(sys.path)):
        if point.name == kind:
            return _load(point)
    names = installed_connectors()
    near = get_close_matches(kind, names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigError(
        f"{where}: there is no connector {kind!r}.",
        fix=f"{hint}Installed connectors: {', '.join(names) or 'none; reinstall kamsync'}.",
    )


@lru_cache(maxsize=2)
def _points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Found once for what Python's path is: every distribution on it is looked through for them."""
    return tuple(entry_points(group=GROUP))


def _load(point: EntryPoint) -> Connector:
    try:
        connector = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The connector {point.name!r} ({point.value}) does not load: {error}",
            fix="Reinstall the package that brings it, or ask its authors.",
        ) from error
    if not isinstance(connector, Connector) or connector.contract_version != CONTRACT_VERSION:
        raise ConfigError(
            f"The connector {point.name!r} ({point.value}) does not keep version {CONTRACT_VERSION} of the connector contract.",
            fix="Install a version of it that fits this kamsync.",
        )
    return connector
