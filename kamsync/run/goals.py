"""Cache → how the programme's goals stand, for an account and for all key accounts. Only reads."""

from __future__ import annotations

from datetime import date

from kamsync.decide.decision import Decision, FactValue
from kamsync.decide.goals import GoalStanding, of_account, of_portfolio
from kamsync.decide.kpis import MEASURES, Kpi
from kamsync.decide.program import NO_TIER, Program
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.kpis import figures_on


def goals_of(
    cache: Cache, evaluation: Evaluation, program: Program, since: date, account_id: str = ""
) -> tuple[tuple[GoalStanding, ...], tuple[GoalStanding, ...]]:
    """The goals of the account (none without one) and of all key accounts, beside what they were on `since`."""
    kpis = {goal.kpi: MEASURES[goal.kpi] for goal in program.goals.values()}
    if not kpis:
        return (), ()
    before = {name: figures_on(cache, kpi, since) for name, kpi in kpis.items()}
    own: dict[str, tuple[FactValue, FactValue]] = {}
    every: dict[str, list[tuple[FactValue, FactValue]]] = {name: [] for name in kpis}
    rows = evaluation.columns(tuple(kpi.source for kpi in kpis.values()))
    for decision, row in zip(evaluation.decisions(), rows, strict=True):
        for (name, kpi), value in zip(kpis.items(), row, strict=True):
            figures = (_now(kpi, decision, value), before[name].get(decision.account_id))
            if decision.account_id == account_id:
                own[name] = figures
            if decision.tier != NO_TIER and decision.code != "group":  # a group counts once, at its head
                every[name].append(figures)
    return of_account(program.goals, own), of_portfolio(program.goals, every)


def _now(kpi: Kpi, decision: Decision, fact: FactValue) -> FactValue:
    value = decision.score if kpi.origin == "decided" else fact
    return round(value, kpi.digits) if kpi.digits is not None and isinstance(value, float) else value
