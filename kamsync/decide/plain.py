"""Frozen values as JSON knows them, to be hashed and compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

_PLAIN = frozenset((str, int, float, bool, type(None)))


def as_plain(value: Any, but: Set[str] = frozenset()) -> Any:
    """The value as JSON knows it, without places: frozen values inside are read field by field, never copied."""
    kind: Any = type(value)
    if kind in _PLAIN:  # most of them by far
        return value
    if is_dataclass(value):
        return {name: as_plain(getattr(value, name)) for name in _names(kind) if name not in but}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, Set):  # in an order that does not change from process to process
        return sorted(as_plain(item) for item in value)
    return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.name != "place")
