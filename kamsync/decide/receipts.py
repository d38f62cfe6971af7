"""The receipt of one decision: what each criterion brought, and what moved since the last one (DECISIONS.md §7). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.facts import unit_of
from kamsync.decide.program import Criterion
from kamsync.decide.scoring import Scored, points


@dataclass(frozen=True, slots=True)
class Receipt:
    """A decision with its contributions (criteria in the programme's order) and every fact that they read."""

    decision: Decision
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """One criterion whose points moved: by how much, and its value before and now."""

    criterion: str
    label: str
    points: float
    before: FactValue
    now: FactValue


def make_receipt(
    decision: Decision,
    criteria: Sequence[Criterion],
    scored: Sequence[Scored],
    values: Sequence[FactValue],
    facts: Sequence[Mapping[str, FactValue]],
) -> Receipt:
    """`scored`, `values` and `facts` are parallel to `criteria`."""
    counted = [i for i, criterion in enumerate(criteria) if criterion.axis != "health"]
    eligible = decision.eligible
    brought = dict(zip(counted, points([(criteria[i].weight, scored[i].scaled) for i in counted], decision.score), strict=True))
    contributions = [
        Contribution(
            criterion.name,
            criterion.label or criterion.name,
            criterion.axis,
            criterion.goal,
            criterion.weight,
            values[i],
            scored[i].known,
            scored[i].scaled if eligible else None,
            brought.get(i, 0.0) if eligible else 0.0,
            facts[i],
            criterion.unit or unit_of(criterion.value.text.strip()),
            criterion.actionable,
        )
        for i, criterion in enumerate(criteria)
    ]
    return Receipt(decision, tuple(contributions))


def what_moved(now: Sequence[Contribution], before: Sequence[Mapping[str, object]]) -> list[Moved]:
    """Criteria whose points moved by a hundredth or more since the remembered receipt, the largest move first."""
    earlier = {str(row["criterion"]): row for row in before}
    moved = []
    for contribution in now:
        row = earlier.get(contribution.criterion, {})
        was = row.get("points", 0.0)
        change = round(contribution.points - (float(was) if isinstance(was, int | float) else 0.0), 2)
        if abs(change) >= 0.01:
            value = row.get("value")
            shown = value if isinstance(value, str | int | float) else None
            moved.append(Moved(contribution.criterion, contribution.label, change, shown, contribution.value))
    return sorted(moved, key=lambda m: (-abs(m.points), m.criterion))
