"""Create, close and delete account-plan tasks. A key is created once for ever, also when the answer to the create was lost.

Every key is looked up before anything is written, archived tasks included (HubSpot frees the unique value of an archived
record): an upsert of a key that exists would overwrite what a person did with the task. Missing ones are upserted by the key, a
unique property, so that a repeated call meets the task that the first one made. An upsert takes no associations: the company
is attached afterwards, and again on the next run if that was lost ("Tasks" guide; type 192 is task → company).

A portal whose key property is not unique has no upsert: there keys are searched, and the tasks of the accounts in question read
besides, since a search lags behind; a create carries its association and is never sent twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

from kamsync.contract import Context
from kamsync.errors import AccessDenied, BadAnswer, KamsyncError, RecordRejected, TryLater
from kamsync.model import NewTask, Outcome, TaskRef
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.errors import is_unanswered
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import (
    ARCHIVED_TASK_PAGES,
    BATCH,
    PARTIAL_ATTEMPTS,
    fetch_links,
    read_archived,
    read_batch,
    search_pages,
)
from kamsync_hubspot.api.writes import Result, error_ids, outcome, write
from kamsync_hubspot.translate import Record, task_properties

T = TypeVar("T")

TASK_BATCH = "/crm/v3/objects/tasks/batch"
TASK_TO_COMPANY = 192
ATTACH_BATCH = 1_000
KEYS_A_SEARCH = 30  # a search's body has room for 3,000 characters
_TYPE = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_COMPANY}


class Tasks:
    """Task writes of one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._definitions = Definitions(client)
        self._key = context.mapping.task_key
        self._zone = context.timezone
        self._url_of = portal.record_url
        self._is_unique = True
        self._archived: Mapping[str, str] | None = None

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task."""
        if not tasks:
            return
        self._check_key()
        self._archived = None
        wanted: dict[str, NewTask] = {}
        for task in tasks:
            if task.key in wanted:
                yield Outcome(task.key, "existed")
            else:
                wanted[task.key] = task
        for some in _chunks(list(wanted.values()), BATCH):
            yield from self._create_some(some)

    def _create_some(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        present = self._living(tasks)
        trouble = self._attach([(present[task.key], task.account_id) for task in tasks if task.key in present], repair=True)
        for task in tasks:
            if task.key in present:
                yield self._attached(task, "existed", present[task.key], trouble)
        absent = [task for task in tasks if task.key not in present]
        removed = self._removed() if absent else {}
        missing: list[NewTask] = []
        for task in absent:
            if task.key in removed:
                yield Outcome(task.key, "existed", removed[task.key], "The task was deleted in HubSpot.")
            else:
                missing.append(task)
        if missing:
            yield from self._make(missing)

    def _make(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        by_key = {task.key: task for task in tasks}
        results = dict(self._write(tasks))
        unsettled = [key for key, result in results.items() if result.status == "unanswered"]
        ids = {key: str(result.record["id"]) for key, result in results.items() if result.record is not None}
        if unsettled:
            ids |= self._find_after_silence([by_key[key] for key in unsettled])
        trouble = self._attach([(ids[key], by_key[key].account_id) for key in results if key in ids], repair=not self._is_unique)
        for key, result in results.items():
            if key not in ids:
                yield outcome(key, "", result, self._url_of(by_key[key].account_id))
                continue
            # `new: false`: another run made it between our look and our write.
            existed = result.record is not None and result.record.get("new") is False
            yield self._attached(by_key[key], "existed" if existed else "done", ids[key], trouble)

    def _attached(self, task: NewTask, status: Literal["done", "existed"], task_id: str, trouble: Mapping[str, str]) -> Outcome:
        """A task that belongs to nobody is not done with: whoever asks again finds it, and attaches it."""
        if task_id in trouble:
            return Outcome(task.key, "unknown", task_id, trouble[task_id], self._url_of(task.account_id))
        return Outcome(task.key, status, task_id)

    def _write(self, tasks: Sequence[NewTask]) -> Iterator[tuple[str, Result]]:
        def key_of(record: Record) -> str:
            return _key_of(record, self._key)

        doing = "creating tasks"
        inputs = [self._input(task) for task in tasks]
        if self._is_unique:
            return write(self._client, f"{TASK_BATCH}/upsert", inputs, doing=doing, key_of=key_of)
        return write(self._client, f"{TASK_BATCH}/create", inputs, doing=doing, key_of=key_of, repeatable=False)

    def _living(self, tasks: Sequence[NewTask]) -> dict[str, str]:
        """Ids by key of the living tasks with the keys of these."""
        if self._is_unique:
            return self.find([task.key for task in tasks])
        found = self._searched([task.key for task in tasks])
        rest = {task.key: task.account_id for task in tasks if task.key not in found}
        return found | self._among_the_tasks_of(rest)

    def find(self, keys: Sequence[str]) -> dict[str, str]:
        """Ids of the living tasks with these keys, as they are now: a search would lag behind."""
        found: dict[str, str] = {}
        for record in read_batch(self._client, "tasks", list(keys), [self._key], id_property=self._key):
            found[_key_of(record, self._key)] = str(record["id"])
        return found

    def _searched(self, keys: Sequence[str]) -> dict[str, str]:
        """By search, where the property is not unique. IN wants the values of text in lower case ("Search the CRM")."""
        wanted = set(keys)
        found: dict[str, str] = {}
        for some in _chunks(list(keys), KEYS_A_SEARCH):
            filters = [{"propertyName": self._key, "operator": "IN", "values": [key.lower() for key in some]}]
            for records, _ in search_pages(self._client, "tasks", filters, [self._key]):
                found |= {
                    _key_of(record, self._key): str(record["id"]) for record in records if _key_of(record, self._key) in wanted
                }
        return found

    def _among_the_tasks_of(self, accounts: Mapping[str, str]) -> dict[str, str]:
        """Ids by key, for account ids by key: what a create without an answer has made, which no search shows yet."""
        links = fetch_links(self._client, "companies", "tasks", dict.fromkeys(accounts.values()))
        ids = list(dict.fromkeys(link.id for found in links.values() for link in found))
        records = read_batch(self._client, "tasks", ids, [self._key])
        return {key: str(record["id"]) for record in records if (key := _key_of(record, self._key)) in accounts}

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
            for task_id, result in self._archive(ids):
                yield outcome(by_id[task_id].key, task_id, result, "")

    def _archive(self, ids: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """The answer is empty: what is refused is tried by halves, until the bad one stands alone."""
        body = {"inputs": [{"id": task_id} for task_id in ids]}
        try:
            self._client.post(f"{TASK_BATCH}/archive", body, doing="deleting tasks")
            result = Result("done")
        except RecordRejected as error:
            if len(ids) > 1:
                middle = len(ids) // 2
                yield from self._archive(ids[:middle])
                yield from self._archive(ids[middle:])
                return
            result = Result("refused", message=error.message)
        except (TryLater, BadAnswer) as error:
            if not is_unanswered(error):
                raise
            result = Result("unanswered", message=error.message)
        yield from ((task_id, result) for task_id in ids)

    # --- creating ------------------------------------------------------------------------------------------------------------

    def _input(self, task: NewTask) -> Record:
        properties = task_properties(task, self._key, self._zone)
        if self._is_unique:
            return {"idProperty": self._key, "id": task.key, "properties": properties}
        company = {"to": {"id": task.account_id}, "types": [_TYPE]}
        return {"id": task.key, "properties": properties, "associations": [company]}

    def _check_key(self) -> None:
        """Whether the portal can refuse a second task of one key by itself."""
        try:
            definition = self._definitions.of("tasks").get(self._key)
        except AccessDenied:
            return  # definitions cannot be read; HubSpot itself refuses an upsert by what is not unique
        if definition is None:
            raise AccessDenied(f"This portal has no property {self._key} on tasks.", fix="Run `kamsync setup`.")
        self._is_unique = bool(definition.get("hasUniqueValue"))

    def _removed(self) -> Mapping[str, str]:
        """Ids by key of archived tasks, as far as a bounded read of their list goes; once for all tasks of a run."""
        if self._archived is None:
            archived = read_archived(self._client, "tasks", [self._key], ARCHIVED_TASK_PAGES)
            self._archived = {key: str(one["id"]) for one in archived.records if (key := _key_of(one, self._key))}
        return self._archived

    def _find_after_silence(self, tasks: Sequence[NewTask]) -> dict[str, str]:
        """What a call without an answer made after all; nothing where HubSpot does not answer this question either."""
        try:
            if self._is_unique:
                return self.find([task.key for task in tasks])
            return self._among_the_tasks_of({task.key: task.account_id for task in tasks})
        except KamsyncError as error:
            self._client.log("task_lookup_failed", error=error.message)
            return {}

    def _attach_once(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Errors that stay: attaching twice does no harm, so a partial failure is asked again."""
        errors: list[dict[str, Any]] = []
        for _ in range(PARTIAL_ATTEMPTS):
            answer = self._client.post(
                "/crm/v4/associations/tasks/companies/batch/create",
                {"inputs": [_link(task_id, company_id) for task_id, company_id in pairs]},
                doing="attaching tasks to companies",
            )
            errors = answer.errors
            if not errors:
                break
        return errors

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
                for error in self._attach_once(chunk):
                    text = f"The task could not be attached to its company: {error.get('message')}"
                    trouble |= dict.fromkeys(error_ids(error) or [task_id for task_id, _ in chunk], text)
        except KamsyncError as error:
            # The tasks exist; the next run finds their keys and attaches them.
            self._client.log("attach_failed", error=error.message)
            text = f"The task is not attached to its company yet: {error.message}"
            trouble |= {task_id: text for task_id, _ in pairs}
        return trouble


def _link(task_id: str, company_id: str) -> Record:
    return {"from": {"id": task_id}, "to": {"id": company_id}, "types": [_TYPE]}


def _key_of(record: Record, key_property: str) -> str:
    return str(record["properties"].get(key_property) or "")


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
