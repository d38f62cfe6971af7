"""Create, close and delete account-plan tasks. A key is created once for ever, also when the answer to the create was lost.

Every key is looked up before anything is created, deleted and archived tasks included, and only missing ones are written: an
upsert of a key that exists would overwrite what a person did with the task. Where the org's key field is unique, the write is
an upsert by it, so that Salesforce itself refuses a second one. Where it is not (whether Activity fields can be unique differs
by org), the write is an insert, and after a lost answer the keys are looked up again before anything is sent again.

A task is one record, so it is whole or not there: account, owner, due date and type come with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kamsync.errors import AccessDenied
from kamsync.http import Silences
from kamsync.model.exchange import NewTask, Outcome, TaskHandOver, TaskRef, TaskSeen
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import GONE
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.api.writes import HEADERS, RECORDS_PER_CALL, Result, collection, outcome, write, write_updates
from kamsync_salesforce.push.task_lookup import TaskLookup
from kamsync_salesforce.push.task_record import Target, record_of, target_of
from kamsync_salesforce.translate import full_id

UNANSWERED_ROUNDS = 4
FIRST_WAIT_SECONDS = 2.0
_NOT_HERE = "The task is not in Salesforce."


class Tasks:
    """Task writes of one connection."""

    def __init__(
        self,
        client: Client,
        fields: Fields,
        key_field: str,
        url_of: Callable[[str], str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._fields = fields
        self._key_field = key_field
        self._lookup = TaskLookup(client, key_field)
        self._url_of = url_of
        self._sleep = sleep

    def fetch(self, tasks: Sequence[TaskRef]) -> Mapping[str, TaskSeen]:
        """What the org shows now, by key as asked."""
        return self._lookup.fetch(tasks)

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task. What a call of ours made although its answer was lost is `done`, however late it comes to light."""
        if not tasks:
            return
        target = target_of(self._fields, self._key_field)
        # By account, since a task locks its account: neighbours share the lock instead of fighting for it.
        missing: dict[str, NewTask] = {}
        for task in sorted(tasks, key=lambda item: (item.account_id, item.key)):
            if task.key in missing:
                yield Outcome(task.key, "existed")
            else:
                missing[task.key] = task
        unsettled = ""
        sent: set[str] = set()  # keys of calls without an answer
        for round_number in range(UNANSWERED_ROUNDS):
            if round_number:
                # The lost call may still be at work: an early look would miss what it commits.
                self._sleep(FIRST_WAIT_SECONDS * 2 ** (round_number - 1))
            found = self._lookup.find(missing)
            for key in [key for key in missing if key in found]:
                yield Outcome(key, "done" if key in sent else "existed", found[key])
                del missing[key]
            lost: dict[str, NewTask] = {}
            doubtful: list[tuple[NewTask, Result]] = []
            for task, result in self._write_missing(list(missing.values()), target):
                if result.status == "unanswered":
                    lost[task.key] = task
                    unsettled = result.message
                elif result.status == "refused" and task.key in sent:
                    doubtful.append((task, result))
                else:
                    yield self._created(task, result, is_ours=task.key in sent)
            yield from self._refused_again(doubtful)
            missing = lost
            sent |= lost.keys()
            if not missing:
                return
        found = self._lookup.find(missing)
        for key, task in missing.items():
            if key in found:
                yield Outcome(key, "done", found[key])
            else:
                yield Outcome(key, "unknown", message=unsettled, url=self._url_of(task.account_id))

    def close(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Sets the org's closed status; a task that is gone needs no closing. Raises AccessDenied where the org has none."""
        if not tasks:
            return
        statuses = self._client.records("SELECT ApiName FROM TaskStatus WHERE IsClosed = true", doing="the task statuses")
        if not statuses:
            raise AccessDenied(
                "This org has no closed task status.", fix="Setup → Object Manager → Task → Status: mark one as closed."
            )
        status = statuses[0]["ApiName"]
        named, nameless = self._with_ids(tasks)
        yield from (Outcome(task.key, "done", "", _NOT_HERE) for task in nameless)
        records = [{"Id": task.task_id, "Status": status} for task in named]
        for position, result in write_updates(self._client, "Task", records, doing="closing tasks", sleep=self._sleep):
            task = named[position]
            if result.code in GONE:
                yield Outcome(task.key, "done", task.task_id, "The task was already gone.")
            else:
                yield outcome(task.key, task.task_id, result, self._url_of)

    def reassign(self, tasks: Sequence[TaskHandOver]) -> Iterator[Outcome]:
        """Gives each task to its person; one that is gone needs nobody."""
        owners = {task.key: task.owner_id for task in tasks}
        named, nameless = self._with_ids([TaskRef(task.key, task.task_id) for task in tasks]) if tasks else ([], [])
        yield from (Outcome(task.key, "done", "", _NOT_HERE) for task in nameless)
        records = [{"Id": task.task_id, "OwnerId": owners[task.key]} for task in named]
        for position, result in write_updates(self._client, "Task", records, doing="handing over tasks", sleep=self._sleep):
            yield self._gone_or(named[position], result)

    def delete(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Empties the key of each task, then deletes it; both may be repeated, so a killed call is finished by the next one.

        A task whose key cannot be emptied is not deleted: in the recycle bin it would hold its key for good, as Salesforce
        changes no deleted record (ENTITY_IS_DELETED) and offers no undelete by REST. A task that is in the bin already, because
        a person deleted it, is `done` and keeps its key: no later run makes it again (DECISIONS.md §8).
        After the first step the key no longer finds the task: name it by id to finish what was killed in between.
        """
        named, nameless = self._with_ids(tasks)
        yield from (Outcome(task.key, "done", "", _NOT_HERE) for task in nameless)
        for start in range(0, len(named), RECORDS_PER_CALL):
            batch = named[start : start + RECORDS_PER_CALL]
            freed: list[TaskRef] = []
            for task, result in self._freeing(batch):
                if result.status == "done":
                    freed.append(task)
                else:
                    yield self._gone_or(task, result)
            for task, result in self._deleting(freed):
                yield self._gone_or(task, result)

    # --- closing and deleting ------------------------------------------------------------------------------------------------

    def _with_ids(self, tasks: Sequence[TaskRef]) -> tuple[list[TaskRef], list[TaskRef]]:
        """Tasks with an id, looked up by key where none was given, and those that the org does not know."""
        unnamed = [task for task in tasks if not task.task_id]
        found = self._lookup.find(task.key for task in unnamed) if unnamed else {}
        complete = [replace(task, task_id=full_id(task.task_id) or task.task_id or found.get(task.key, "")) for task in tasks]
        return [task for task in complete if task.task_id], [task for task in complete if not task.task_id]

    def _freeing(self, tasks: Sequence[TaskRef]) -> Iterator[tuple[TaskRef, Result]]:
        records = [{"Id": task.task_id, self._key_field: None} for task in tasks]
        for position, result in write_updates(
            self._client, "Task", records, doing="freeing the keys of tasks", sleep=self._sleep
        ):
            yield tasks[position], result

    def _deleting(self, tasks: Sequence[TaskRef]) -> Iterator[tuple[TaskRef, Result]]:
        silences = Silences()

        def send(records: Sequence[Mapping[str, Any]]) -> Any:
            params = {"ids": ",".join(record["Id"] for record in records), "allOrNone": "false"}
            return self._client.rest("DELETE", "composite/sobjects", params=params, doing="deleting tasks", silences=silences)

        for position, result in write(send, [{"Id": task.task_id} for task in tasks], sleep=self._sleep, silences=silences):
            yield tasks[position], result

    def _gone_or(self, task: TaskRef, result: Result) -> Outcome:
        if result.code in GONE:
            return Outcome(task.key, "done", task.task_id)
        return outcome(task.key, task.task_id, result, self._url_of)

    # --- creating ------------------------------------------------------------------------------------------------------------

    def _write_missing(self, tasks: Sequence[NewTask], target: Target) -> Iterator[tuple[NewTask, Result]]:
        def send(records: Sequence[Mapping[str, Any]]) -> Any:
            # Not repeatable by itself in either form: the round above looks first, so that nothing is overwritten.
            if target.is_unique_key:
                path, method = f"composite/sobjects/Task/{target.key_field}", "PATCH"
            else:
                path, method = "composite/sobjects", "POST"
            body = collection("Task", records)
            return self._client.rest(method, path, json=body, doing="creating tasks", headers=HEADERS, repeatable=False)

        records = [record_of(task, target) for task in tasks]
        for position, result in write(send, records, sleep=self._sleep):
            yield tasks[position], result

    def _refused_again(self, refused: Sequence[tuple[NewTask, Result]]) -> Iterator[Outcome]:
        """What is refused after a lost answer may be refused because the lost call made it: the key tells."""
        found = self._lookup.find(task.key for task, _ in refused)
        for task, result in refused:
            if task.key in found:
                yield Outcome(task.key, "done", found[task.key])
            else:
                yield self._created(task, result, is_ours=True)

    def _created(self, task: NewTask, result: Result, *, is_ours: bool) -> Outcome:
        """`is_ours`: a call of ours went out before without an answer, so what is there now is its work."""
        there: Any = "done" if is_ours else "existed"
        if result.status == "done":
            return Outcome(task.key, "done" if result.created else there, result.id)
        if result.code == "DUPLICATE_VALUE" and self._key_field.lower() in result.message.lower():
            _, _, record_id = result.message.partition("record with id: ")
            shown = record_id.split()[0].strip(".") if record_id else ""
            return Outcome(task.key, there, full_id(shown) or shown)
        text = f"{result.message} ({result.code})" if result.code else result.message
        return Outcome(task.key, "rejected", "", text, self._url_of(task.account_id))
