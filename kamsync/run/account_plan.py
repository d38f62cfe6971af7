"""Cache → an account's page: one evaluation, the account's own opportunities and tasks, what was remembered. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.fact import FactValue
from kamsync.decide.goals import GoalStanding
from kamsync.decide.people import Person
from kamsync.decide.program import Program
from kamsync.decide.white_space import Habits, habits_of, usual_of
from kamsync.model import STAKEHOLDER_ROLES
from kamsync.note_text import text_lines
from kamsync.report.account_plan.plan import AccountPlan, Bought, Opportunity, OwnGoals, Step, goal_scores, mean_scores
from kamsync.report.trend import TREND_DAYS, trends
from kamsync.run.goals import goals_of_account, goals_of_portfolio
from kamsync.run.overview import PICTURED, picturing, record_link
from kamsync.run.people import Seen
from kamsync.store.account_opportunities import open_families, open_opportunities
from kamsync.store.accounts import owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.kpis import trend_of
from kamsync.store.ledger import shown_tasks

_SHOWN = (*PICTURED, "contacts_count", *(f"has_{role}" for role in STAKEHOLDER_ROLES))


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What the pages of accounts share: means of the criteria, and goals, of all; what was bought and sold; owners' names by id,
    tasks by account, and what stands around an account's id in its address."""

    means: Mapping[str, float | None]
    goals: tuple[GoalStanding, ...]
    bought: Mapping[str, frozenset[str]]
    sold: tuple[str, ...]
    habits: Mapping[str, Habits]
    owners: Mapping[str, str]
    steps: Mapping[str, Sequence[Step]]
    link: tuple[str, str] | None


def planning(compiled: CompiledProgram) -> CompiledProgram:
    """The programme with what the pages of accounts show computed too, as far as what it pulls tells it."""
    return picturing(compiled, _SHOWN)


def portfolio_of(cache: Cache, program: Program, evaluation: Evaluation, as_of: date) -> Portfolio:
    """Once for all pages of one evaluation, which is of `planning` of the programme."""
    people = {owner.id: owner.name or owner.id for owner in owners(cache)}
    return Portfolio(
        mean_scores(evaluation.scaled_scores()),
        goals_of_portfolio(cache, evaluation, program, as_of - timedelta(days=TREND_DAYS)),
        evaluation.bought_families() or {},
        evaluation.sold_families(),
        habits_of(evaluation.family_amounts(), _industries(evaluation)),
        people,
        _steps(cache, people),
        record_link(cache),
    )


def _steps(cache: Cache, people: Mapping[str, str]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for task in shown_tasks(cache):
        if task.is_open or task.is_done:
            step = Step(task.subject, task.due, people.get(task.owner_id, task.owner_id), task.is_open)
            found.setdefault(task.account_id, []).append(step)
    return found


def _industries(evaluation: Evaluation) -> dict[str, str]:
    rows = zip(evaluation.decisions(), evaluation.columns(("industry",)), strict=True)
    return {decision.account_id: str(industry) for decision, (industry,) in rows if industry}


def account_plan_of(
    cache: Cache,
    program: Program,
    evaluation: Evaluation,
    portfolio: Portfolio,
    account_id: str,
    as_of: date,
    seen: Seen | None = None,
) -> AccountPlan:
    """The page of one account as the cache knows it, with the people whom the CRM has shown."""
    shown, people = seen or Seen(), portfolio.owners
    receipt, facts = evaluation.receipt(account_id), evaluation.facts(account_id)
    bought, sold = portfolio.bought.get(account_id, frozenset()), portfolio.sold
    own = goals_of_account(cache, evaluation, program, as_of - timedelta(days=TREND_DAYS), account_id)
    around = portfolio.link
    owner, renewal = str(facts.get("owner_id") or ""), facts.get("next_renewal_date")
    count = facts.get("contacts_count")
    offered = open_families(cache, account_id)
    return AccountPlan(
        name=evaluation.names()[account_id],
        owner=people.get(owner, owner),
        url=f"{around[0]}{account_id}{around[1]}" if around else "",
        as_of=as_of,
        receipt=receipt,
        goals=goal_scores(receipt, portfolio.means, {one.name: (one.goal, one.weight) for one in program.criteria}),
        trends=trends(trend_of(cache, account_id), as_of),
        families={family: _state(family, bought, offered) for family in sorted({*sold, *bought})},
        usual={
            family: usual
            for family in sold
            if family not in bought and (usual := usual_of(family, str(facts.get("industry") or ""), portfolio.habits))
        },
        opportunities=tuple(Opportunity(*row) for row in open_opportunities(cache, account_id)),
        people=int(count) if isinstance(count, int | float) else None,
        roles={role: _is_filled(role, facts.get(f"has_{role}"), shown.people) for role in STAKEHOLDER_ROLES},
        steps=tuple(portfolio.steps.get(account_id, ())),
        renewal=date.fromisoformat(str(renewal)[:10]) if renewal else None,
        problems=tuple(evaluation.problems),
        targets=tuple(zip(own, portfolio.goals, strict=True)),
        persons=shown.people,
        unnamed=shown.trouble,
        own=_own_goals(shown),
    )


def _own_goals(seen: Seen) -> OwnGoals:
    kept = seen.goals
    return OwnGoals(
        tuple((heading, line) for heading, said in kept.goals for line in text_lines(said)),
        (*(line for said in kept.ours for line in text_lines(said)), *seen.noted),
        kept.objectives,
        kept.trouble,
    )


def _is_filled(role: str, known: FactValue, people: Sequence[Person] | None) -> bool | None:
    """Whether somebody has the role: those who are seen say it, where anybody's role is noted at all; else what was pulled."""
    if people is not None and any(person.roles for person in people):
        return any(role in person.roles for person in people)
    if people is not None and known is not None:
        return False
    return None if known is None else bool(known)


def _state(family: str, bought: frozenset[str], offered: frozenset[str]) -> Bought:
    return "bought" if family in bought else "open" if family in offered else "never"
