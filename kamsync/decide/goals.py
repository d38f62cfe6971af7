"""How the programme's goals stand: of an account and of all key accounts, the goal's key figure beside its target. Pure.

The portfolio's figure is the median of its accounts, so that it meets a target where half of them do, whatever a few large ones
bring. What nobody knows is neither met nor missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from kamsync.decide.decision import number_of
from kamsync.decide.fact import FactValue, Unit
from kamsync.decide.facts import unit_of
from kamsync.decide.kpis import MEASURES
from kamsync.decide.program import Goal, GoalTarget


@dataclass(frozen=True, slots=True)
class GoalStanding:
    """A goal's figure now and on an earlier day, in the figure's unit; None where unknown.

    Of a portfolio: the medians, `accounts` whose figure is known, and how many of them have `reached` the target.
    """

    goal: Goal
    kpi: str
    target: float
    now: float | None
    before: float | None
    accounts: int = 0
    reached: int = 0

    @property
    def is_met(self) -> bool | None:
        """None where nobody knows."""
        return None if self.now is None else self.now >= self.target

    @property
    def unit(self) -> Unit:
        """The unit of all three figures."""
        return unit_of(MEASURES[self.kpi].source)


def of_account(goals: Mapping[Goal, GoalTarget], figures: Mapping[str, tuple[FactValue, FactValue]]) -> tuple[GoalStanding, ...]:
    """One account. `figures`: each figure of the goals now and before, by its name."""
    standings = []
    for goal, one in goals.items():
        now, before = figures.get(one.kpi, (None, None))
        standings.append(GoalStanding(goal, one.kpi, one.target, number_of(now), number_of(before)))
    return tuple(standings)


def of_portfolio(
    goals: Mapping[Goal, GoalTarget], figures: Mapping[str, Sequence[tuple[FactValue, FactValue]]]
) -> tuple[GoalStanding, ...]:
    """Several accounts. `figures`: of each account the figure now and before, by the figure's name."""
    return tuple(_median_of(goal, one, figures.get(one.kpi, ())) for goal, one in goals.items())


def _median_of(goal: Goal, one: GoalTarget, figures: Iterable[tuple[FactValue, FactValue]]) -> GoalStanding:
    pairs = [(number_of(now), number_of(before)) for now, before in figures]
    known = [now for now, _ in pairs if now is not None]
    earlier = [before for _, before in pairs if before is not None]
    return GoalStanding(
        goal,
        one.kpi,
        one.target,
        median(known) if known else None,
        median(earlier) if earlier else None,
        len(known),
        sum(now >= one.target for now in known),
    )
