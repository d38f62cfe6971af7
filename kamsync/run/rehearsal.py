"""Cache → what one playbook does for one account: whether it fires and why not, its tasks as they would be made. Only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.expressions import compile_expression, parts_of
from kamsync.decide.fact import FactValue
from kamsync.decide.program import Playbook
from kamsync.decide.rehearsal import Condition, Rehearsal, RehearsedStep, rehearse
from kamsync.decide.task_values import Firing
from kamsync.errors import ConfigError
from kamsync.model import Kind
from kamsync.store.accounts import merged_on, owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.ledger import ShownTask, keys_of_the_merged, known_keys, seen_tasks, shown_tasks


def rehearsal_of(
    cache: Cache, compiled: CompiledProgram, playbook: str, account_id: str, as_of: date, pulled: CompiledProgram
) -> Rehearsal:
    """What the playbook of `compiled` does for the account. `pulled`: the programme that the cache was filled for.

    Raises ConfigError where the playbook reads what that programme does not pull, and on an unknown currency.
    """
    _check_pulled(compiled, pulled, playbook)
    prepared = compiled.playbooks.by_name[playbook]
    with Evaluation(cache.path, compiled, as_of) as evaluation:
        conditions = _conditions(evaluation, compiled, prepared.playbook, account_id)
        decision, names = evaluation.decision(account_id), evaluation.names()
        fired = [(facts, moved_on) for one, facts, moved_on in evaluation.firing(prepared.playbook) if one == account_id]
        if not fired or decision.code == "group":
            return Rehearsal(False, conditions, (), lead=decision.code != "group")
        facts, moved_on = fired[0]
        began, merge = evaluation.stay_began(account_id), merged_on(cache).get(account_id)
        firing = Firing(playbook, account_id, names[account_id], decision, facts, began, merge, moved_on)
        at_work = {
            (other, account_id)
            for other in prepared.playbook.not_with
            if other in compiled.firing
            and any(one == account_id for one, _, _ in evaluation.firing(compiled.playbooks.by_name[other].playbook))
        }
    keys, inherited = known_keys(cache), keys_of_the_merged(cache)
    steps = rehearse(compiled.playbooks, firing, at_work, keys, owners(cache), as_of, seen_tasks(cache), inherited)
    there = {task.key: task for task in shown_tasks(cache, account_id)}
    return Rehearsal(True, conditions, tuple(_as_it_is(step, there.get(step.key)) for step in steps))


def _conditions(evaluation: Evaluation, compiled: CompiledProgram, playbook: Playbook, account_id: str) -> tuple[Condition, ...]:
    names: dict[str, Kind] = {**compiled.columns, **DECIDED_NAMES}
    parts = parts_of(playbook.when, names)
    read = [compile_expression(part, names, "condition") for part in parts]
    known: Mapping[str, FactValue] = {**evaluation.facts(account_id), **evaluation.decided_facts(account_id)}
    holding = evaluation.holding(account_id, read)
    return tuple(
        Condition(part.text, holds, tuple((name, known.get(name)) for name in one.columns))
        for part, one, holds in zip(parts, read, holding, strict=True)
    )


def _check_pulled(compiled: CompiledProgram, pulled: CompiledProgram, playbook: str) -> None:
    lacking = sorted(
        {str(stream) for stream in compiled.streams - pulled.streams} | compiled.account_fields - pulled.account_fields
    )
    if lacking:
        raise ConfigError(
            f"Playbook {playbook!r} reads {', '.join(lacking)}, which this configuration does not pull.",
            fix=f'Add "{playbook}" to [program] playbooks, then run `kamsync pull`.',
        )


def _as_it_is(step: RehearsedStep, task: ShownTask | None) -> RehearsedStep:
    """What is known of a task that is there already."""
    if task is None or step.task is not None:
        return step
    state = "open" if task.is_open else "done" if task.is_done else "removed"
    due = f", due {task.due.isoformat()}" if task.due is not None else ""
    return replace(step, why=f"it is there already: {state}{due}")
