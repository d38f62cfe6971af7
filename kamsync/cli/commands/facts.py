"""`kamsync facts`: every name that an expression may read, with its definition and type, from the source that computes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.config import load_config
from kamsync.decide.facts import FACTS
from kamsync.model import STREAMS, Column, Stream


def facts(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List every fact and field that an expression may read. With a configuration, the fields that it maps."""
    rows = [
        *({"name": f.name, "type": f.kind, "definition": f.definition, "none": f.none, "from": f.source} for f in FACTS),
        *_account_fields(config),
    ]
    if json:
        show_json(rows)
        return
    for row in rows:
        show(f"{row['name']:<26}{row['type']:<9}{row['definition']} (none: {row['none']})")


def _account_fields(config: Path) -> Iterator[dict[str, str]]:
    computed = {fact.name for fact in FACTS}
    for column in _columns(config):
        if column.name not in computed:
            where = f"The account's field {column.field}" if column.field else "Field of the account, where the mapping names one"
            yield {"name": column.name, "type": column.kind, "definition": where, "none": "null", "from": "account"}


def _columns(config: Path) -> tuple[Column, ...]:
    """The mapped fields; without a configuration those that every mapping may have."""
    if config == DEFAULT_CONFIG and not os.path.lexists(config):
        return STREAMS[Stream.ACCOUNTS].columns
    mapped = load_config(config).mapping.of(Stream.ACCOUNTS)
    names = {column.name for column in mapped}
    return (*mapped, *(column for column in STREAMS[Stream.ACCOUNTS].columns if column.name not in names))
