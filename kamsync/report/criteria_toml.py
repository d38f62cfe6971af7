"""A programme's criteria as the text of a criteria file: what `simulate --criteria FILE` and the configuration read. Pure.

Loading the text gives the same decisions, and the same hash. Labels are those of the programme's language.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kamsync.decide.program import HEALTH_MIN_COVERAGE, Criterion, Program, Rule, Seat, Tier


def criteria_toml(program: Program) -> str:
    """Tiers, criteria, rules, seats, review, segments and health, as TOML."""
    unit = program.unit if program.unit != "account" else None
    members = program.members if program.members != "inherit" else None
    active = program.active.text if program.active.text != "true" else None
    parts = [
        *([_table("", iter([("unit", unit), ("members", members), ("active", active)]))] if unit or members or active else []),
        *(_table("[[tiers]]", _tier(tier)) for tier in program.tiers),
        *(_table("[[criteria]]", _criterion(criterion)) for criterion in program.criteria),
        *(_table("[[rules]]", _rule(rule)) for rule in program.rules),
        *(_table("[[seats]]", _seat(seat)) for seat in program.seats),
        *_settings(program),
    ]
    return "\n".join(parts)


def _tier(tier: Tier) -> Iterator[tuple[str, Any]]:
    yield "name", tier.name
    yield "label", tier.label or None
    yield "enter", tier.enter
    yield "leave", tier.leave
    yield "min_days", tier.min_days or None
    for name in ("max_accounts", "top_percent", "max_per_owner"):
        yield name, getattr(tier, name)


def _criterion(criterion: Criterion) -> Iterator[tuple[str, Any]]:
    yield "name", criterion.name
    yield "label", criterion.label if criterion.label != criterion.name else None
    for name in ("axis", "goal", "weight"):
        yield name, getattr(criterion, name)
    yield "value", criterion.value.text
    yield "scale", criterion.scale.table()
    yield "missing", criterion.missing if criterion.missing != "zero" else None
    if criterion.decay is not None:
        yield "decay", {"since": criterion.decay.since.text, "half_life_days": criterion.decay.half_life_days}
    yield "unit", criterion.unit or None
    yield "actionable", criterion.actionable


def _rule(rule: Rule) -> Iterator[tuple[str, Any]]:
    yield "when", rule.when.text
    yield "floor", rule.floor
    yield "ceiling", rule.ceiling
    yield "exclude", rule.exclude or None
    yield "reason", rule.reason or None


def _seat(seat: Seat) -> Iterator[tuple[str, Any]]:
    yield "tier", seat.tier
    yield "count", seat.count
    for name in ("when", "rank", "evidence"):
        yield name, getattr(seat, name).text
    yield "valid_days", seat.valid_days
    yield "reason", seat.reason or None


def _settings(program: Program) -> Iterator[str]:
    if program.review_months or program.approve:
        review = {"months": list(program.review_months), "between": program.review_between, "approve": program.approve}
        yield _table("[review]", iter(review.items()))
    segments = {"attractiveness": program.segment_attractiveness, "strength": program.segment_strength}
    yield _table("[segments]", iter(segments.items()))
    health: dict[str, Any] = {"green": program.health_green, "amber": program.health_amber}
    if program.health_min_coverage != HEALTH_MIN_COVERAGE:
        health["min_coverage"] = program.health_min_coverage
    yield _table("[health]", iter(health.items()))


def _table(header: str, items: Iterator[tuple[str, Any]]) -> str:
    return "\n".join([header, *(f"{name} = {_value(value)}" for name, value in items if value is not None), ""])


def _value(value: Any) -> str:
    """One value as TOML writes it: a JSON text is a TOML one but for DEL, which JSON leaves as it is."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(int(value)) if float(value).is_integer() else repr(value)
        case Mapping():
            return "{ " + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a criteria file")


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _value(name)
