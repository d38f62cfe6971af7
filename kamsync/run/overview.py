"""Cache → overview: one evaluation with the facts that pictures need, what history and the ledger remember. Only reads.

A fact whose stream the programme never pulls is not asked for: it stays unknown, and the overview says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date

from kamsync.config import Config
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decision import number_of
from kamsync.decide.fact import FactValue
from kamsync.decide.facts import streams_of, with_what_they_need
from kamsync.decide.influence import Influence, influences
from kamsync.decide.program import Program
from kamsync.flags import LIGHTS
from kamsync.report.overview.sources import Account, Moment, PlanTask, Sources
from kamsync.run.goals import goals_of_portfolio
from kamsync.store.accounts import owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.history import Remembered, whole_history
from kamsync.store.ledger import shown_tasks
from kamsync.store.schema import RECORD_PLACE, Meta

RANKED = 5_000  # accounts on which a criterion's influence is told well enough
PICTURED = (
    "won_amount_12m",
    "won_amount_prev_12m",
    "open_pipeline",
    "next_renewal_date",
    "whitespace_count",
    "days_since_last_activity",
    "meetings_90d",
)


def picturing(compiled: CompiledProgram, names: tuple[str, ...] = PICTURED) -> CompiledProgram:
    """The programme with these facts computed too, as far as what it pulls tells them. It decides the same."""
    told = [name for name in names if streams_of(with_what_they_need((name,))) <= compiled.streams]
    return replace(compiled, facts=compiled.facts | with_what_they_need(told))


def sources_of(cache: Cache, config: Config, evaluation: Evaluation, as_of: date, since: date) -> Sources:
    """Everything that an overview is made of. `evaluation` is of `picturing(config.compiled)`."""
    program = config.program
    people = {owner.id: owner.name or owner.id for owner in owners(cache)}
    return Sources(
        program=program,
        as_of=as_of,
        since=since,
        accounts=tuple(_accounts(evaluation, people)),
        history=tuple(_moment(one) for one in whole_history(cache)),
        tasks=tuple(
            PlanTask(one.account_id, one.owner_id, one.key.partition(":")[0], one.due, one.is_open, one.is_done)
            for one in shown_tasks(cache)
        ),
        influence=tuple(_influence(evaluation, program)),
        goals=goals_of_portfolio(cache, evaluation, program, since),
        bought=evaluation.bought_families(),
        families=evaluation.sold_families(),
        owners=people,
        org=cache.meta(Meta.ORG_NAME) or "",
        problems=tuple(evaluation.problems),
    )


def record_link(cache: Cache) -> tuple[str, str] | None:
    """What stands before and after an account's id in its address in the CRM; None where no pull has told it."""
    address = cache.meta(Meta.RECORD_URL) or ""
    before, place, after = address.partition(RECORD_PLACE)
    return (before, after) if place and address.startswith(("https://", "http://")) else None


def _influence(evaluation: Evaluation, program: Program) -> Iterator[Influence]:
    """What is known of everybody; how much it moves the ranking, of every n-th where they are many."""
    scaled, known = evaluation.scaled_scores(), evaluation.known_values()
    scored = len(next(iter(known.values()), ()))
    step = max(1, scored // RANKED)
    some = influences(
        program, {name: one[::step] for name, one in scaled.items()}, {name: one[::step] for name, one in known.items()}
    )
    for one in some:
        yield replace(one, scored=scored, known=sum(known[one.criterion]))


def _accounts(evaluation: Evaluation, people: Mapping[str, str]) -> Iterator[Account]:
    rows = evaluation.columns(("owner_id", *PICTURED))
    for (decision, name, flags), (owner_id, *facts) in zip(evaluation.settled(), rows, strict=True):
        owner = str(owner_id or "")
        won, before, pipeline, renewal, white_space, silent, meetings = facts
        health = flags.get("health")
        yield Account(
            decision,
            name,
            owner,
            people.get(owner, owner),
            float(won or 0.0),
            number_of(before),
            number_of(pipeline),
            date.fromisoformat(str(renewal)[:10]) if renewal else None,
            _whole(white_space),
            _whole(silent),
            _whole(meetings),
            str(health) if health in LIGHTS else None,
        )


def _whole(value: FactValue) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _moment(one: Remembered) -> Moment:
    return Moment(
        one.account_id, one.name, date.fromisoformat(one.as_of), one.tier, one.previous_tier, one.code, one.score, one.health,
        one.previous_health, one.receipt,
    )  # fmt: skip
