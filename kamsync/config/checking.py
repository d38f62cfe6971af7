"""pydantic's findings as one ConfigError in our own words: file, line, key, what is wrong and the nearest known key."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from kamsync.config.toml_source import KeyPath, TomlSource, dotted
from kamsync.decide.program import Place
from kamsync.errors import ConfigError
from kamsync.printable import one_line

Model = typing.TypeVar("Model", bound=BaseModel)
EXAMPLE = "config.example.toml"
SHOWN_LENGTH = 40
# What each type of finding says that the key wants; the numbers are in the finding's context.
_WANTED: Mapping[str, str] = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "string_too_short": "a text that is not empty",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "more than {:,.15g}"),
    "greater_than_equal": ("ge", "at least {:,.15g}"),
    "less_than": ("lt", "less than {:,.15g}"),
    "less_than_equal": ("le", "at most {:,.15g}"),
}
_LENGTHS: Mapping[str, tuple[str, str]] = {
    "too_short": ("min_length", "a list of at least {} items"),
    "too_long": ("max_length", "a list of at most {} items"),
    "string_too_long": ("max_length", "a text of at most {} characters"),
}
# Findings that only say "this is another kind of value": weaker than a finding inside of what was given.
_KINDS = frozenset(_WANTED) - {"string_too_short", "finite_number"}


def validate(model: type[Model], source: TomlSource, *, explained_in: str = EXAMPLE) -> Model:
    """The document as the model says. Raises ConfigError with all that is wrong, each with its file and line."""
    try:
        return model.model_validate(source.document)
    except ValidationError as error:
        raise refuse(_problems_of(error, source, model), source.name, explained_in=explained_in) from error


def _problems_of(error: ValidationError, source: TomlSource, model: type[BaseModel]) -> list[str]:
    """One sentence a finding, in the order of the file; alternatives for one key make one sentence."""
    findings: dict[KeyPath, list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False):
        findings.setdefault(_in_document(detail, source), []).append(typing.cast(Mapping[str, Any], detail))
    sentences = []
    for path, details in findings.items():
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in findings)
        if deeper and all(detail["type"] in _KINDS for detail in details):
            continue  # a table where a text would do too: what is wrong is said of the key inside it
        place = source.place(path)
        where = f"{place.file}:{place.line}" if place.line else place.file
        sentences.append((place.line, f"{where}: {_sentence(details, path, model)}"))
    return [sentence for _, sentence in sorted(dict.fromkeys(sentences))]


def refuse(problems: Sequence[str], name: str, *, explained_in: str = EXAMPLE) -> ConfigError:
    """All the problems of one file as one error."""
    first, *others = problems or [f"{name}: not a valid file"]
    listed = "".join(f"\n  {problem}" for problem in others)
    return ConfigError(first + listed, fix=f"Every key is explained in {explained_in}.")


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'weight'?`, or nothing where nothing is near. Capitals, hyphens and spaces make no difference."""
    by_plain: dict[str, str] = {}
    for one in known:
        by_plain.setdefault(_plain(one), one)
    near = get_close_matches(_plain(name)[:200], list(by_plain), n=1, cutoff=0.6)
    return f"; did you mean {by_plain[near[0]]!r}?" if near else ""


def shown(value: object) -> str:
    """A value of the file for a message: on one line, not longer than a message bears; tables and lists by their kind only."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = one_line(value if isinstance(value, str) else str(value))
    text = text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
    return repr(text) if isinstance(value, str) else text


def a_table(value: object, place: Place, name: str) -> None:
    """ConfigError where a value that pydantic left to us is no table."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{place}: {name} must be a table, not {shown(value)}.", fix="See config.example.toml.")


def _plain(name: str) -> str:
    return re.sub(r"[-\s/]+", "_", name.strip().casefold())


def _in_document(detail: Mapping[str, Any], source: TomlSource) -> KeyPath:
    """The path of the finding without what pydantic adds to it: names of the tried alternatives, `[key]`."""
    value: Any = source.document
    path: list[str | int] = []
    *_, last = detail["loc"] or ("",)
    for position, part in enumerate(detail["loc"]):
        is_last = position == len(detail["loc"]) - 1
        in_table = isinstance(value, Mapping) and part in value
        in_list = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if in_table or in_list:
            path.append(part)
            value = value[part]
        elif is_last and detail["type"] == "missing":
            path.append(last)
    return tuple(path)


def _sentence(details: Sequence[Mapping[str, Any]], path: KeyPath, model: type[BaseModel]) -> str:
    first = details[0]
    name = dotted(path) or "the file"
    if first["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    if first["type"] == "missing":
        return f"{name} is missing"
    own = next((detail["ctx"]["error"] for detail in details if detail["type"] == "value_error"), None)
    if own is not None:
        return f"{name}: {own}"
    value = first["input"]
    choices = [word for detail in details if detail["type"] == "literal_error" for word in _choices(detail)]
    wanted = " or ".join(dict.fromkeys(_wanted(detail) for detail in details))
    hint = nearest(value, choices) if isinstance(value, str) else ""
    return f"{name} must be {wanted}, not {shown(value) if value != '' else 'empty'}{hint}"


def _wanted(detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind == "literal_error":
        words = [word if word in ("true", "false") else repr(word) for word in _choices(detail)]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    for table in (_BOUNDS, _LENGTHS):
        if kind in table:
            key, sentence = table[kind]
            return sentence.format(context[key])
    return _WANTED.get(kind, "another kind of value")


def _choices(detail: Mapping[str, Any]) -> list[str]:
    """`'en', 'pt_BR' or 'es'` as words."""
    expected = str(detail["ctx"]["expected"])
    return re.findall(r"'([^']*)'", expected) or [expected.lower()]


def _unknown_key(path: KeyPath, model: type[BaseModel]) -> str:
    known = _known_keys(model, path[:-1])
    table = dotted(path[:-1])
    inside = f" in [{table}]" if table else ""
    hint = nearest(str(path[-1]), known) or (f"; known keys: {', '.join(sorted(known))}" if known else "")
    return f"unknown key {shown(path[-1])}{inside}{hint}"


def _known_keys(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys of the table at `path` of a model."""
    current: type[BaseModel] | None = model
    names = iter([part for part in path if not isinstance(part, int)])
    for part in names:
        field = _field_named(current, part)
        current = _model_in(field) if field is not None else None
        if typing.get_origin(field) is dict:
            next(names, None)  # a name that the file gives: [org.acme]
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
