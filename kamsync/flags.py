"""The flags: what this program writes on an account, and the two fields that people write. Each is one record.

The cache's schema, setup, doctor, mapping files, the sandboxes and the contract suite derive from these records; a flag that
is not here exists nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, Literal

from kamsync.model import Kind, Value

FLAG_PREFIX = "flag_"  # of their columns in the cache
SEGMENTS = ("key", "development", "maintenance", "opportunistic")
LIGHTS = ("green", "amber", "red")


@dataclass(frozen=True, slots=True)
class Flag:
    """One field of an account in the CRM.

    `choices`: which words it takes, "" any; "tiers_or_none" adds `none`. `length`: characters of a text without choices; one
    with `long` is a text area. `by_people`: people fill it, and this program only where it turns a tier changed by hand into
    an override. `optional`: left out by the shipped mappings.
    """

    name: str
    kind: Kind = "text"
    choices: Literal["", "tiers", "tiers_or_none", "segments", "lights"] = ""
    length: int = 255
    long: bool = False
    by_people: bool = False
    optional: bool = False


# decided_tier: what this program decided when it last wrote the tier, its name or `none`; empty: it never wrote here. Free text,
# so that a tier which the pick lists do not know yet is refused once, for the tier itself.
_ALL = (
    Flag("tier", choices="tiers"),
    Flag("score", "number"),
    Flag("segment", choices="segments"),
    Flag("health", choices="lights"),
    Flag("reasons", long=True),
    Flag("since", "date"),
    Flag("evaluated_at", "instant"),
    Flag("override", choices="tiers_or_none", by_people=True),
    Flag("override_until", "date", by_people=True),
    Flag("decided_tier"),
    Flag("receipt", length=32_000, long=True, optional=True),
)
FLAGS: Mapping[str, Flag] = MappingProxyType({flag.name: flag for flag in _ALL})
# By what people say where an account stands: the tier, which this program writes too, and what overrules it.
PEOPLES_WORD = ("tier", *(flag.name for flag in _ALL if flag.by_people))


def kind_of(flag: str) -> Kind:
    """The kind of a flag's values. Raises KeyError for a name that is no flag."""
    return FLAGS[flag].kind


def to_json(value: Value) -> Any:
    """A flag's value in the journal and in plans: dates and instants as ISO text."""
    return value.isoformat() if isinstance(value, date) else value


def from_json(flag: str, value: Any) -> Value:
    """The inverse of `to_json` for a flag. Raises KeyError for a name that is no flag, ValueError for text of another kind."""
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]  # JSON numbers, booleans and null are values already
    match kind_of(flag):
        case "date":
            return date.fromisoformat(value[:10])
        case "instant":
            return datetime.fromisoformat(value)
    return value


def same_value(one: Value, other: Value) -> bool:
    """Equal as a CRM stores it: empty is null, numbers to the hundredth, instants to the second, dates also as text."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) < 0.005
    if isinstance(one, datetime) or isinstance(other, datetime):
        return _second(one) == _second(other)
    return (to_json(one) or None) == (to_json(other) or None)


def _second(value: Value) -> str | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if value else None
    if not isinstance(value, datetime):
        return None if value is None else str(to_json(value))
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
