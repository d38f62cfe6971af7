"""NEW MODULE"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from kamsync.model import Kind, Value

# What this program writes on an account, and the two fields that people write (override, override_until).
FLAGS: Mapping[str, Kind] = MappingProxyType(
    {
        "tier": "text",
        "score": "number",
        "segment": "text",
        "health": "text",
        "reasons": "text",
        "since": "date",
        "evaluated_at": "instant",
        "override": "text",
        "override_until": "date",
    }
)


WRITTEN_FLAGS = ("tier", "score", "segment", "health", "reasons", "since", "evaluated_at")


FLAG_PREFIX = "flag_"


def to_json(value: Value) -> Any:
    """A flag's value in the journal and in plans: dates and instants as ISO text."""
    return value.isoformat() if isinstance(value, date) else value


def from_json(flag: str, value: Any) -> Value:
    """The inverse of `to_json` for a flag."""
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]  # JSON numbers, booleans and null are values already
    match FLAGS[flag]:
        case "date":
            return date.fromisoformat(value[:10])
        case "instant":
            return datetime.fromisoformat(value)
    return value
