"""Cache → an account's page: one evaluation, the account's own opportunities and tasks, what was remembered. Only reads."""

from __future__ import annotations

from datetime import date, timedelta

from kamsync.config import Config
from kamsync.decide.reasons import reasons_text
from kamsync.report.account_plan.plan import ROLES, AccountPlan, Bought, Deal, Step, goal_scores
from kamsync.report.trend import TREND_DAYS, trends
from kamsync.run.goals import goals_of
from kamsync.run.overseeing import PICTURED, picturing, record_link
from kamsync.store.account_deals import open_deals, open_families
from kamsync.store.accounts import owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.kpis import trend_of
from kamsync.store.ledger import shown_tasks

_SHOWN = (*PICTURED, "contacts_count", *(f"has_{role}" for role in ROLES))
REASONS_LENGTH = 1_000  # the page has room for all of it


def account_plan_of(cache: Cache, config: Config, account_id: str, name: str, as_of: date) -> AccountPlan:
    """The page of one account as the cache knows it. Raises ConfigError on an unknown currency."""
    program = config.program
    people = {owner.id: owner.name or owner.id for owner in owners(cache)}
    with Evaluation(cache.path, picturing(config.compiled, _SHOWN), as_of) as evaluation:
        receipt = evaluation.receipt(account_id)
        facts = evaluation.facts(account_id)
        scaled = evaluation.scaled_scores()
        bought = (evaluation.bought_families() or {}).get(account_id, frozenset())
        sold = evaluation.sold_families()
        since = as_of - timedelta(days=TREND_DAYS)
        own, every = goals_of(cache, evaluation, program, since, account_id)
        problems = evaluation.problems
    around = record_link(cache)
    owner, renewal = str(facts.get("owner_id") or ""), facts.get("next_renewal_date")
    count = facts.get("contacts_count")
    offered = open_families(cache, account_id)
    return AccountPlan(
        name=name,
        owner=people.get(owner, owner),
        url=f"{around[0]}{account_id}{around[1]}" if around else "",
        as_of=as_of,
        receipt=receipt,
        reasons=reasons_text(receipt.decision, receipt.contributions, program, REASONS_LENGTH),
        goals=goal_scores(receipt, scaled, {one.name: (one.goal, one.weight) for one in program.criteria}),
        trends=trends(trend_of(cache, account_id), as_of),
        families={family: _state(family, bought, offered) for family in sorted({*sold, *bought})},
        deals=tuple(Deal(*row) for row in open_deals(cache, account_id)),
        people=int(count) if isinstance(count, int | float) else None,
        roles={role: None if (said := facts.get(f"has_{role}")) is None else bool(said) for role in ROLES},
        steps=tuple(
            Step(task.subject, task.due, people.get(task.owner_id, task.owner_id), task.is_open)
            for task in shown_tasks(cache, account_id)
            if task.is_open or task.is_done
        ),
        renewal=date.fromisoformat(str(renewal)[:10]) if renewal else None,
        problems=tuple(problems),
        targets=tuple(zip(own, every, strict=True)),
    )


def _state(family: str, bought: frozenset[str], offered: frozenset[str]) -> Bought:
    return "bought" if family in bought else "open" if family in offered else "never"
