"""Weights that would have found, on past days, the customers who brought most in the year after. Suggested, never set. Pure.

Learned by non-negative least squares: what each account brought, explained by what each criterion made of it. A penalty holds
the weights at today's: at 1, the default, it pulls as hard as all of the past together. Every later day is judged by weights that
were learned only from days whose year was over by then. What that gains is given with its uncertainty: other accounts by chance
(a bootstrap) would have given other figures. Wants the extra `calibrate` (scipy, numpy).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from kamsync.decide.backtest import LATER_MONTHS
from kamsync.decide.months import add_months
from kamsync.decide.places import places_in
from kamsync.decide.program import Axis, Program

Wanted = Literal["both", "revenue", "growth"]
WANTED: tuple[Wanted, ...] = get_args(Wanted)
DOES_NOTHING = 0.01  # of all weights: less than that is dropped
RESAMPLES = 500
SURE = 0.9  # how much of the resamples the interval holds
_NO_SPREAD = 1e-9
_NO_PENALTY = 1e-6  # keeps criteria apart that say the same
_LEAST_PULL = 0.1  # of a perfect score: today's weights are an opinion also where the past speaks against them

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PastDay:
    """The eligible accounts of one day. `scaled`: accounts × criteria, nan where one is left out; `won`, `later`: what each won
    in the 12 months before and after; `active`: how many of them the best tier takes a share of."""

    day: date
    accounts: Sequence[str]
    scaled: Array
    won: Array
    later: Array
    active: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """One criterion. `judged`: whether the past says anything of it; where not, `suggested` is its weight of today."""

    criterion: str
    axis: Axis
    today: float
    suggested: float
    judged: bool


@dataclass(frozen=True, slots=True)
class Caught:
    """What the best so many accounts brought in the next year of the whole, 0…1: of revenue, of what came more than before."""

    revenue: float
    growth: float


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One later day, with as many places as the best tier has: by today's weights, by those learned before it, by revenue."""

    day: date
    places: int
    today: Caught
    suggested: Caught
    by_revenue: Caught


@dataclass(frozen=True, slots=True)
class Gain:
    """What is caught more of what is wanted, a difference of shares: the mean over the days, the interval of the resamples."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`weights` in the order of the programme's criteria, health left out; `learned_from` the days of the suggestion."""

    weights: tuple[Weighed, ...]
    learned_from: tuple[date, ...]
    held_out: tuple[HeldOut, ...]
    gain: Gain

    @property
    def changes(self) -> dict[str, float]:
        """The weights that differ, by criterion; 0: dropped."""
        return {one.criterion: one.suggested for one in self.weights if one.suggested != one.today}


def is_enough(days: Sequence[date]) -> bool:
    """Whether one of the days can be held out: the year after another one is over by then."""
    return bool(days) and add_months(min(days), LATER_MONTHS) <= max(days)


def calibrate(
    program: Program, names: Sequence[str], days: Sequence[PastDay], wanted: Wanted, penalty: float, chance: np.random.Generator
) -> Calibration:
    """`names`: the criteria that the columns of `scaled` are of, in their order; `days`: oldest first, so many that `is_enough`
    of them. `chance` draws the resamples."""
    judged = [criterion for criterion in program.criteria if criterion.name in names and criterion.axis != "health"]
    columns = [names.index(criterion.name) for criterion in judged]
    spread = [any(_spreads(day.scaled[:, column]) for day in days) for column in columns]
    known = [any(not np.isnan(day.scaled[:, column]).all() for day in days) for column in columns]
    columns = [column for column, is_known in zip(columns, known, strict=True) if is_known]
    flat = {c.name for c, spreads in zip(judged, spread, strict=True) if not spreads}
    judged = [criterion for criterion, is_known in zip(judged, known, strict=True) if is_known]
    today = np.array([criterion.weight for criterion in judged])
    axes = [criterion.axis for criterion in judged]
    elsewhere = {c.axis for c in program.criteria if c not in judged and c.weight > 0}
    idle = np.array([criterion.name in flat for criterion in judged], dtype=bool)

    def learned(some: Sequence[PastDay]) -> Array:
        raw = _fit([(day.scaled[:, columns], _worth(day, wanted)) for day in some], today, penalty)
        return _rounded(np.where(idle, 0.0, raw), today, axes, elsewhere)

    trials = []
    for day in days:
        before = [one for one in days if add_months(one.day, LATER_MONTHS) <= day.day]
        if before:
            trials.append(_Trial(day, columns, today, learned(before), _places(program, day, columns, today), wanted))
    suggested = dict(zip((criterion.name for criterion in judged), learned(days).tolist(), strict=True))
    return Calibration(
        tuple(
            Weighed(c.name, c.axis, c.weight, suggested.get(c.name, c.weight), c.name in suggested)
            for c in program.criteria
            if c.axis != "health"
        ),
        tuple(day.day for day in days),
        tuple(trial.held_out() for trial in trials),
        _gain(trials, chance),
    )


def _spreads(column: Array) -> bool:
    known = column[~np.isnan(column)]
    return bool(known.size) and float(np.ptp(known)) > _NO_SPREAD


def _worth(day: PastDay, wanted: Wanted) -> Array:
    """What each account is worth of the day's whole; the whole is 1."""
    grown = np.maximum(day.later - day.won, 0.0)
    parts = {"revenue": [day.later], "growth": [grown], "both": [day.later, grown]}[wanted]
    shares = [_shares(part) for part in parts]
    return np.asarray(sum(shares) / len(shares), dtype=np.float64)


def _shares(amounts: Array) -> Array:
    whole = float(amounts.sum())
    return amounts / whole if whole > 0 else np.zeros_like(amounts)


def _fit(days: Sequence[tuple[Array, Array]], today: Array, penalty: float) -> Array:
    """The weights that explain the days best, less the penalty: nnls on the Cholesky factor of what the days have in common.

    Each day counts the same, however many accounts it has. What is left out of an account's mean explains nothing of it.
    """
    size = len(today)
    gram, moment = np.zeros((size, size)), np.zeros(size)
    for scaled, worth in days:
        spread = worth.std()
        if spread <= _NO_SPREAD / len(worth):
            continue
        known = ~np.isnan(scaled)
        mean = np.where(known, scaled, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        centred = np.where(known, scaled - mean, 0.0)
        gram += centred.T @ centred / len(worth)
        moment += centred.T @ ((worth - worth.mean()) / spread) / len(worth)
    gram, moment = gram / len(days), moment / len(days)
    own = float(today @ gram @ today)
    if own <= _NO_SPREAD:
        return today
    pull = max(float(today @ moment), _LEAST_PULL * math.sqrt(own)) / own  # today's weights, in the units of the explanation
    variance = np.maximum(np.diag(gram), _NO_SPREAD)
    held = max(penalty, _NO_PENALTY) * variance
    factor = np.linalg.cholesky(gram + np.diag(held)).T
    found, _ = nnls(factor, np.linalg.solve(factor.T, moment + held * pull * today))
    return np.asarray(found, dtype=np.float64) if found.any() else today


def _rounded(raw: Array, today: Array, axes: Sequence[Axis], elsewhere: set[Axis]) -> Array:
    """Weights of the same sum as today's, in steps of about a hundredth of it; what does nothing has 0.

    No axis is left without a criterion: the quadrants need both.
    """
    total = float(today.sum())
    if total <= 0:
        return today
    shares = raw / raw.sum() if raw.sum() > 0 else today / total
    shares = np.where(shares < DOES_NOTHING, 0.0, shares)
    for axis in set(axes) - elsewhere:
        own = [place for place, one in enumerate(axes) if one == axis]
        if today[own].sum() > 0 and not shares[own].any():
            shares[max(own, key=lambda place: today[place])] = DOES_NOTHING
    shares = shares / shares.sum()
    step = 10.0 ** math.floor(math.log10(total / 50))
    exact = shares * total / step
    steps = np.where(shares > 0, np.maximum(np.floor(exact + _NO_SPREAD), 1.0), 0.0)
    left = round(total / step) - int(steps.sum())
    for place in np.argsort(-(exact - steps), kind="stable")[: max(left, 0)]:
        steps[place] += 1
    found = np.round(steps * step, 10)
    found[int(np.argmax(found))] += round(total - float(found.sum()), 10)
    return np.asarray(np.round(found, 10), dtype=np.float64)


def _score(scaled: Array, weights: Array) -> Array:
    """Each account's weighted mean over what is not left out; below all others where nothing counts."""
    known = ~np.isnan(scaled)
    whole = known @ weights
    total = np.where(known, scaled, 0.0) @ weights
    return np.asarray(np.where(whole > 0, total / np.maximum(whole, _NO_SPREAD), -1.0), dtype=np.float64)


def _places(program: Program, day: PastDay, columns: Sequence[int], today: Array) -> int:
    """How many the best tier takes; where it has no limit, how many reach it today. One at least."""
    best = program.tiers[0]
    limit = places_in(best, day.active)
    if limit is None:
        limit = int((_score(day.scaled[:, columns], today) >= best.enter).sum())
    return max(1, min(limit, len(day.accounts)))


class _Trial:
    """One later day on which today's weights and those learned before it choose."""

    def __init__(self, day: PastDay, columns: Sequence[int], today: Array, learned: Array, places: int, wanted: Wanted) -> None:
        self._day, self._places = day, places
        self.accounts, self.worth = day.accounts, _worth(day, wanted)
        scaled = day.scaled[:, columns]
        by_revenue = np.lexsort((np.arange(len(day.won)), -day.won))
        self._orders = (_best_first(_score(scaled, today), day), _best_first(_score(scaled, learned), day), by_revenue)

    def held_out(self) -> HeldOut:
        """What each order catches."""
        grown = np.maximum(self._day.later - self._day.won, 0.0)
        today, suggested, by_revenue = (
            Caught(_sum_of(_shares(self._day.later), order[: self._places]), _sum_of(_shares(grown), order[: self._places]))
            for order in self._orders
        )
        return HeldOut(self._day.day, self._places, today, suggested, by_revenue)

    def gain(self, times: npt.NDArray[np.int64]) -> float | None:
        """What is caught more if each account were there so many times; None where nothing of worth is."""
        whole = float(times @ self.worth)
        if whole <= 0:
            return None
        today, learned = (self._caught(order, times) for order in self._orders[:2])
        return (learned - today) / whole

    def _caught(self, order: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> float:
        first = order[: 3 * self._places + 100]  # more than that are never needed to fill the places
        some = times[first]
        taken = np.clip(self._places - (np.cumsum(some) - some), 0, some)
        return float(taken @ self.worth[first])


def _best_first(score: Array, day: PastDay) -> npt.NDArray[np.int64]:
    return np.lexsort((np.arange(len(score)), -day.won, -score))


def _sum_of(shares: Array, places: npt.NDArray[np.int64]) -> float:
    return float(shares[places].sum())


def _gain(trials: Sequence[_Trial], chance: np.random.Generator) -> Gain:
    """Resamples accounts, not days: an account that is there twice is so on every day."""
    number = {account: place for place, account in enumerate(sorted({a for trial in trials for a in trial.accounts}))}
    rows = [np.array([number[account] for account in trial.accounts]) for trial in trials]
    once = [trial.gain(np.ones(len(trial.accounts), dtype=np.int64)) for trial in trials]
    drawn = []
    for _ in range(RESAMPLES):
        times = chance.poisson(1.0, len(number))
        drawn.append(_mean([trial.gain(times[row]) for trial, row in zip(trials, rows, strict=True)]))
    low, high = np.quantile(drawn, [(1 - SURE) / 2, (1 + SURE) / 2])
    return Gain(_mean(once), float(low), float(high))


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0
