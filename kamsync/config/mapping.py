"""Mapping files: canonical name → CRM field, as data that people edit. pydantic checks the shape here and ends here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, create_model

from kamsync.config.checking import nearest, shown, validate
from kamsync.config.models import Name, Text
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.taken_names import free_name, taken_by
from kamsync.config.toml_source import TomlSource, parse_toml, read_toml
from kamsync.errors import ConfigError
from kamsync.files import exists, path_of
from kamsync.flags import FLAGS, PEOPLES_WORD
from kamsync.model import PLAN_TEXTS, STREAMS, Column, CrmMapping, Kind, PlanMapping, Stream

LONGEST_NAME = 60  # it becomes a column of the cache


def _canonical(name: str) -> str:
    if not re.fullmatch(f"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}", name):
        raise ValueError(
            f"a name for expressions begins with a letter and has up to {LONGEST_NAME} small letters, digits and underscores"
        )
    return name


FieldName = Name
CanonicalName = Annotated[str, AfterValidator(_canonical)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Field(_Table):
    field: FieldName
    type: Kind | None = None
    values: dict[str, Text] = {}


class _Task(_Table):
    key: FieldName


class _Plan(_Table):
    customer_goals: FieldName | None = None
    our_objectives: FieldName | None = None
    account_plans: bool = False


class _Sections(_Table):
    crm: FieldName
    flags: dict[str, FieldName]
    task: _Task
    plan: _Plan = _Plan()
    options: dict[str, Any] = {}


_Fields = dict[CanonicalName, FieldName | _Field]
# One table a stream that a mapping describes; only accounts must be described.
_TABLES: dict[str, Any] = {
    record.table: (_Fields, ... if stream is Stream.ACCOUNTS else {}) for stream, record in STREAMS.items() if record.table
}
_Mapping = create_model("_Mapping", __base__=_Sections, **_TABLES)


def load_mapping(name_or_path: str, *, crm: str, folder: Path, where: object = "[crm] mapping") -> CrmMapping:
    """A shipped mapping by name, or a file by its path (relative to the configuration's folder). `where` named it.

    Raises ConfigError with the place of what will not do.
    """
    source = _source(name_or_path, folder, where)
    parsed = validate(_Mapping, source)
    if parsed.crm != crm:
        raise ConfigError(
            f"{source.place(('crm',))}: this mapping is for {shown(parsed.crm)}, the configuration's [crm] kind is {crm!r}.",
            fix="Point [crm] mapping at a mapping of that CRM.",
        )
    for stream, record in STREAMS.items():
        if record.table:
            _refuse_taken_names(getattr(parsed, record.table), stream, record.table, source)
    unknown = sorted(set(parsed.flags) - set(FLAGS))
    if unknown:
        raise ConfigError(
            f"{source.place(('flags', unknown[0]))}: {shown(unknown[0])} is no flag{nearest(unknown[0], FLAGS)}",
            fix=f"The flags are {', '.join(FLAGS)}.",
        )
    lacking = [flag for flag in PEOPLES_WORD if flag not in parsed.flags]
    if "decided_tier" in parsed.flags and lacking:
        raise ConfigError(
            f"{source.place(('flags', 'decided_tier'))}: decided_tier is mapped without {' and '.join(lacking)}: a tier that a "
            "person sets by hand would be known for theirs, and there would be no field to keep it in.",
            fix=f"Map {', '.join(PEOPLES_WORD)} beside decided_tier; or leave decided_tier out, and no tier is known for a "
            "person's but by the override field.",
        )
    return CrmMapping(
        crm=parsed.crm,
        columns=MappingProxyType(
            {stream: _columns(getattr(parsed, record.table), stream) for stream, record in STREAMS.items() if record.table}
        ),
        flags=MappingProxyType(dict(parsed.flags)),
        task_key=parsed.task.key,
        options=MappingProxyType(dict(parsed.options)),
        plan=PlanMapping(
            MappingProxyType({name: field for name in PLAN_TEXTS if (field := getattr(parsed.plan, name))}),
            parsed.plan.account_plans,
        ),
    )


def _refuse_taken_names(fields: Mapping[str, object], stream: Stream, table: str, source: TomlSource) -> None:
    for name in fields:
        taken = taken_by(name, stream)
        if taken:
            raise ConfigError(
                f"{source.place((table, name))}: a field cannot be called {name}, which is {taken}.",
                fix=f"Call it {free_name(name, stream, fields)}, or anything else that `kamsync facts` does not list.",
            )


def _source(name_or_path: str, folder: Path, where: object) -> TomlSource:
    shipped = read_shipped(name_or_path)
    if shipped is not None:
        return parse_toml(shipped, f"mapping {name_or_path}")
    path = folder / path_of(name_or_path, where)
    if not exists(path, "mapping file"):
        raise ConfigError(
            f"{where}: there is no file {path} and no shipped mapping "
            f"{shown(name_or_path)}{nearest(name_or_path, shipped_names())}",
            fix=f"Shipped mappings: {', '.join(shipped_names())}.",
        )
    return read_toml(path, "mapping file")


def _columns(fields: Mapping[str, str | _Field], stream: Stream) -> tuple[Column, ...]:
    kinds = STREAMS[stream].kinds
    columns = []
    for name, mapped in fields.items():
        detail = mapped if isinstance(mapped, _Field) else _Field(field=mapped)
        kind = detail.type or kinds.get(name, "text")
        columns.append(Column(name, kind, detail.field, MappingProxyType(dict(detail.values))))
    return tuple(columns)
