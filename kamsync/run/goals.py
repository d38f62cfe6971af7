"""Cache → how the programme's goals stand, for an account and for all key accounts. Only reads."""

from __future__ import annotations

from datetime import date

from kamsync.decide.decision import Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.goals import GoalStanding, of_account, of_portfolio
from kamsync.decide.kpis import MEASURES, Kpi
from kamsync.decide.program import NO_TIER, Program
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.kpis import figures_on, trend_of


def goals_of_portfolio(cache: Cache, evaluation: Evaluation, program: Program, since: date) -> tuple[GoalStanding, ...]:
    """The goals of all key accounts, beside what they were on `since`."""
    kpis = {goal.kpi: MEASURES[goal.kpi] for goal in program.goals.values()}
    if not kpis:
        return ()
    before = {name: figures_on(cache, kpi, since) for name, kpi in kpis.items()}
    found: dict[str, list[tuple[FactValue, FactValue]]] = {name: [] for name in kpis}
    rows = evaluation.columns(tuple(kpi.source for kpi in kpis.values()))
    for decision, row in zip(evaluation.decisions(), rows, strict=True):
        if decision.tier == NO_TIER or decision.code == "group":  # a group counts once, at its head
            continue
        for (name, kpi), value in zip(kpis.items(), row, strict=True):
            found[name].append((_now(kpi, decision, value), before[name].get(decision.account_id)))
    return of_portfolio(program.goals, found)


def goals_of_account(
    cache: Cache, evaluation: Evaluation, program: Program, since: date, account_id: str
) -> tuple[GoalStanding, ...]:
    """The goals of one account, beside what they were on `since`."""
    if not program.goals:
        return ()
    before = {change.kpi.name: change.value for change in trend_of(cache, account_id) if change.day <= since}
    decision, facts = evaluation.decision(account_id), evaluation.facts(account_id)
    names = {goal.kpi for goal in program.goals.values()}
    figures = {name: (_now(MEASURES[name], decision, facts.get(MEASURES[name].source)), before.get(name)) for name in names}
    return of_account(program.goals, figures)


def _now(kpi: Kpi, decision: Decision, fact: FactValue) -> FactValue:
    value = decision.score if kpi.origin == "decided" else fact
    return round(value, kpi.digits) if kpi.digits is not None and isinstance(value, float) else value
