"""The arithmetic of `decide.scoring` for many accounts at once, a column a criterion: same results, less time. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from itertools import compress
from operator import mul
from typing import NamedTuple

from kamsync.decide.fact import FactValue
from kamsync.decide.program import Criterion
from kamsync.decide.scoring import coverage, round_half_away, scorer, unknown_score


class ScoredColumn(NamedTuple):
    """One criterion for some accounts, in their order. `scaled` None: left out of the mean; `known` False: the value was null."""

    scaled: list[float | None]
    known: list[bool]


ColumnScorer = Callable[[Sequence[FactValue], Sequence[str | None]], ScoredColumn]


def column_scorer(criterion: Criterion, as_of: date) -> ColumnScorer:
    """Takes the values as the expression gave them (or as Scale.among did), and the decay's dates as ISO text."""
    if criterion.decay is not None:
        score = scorer(criterion, as_of)

        def faded(values: Sequence[FactValue], since: Sequence[str | None]) -> ScoredColumn:
            both = list(map(score, values, since))
            return ScoredColumn([one.scaled for one in both], [one.known for one in both])

        return faded
    scale, unknown = criterion.scale.scaler(), unknown_score(criterion).scaled

    def scored(values: Sequence[FactValue], since: Sequence[str | None]) -> ScoredColumn:
        found = [None if value is None else scale(value) for value in values]
        known = [one is not None for one in found]
        return ScoredColumn([unknown if one is None else one for one in found], known)

    return scored


def means(weights: Sequence[float], columns: Sequence[Sequence[float | None]], count: int) -> list[float | None]:
    """The weighted mean of each of `count` accounts over `columns`, rounded; None where nothing counts."""
    if not columns:
        return [None] * count
    totals: dict[tuple[bool, ...], float] = {}  # by which columns count: few ways occur
    found: list[float | None] = []
    for row in zip(*columns, strict=True):
        counts = tuple([one is not None for one in row])
        total = totals.get(counts)
        if total is None:
            total = totals[counts] = math.fsum(compress(weights, counts))
        # What does not count adds 0: an exact sum is the same with it.
        found.append(round_half_away(math.fsum(map(mul, weights, [one or 0.0 for one in row])) / total) if total else None)
    return found


def coverages(weights: Sequence[float], columns: Sequence[Sequence[bool]], count: int) -> list[float]:
    """Each account's share of the weights whose value was known, 0…1; 1 where there are no weights at all."""
    if not columns:
        return [1.0] * count
    shares: dict[tuple[bool, ...], float] = {}  # by which values are known: few ways occur
    found: list[float] = []
    for row in zip(*columns, strict=True):
        share = shares.get(row)
        if share is None:
            share = shares[row] = coverage(list(zip(weights, row, strict=True)))
        found.append(share)
    return found
