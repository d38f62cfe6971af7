"""Mapping files: canonical name → CRM field, as data that people edit. pydantic checks the shape here and ends here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamsync.config.checking import problems_of, refuse
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import TomlSource, parse_toml, read_toml
from kamsync.errors import ConfigError
from kamsync.flags import FLAGS
from kamsync.model import CORE_COLUMNS, Column, CrmMapping, Kind, Stream

_STREAMS = {"account": Stream.ACCOUNTS, "opportunity": Stream.OPPORTUNITIES, "line_item": Stream.LINE_ITEMS}
FieldName = Annotated[str, Field(min_length=1)]
CanonicalName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Field(BaseModel):
    model_config = ConfigDict(extra="forbid")
    field: FieldName
    type: Kind | None = None
    values: dict[str, str] = {}


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: FieldName


class _Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid")
    crm: FieldName
    account: dict[CanonicalName, FieldName | _Field]
    opportunity: dict[CanonicalName, FieldName | _Field] = {}
    line_item: dict[CanonicalName, FieldName | _Field] = {}
    flags: dict[str, FieldName]
    task: _Task
    options: dict[str, Any] = {}


def load_mapping(name_or_path: str, *, crm: str, folder: Path) -> CrmMapping:
    """A shipped mapping by name, or a file by its path (relative to the configuration's folder)."""
    source = _source(name_or_path, folder)
    try:
        parsed = _Mapping.model_validate(source.document)
    except ValidationError as error:
        raise refuse(problems_of(error, source, _Mapping), source.name) from error
    if parsed.crm != crm:
        raise ConfigError(
            f"{source.place(('crm',))}: this mapping is for {parsed.crm!r}, the configuration's [crm] kind is {crm!r}.",
            fix="Point [crm] mapping at a mapping of that CRM.",
        )
    unknown = sorted(set(parsed.flags) - set(FLAGS))
    if unknown:
        raise ConfigError(
            f"{source.place(('flags', unknown[0]))}: {unknown[0]!r} is no flag.", fix=f"The flags are {', '.join(FLAGS)}."
        )
    return CrmMapping(
        crm=parsed.crm,
        accounts=_columns(parsed.account, Stream.ACCOUNTS),
        opportunities=_columns(parsed.opportunity, Stream.OPPORTUNITIES),
        line_items=_columns(parsed.line_item, Stream.LINE_ITEMS),
        flags=MappingProxyType(dict(parsed.flags)),
        task_key=parsed.task.key,
        options=MappingProxyType(dict(parsed.options)),
    )


def _source(name_or_path: str, folder: Path) -> TomlSource:
    shipped = read_shipped(name_or_path)
    if shipped is not None:
        return parse_toml(shipped, f"mapping {name_or_path}")
    path = folder / name_or_path
    if not path.exists():
        raise ConfigError(
            f"[crm] mapping: there is no file {path} and no shipped mapping {name_or_path!r}.",
            fix=f"Shipped mappings: {', '.join(shipped_names())}.",
        )
    return read_toml(path, "mapping file")


def _columns(fields: Mapping[str, str | _Field], stream: Stream) -> tuple[Column, ...]:
    kinds = {column.name: column.kind for column in CORE_COLUMNS[stream]}
    columns = []
    for name, mapped in fields.items():
        detail = mapped if isinstance(mapped, _Field) else _Field(field=mapped)
        kind = detail.type or kinds.get(name, "text")
        columns.append(Column(name, kind, detail.field, MappingProxyType(dict(detail.values))))
    return tuple(columns)
