"""What one playbook would do for one account now: its tasks with their texts, days and people, or why not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from kamsync.decide.assignees import Assignees, Owner
from kamsync.decide.fact import FactValue
from kamsync.decide.new_tasks import NotNow, Unassigned, Wanted, steps_of
from kamsync.decide.plan import CreateTask, HeldBack
from kamsync.decide.playbooks import Playbooks, PreparedTask
from kamsync.decide.task_text import create
from kamsync.decide.task_values import Firing
from kamsync.decide.tasks import knowing
from kamsync.decide.templates import NotRendered
from kamsync.decide.turns import SeenTask, gives_way, with_open_tasks


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """A task of the playbook: as it would be made now, or `why` it is not."""

    name: str
    key: str
    task: CreateTask | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of `when` as it stands for the account: whether it holds (None: not known), and the values that it reads."""

    text: str
    holds: bool | None
    values: tuple[tuple[str, FactValue], ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`steps` are empty where it does not fire; `conditions` then say why, and `lead` where the account's group has the plan."""

    fires: bool
    conditions: tuple[Condition, ...]
    steps: tuple[RehearsedStep, ...]
    lead: bool = True


def rehearse(
    playbooks: Playbooks,
    firing: Firing,
    at_work: Collection[tuple[str, str]],
    existing: Collection[str],
    owners: Iterable[Owner],
    as_of: date,
    seen: Sequence[SeenTask],
    inherited: Collection[str],
) -> tuple[RehearsedStep, ...]:
    """Every task of the playbook that fires. `at_work`: (playbook, account id) of what fires beside it; the rest as `plan_tasks`.

    An owner's limits are left out: they hang on what other accounts want.
    """
    prepared = playbooks.by_name[firing.playbook]
    at_work = {*at_work, *with_open_tasks(seen)}
    if gives_way(prepared.playbook, firing.account_id, at_work):
        others = [other for other in prepared.playbook.not_with if (other, firing.account_id) in at_work]
        why = f"it gives way to {', '.join(others)}"
        return tuple(RehearsedStep(task.template.name, "", None, why) for task in prepared.tasks)
    assignees = Assignees(owners, playbooks.program.fallback_owner)
    known = knowing(playbooks, existing, inherited, seen, assignees, as_of)
    return tuple(_steps(playbooks, prepared.tasks, steps_of(playbooks, firing, known), assignees, as_of))


def _steps(
    playbooks: Playbooks,
    tasks: Sequence[PreparedTask],
    steps: Iterable[Wanted | Unassigned | HeldBack | NotNow],
    assignees: Assignees,
    as_of: date,
) -> Iterator[RehearsedStep]:
    for task, step in zip(tasks, steps, strict=True):
        name = task.template.name
        if isinstance(step, Wanted):
            try:
                yield RehearsedStep(name, step.key, create(playbooks, step, assignees, as_of))
            except NotRendered as error:
                yield RehearsedStep(name, step.key, None, str(error))
        elif isinstance(step, HeldBack):
            yield RehearsedStep(name, step.key, None, step.reason)
        else:
            yield RehearsedStep(name, step.key, None, step.why)
