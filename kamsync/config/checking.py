"""pydantic's findings as one ConfigError that names file, line, key, what is wrong and the nearest known key."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from kamsync.config.toml_source import TomlSource, dotted
from kamsync.errors import ConfigError


def problems_of(error: ValidationError, source: TomlSource, model: type[BaseModel]) -> list[str]:
    """One sentence a finding, in the order of the file."""
    found = []
    for detail in error.errors():
        path = tuple(part for part in detail["loc"] if not _is_union_branch(part, source, detail["loc"]))
        place = source.place(path)
        found.append((place.line, f"{place.file}:{place.line}: {_sentence(detail, path, model)}"))
    return [sentence for _, sentence in sorted(dict.fromkeys(found))]


def refuse(problems: Sequence[str], name: str) -> ConfigError:
    """All the problems of one file as one error."""
    first, *others = problems or [f"{name}: not a valid file"]
    listed = "".join(f"\n  {problem}" for problem in others)
    return ConfigError(first + listed, fix="Every key is explained in config.example.toml.")


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "weight"?`, or nothing where nothing is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _sentence(detail: Mapping[str, Any], path: Sequence[str | int], model: type[BaseModel]) -> str:
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(model, path[:-1])
            table = dotted(path[:-1])
            inside = f" in [{table}]" if table else ""
            hint = nearest(str(path[-1]), known) or (f"; known keys: {', '.join(sorted(known))}" if known else "")
            return f"unknown key {path[-1]!r}{inside}{hint}"
        case "missing":
            return f"{dotted(path)} is missing"
        case _:
            message = str(detail["msg"]).removeprefix("Value error, ")
            return f"{dotted(path)}: {message}"


def _known_keys(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys of the table at `path` of a model."""
    current: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        field = _field_named(current, part)
        current = _model_in(field) if field is not None else None
        if current is None:
            return ()
    return tuple(f.alias or name for name, f in current.model_fields.items()) if current else ()


def _field_named(model: type[BaseModel] | None, key: str) -> Any:
    if model is None:
        return None
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _is_union_branch(part: str | int, source: TomlSource, location: Sequence[str | int]) -> bool:
    """pydantic puts the name of the tried union member into the path; it is no key of the document."""
    if isinstance(part, int):
        return False
    value: Any = source.document
    for step in location[: list(location).index(part)]:
        in_table = isinstance(value, Mapping) and step in value
        in_array = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if in_table or in_array:
            value = value[step]
    known = isinstance(value, Mapping) and part in value
    looks_like_type = part in {"str", "int", "float", "bool"} or part[:1] in "_ABCDEFGHIJKLMNOPQRSTUVWXYZ" or "[" in part
    return looks_like_type and not known
