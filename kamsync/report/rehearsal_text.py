"""What a playbook does for one account, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from kamsync.decide.fact import FactValue
from kamsync.decide.plan import CreateTask
from kamsync.decide.rehearsal import Condition, Rehearsal, RehearsedStep
from kamsync.printable import one_blank
from kamsync.report.text_width import wrap

INDENT = 4


def rehearsal_lines(rehearsal: Rehearsal, label: str, account: str, people: Mapping[str, str], width: int) -> Iterator[str]:
    """Lines of at most `width` columns, but for subjects. `people`: names by id."""
    name = one_blank(account)
    if not rehearsal.lead:
        yield f"{label} makes nothing for {name}: the account at the head of its group has the plan."
        return
    yield f"{label} {'fires' if rehearsal.fires else 'does not fire'} for {name}"
    for condition in rehearsal.conditions:
        yield f"  {_mark(condition)} {condition.text}{_values(condition)}"
    for step in rehearsal.steps:
        yield ""
        yield from _step_lines(step, people, width)


def _mark(condition: Condition) -> str:
    return {True: "holds:  ", False: "not so: ", None: "unknown:"}[condition.holds]


def _values(condition: Condition) -> str:
    said = ", ".join(f"{name} {_value(value)}" for name, value in condition.values)
    return f"  ({said})" if said else ""


def _value(value: FactValue) -> str:
    if value is None:
        return "unknown"
    return f"{value:.10g}" if isinstance(value, float) else one_blank(str(value))


def _step_lines(step: RehearsedStep, people: Mapping[str, str], width: int) -> Iterator[str]:
    task = step.task
    if task is None:
        yield f"  - {step.name}: not made, {step.why}"
        return
    yield f'  + "{one_blank(task.subject)}"'
    whose = one_blank(people.get(task.owner_id, task.owner_id))
    yield f"    due {task.due.isoformat()}, for {whose}, {task.priority} priority, {task.type}"
    for reason in task.reasons[1:]:
        yield f"    {one_blank(reason)}"
    for paragraph in task.body.splitlines():
        yield from (f"    {line}" for line in wrap(paragraph, width - INDENT))


def rehearsal_json(rehearsal: Rehearsal, playbook: str, account_id: str, name: str, as_of: date) -> dict[str, Any]:
    """For machines: the conditions with what they read, and each task as it would be made, or why it is not."""
    return {
        "version": 1,
        "as_of": as_of.isoformat(),
        "playbook": playbook,
        "account_id": account_id,
        "name": name,
        "fires": rehearsal.fires,
        "conditions": [{"when": one.text, "holds": one.holds, "facts": dict(one.values)} for one in rehearsal.conditions],
        "tasks": [
            {"task": step.name, "key": step.key or None, "why_not": step.why or None, **_task_json(step.task)}
            for step in rehearsal.steps
        ],
    }


def _task_json(task: CreateTask | None) -> dict[str, Any]:
    if task is None:
        return {"subject": None, "body": None, "due": None, "owner_id": None, "type": None, "priority": None}
    return {
        "subject": task.subject,
        "body": task.body,
        "due": task.due.isoformat(),
        "owner_id": task.owner_id,
        "type": task.type,
        "priority": task.priority,
    }
