"""A programme's criteria as a whole: sound or not, which names they read, and the hash by which decisions name them. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from kamsync.decide.expressions import compile_expression, names_in
from kamsync.decide.facts import FACTS, known_columns, with_what_they_need
from kamsync.decide.playbooks import DECIDED_NAMES, compile_playbooks
from kamsync.decide.program import Criterion, Expression, Percentile, Program
from kamsync.model import Stream

__all__ = ["check_program", "criteria_hash", "expressions_of", "known_columns", "needed_names", "needed_streams", "unknown_names"]


def expressions_of(criterion: Criterion) -> Iterator[Expression]:
    yield criterion.value
    if isinstance(criterion.scale, Percentile) and criterion.scale.within is not None:
        yield criterion.scale.within
    if criterion.decay is not None:
        yield criterion.decay.since


def check_program(program: Program) -> None:
    """Compiles every expression and playbook; ConfigError, with its place, on the first that is refused."""
    columns = known_columns(program.account_columns)
    compile_expression(program.eligible, columns)
    for criterion in program.criteria:
        for expression in expressions_of(criterion):
            compile_expression(expression, columns)
    for rule in program.rules:
        compile_expression(rule.when, columns)
    for playbook in program.playbooks:
        compile_expression(playbook.when, {**columns, **DECIDED_NAMES})
    compile_playbooks(program, columns)


def unknown_names(criterion: Criterion, known: Mapping[str, str]) -> tuple[str, ...]:
    """Names that the criterion reads and nobody provides: fields that are not mapped."""
    names = (name for expression in expressions_of(criterion) for name in names_in(expression.text))
    return tuple(dict.fromkeys(name for name in names if name not in known))


def needed_names(program: Program) -> set[str]:
    """Every fact and account field that deciding reads, playbooks' texts included."""
    expressions = [program.eligible, *(rule.when for rule in program.rules), *(p.when for p in program.playbooks)]
    expressions += [e for criterion in program.criteria for e in expressions_of(criterion)]
    names = {name for expression in expressions for name in names_in(expression.text)}
    playbooks = compile_playbooks(program, known_columns(program.account_columns))
    for playbook in program.playbooks:
        names |= playbooks.facts_needed(playbook.name)
    return names | with_what_they_need(names)


def needed_streams(program: Program) -> frozenset[Stream]:
    """The optional streams that some needed fact is computed from."""
    sources = {fact.source for fact in FACTS if fact.name in needed_names(program)}
    streams = {"line_item": Stream.LINE_ITEMS, "activity": Stream.ACTIVITIES}
    return frozenset(stream for source, stream in streams.items() if source in sources)


def criteria_hash(program: Program) -> str:
    """Twelve hex digits that change whenever a decision could: not with places, labels or playbooks."""
    kept = {
        "tiers": [_without_label(asdict(tier)) for tier in program.tiers],
        "criteria": [_without_label(asdict(criterion)) | _scale_name(criterion) for criterion in program.criteria],
        "rules": [asdict(rule) for rule in program.rules],
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
        ],
    }
    text = json.dumps(_without_places(kept), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _scale_name(criterion: Criterion) -> dict[str, str]:
    return {"scale_kind": type(criterion.scale).__name__}


def _without_label(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != "label"}


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(item) for key, item in value.items() if key != "place"}
    if isinstance(value, list | tuple):
        return [_without_places(item) for item in value]
    return value
