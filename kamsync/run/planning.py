"""Cache → plan: evaluate, compare with what the CRM shows, add the tasks, say what is held back. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Literal

import orjson

from kamsync.decide.assignees import Owner
from kamsync.decide.criteria import criteria_hash, known_columns
from kamsync.decide.decision import Contribution
from kamsync.decide.guards import TierMoves, count_tier_moves
from kamsync.decide.plan import Change, Plan, UpdateAccount
from kamsync.decide.playbooks import Playbooks, compile_playbooks
from kamsync.decide.program import Program
from kamsync.decide.receipts import Receipt
from kamsync.decide.tasks import ExistingTask, Firing, TaskPlan, plan_closes, plan_tasks, waiting_tasks
from kamsync.decide.updates import Writing, assemble_plan, plan_account
from kamsync.report.plan_json import fingerprint_of
from kamsync.report.receipt_json import receipt_to_json
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.history import Remembered
from kamsync.store.last_evaluation import keep_if_free
from kamsync.store.ledger import created_tasks, ledger_keys

Keep = Literal["always", "if_final", "no"]
_DECIDED = {"tier", "score", "segment", "health"}  # a change of one of these is kept in the history


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan with what applying and guarding it need: receipts of changed accounts, tier moves, drift as it is seen now."""

    plan: Plan
    moves: TierMoves
    history: Mapping[str, Remembered]
    drift: tuple[tuple[str, str, date], ...]
    accounts: int


@dataclass(frozen=True, slots=True)
class When:
    """The moments of a run: the day it decides for, the clock's reading, and its name."""

    as_of: date
    now: datetime
    run_id: str


def make_plan(
    cache: Cache, program: Program, crm: str, when: When, *, reasons_length: int = 255, keep: Keep = "no"
) -> PlannedRun:
    """What would be written so that the CRM says what the programme decides. Raises ConfigError on an unknown currency.

    `keep`: whether the evaluation stays in the cache for `explain`; "if_final" is for a plan that is about to be applied, which
    changes what it was made from.
    """
    hashed = criteria_hash(program)
    playbooks = compile_playbooks(program, known_columns(program.account_columns))
    with Evaluation(cache.path, program, when.as_of) as evaluation:
        names = evaluation.names()
        updates, history = _updates(evaluation, program, when, hashed, reasons_length)
        tasks = _tasks(cache, evaluation, playbooks, when.as_of)
        drift = tuple(
            (d.account_id, evaluation.held(d.account_id).tier or "none", evaluation.drift_seen(d.account_id))
            for d in evaluation.decisions()
            if d.code == "drift"
        )
        if keep == "always" or (keep == "if_final" and not (updates or drift)):
            keep_if_free(cache, evaluation, program, when.as_of)
        moves = count_tier_moves(evaluation.decisions())
        problems = (*evaluation.problems, *_notes(evaluation, names))
        accounts = len(names)
    changes: tuple[Change, ...] = (*tasks.creates, *tasks.closes, *updates)
    plan = assemble_plan(
        run_id=when.run_id,
        as_of=when.as_of,
        crm=crm,
        criteria_hash=hashed,
        base=fingerprint_of(sorted(changes, key=repr)),
        updates=updates,
        creates=tasks.creates,
        closes=tasks.closes,
        held_back=tasks.held_back,
        problems=problems,
    )
    return PlannedRun(plan, moves, history, drift, accounts)


def _updates(
    evaluation: Evaluation, program: Program, when: When, hashed: str, reasons_length: int
) -> tuple[list[UpdateAccount], dict[str, Remembered]]:
    """The accounts to write, and of each whose decision changed what history keeps, by account id."""
    writing = Writing(when.now, reasons_length)
    updates: list[UpdateAccount] = []
    history: dict[str, Remembered] = {}
    receipt_of = lru_cache(maxsize=1)(evaluation.receipt)  # asked for the texts, and again for the history
    for decision, name, observed in evaluation.settled():
        contributions = partial(_contributions, receipt_of, decision.account_id)
        update = plan_account(decision, name, observed, contributions, program, writing)
        if update is None:
            continue
        updates.append(update)
        if _DECIDED & update.fields.keys():
            history[decision.account_id] = _remembered(receipt_of(decision.account_id), name, program, when, hashed)
    return updates, history


def _contributions(receipt_of: Callable[[str], Receipt], account_id: str) -> Sequence[Contribution]:
    return receipt_of(account_id).contributions


def _tasks(cache: Cache, evaluation: Evaluation, playbooks: Playbooks, as_of: date) -> TaskPlan:
    if not playbooks.by_name:
        return TaskPlan()
    firings = list(_firings(cache, evaluation, playbooks))
    owners = [
        Owner(row[0], row[1] or "", row[2] or "", bool(row[3]), row[4] or "")
        for row in cache.connection.execute("SELECT id, name, email, is_active, manager_id FROM owners")
    ]
    keys = ledger_keys(cache)
    made = plan_tasks(playbooks, firings, keys, owners, as_of)
    closed = plan_closes(
        playbooks,
        _existing(cache),
        {(firing.playbook, firing.account_id) for firing in firings},
        created_tasks(cache),
        evaluation.names(),
    )
    return TaskPlan(made.creates, closed.closes, (*made.held_back, *closed.held_back))


def _firings(cache: Cache, evaluation: Evaluation, playbooks: Playbooks) -> Iterator[Firing]:
    names = evaluation.names()
    for name, prepared in playbooks.by_name.items():
        for account_id, facts in evaluation.firing(prepared.playbook):
            decision, held = evaluation.decision(account_id), evaluation.held(account_id)
            yield Firing(name, account_id, names[account_id], decision, facts, held.since)
    waiting = [row[0] for row in cache.connection.execute("SELECT key FROM waiting_tasks ORDER BY key")]
    for playbook, account_id, occurrence in waiting_tasks(playbooks, waiting):
        if account_id in names:
            facts = evaluation.facts(account_id)
            decision, held = evaluation.decision(account_id), evaluation.held(account_id)
            yield Firing(playbook, account_id, names[account_id], decision, facts, held.since, occurrence)


def _existing(cache: Cache) -> Iterator[ExistingTask]:
    rows = cache.connection.execute(
        "SELECT key, id, account_id, owner_id, subject, due, is_open FROM tasks"
        " WHERE is_open AND NOT coalesce(is_deleted, 0) ORDER BY key"
    )
    for key, task_id, account_id, owner_id, subject, due, is_open in rows:
        day = date.fromisoformat(due) if due else None
        yield ExistingTask(key, task_id, account_id or "", owner_id or "", subject or "", day, bool(is_open))


def _remembered(receipt: Receipt, name: str, program: Program, when: When, hashed: str) -> Remembered:
    decision = receipt.decision
    return Remembered(
        account_id=decision.account_id,
        name=name,
        as_of=when.as_of.isoformat(),
        run_id=when.run_id,
        tier=decision.tier,
        previous_tier=decision.previous_tier,
        code=decision.code,
        score=decision.score,
        segment=decision.segment,
        health=decision.health,
        criteria_hash=hashed,
        receipt=orjson.dumps(receipt_to_json(receipt, program, name=name, criteria_hash=hashed)).decode(),
    )


def _notes(evaluation: Evaluation, names: Mapping[str, str]) -> Iterator[str]:
    for decision in evaluation.decisions():
        for note in decision.notes:
            yield f"{names[decision.account_id]} ({decision.account_id}): {note}"
