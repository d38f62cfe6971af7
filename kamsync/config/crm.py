"""`[crm.<kind>]`: checked against the settings that the connector itself declares, secrets resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kamsync.config.checking import a_table, nearest, shown
from kamsync.config.models import CrmTable
from kamsync.config.secrets import Surroundings, check_carried, resolve_secret
from kamsync.config.toml_source import TomlSource
from kamsync.contract import Connector, Setting
from kamsync.decide.program import Place
from kamsync.errors import ConfigError
from kamsync.files import path_of
from kamsync.plugins import installed_connectors

_TYPES: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "url": (str,),
    "path": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_WANTED: Mapping[str, str] = {
    "text": "a text in quotes",
    "url": "an address in quotes",
    "path": "a path in quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
LARGEST_NUMBER = 10**12


def connector_settings(connector: Connector, crm: CrmTable, source: TomlSource, around: Surroundings) -> Mapping[str, Any]:
    """Every setting of the connector with its value or default; ConfigError on an unknown, missing or ill-typed one."""
    given = crm.model_extra or {}
    others = set(given) - {connector.kind}
    unknown = sorted(others - set(installed_connectors()))
    if unknown:
        hint = nearest(unknown[0], [connector.kind, "kind", "mapping"])
        raise ConfigError(
            f"{source.place(('crm', unknown[0]))}: unknown key {shown(unknown[0])} in [crm]{hint}", fix="See config.example.toml."
        )
    for kind in sorted(given):
        a_table(given[kind], source.place(("crm", kind)), f"[crm.{kind}]")
    table = given.get(connector.kind, {})
    known = {setting.name: setting for setting in connector.settings}
    for key in table:
        if key not in known:
            place = source.place(("crm", connector.kind, key))
            raise ConfigError(
                f"{place}: unknown key {shown(key)} in [crm.{connector.kind}]{nearest(key, known)}",
                fix=f"Known keys: {', '.join(known)}.",
            )
    values = {}
    for setting in connector.settings:
        place = source.place(("crm", connector.kind, setting.name))
        values[setting.name] = _value(setting, table.get(setting.name), place, around)
    return values


def _value(setting: Setting, given: Any, place: Place, around: Surroundings) -> Any:
    if given is None:
        if setting.required:
            raise ConfigError(f"{place}: {setting.name} is missing: {setting.help}", fix="Add it; see config.example.toml.")
        return setting.default
    if setting.secret:
        return resolve_secret(given, place, setting, around)
    # A client id is no secret, but people keep it beside one: a reference is welcome wherever a text is.
    if isinstance(given, Mapping) and setting.type in ("text", "url"):
        given = resolve_secret(given, place, setting, around).reveal()
    wanted = _TYPES[setting.type]
    if not isinstance(given, wanted) or (isinstance(given, bool) and bool not in wanted):
        raise ConfigError(f"{place}: {setting.name} must be {_WANTED[setting.type]}.", fix=setting.help)
    if isinstance(given, int | float) and not (math.isfinite(given) and abs(given) <= LARGEST_NUMBER):
        raise ConfigError(f"{place}: {setting.name} is too large a number.", fix=setting.help)
    if setting.choices and given not in setting.choices:
        raise ConfigError(
            f"{place}: {setting.name} = {shown(given)}{nearest(str(given), setting.choices)}",
            fix=f"One of {', '.join(setting.choices)}.",
        )
    if not isinstance(given, str):
        return given
    check_carried(given.strip(), setting, place)
    return str(around.folder / path_of(given, place)) if setting.type == "path" else given.strip()
