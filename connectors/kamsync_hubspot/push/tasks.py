"""Create, close and delete account-plan tasks. A key is created once for ever, also when the answer to the create was lost.

Every key is looked up before anything is written, archived tasks included (HubSpot frees the unique value of an archived
record): an upsert of a key that exists would overwrite what a person did with the task. Missing ones are upserted by the key, a
unique property, so that a repeated call meets the task that the first one made. An upsert takes no associations: the company
is attached afterwards, once more at the end of the call, and by whoever asks for the key again ("Tasks" guide).

A portal whose key property is not unique has no upsert: there a create carries its association and is never sent twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kamsync.contract import Context
from kamsync.errors import KamsyncError
from kamsync.http import Silences
from kamsync.model.exchange import NewTask, Outcome, TaskHandOver, TaskRef, TaskSeen
from kamsync.portions import portions
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import BATCH
from kamsync_hubspot.api.writes import Result, archive, outcome, write
from kamsync_hubspot.push.task_links import TYPE, Attacher
from kamsync_hubspot.push.task_lookup import TaskFinder
from kamsync_hubspot.translate import Record, key_of, named_account, task_properties

TASK_BATCH = "/crm/v3/objects/tasks/batch"
ALREADY_GONE = "The task was already gone."
ALREADY_DELETED = "The task was deleted in HubSpot."


@dataclass(frozen=True, slots=True)
class _Present:
    """A task that exists now: made by this call, or found."""

    task: NewTask
    status: Literal["done", "existed"]
    task_id: str


class Tasks:
    """Task writes of one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context, definitions: Definitions) -> None:
        self._client = client
        self._finder = TaskFinder(client, context, definitions)
        self._attacher = Attacher(client)
        self._key = context.mapping.task_key
        self._zone = context.timezone
        self._url_of = portal.record_url

    def fetch(self, tasks: Sequence[TaskRef], *, with_accounts: bool = True) -> Mapping[str, TaskSeen]:
        """What HubSpot shows now, by key as asked."""
        return self._finder.fetch(tasks, with_accounts=with_accounts)

    # --- creating ------------------------------------------------------------------------------------------------------------

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task. Raises AccessDenied where the portal has no key property."""
        if not tasks:
            return
        self._finder.forget()
        wanted: dict[str, NewTask] = {}
        for task in tasks:
            if task.key in wanted:
                yield Outcome(task.key, "existed")
            else:
                wanted[task.key] = task
        loose: list[_Present] = []
        for some in portions(list(wanted.values()), BATCH):
            yield from self._create_some(some, loose)
        # What could not be attached a moment ago may be attachable now.
        yield from self._attached(loose, repair=True)

    def _create_some(self, tasks: Sequence[NewTask], loose: list[_Present]) -> Iterator[Outcome]:
        living = self._finder.living({task.key: task.account_id for task in tasks})
        found = [_Present(task, "existed", str(living[task.key]["id"])) for task in tasks if task.key in living]
        yield from self._attached(found, repair=True, loose=loose)
        absent = [task for task in tasks if task.key not in living]
        removed = self._finder.removed() if absent else {}
        for task in absent:
            if task.key in removed:
                yield Outcome(task.key, "existed", str(removed[task.key]["id"]), ALREADY_DELETED)
        missing = [task for task in absent if task.key not in removed]
        if missing:
            yield from self._make(missing, loose)

    def _make(self, tasks: Sequence[NewTask], loose: list[_Present]) -> Iterator[Outcome]:
        by_key = {task.key: task for task in tasks}
        silences = Silences()
        results = dict(self._write(tasks, silences))
        made = {key: str(result.record["id"]) for key, result in results.items() if result.record is not None}
        if silences.count:
            # Also what was refused: the attempt before, whose answer was lost, may have made it.
            made |= self._find_after_silence([by_key[key] for key in results if key not in made])
        present = []
        for key, result in results.items():
            if key not in made:
                yield outcome(key, "", result, self._url_of(by_key[key].account_id))
                continue
            # None of these keys existed a moment ago. `new: false` after a silence: our own first attempt made it; without
            # one, another run did between our look and our write.
            others = result.record is not None and result.record.get("new") is False and not silences.count
            present.append(_Present(by_key[key], "existed" if others else "done", made[key]))
        yield from self._attached(present, repair=not self._finder.is_unique, loose=loose)

    def _attached(self, present: Sequence[_Present], *, repair: bool, loose: list[_Present] | None = None) -> Iterator[Outcome]:
        """Outcomes of tasks with their company. One without is not done with: it is put to `loose`, or else `unknown`."""
        if not present:
            return
        trouble = self._attacher.attach([(one.task_id, one.task.account_id) for one in present], repair=repair)
        for one in present:
            text = trouble.get(one.task_id)
            if text is None:
                yield Outcome(one.task.key, one.status, one.task_id)
            elif loose is not None:
                loose.append(one)
            else:
                yield Outcome(one.task.key, "unknown", one.task_id, text, self._url_of(one.task.account_id))

    def _write(self, tasks: Sequence[NewTask], silences: Silences) -> Iterator[tuple[str, Result]]:
        is_unique = self._finder.is_unique
        return write(
            self._client,
            f"{TASK_BATCH}/{'upsert' if is_unique else 'create'}",
            [self._input(task, is_unique=is_unique) for task in tasks],
            doing="creating tasks",
            key_of=lambda record: key_of(record, self._key),
            repeatable=is_unique,
            silences=silences,
        )

    def _input(self, task: NewTask, *, is_unique: bool) -> Record:
        properties = task_properties(task, self._key, self._zone)
        if is_unique:
            return {"idProperty": self._key, "id": task.key, "properties": properties}
        company = {"to": {"id": task.account_id}, "types": [TYPE]}
        return {"id": task.key, "properties": properties, "associations": [company]}

    def _find_after_silence(self, tasks: Sequence[NewTask]) -> dict[str, str]:
        """Ids by key of what was made after all; nothing where HubSpot does not answer this question either."""
        try:
            found = self._finder.after_silence({task.key: task.account_id for task in tasks})
        except KamsyncError as error:
            self._client.log("task_lookup_failed", error=error.message)
            return {}
        return {key: str(record["id"]) for key, record in found.items()}

    # --- closing and deleting ------------------------------------------------------------------------------------------------

    def close(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """A task that is gone needs no closing."""
        yield from self._updated(tasks, {"hs_task_status": "COMPLETED"}, doing="closing tasks")

    def reassign(self, tasks: Sequence[TaskHandOver]) -> Iterator[Outcome]:
        """Gives each task to its person; one that is gone needs nobody."""
        for owner_id in dict.fromkeys(task.owner_id for task in tasks):
            theirs = [TaskRef(task.key, task.task_id) for task in tasks if task.owner_id == owner_id]
            yield from self._updated(theirs, {"hubspot_owner_id": owner_id}, doing="handing over tasks")

    def delete(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Frees the keys, then archives: after a kill in between the same call goes on, by the task's id.

        One that was archived with its key keeps it, for a person deleted it (HubSpot lets nobody change archived records).
        """
        freed: dict[str, str] = {}
        for done in self._updated(tasks, {self._key: ""}, doing="freeing the keys of tasks"):
            if done.status == "done" and not done.message:
                freed[done.record_id] = done.ref
            else:
                yield done
        for task_id, result in archive(self._client, f"{TASK_BATCH}/archive", list(freed), doing="deleting tasks"):
            yield outcome(freed[task_id], task_id, result, "")

    def _updated(self, tasks: Sequence[TaskRef], properties: Mapping[str, str], *, doing: str) -> Iterator[Outcome]:
        """One outcome a task; one that is gone is `done`, with a message."""
        keys = {task.task_id: task.key for task in tasks if task.task_id}
        unnamed = {task.key: named_account(task.key) for task in tasks if not task.task_id}
        found = self._finder.living(unnamed)
        keys |= {str(record["id"]): key for key, record in found.items()}
        yield from (Outcome(key, "done", "", ALREADY_GONE) for key in unnamed if key not in found)
        inputs = [{"id": task_id, "properties": dict(properties)} for task_id in keys]
        for task_id, result in write(self._client, f"{TASK_BATCH}/update", inputs, doing=doing):
            if result.status == "missing":
                yield Outcome(keys[task_id], "done", task_id, ALREADY_GONE)
            else:
                yield outcome(keys[task_id], task_id, result, "")
