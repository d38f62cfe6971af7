"""What becomes of tasks that exist: closed as their playbook fires no longer, handed to a new owner, hung on a lost account.

DECISIONS.md §8. Only what nobody touched is closed or handed over. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

from kamsync.decide.assignees import Assignees, NoAssignee
from kamsync.decide.fact import FactValue
from kamsync.decide.occurrences import parse_key
from kamsync.decide.plan import AttachTask, CloseTask, HeldBack, ReassignTask
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


def plan_hand_overs(
    playbooks: Playbooks,
    tasks: Iterable[ExistingTask],
    closing: Collection[str],
    ledger: Mapping[str, CreatedTask],
    account_names: Mapping[str, str],
    facts_of: Callable[[str], Mapping[str, FactValue]],
    assignees: Assignees,
) -> TaskPlan:
    """Open tasks of `on_owner_change = "follow"` playbooks that would be made for somebody else today, where nobody touched them.

    `closing` are the keys of tasks that are closed instead. Where nobody can be given the task, and without the ledger's entry
    (a rebuilt cache), it stays where it is.
    """
    moved: list[ReassignTask] = []
    for task in tasks:
        key, created = parse_key(task.key), ledger.get(task.key)
        prepared = playbooks.by_name.get(key.playbook) if key else None
        if not task.is_open or prepared is None or prepared.playbook.on_owner_change != "follow" or task.key in closing:
            continue
        template = next((one.template for one in prepared.tasks if key and one.template.name == key.task), None)
        if template is None or created is None or task.account_id not in account_names:
            continue
        if (created.owner_id, created.subject, created.due) != (task.owner_id, task.subject, task.due):
            continue
        try:
            person = assignees.assign(template.assignee, facts_of(task.account_id))
        except NoAssignee:
            continue
        if person.id != task.owner_id:
            name = account_names[task.account_id]
            why = f"playbook {prepared.label} follows the owner, and nobody touched the task"
            moved.append(
                ReassignTask(
                    task.key, task.task_id, task.account_id, name, task.subject, task.owner_id, task.due, person.id, (why,)
                )
            )
    return TaskPlan(tuple(moved))


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
