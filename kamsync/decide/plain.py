"""Frozen values as JSON knows them, to be hashed and compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any


def as_plain(value: Any, but: Set[str] = frozenset()) -> Any:
    """The value as JSON knows it, without places: frozen values inside are read field by field, never copied."""
    if is_dataclass(value):
        return {one.name: as_plain(getattr(value, one.name)) for one in fields(value) if one.name not in but | {"place"}}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, Set):  # in an order that does not change from process to process
        return sorted(as_plain(item) for item in value)
    return value
