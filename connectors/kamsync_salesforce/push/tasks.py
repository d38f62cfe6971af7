"""Create, close and delete account-plan tasks. A key is created once for ever, also when the answer to the create was lost.

Every key is looked up before anything is created, deleted and archived tasks included, and only missing ones are written: an
upsert of a key that exists would overwrite what a person did with the task. Where the org's key field is unique, the write is
an upsert by it, so that Salesforce itself refuses a second one. Where it is not (whether Activity fields can be unique differs
by org), the write is an insert, and after a lost answer the keys are looked up again before anything is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as url_quote

from kamsync.errors import AccessDenied
from kamsync.model import NewTask, Outcome, TaskRef
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.api.writes import HEADERS, Result, collection, outcome, updater, write
from kamsync_salesforce.translate import quote

LOOKUP_CHARACTERS = 9_000  # of escaped keys in one query: an address of 16,384 bytes is refused (REST API, "Limits")
SUBJECT_LENGTH = 255
BODY_LENGTH = 32_000
IDS_PER_DELETE = 200
UNANSWERED_ROUNDS = 4
FIRST_WAIT_SECONDS = 2.0
_GONE = ("ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY")


@dataclass(frozen=True, slots=True)
class _Target:
    """What this org's Task accepts."""

    key_field: str
    is_unique_key: bool
    priorities: Mapping[str, str]  # ours → the org's value
    has_reminder: bool


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
        self._url_of = url_of
        self._sleep = sleep

    def create(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        """One outcome a task."""
        if not tasks:
            return
        target = self._target()
        # By account, since a task locks its account: neighbours share the lock instead of fighting for it.
        missing: dict[str, NewTask] = {}
        for task in sorted(tasks, key=lambda item: (item.account_id, item.key)):
            if task.key in missing:
                yield Outcome(task.key, "existed")
            else:
                missing[task.key] = task
        unsettled = ""
        for round_number in range(UNANSWERED_ROUNDS):
            if round_number:
                # The lost call may still be at work: an early look would miss what it commits.
                self._sleep(FIRST_WAIT_SECONDS * 2 ** (round_number - 1))
            found = self.find(missing)
            for key in [key for key in missing if key in found]:
                # In a later round the task is most likely the one whose creation was not answered.
                yield Outcome(key, "done" if round_number else "existed", found[key])
                del missing[key]
            lost: dict[str, NewTask] = {}
            for task, result in self._write_missing(list(missing.values()), target):
                if result.status == "unanswered":
                    lost[task.key] = task
                    unsettled = result.message
                else:
                    yield self._created(task, result)
            missing = lost
            if not missing:
                return
        found = self.find(missing)
        for key, task in missing.items():
            if key in found:
                yield Outcome(key, "done", found[key])
            else:
                yield Outcome(key, "unknown", message=unsettled, url=self._url_of(task.account_id))

    def find(self, keys: Iterable[str]) -> dict[str, str]:
        """Task ids of the keys that exist in the org in any state. SOQL compares without case, keys are compared exactly."""
        wanted = set(keys)
        found: dict[str, str] = {}
        for batch in _batches_by_length(sorted(wanted)):
            soql = (
                f"SELECT Id, {self._key_field}, IsDeleted FROM Task "
                f"WHERE {self._key_field} IN ({', '.join(quote(key) for key in batch)})"
            )
            for record in self._client.records(soql, include_deleted=True, doing="looking for existing tasks"):
                key = record[self._key_field]
                # Of a living and a deleted task with the same key the living one is the task.
                if key in wanted and (key not in found or not record.get("IsDeleted")):
                    found[key] = record["Id"]
        return found

    def close(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Sets the org's closed status; a task that is gone needs no closing."""
        if not tasks:
            return
        statuses = self._client.records("SELECT ApiName FROM TaskStatus WHERE IsClosed = true", doing="the task statuses")
        if not statuses:
            raise AccessDenied(
                "This org has no closed task status.", fix="Setup → Object Manager → Task → Status: mark one as closed."
            )
        records = [{"Id": task.task_id, "Status": statuses[0]["ApiName"]} for task in tasks]
        for position, result in write(updater(self._client, "Task", "closing tasks"), records, sleep=self._sleep):
            task = tasks[position]
            if result.code in _GONE:
                yield Outcome(task.key, "done", task.task_id, "The task was already gone.")
            else:
                yield outcome(task.key, task.task_id, result, self._url_of)

    def delete(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        """Removes tasks; one already gone is done, which also makes the call repeatable."""

        def send(records: Sequence[Mapping[str, Any]]) -> Any:
            params = {"ids": ",".join(record["Id"] for record in records), "allOrNone": "false"}
            return self._client.rest("DELETE", "composite/sobjects", params=params, doing="deleting tasks")

        for position, result in write(send, [{"Id": task.task_id} for task in tasks], sleep=self._sleep):
            task = tasks[position]
            if result.code in _GONE:
                yield Outcome(task.key, "done", task.task_id)
            else:
                yield outcome(task.key, task.task_id, result, self._url_of)

    # --- creating ------------------------------------------------------------------------------------------------------------

    def _target(self) -> _Target:
        fields = self._fields.of("Task")
        key = fields.get(self._key_field.lower())
        if key is None or not key.get("createable", True):
            raise AccessDenied(
                f"Salesforce does not let our user write {self._key_field} on Task, without which a task could be made twice.",
                fix="Run `kamsync setup`: it creates the field on Activity and grants it to our user.",
            )
        choices = {
            str(entry.get("value", "")).lower(): str(entry.get("value", ""))
            for entry in (fields.get("priority") or {}).get("picklistValues") or ()
            if entry.get("active", True)
        }
        return _Target(
            key_field=str(key.get("name") or self._key_field),
            is_unique_key=bool(key.get("externalId")) and bool(key.get("unique")),
            priorities={name: choices[name] for name in ("low", "normal", "high") if name in choices},
            has_reminder="isreminderset" in fields,
        )

    def _write_missing(self, tasks: Sequence[NewTask], target: _Target) -> Iterator[tuple[NewTask, Result]]:
        def send(records: Sequence[Mapping[str, Any]]) -> Any:
            # Not repeatable by itself in either form: the round above looks first, so that nothing is overwritten.
            if target.is_unique_key:
                path, method = f"composite/sobjects/Task/{target.key_field}", "PATCH"
            else:
                path, method = "composite/sobjects", "POST"
            body = collection("Task", records)
            return self._client.rest(method, path, json=body, doing="creating tasks", headers=HEADERS, repeatable=False)

        records = [_record(task, target) for task in tasks]
        for position, result in write(send, records, sleep=self._sleep):
            yield tasks[position], result

    def _created(self, task: NewTask, result: Result) -> Outcome:
        if result.status == "done":
            return Outcome(task.key, "done" if result.created else "existed", result.id)
        if result.code == "DUPLICATE_VALUE" and self._key_field.lower() in result.message.lower():
            _, _, record_id = result.message.partition("record with id: ")
            return Outcome(task.key, "existed", record_id.split()[0].strip(".") if record_id else "")
        text = f"{result.message} ({result.code})" if result.code else result.message
        return Outcome(task.key, "rejected", "", text, self._url_of(task.account_id))


def _record(task: NewTask, target: _Target) -> dict[str, Any]:
    """The task as REST takes it. Status is left to the org's default; no reminder, and REST sends no mail by itself."""
    record: dict[str, Any] = {
        target.key_field: task.key,
        "WhatId": task.account_id,
        "OwnerId": task.owner_id,
        "Subject": _shortened(task.subject, SUBJECT_LENGTH),
        "Description": _shortened(task.body, BODY_LENGTH),
        "ActivityDate": task.due.isoformat(),
    }
    if task.priority in target.priorities:
        record["Priority"] = target.priorities[task.priority]
    if target.has_reminder:
        record["IsReminderSet"] = False
    return record


def _shortened(text: str, length: int) -> str:
    """Cut at a word's end, with an ellipsis."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip() + "…"


def _batches_by_length(keys: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for key in keys:
        cost = len(url_quote(quote(key))) + 6
        if batch and size + cost > LOOKUP_CHARACTERS:
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += cost
    if batch:
        yield batch
