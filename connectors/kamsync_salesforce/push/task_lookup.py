"""Which of our tasks the org has, in any state: looked up by key before anything is made, by id or key before anything is undone.

Always by `queryAll`, so that tasks in the recycle bin and archived ones (older than a year) are seen. SOQL is not an index that
lags: what a call has committed, the next query shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote as url_quote

from kamsync.errors import AccessDenied, KamsyncError
from kamsync.model.exchange import TaskRef, TaskSeen
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.translate import full_id, is_true, quote

# Of escaped values in one query: an address of 16,384 bytes, headers included, is refused (REST API, "Limits"). Two hundred keys
# of the usual length fit.
LOOKUP_CHARACTERS = 13_000
LOOKUP_VALUES = 500
ACCOUNT_PREFIX = "001"
_FIELDS = ("Id", "AccountId", "WhatId", "OwnerId", "Subject", "ActivityDate", "IsClosed", "IsDeleted")


class TaskLookup:
    """Look-ups of one connection; `key_field` is the org's name of our key on Task."""

    def __init__(self, client: Client, key_field: str) -> None:
        self._client = client
        self._key_field = key_field

    def find(self, keys: Iterable[str]) -> dict[str, str]:
        """Task ids of the keys that exist in the org in any state."""
        return {key: task.task_id for key, task in self._by_key(keys).items()}

    def fetch(self, tasks: Sequence[TaskRef]) -> dict[str, TaskSeen]:
        """What the org shows now of tasks named by id, or by key where no id is given; by key as asked."""
        wanted = {task.key: full_id(task.task_id) for task in tasks if task.task_id}
        by_id = self._by_id({task_id for task_id in wanted.values() if task_id})
        found = {key: by_id[task_id] for key, task_id in wanted.items() if task_id in by_id}
        return found | self._by_key(task.key for task in tasks if not task.task_id)

    def _by_key(self, keys: Iterable[str]) -> dict[str, TaskSeen]:
        """SOQL compares without case, keys are compared exactly. Of a living and a deleted task the living one is the task."""
        wanted = set(keys)
        found: dict[str, TaskSeen] = {}
        for task in self._read(self._key_field, wanted):
            before = found.get(task.key)
            if task.key in wanted and (before is None or _rank(task) < _rank(before)):
                found[task.key] = task
        return found

    def _by_id(self, ids: Iterable[str]) -> dict[str, TaskSeen]:
        return {task.task_id: task for task in self._read("Id", ids)}

    def _read(self, field: str, values: Iterable[str]) -> Iterator[TaskSeen]:
        for batch in batches_by_length(sorted(set(values))):
            soql = (
                f"SELECT {', '.join(_FIELDS)}, {self._key_field} FROM Task "
                f"WHERE {field} IN ({', '.join(quote(value) for value in batch)})"
            )
            for record in self._records(soql):
                yield _seen(record, self._key_field)

    def _records(self, soql: str) -> list[dict[str, Any]]:
        try:
            return self._client.records(soql, include_deleted=True, doing="looking for existing tasks")
        except KamsyncError as error:
            fault = fault_of(error)
            if fault is None or fault.missing_field.lower() != self._key_field.lower():
                raise
            raise no_key_field(self._key_field, "read") from error


def no_key_field(key_field: str, verb: str) -> AccessDenied:
    """Our user lacks the field that makes a task ours."""
    return AccessDenied(
        f"Salesforce does not let our user {verb} {key_field} on Task, without which a task could be made twice.",
        fix="Run `kamsync setup`: it creates the field on Activity and grants it to our user.",
    )


def _rank(task: TaskSeen) -> tuple[bool, str]:
    return task.is_deleted, task.task_id


def _seen(record: Mapping[str, Any], key_field: str) -> TaskSeen:
    """AccountId is derived from WhatId; where it is not filled (an old API version, a shared activity), WhatId may still tell."""
    what = str(record.get("WhatId") or "")
    due = record.get("ActivityDate")
    return TaskSeen(
        task_id=str(record["Id"]),
        key=str(record.get(key_field) or ""),
        account_id=str(record.get("AccountId") or (what if what.startswith(ACCOUNT_PREFIX) else "")),
        owner_id=str(record.get("OwnerId") or ""),
        subject=str(record.get("Subject") or ""),
        due=date.fromisoformat(str(due)[:10]) if due else None,
        is_open=not is_true(record.get("IsClosed")),
        is_deleted=is_true(record.get("IsDeleted")),
    )


def batches_by_length(values: Sequence[str]) -> Iterator[list[str]]:
    """As many values a query as an address holds."""
    batch: list[str] = []
    size = 0
    for value in values:
        cost = len(url_quote(quote(value))) + 6
        if batch and (size + cost > LOOKUP_CHARACTERS or len(batch) >= LOOKUP_VALUES):
            yield batch
            batch, size = [], 0
        batch.append(value)
        size += cost
    if batch:
        yield batch
