"""What stands on an account's page: values only, gathered by the shell from what was decided, pulled and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from kamsync.decide.goals import GoalStanding
from kamsync.decide.people import Person
from kamsync.decide.program import Goal
from kamsync.decide.receipts import Receipt
from kamsync.decide.white_space import Usual
from kamsync.model import STAKEHOLDER_ROLES
from kamsync.model.exchange import Objective
from kamsync.report.trend import Trend

Bought = Literal["bought", "open", "never"]


@dataclass(frozen=True, slots=True)
class Opportunity:
    """An open opportunity; the amount in its own currency."""

    name: str
    amount: float | None
    currency: str
    close_date: date | None
    stage: str


@dataclass(frozen=True, slots=True)
class Step:
    """A task of the plan. `owner` is a name, "" where nobody knows it."""

    subject: str
    due: date | None
    owner: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class GoalScore:
    """How the account does for a goal of the programme, beside all accounts that take part: 0…100, None where unknown."""

    goal: Goal
    account: float | None
    portfolio: float | None


@dataclass(frozen=True, slots=True)
class OwnGoals:
    """What people keep of an account's goals, as lines.

    `customer`: the customer's own, each with its heading in the CRM, "" where it has none; `ours`: our objectives as text;
    `objectives`: those that are records. `trouble`: why something could not be read.
    """

    customer: tuple[tuple[str, str], ...] = ()
    ours: tuple[str, ...] = ()
    objectives: tuple[Objective, ...] = ()
    trouble: str = ""


NO_GOALS = OwnGoals()


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """The page. `roles`: whether each of STAKEHOLDER_ROLES is filled, None where the org does not tell.

    `families`: white space, by name.
    `usual`: of each family that it never bought, what accounts like it do, where any of them buys it.
    `targets`: each goal that has one, of the account and of all key accounts. `persons`: who is there, None where nobody asked
    the CRM; `unnamed`: why it did not tell. `own`: the goals that people keep. Neither is ever stored.
    """

    name: str
    owner: str
    url: str
    as_of: date
    receipt: Receipt
    goals: tuple[GoalScore, ...]
    trends: tuple[Trend, ...]
    families: Mapping[str, Bought]
    usual: Mapping[str, Usual]
    opportunities: tuple[Opportunity, ...]
    people: int | None
    roles: Mapping[str, bool | None]
    steps: tuple[Step, ...]
    renewal: date | None
    problems: tuple[str, ...] = ()
    targets: tuple[tuple[GoalStanding, GoalStanding], ...] = ()
    persons: tuple[Person, ...] | None = None
    unnamed: str = ""
    own: OwnGoals = NO_GOALS

    @property
    def open_steps(self) -> tuple[Step, ...]:
        """By due day."""
        return tuple(sorted((step for step in self.steps if step.is_open), key=lambda step: (step.due or date.max, step.subject)))

    @property
    def done_steps(self) -> tuple[Step, ...]:
        """The latest first."""
        done = [step for step in self.steps if not step.is_open]
        return tuple(sorted(done, key=lambda step: (step.due or date.min, step.subject), reverse=True))

    @property
    def gaps(self) -> tuple[str, ...]:
        """Roles that nobody is noted in."""
        return tuple(role for role in STAKEHOLDER_ROLES if self.roles.get(role) is False)


def goal_scores(
    receipt: Receipt, means: Mapping[str, float | None], goals: Mapping[str, tuple[Goal, float]]
) -> tuple[GoalScore, ...]:
    """Weighted means of the criteria that serve each goal. `goals`: goal and weight by criterion; `means`: of everybody."""
    own = {contribution.criterion: contribution.scaled for contribution in receipt.contributions}
    found = []
    for goal in dict.fromkeys(goal for goal, _ in goals.values()):
        weights = {name: weight for name, (one, weight) in goals.items() if one == goal and weight > 0}
        account = _mean([(own.get(name), weight) for name, weight in weights.items()])
        found.append(GoalScore(goal, account, _mean([(means.get(name), weight) for name, weight in weights.items()])))
    return tuple(found)


def mean_scores(scaled: Mapping[str, Sequence[float | None]]) -> dict[str, float | None]:
    """The mean of each criterion's scaled scores over those where it counts."""
    return {name: _mean([(value, 1.0) for value in scores]) for name, scores in scaled.items()}


def _mean(weighted: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None
