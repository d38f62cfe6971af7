"""Tasks of the in-memory CRM, as a connector makes them: one for a key, whole or not done, freed by deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Protocol, TypeVar

from kamsync.errors import TryLater
from kamsync.model import Stream, Value
from kamsync.model.exchange import NewTask, Outcome, TaskHandOver, TaskRef, TaskSeen
from kamsync.portions import portions
from kamsync.testing.memory.crm import MemoryCrm
from kamsync.testing.memory.faults import AnswerLost
from kamsync.testing.memory.mapping import TASK_KEY
from kamsync.testing.memory.records import Record

T = TypeVar("T")
NOT_ATTACHED = "The task could not be attached to its account."


class Call(Protocol):
    """One call to the CRM, by name: counted, and open to faults."""

    def __call__(self, name: str, work: Callable[[], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of one connection."""

    crm: MemoryCrm
    call: Call

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task; see `kamsync.contract.Connection.create_tasks`."""
        wanted: dict[str, NewTask] = {}
        for task in tasks:
            if task.key in wanted:
                yield Outcome(task.key, "existed")
            else:
                wanted[task.key] = task
        for some in portions(list(wanted.values()), self.crm.behaviour.batch_size):
            yield from self._create_some(some)

    def _create_some(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        present = self._look([task.key for task in tasks])
        missing = [task for task in tasks if task.key not in present]
        made: dict[str, Outcome] = {}
        if missing:
            try:
                made = self.call("create_tasks", lambda: {task.key: self._make(task) for task in missing})
            except AnswerLost as lost:
                made = self._after_silence(missing, lost)
        existed = {key: Outcome(key, "existed", record.id) for key, record in present.items()}
        outcomes = {**existed, **made}
        trouble = self._attach([task for task in tasks if self._is_loose(outcomes[task.key])], outcomes)
        for task in tasks:
            outcome = outcomes[task.key]
            if task.key in trouble:
                yield Outcome(task.key, "unknown", outcome.record_id, trouble[task.key])
            else:
                yield outcome

    def _look(self, keys: Sequence[str]) -> dict[str, Record]:
        return self.call("find_tasks", lambda: {key: found for key in keys if (found := self.crm.with_key(key)) is not None})

    def _make(self, task: NewTask) -> Outcome:
        refusal = self._refusal(task)
        if refusal:
            return Outcome(task.key, "rejected", message=refusal)
        attached = None if self.crm.behaviour.attaches_tasks_later else task.account_id
        values: dict[str, Value] = {TASK_KEY: task.key, "account_id": attached, "owner_id": task.owner_id}
        values |= {"subject": task.subject, "body": task.body, "due": task.due, "is_open": True}
        values |= {"priority": task.priority, "type": task.type}
        return Outcome(task.key, "done", self.crm.records.add(Stream.TASKS, values, "program").id)

    def _refusal(self, task: NewTask) -> str:
        """Why the CRM will not take it, in its words; "" where it does."""
        owner = self.crm.records.find(Stream.OWNERS, task.owner_id)
        if task.key in self.crm.faults.refused:
            return self.crm.faults.refused[task.key]
        if self.crm.records.find(Stream.ACCOUNTS, task.account_id) is None:
            return f"INVALID_CROSS_REFERENCE_KEY: there is no account {task.account_id}"
        if owner is None or not owner.get("is_active"):
            return f"INACTIVE_OWNER_OR_USER: {task.owner_id} cannot own tasks"
        return ""

    def _after_silence(self, tasks: Sequence[NewTask], lost: AnswerLost) -> dict[str, Outcome]:
        """What the call without an answer made is ours; where this question has no answer either, the next run asks."""
        try:
            found = self._look([task.key for task in tasks])
        except TryLater:
            return {task.key: Outcome(task.key, "unknown", message=lost.message) for task in tasks}
        return {
            task.key: Outcome(task.key, "done", found[task.key].id)
            if task.key in found
            else Outcome(task.key, "unknown", message=lost.message)
            for task in tasks
        }

    def _is_loose(self, outcome: Outcome) -> bool:
        if not self.crm.behaviour.attaches_tasks_later:
            return False  # it was whole when it was made: people took it off
        task = self.crm.records.find(Stream.TASKS, outcome.record_id) if outcome.record_id else None
        return task is not None and not task.get("account_id")

    def _attach(self, tasks: Sequence[NewTask], outcomes: Mapping[str, Outcome]) -> dict[str, str]:
        """Hangs loose tasks on their accounts; what went wrong, by key."""
        if not tasks:
            return {}
        try:
            attached = self.call("attach_tasks", lambda: {task.key: self._hang(task, outcomes[task.key]) for task in tasks})
        except TryLater as error:
            return {task.key: error.message for task in tasks}
        return {key: NOT_ATTACHED for key, done in attached.items() if not done}

    def _hang(self, task: NewTask, outcome: Outcome) -> bool:
        if self.crm.faults.association_fails() or self.crm.records.find(Stream.ACCOUNTS, task.account_id) is None:
            return False
        record = self.crm.task(outcome.record_id)
        self.crm.records.write(Stream.TASKS, record, {"account_id": task.account_id}, "program")
        return True

    def fetch(self, tasks: Sequence[TaskRef]) -> Mapping[str, TaskSeen]:
        """What the records themselves say now, by key as asked."""
        seen: dict[str, TaskSeen] = {}
        for some in portions(tasks, self.crm.behaviour.batch_size):
            found = self.call("fetch_tasks", partial(self._named_each, some))
            seen |= {ref.key: _seen(record) for ref, record in zip(some, found, strict=True) if record is not None}
        return seen

    def _named_each(self, refs: Sequence[TaskRef]) -> list[Record | None]:
        return [self._named(ref) for ref in refs]

    def _named(self, ref: TaskRef) -> Record | None:
        """By id where it is given; deleted ones too."""
        return self.crm.records.tables[Stream.TASKS].get(ref.task_id) if ref.task_id else self.crm.with_key(ref.key)

    def close(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """A task that is gone needs no closing."""
        return self._each("close_tasks", tasks, self._close)

    def _close(self, task: Record) -> None:
        if not task.deleted:
            self.crm.records.write(Stream.TASKS, task, {"is_open": False}, "program")

    def reassign(self, tasks: Sequence[TaskHandOver]) -> Iterator[Outcome]:
        """Nobody can be given a task who has left."""
        for task in tasks:
            owner = self.crm.records.find(Stream.OWNERS, task.owner_id)
            if owner is None or not owner.get("is_active"):
                yield Outcome(task.key, "rejected", task.task_id, f"INACTIVE_OWNER_OR_USER: {task.owner_id} cannot own tasks")
                continue
            yield from self._each("reassign_tasks", [TaskRef(task.key, task.task_id)], partial(self._give, owner.id))

    def _give(self, owner_id: str, task: Record) -> None:
        if not task.deleted:
            self.crm.records.write(Stream.TASKS, task, {"owner_id": owner_id}, "program")

    def delete(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """First the keys, then the tasks: two calls, between which a run may end."""
        unnamed = [ref.key for ref in tasks if not ref.task_id]
        found = self._look(unnamed) if unnamed else {}
        named = [TaskRef(ref.key, found[ref.key].id) if ref.key in found else ref for ref in tasks]
        for some in portions(named, self.crm.behaviour.batch_size):
            freed = {outcome.ref: outcome for outcome in self._each("free_keys", some, self._free)}
            unsettled = [outcome for outcome in freed.values() if outcome.status != "done"]
            yield from unsettled
            yield from self._each("delete_tasks", [ref for ref in some if freed[ref.key].status == "done"], self._delete)

    def _free(self, task: Record) -> None:
        self.crm.records.write(Stream.TASKS, task, {TASK_KEY: None}, "program")

    def _delete(self, task: Record) -> None:
        if not task.deleted:
            self.crm.records.delete(Stream.TASKS, task, "program")

    def _each(self, name: str, tasks: Sequence[TaskRef], act: Callable[[Record], None]) -> Iterator[Outcome]:
        for some in portions(tasks, self.crm.behaviour.batch_size):
            try:
                yield from self.call(name, partial(self._all, some, act))
            except AnswerLost as lost:
                yield from (Outcome(ref.key, "unknown", ref.task_id, lost.message) for ref in some)

    def _all(self, refs: Sequence[TaskRef], act: Callable[[Record], None]) -> list[Outcome]:
        return [self._one(ref, act) for ref in refs]

    def _one(self, ref: TaskRef, act: Callable[[Record], None]) -> Outcome:
        if ref.key in self.crm.faults.refused:
            return Outcome(ref.key, "rejected", ref.task_id, self.crm.faults.refused[ref.key])
        record = self._named(ref)
        if record is None:
            return Outcome(ref.key, "done", ref.task_id, "The task was already gone.")
        act(record)
        return Outcome(ref.key, "done", record.id)


def _seen(task: Record) -> TaskSeen:
    due = task.get("due")
    return TaskSeen(
        task_id=task.id,
        key=task.text(TASK_KEY),
        account_id=task.text("account_id"),
        owner_id=task.text("owner_id"),
        subject=task.text("subject"),
        due=due if isinstance(due, date) else None,
        is_open=bool(task.get("is_open")),
        is_deleted=task.deleted,
    )
