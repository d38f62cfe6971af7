"""Cache → plan: evaluate, compare with what the CRM shows, add the tasks, say what is held back. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Literal

import orjson

from kamsync.contract import Capabilities
from kamsync.decide.approval import awaiting_approval, waits_for_approval
from kamsync.decide.assignees import Assignees
from kamsync.decide.closures import plan_attachments, plan_closes, plan_hand_overs
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.guards import TierMoves, count_tier_moves
from kamsync.decide.plan import Change, DeleteTask, HeldBack, Plan, ReassignTask, UpdateAccount
from kamsync.decide.playbooks import Playbooks
from kamsync.decide.program import Program
from kamsync.decide.receipts import Receipt
from kamsync.decide.task_values import Firing, TaskPlan
from kamsync.decide.tasks import plan_tasks
from kamsync.decide.updates import Writing, assemble_plan, plan_account
from kamsync.report.plan_json import fingerprint_of
from kamsync.report.receipt_json import receipt_to_json
from kamsync.run.account_notes import plan_notes
from kamsync.run.account_plan import planning
from kamsync.store.accounts import merged_into, merged_on, owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.history import Remembered
from kamsync.store.journal import halved_deletions, task_of
from kamsync.store.kpis import keep_figures_if_free
from kamsync.store.last_evaluation import keep_if_free
from kamsync.store.ledger import created_tasks, keys_of_the_merged, known_keys, loose_tasks, open_tasks, seen_tasks
from kamsync.store.schema import Meta

Keep = Literal["always", "if_final", "no"]
WITHOUT_A_CRM = Capabilities(reasons_length=255, batch_size=200)  # for plans that nobody applies
_DECIDED = {"tier", "decided_tier", "score", "segment", "health"}  # a change of one of these is kept in the history


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan with what applying and guarding it need: receipts of changed accounts, tier moves, how many accounts there are.

    `read`: how many of the accounts the pull has read.
    `lacking`: fields that `setup` makes and the CRM does not show; they counted as empty, and nothing can be written.
    `waiting`: of what the plan holds back, the moves that wait for a person's approval.
    """

    plan: Plan
    moves: TierMoves
    history: Mapping[str, Remembered]
    accounts: int
    read: int = 0
    lacking: frozenset[str] = frozenset()
    waiting: tuple[HeldBack, ...] = ()


@dataclass(frozen=True, slots=True)
class When:
    """The moments of a run: the day it decides for, the clock's reading, its name. `rehearsal`: the day is not today."""

    as_of: date
    now: datetime
    run_id: str
    rehearsal: bool = False


def make_plan(
    cache: Cache,
    compiled: CompiledProgram,
    crm: str,
    when: When,
    *,
    capabilities: Capabilities = WITHOUT_A_CRM,
    keep: Keep = "no",
    problems: Sequence[str] = (),
    unattended: bool = False,
    notes: bool = False,
) -> PlannedRun:
    """What would be written so that the CRM says what the programme decides. Raises ConfigError on an unknown currency.

    `keep`: whether the evaluation stays in the cache for `explain`; "if_final" is for a plan that is about to be applied, which
    changes what it was made from. `problems` of the pull come first among the plan's own. `unattended`: nobody looks at this
    plan, so that it leaves to a person what the programme wants approved. `notes`: whether accounts carry their plans as notes.
    """
    program, hashed = compiled.program, compiled.hash
    with Evaluation(cache.path, planning(compiled) if notes else compiled, when.as_of) as evaluation:
        names = evaluation.names()
        updates, history = _updates(evaluation, program, when, hashed, capabilities.reasons_length)
        tasks = _tasks(cache, evaluation, compiled.playbooks, when.as_of, capabilities)
        written: tuple[Change, ...] = (*updates, *tasks.changes)
        telling, not_told = plan_notes(cache, program, evaluation, when.as_of, written, capabilities) if notes else ([], [])
        if keep == "always" or (keep == "if_final" and not updates):
            keep_if_free(cache, evaluation, compiled, when.as_of)
        if keep != "no" and not when.rehearsal:
            keep_figures_if_free(cache, evaluation.changed_figures(), when.as_of)
        waiting = (
            awaiting_approval(updates, program, lambda account_id: evaluation.decision(account_id).code) if unattended else {}
        )
        moves = count_tier_moves(decision for decision in evaluation.decisions() if decision.account_id not in waiting)
        found = (*problems, *evaluation.problems, *_notes(evaluation, names))
        accounts = len(names)
    wanted: tuple[Change, ...] = (*written, *_half_done(cache), *telling)
    changes = tuple(change for change in wanted if not waits_for_approval(change, waiting))
    plan = assemble_plan(
        run_id=when.run_id,
        as_of=when.as_of,
        crm=crm,
        criteria_hash=hashed,
        base=fingerprint_of(sorted(changes, key=repr)),
        changes=changes,
        held_back=(*tasks.held_back, *not_told, *waiting.values()),
        problems=found,
        org_id=cache.meta(Meta.ORG_ID) or "",
        rehearsal=when.rehearsal,
    )
    kept = {account: remembered for account, remembered in history.items() if account not in waiting}
    return PlannedRun(plan, moves, kept, accounts, waiting=tuple(waiting.values()))


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
        receipt = partial(_receipt_text, receipt_of, decision.account_id, program, name, hashed)
        update = plan_account(decision, name, observed, contributions, program, writing, receipt)
        if update is None:
            continue
        updates.append(update)
        if _DECIDED & update.fields.keys():
            health = observed.get("health")
            since = evaluation.held(decision.account_id).since
            history[decision.account_id] = _remembered(
                decision, str(health) if health else None, since, name, receipt(), when, hashed
            )
    return updates, history


def _contributions(receipt_of: Callable[[str], Receipt], account_id: str) -> Sequence[Contribution]:
    return receipt_of(account_id).contributions


def _receipt_text(receipt_of: Callable[[str], Receipt], account_id: str, program: Program, name: str, hashed: str) -> str:
    document = receipt_to_json(receipt_of(account_id), program, name=name, criteria_hash=hashed)
    return orjson.dumps(document).decode()


def _tasks(cache: Cache, evaluation: Evaluation, playbooks: Playbooks, as_of: date, capabilities: Capabilities) -> TaskPlan:
    if not playbooks.by_name:
        return TaskPlan()
    names = evaluation.names()
    firings = list(_firings(evaluation, playbooks, names, merged_on(cache)))
    inherited = keys_of_the_merged(cache)
    fires = {(firing.playbook, firing.account_id) for firing in firings}
    created = created_tasks(cache)
    closed = plan_closes(playbooks, open_tasks(cache), fires, created, names)
    moved = TaskPlan()
    if capabilities.reassigns and any(one.playbook.on_owner_change == "follow" for one in playbooks.by_name.values()):
        closing = {close.key for close in closed.closes}
        assignees = Assignees(owners(cache), playbooks.program.fallback_owner)
        facts_of = lru_cache(maxsize=None)(evaluation.facts)
        moved = plan_hand_overs(playbooks, open_tasks(cache), closing, created, names, facts_of, assignees)
    # Whoever is handed tasks has fewer places left on the days on which those are due.
    handed = {one.key: one.new_owner_id for one in moved.changes if isinstance(one, ReassignTask)}
    seen = [replace(one, owner_id=handed[one.key]) if one.key in handed else one for one in seen_tasks(cache)]
    made = plan_tasks(playbooks, firings, known_keys(cache), owners(cache), as_of, seen, inherited)
    lives_on = merged_into(cache)
    attached = plan_attachments(
        loose_tasks(cache) if capabilities.attaches_later else (),
        lambda account_id: lives_on.get(account_id, account_id),
        names,
        as_of,
    )
    changes = (*made.changes, *closed.changes, *moved.changes, *attached.changes)
    return TaskPlan(changes, (*made.held_back, *closed.held_back, *attached.held_back))


def _half_done(cache: Cache) -> Iterator[DeleteTask]:
    """Tasks without a key that an undo did not come to remove."""
    why = ("an undo was cut short after it had freed the key",)
    for entry in halved_deletions(cache):
        task = task_of(entry)
        yield DeleteTask(entry.ref, str(entry.intent["task_id"]), entry.account_id, entry.name, task.subject, task, why)


def _firings(
    evaluation: Evaluation, playbooks: Playbooks, names: Mapping[str, str], merged: Mapping[str, date]
) -> Iterator[Firing]:
    for name, prepared in playbooks.by_name.items():
        for account_id, facts, moved_on in evaluation.firing(prepared.playbook):
            decision = evaluation.decision(account_id)
            if decision.code == "group":
                continue  # the account at the group's head has the plan
            began, merge = evaluation.stay_began(account_id), merged.get(account_id)
            yield Firing(name, account_id, names[account_id], decision, facts, began, merge, moved_on)


def _remembered(
    decision: Decision,
    previous_health: str | None,
    previous_since: date | None,
    name: str,
    receipt: str,
    when: When,
    hashed: str,
) -> Remembered:
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
        receipt=receipt,
        previous_health=previous_health,
        previous_since=previous_since.isoformat() if previous_since else None,
    )


def _notes(evaluation: Evaluation, names: Mapping[str, str]) -> Iterator[str]:
    for decision in evaluation.decisions():
        for note in decision.notes:
            yield f"{names[decision.account_id]} ({decision.account_id}): {note}"
