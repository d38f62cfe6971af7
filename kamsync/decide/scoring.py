"""From a criterion's value to 0…100, and from criteria to axes, score and coverage (DECISIONS.md §4). Pure arithmetic.

Rounding is half away from zero on the mathematical value: the noise of binary floats (below 10⁻⁹) is removed first, so that
71.005 becomes 71.01 on every machine, in whatever order the sum was taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from kamsync.decide.fact import FactValue
from kamsync.decide.program import Criterion

_NOISE_DECIMALS = 7  # of cents


def round_half_away(value: float) -> float:
    """To two decimals, halves away from zero."""
    if value < 0:
        return 0.0 - round_half_away(-value)
    return math.floor(round(value * 100, _NOISE_DECIMALS) + 0.5) / 100


class Scored(NamedTuple):
    """One criterion for one account. `scaled` None: left out of the mean. `known` False: the value was null."""

    scaled: float | None
    known: bool


def fade(age_days: int, half_life_days: float) -> float:
    """What is left of evidence of that age; never more than all of it."""
    return 1.0 if age_days <= 0 else float(0.5 ** (age_days / half_life_days))


def scorer(criterion: Criterion, as_of: date) -> Callable[[FactValue, str | None], Scored]:
    """Takes the value as the expression gave it (or as Scale.among did), and the decay's date as ISO text."""
    scale, decay, unknown = criterion.scale.scaler(), criterion.decay, unknown_score(criterion)

    def score(value: FactValue, since: str | None) -> Scored:
        scaled = scale(value)
        if scaled is not None and decay is not None:
            day = _day(since)
            scaled = None if day is None else scaled * fade((as_of - day).days, decay.half_life_days)
        return unknown if scaled is None else Scored(scaled, True)

    return score


def unknown_score(criterion: Criterion) -> Scored:
    """What counts where the value is null."""
    match criterion.missing:
        case "zero":
            return Scored(0.0, known=False)
        case "skip":
            return Scored(None, known=False)
        case number:
            return Scored(float(number), known=False)


def weighted_mean(parts: Sequence[tuple[float, float | None]]) -> float | None:
    """Σ wᵢsᵢ / Σ wᵢ over (weight, scaled), rounded; None where nothing counts."""
    weights = math.fsum([weight for weight, scaled in parts if scaled is not None])
    if weights == 0:
        return None
    return round_half_away(math.fsum([weight * scaled for weight, scaled in parts if scaled is not None]) / weights)


def coverage(parts: Sequence[tuple[float, bool]]) -> float:
    """The share of the weights whose value was known, 0…1; 1 where there are no weights at all."""
    total = math.fsum([weight for weight, _ in parts])
    return math.fsum([weight for weight, known in parts if known]) / total if total else 1.0


def points(parts: Sequence[tuple[float, float | None]], score: float | None) -> list[float]:
    """Each part's contribution in points; in cents they sum to `score` exactly (largest remainder)."""
    weights = math.fsum(weight for weight, scaled in parts if scaled is not None)
    if score is None or weights == 0:
        return [0.0 for _ in parts]
    exact = [0.0 if scaled is None else 100 * weight * scaled / weights for weight, scaled in parts]
    cents = [math.floor(round(value, _NOISE_DECIMALS)) for value in exact]
    missing = round(score * 100) - sum(cents)
    by_remainder = sorted(range(len(parts)), key=lambda i: (cents[i] - exact[i], i))
    for i in by_remainder[: max(missing, 0)]:
        cents[i] += 1
    return [value / 100 for value in cents]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None
