"""What each criterion does: how many accounts it knows, how its scores spread, how much it moves the ranking. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kamsync.decide.program import Program
from kamsync.decide.scoring import weighted_mean

BINS = 10
Scores = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Influence:
    """`known`: accounts with a value, of `scored` accounts. `histogram`: how many score in each tenth of 0…100. `moves`: how many
    places of the ranking an account shifts on average when the criterion is left out, as a share of all; None for health."""

    criterion: str
    scored: int
    known: int
    histogram: tuple[int, ...]
    moves: float | None


def influences(program: Program, scaled: Mapping[str, Scores], known: Mapping[str, Sequence[bool]]) -> list[Influence]:
    """One for each criterion. `scaled` and `known` by criterion name, in one order of accounts: the eligible ones."""
    names = [c.name for c in program.criteria if c.axis != "health"]
    weights = {c.name: c.weight for c in program.criteria}
    accounts = range(len(next(iter(scaled.values()), ())))
    base = _ranks([_score(names, weights, scaled, i) for i in accounts])
    found = []
    for criterion in program.criteria:
        values = scaled[criterion.name]
        bins = [0] * BINS
        for value in values:
            if value is not None:
                bins[min(int(value / (100 / BINS)), BINS - 1)] += 1
        moves = None
        if criterion.axis != "health" and len(base) > 1:
            others = [name for name in names if name != criterion.name]
            without = _ranks([_score(others, weights, scaled, i) for i in accounts])
            moves = sum(abs(a - b) for a, b in zip(base, without, strict=True)) / len(base) / (len(base) - 1)
        found.append(Influence(criterion.name, len(values), sum(known[criterion.name]), tuple(bins), moves))
    return found


def _score(names: Sequence[str], weights: Mapping[str, float], scaled: Mapping[str, Scores], account: int) -> float:
    score = weighted_mean([(weights[name], scaled[name][account]) for name in names])
    return -1.0 if score is None else score


def _ranks(scores: Sequence[float]) -> list[float]:
    """Ranks from 0, ties at their middle, so that a criterion that says nothing moves nothing."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    ranks = [0.0] * len(scores)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and scores[order[end + 1]] == scores[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2
        start = end + 1
    return ranks
