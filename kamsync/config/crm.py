"""`[crm.<kind>]`: checked against the settings that the connector itself declares, secrets resolved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kamsync.config.checking import nearest
from kamsync.config.models import CrmTable
from kamsync.config.secrets import resolve_secret
from kamsync.config.toml_source import TomlSource
from kamsync.contract import Connector, Setting
from kamsync.decide.program import Place
from kamsync.errors import ConfigError
from kamsync.plugins import installed_connectors

_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "url": (str,),
    "path": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def connector_settings(
    connector: Connector, crm: CrmTable, source: TomlSource, folder: Path, environment: Mapping[str, str]
) -> Mapping[str, Any]:
    """Every setting of the connector with its value or default; ConfigError on an unknown, missing or ill-typed one."""
    others = set(crm.model_extra or {}) - {connector.kind}
    unknown = sorted(others - set(installed_connectors()))
    if unknown:
        hint = nearest(unknown[0], [connector.kind, "kind", "mapping"])
        raise ConfigError(
            f"{source.place(('crm', unknown[0]))}: unknown key {unknown[0]!r} in [crm]{hint}", fix="See config.example.toml."
        )
    table = (crm.model_extra or {}).get(connector.kind, {})
    known = {setting.name: setting for setting in connector.settings}
    for key in table:
        if key not in known:
            place = source.place(("crm", connector.kind, key))
            raise ConfigError(
                f"{place}: unknown key {key!r} in [crm.{connector.kind}]{nearest(key, known)}",
                fix=f"Known keys: {', '.join(known)}.",
            )
    values = {}
    for setting in connector.settings:
        place = source.place(("crm", connector.kind, setting.name))
        values[setting.name] = _value(setting, table.get(setting.name), place, folder, environment)
    return values


def _value(setting: Setting, given: Any, place: Place, folder: Path, environment: Mapping[str, str]) -> Any:
    if given is None:
        if setting.required:
            raise ConfigError(f"{place}: {setting.name} is missing: {setting.help}", fix="Add it; see config.example.toml.")
        return setting.default
    if setting.secret:
        return resolve_secret(given, place, folder=folder, environment=environment)
    # A client id is no secret, but people keep it beside one: a reference is welcome wherever a text is.
    if isinstance(given, Mapping) and setting.type in ("text", "url"):
        given = resolve_secret(given, place, folder=folder, environment=environment).reveal()
    wanted = _TYPES[setting.type]
    if not isinstance(given, wanted) or (isinstance(given, bool) and bool not in wanted):
        raise ConfigError(f"{place}: {setting.name} must be of type {setting.type}.", fix=setting.help)
    if setting.choices and given not in setting.choices:
        raise ConfigError(
            f"{place}: {setting.name} = {given!r}{nearest(str(given), setting.choices)}",
            fix=f"One of {', '.join(setting.choices)}.",
        )
    return str(folder / Path(str(given)).expanduser()) if setting.type == "path" else given
