"""A programme's criteria as a whole: which names they read, and the hash by which decisions name them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from typing import Any

from kamsync.decide.expressions import names_in
from kamsync.decide.place import Expression
from kamsync.decide.plain import as_plain
from kamsync.decide.program import HEALTH_MIN_COVERAGE, Criterion, Program, Seat


def expressions_of(criterion: Criterion | Seat) -> Iterator[Expression]:
    """Every expression of a criterion: its value, what its scale reads, the date that its decay counts from. Those of a seat."""
    if isinstance(criterion, Seat):
        yield from (criterion.when, criterion.rank, criterion.evidence)
        return
    yield criterion.value
    yield from criterion.scale.expressions()
    if criterion.decay is not None:
        yield criterion.decay.since


def unknown_names(criterion: Criterion | Seat, known: Collection[str]) -> tuple[str, ...]:
    """Names that the criterion, or seat, reads and nobody provides: fields that are not mapped."""
    names = (name for expression in expressions_of(criterion) for name in names_in(expression.text))
    return tuple(dict.fromkeys(name for name in names if name not in known))


def criteria_hash(program: Program) -> str:
    """Twelve hex digits that change whenever a decision could: not with places, labels or playbooks."""
    kept = {
        "tiers": [as_plain(tier, but={"label"}) for tier in program.tiers],
        "criteria": [
            as_plain(criterion, but={"label", "unit", "actionable"}) | _scale_name(criterion) for criterion in program.criteria
        ],
        "rules": [as_plain(rule) for rule in program.rules],
        "eligible": program.eligible.text,
        "settings": [
            program.currency,
            program.timezone,
            program.unknown_currency,
            program.renewal_types,
            program.min_coverage,
            program.drift,
            program.adopt_days,
            program.segment_attractiveness,
            program.segment_strength,
            program.health_green,
            program.health_amber,
            # Decisions carry the hash: what this version added changes it only where somebody sets it.
            *([] if program.health_min_coverage == HEALTH_MIN_COVERAGE else [program.health_min_coverage]),
            *([] if program.existing_tiers == "current" else [program.existing_tiers]),
        ],
        **_what_is_set(program),
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12]


def _what_is_set(program: Program) -> dict[str, Any]:
    """What later versions added: part of the hash only where somebody uses it."""
    review = [program.review_months, program.review_between] if program.review_months else None
    group = program.members if program.unit == "group" else None
    active = None if program.active.text == "true" else program.active.text
    found = {"active": active, "seats": [as_plain(seat) for seat in program.seats], "review": review, "group": group}
    return {key: value for key, value in found.items() if value}


def _scale_name(criterion: Criterion) -> dict[str, str]:
    return {"scale_kind": type(criterion.scale).__name__}
