"""Create, close and delete account-plan tasks. A key is created once for ever, also when the answer to the create was lost.

Every key is looked up before anything is written, archived tasks included (HubSpot frees the unique value of an archived
record): an upsert of a key that exists would overwrite what a person did with the task. Missing ones are upserted by the key, a
unique property, so that a repeated call meets the task that the first one made. An upsert takes no associations: the company
is attached afterwards, and again on the next run if that was lost ("Tasks" guide; type 192 is task → company).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from kamsync.contract import Context
from kamsync.errors import AccessDenied, KamsyncError
from kamsync.model import NewTask, Outcome, TaskRef
from kamsync_hubspot.batches import Result, error_ids, write
from kamsync_hubspot.client import Client
from kamsync_hubspot.definitions import Definitions
from kamsync_hubspot.portal import Portal
from kamsync_hubspot.push import outcome
from kamsync_hubspot.reader import BATCH, Record, fetch_links, list_pages, read_batch
from kamsync_hubspot.translate import task_properties

T = TypeVar("T")

TASK_BATCH = "/crm/v3/objects/tasks/batch"
TASK_TO_COMPANY = 192
ATTACH_BATCH = 1_000


class Tasks:
    """Task writes of one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._definitions = Definitions(client)
        self._key = context.mapping.task_key
        self._zone = context.timezone
        self._url_of = portal.record_url

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task."""
        if not tasks:
            return
        self._check_key()
        wanted: dict[str, NewTask] = {}
        for task in tasks:
            if task.key in wanted:
                yield Outcome(task.key, "existed")
            else:
                wanted[task.key] = task
        removed = self._archived_keys()
        for some in _chunks(list(wanted.values()), BATCH):
            yield from self._create_some(some, removed)

    def _create_some(self, tasks: Sequence[NewTask], removed: Mapping[str, str]) -> Iterator[Outcome]:
        living = self.find([task.key for task in tasks])
        present = {task.key: living[task.key] for task in tasks if task.key in living}
        trouble = self._attach([(present[task.key], task.account_id) for task in tasks if task.key in present], repair=True)
        missing: list[NewTask] = []
        for task in tasks:
            if task.key in present:
                yield Outcome(task.key, "existed", present[task.key], trouble.get(present[task.key], ""))
            elif task.key in removed:
                yield Outcome(task.key, "existed", removed[task.key], "The task was deleted in HubSpot.")
            else:
                missing.append(task)
        if missing:
            yield from self._upsert(missing)

    def _upsert(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        by_key = {task.key: task for task in tasks}
        inputs = [self._input(task) for task in tasks]

        def key_of(record: Record) -> str:
            return _key_of(record, self._key)

        results = dict(write(self._client, f"{TASK_BATCH}/upsert", inputs, doing="creating tasks", key_of=key_of))
        unsettled = [key for key, result in results.items() if result.status == "unanswered"]
        ids = {key: str(result.record["id"]) for key, result in results.items() if result.record is not None}
        if unsettled:
            ids |= self._find_after_silence(unsettled)
        trouble = self._attach([(ids[key], by_key[key].account_id) for key in results if key in ids], repair=False)
        for key, result in results.items():
            if key not in ids:
                yield outcome(key, "", result, self._url_of(by_key[key].account_id))
                continue
            # `new: false`: another run made it between our look and our write.
            existed = result.record is not None and result.record.get("new") is False
            yield Outcome(key, "existed" if existed else "done", ids[key], trouble.get(ids[key], ""))

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """Ids of the living tasks with these keys, as they are now: a search would lag behind."""
        found: dict[str, str] = {}
        for record in read_batch(self._client, "tasks", list(keys), [self._key], id_property=self._key):
            found[_key_of(record, self._key)] = str(record["id"])
        return found

    def close(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """A task that is gone needs no closing."""
        by_id = {task.task_id: task for task in tasks}
        inputs = [{"id": task_id, "properties": {"hs_task_status": "COMPLETED"}} for task_id in by_id]
        for task_id, result in write(self._client, f"{TASK_BATCH}/update", inputs, doing="closing tasks"):
            if result.status == "missing":
                yield Outcome(by_id[task_id].key, "done", task_id, "The task was already gone.")
            else:
                yield outcome(by_id[task_id].key, task_id, result, "")

    def delete(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """To the archive. HubSpot answers 204 for tasks that are gone already, which also makes the call repeatable."""
        by_id = {task.task_id: task for task in tasks}
        for ids in _chunks(list(by_id), BATCH):
            # The answer is empty, so that the archive's results cannot be read one by one.
            body = {"inputs": [{"id": task_id} for task_id in ids]}
            try:
                self._client.post(f"{TASK_BATCH}/archive", body, doing="deleting tasks")
                result = Result("done")
            except AccessDenied:
                raise
            except KamsyncError as error:
                result = Result("unanswered", message=error.message)
            for task_id in ids:
                yield outcome(by_id[task_id].key, task_id, result, "")

    # --- creating ------------------------------------------------------------------------------------------------------------

    def _input(self, task: NewTask) -> Record:
        return {
            "idProperty": self._key,
            "id": task.key,
            "properties": task_properties(task, self._key, self._zone),
        }

    def _check_key(self) -> None:
        """Without a unique key a task could be made twice."""
        try:
            definition = self._definitions.of("tasks").get(self._key)
        except AccessDenied:
            return  # definitions cannot be read; HubSpot itself refuses an upsert by what is not unique
        if definition is None:
            raise AccessDenied(f"This portal has no property {self._key} on tasks.", fix="Run `kamsync setup`.")
        if not definition.get("hasUniqueValue"):
            raise AccessDenied(
                f"The property {self._key} on tasks is not unique, so that a task could be made twice.",
                fix="A property cannot be made unique afterwards: name another one under [task] key in the mapping and run "
                "`kamsync setup`.",
            )

    def _archived_keys(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for page in list_pages(self._client, "tasks", [self._key], archived=True):
            found |= {_key_of(record, self._key): str(record["id"]) for record in page if _key_of(record, self._key)}
        return found

    def _find_after_silence(self, keys: Sequence[str]) -> dict[str, str]:
        """What a call without an answer made after all; nothing where HubSpot does not answer this question either."""
        try:
            return self.find(keys)
        except KamsyncError as error:
            self._client.log("task_lookup_failed", error=error.message)
            return {}

    def _attach(self, pairs: Sequence[tuple[str, str]], *, repair: bool) -> dict[str, str]:
        """Attaches tasks to companies; by task id what went wrong. With `repair`, only where the association is missing."""
        if not pairs:
            return {}
        trouble: dict[str, str] = {}
        try:
            if repair:
                links = fetch_links(self._client, "tasks", "companies", [task_id for task_id, _ in pairs])
                present = {(task_id, link.id) for task_id, found in links.items() for link in found}
                pairs = [pair for pair in pairs if pair not in present]
            for chunk in _chunks(pairs, ATTACH_BATCH):
                answer = self._client.post(
                    "/crm/v4/associations/tasks/companies/batch/create",
                    {"inputs": [_link(task_id, company_id) for task_id, company_id in chunk]},
                    doing="attaching tasks to companies",
                )
                for error in answer.errors:
                    text = f"The task could not be attached to its company: {error.get('message')}"
                    trouble |= dict.fromkeys(error_ids(error) or [task_id for task_id, _ in chunk], text)
        except KamsyncError as error:
            # The tasks exist; the next run finds their keys and attaches them.
            self._client.log("attach_failed", error=error.message)
            text = f"The task is not attached to its company yet: {error.message}"
            trouble |= {task_id: text for task_id, _ in pairs}
        return trouble


def _link(task_id: str, company_id: str) -> Record:
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_COMPANY}
    return {"from": {"id": task_id}, "to": {"id": company_id}, "types": [kind]}


def _key_of(record: Record, key_property: str) -> str:
    return str(record["properties"].get(key_property) or "")


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
