"""Which tasks that exist are closed because their playbook fires no longer, and which hang on no account (DECISIONS.md §8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

from kamsync.decide.occurrences import parse_key
from kamsync.decide.plan import AttachTask, CloseTask, HeldBack
from kamsync.decide.playbooks import Playbooks
from kamsync.decide.task_values import CreatedTask, ExistingTask, TaskPlan


def plan_closes(
    playbooks: Playbooks,
    tasks: Iterable[ExistingTask],
    firing: Collection[tuple[str, str]],
    ledger: Mapping[str, CreatedTask],
    account_names: Mapping[str, str],
) -> TaskPlan:
    """Open tasks of `when_clear = "close"` playbooks that fire no longer, where nobody touched them.

    `firing` holds (playbook, account id) of all that fire now. Without the ledger's entry (a rebuilt cache) nobody can tell
    whether a person edited the task, so it stays and is reported.
    """
    closes: list[CloseTask] = []
    held: list[HeldBack] = []
    for task in tasks:
        key = parse_key(task.key)
        prepared = playbooks.by_name.get(key.playbook) if key else None
        if not task.is_open or prepared is None or prepared.playbook.when_clear != "close":
            continue
        if (prepared.playbook.name, task.account_id) in firing:
            continue
        name = account_names.get(task.account_id, task.account_id)
        created = ledger.get(task.key)
        if created is None:
            why = "this cache did not create it, so an edit by a person cannot be ruled out"
            held.append(HeldBack(task.account_id, name, f'closing the task "{task.subject}"', why, task.key))
        elif (created.owner_id, created.subject, created.due) == (task.owner_id, task.subject, task.due):
            why = f"playbook {prepared.label} no longer fires, and nobody touched the task"
            closes.append(CloseTask(task.key, task.task_id, task.account_id, name, task.subject, (why,), task.owner_id, task.due))
    return TaskPlan(tuple(closes), tuple(held))


def plan_attachments(
    tasks: Iterable[ExistingTask], account_of: Callable[[str], str], account_names: Mapping[str, str], today: date
) -> TaskPlan:
    """Tasks of this program that hang on no account, though their keys name one: the association was lost.

    `tasks` are those of which nobody knows that they were attached. `account_of`: the account that an id lives on as.
    """
    attached = []
    for task in tasks:
        key = parse_key(task.key)
        account_id = account_of(key.account_id) if key else ""
        if account_id in account_names:
            why = "the CRM lost the task's account when it was made"
            name, due = account_names[account_id], task.due or today
            attached.append(AttachTask(task.key, task.task_id, account_id, name, task.subject, task.owner_id, due, (why,)))
    return TaskPlan(tuple(attached))
