"""The page's window on the portal: companies with their flags and tasks. An edit here is a person's edit in HubSpot."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence

from kamsync.contract import NOTE_MARK
from kamsync.errors import RecordRejected
from kamsync.sandbox.crm import AccountView, FieldView, TaskView

from .after_setup import PROPERTIES, TASK_KEY
from .portal import Portal
from .store import Record
from .wire import Refusal


class HubSpotView:
    """Companies, with the properties of the shipped mapping as their flags (`kamsync.sandbox.crm.SandboxView`)."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._companies = portal.tables["companies"]
        self._tasks = portal.tables["tasks"]

    def accounts(self, *, search: str = "", only_flagged: bool = False, limit: int = 200) -> Sequence[AccountView]:
        wanted = search.casefold()
        found = [
            record
            for record in self._companies.records.values()
            if wanted in (self._companies.get(record, "name") or "").casefold()
            and (not only_flagged or self._companies.get(record, PROPERTIES["tier"]))
        ]
        return [self._shown(record) for record in heapq.nsmallest(limit, found, key=self._best_first())]

    def _best_first(self) -> Callable[[Record], tuple[int, float, str]]:
        ranks = {value: rank for rank, value in enumerate(self._choices("tier"))}

        def key(record: Record) -> tuple[int, float, str]:
            tier, score = (self._companies.get(record, PROPERTIES[name]) or "" for name in ("tier", "score"))
            rank = ranks.get(tier, len(ranks)) if tier else len(ranks) + 1
            return rank, -float(score or 0), self._companies.get(record, "name") or ""

        return key

    def account(self, account_id: str) -> AccountView | None:
        record = self._companies.find(account_id)
        return self._shown(record) if record else None

    def _shown(self, record: Record) -> AccountView:
        def text(name: str) -> str:
            return self._companies.get(record, name) or ""

        return AccountView(
            id=record.id,
            name=text("name"),
            owner=self._owner(text("hubspot_owner_id")),
            country=text("country"),
            flags={flag: text(name) for flag, name in PROPERTIES.items()},
            changed=text("hs_lastmodifieddate"),
        )

    def _owner(self, owner_id: str) -> str:
        owner = self._portal.owners.get(owner_id)
        return f"{owner.first_name} {owner.last_name}" if owner else ""

    def tasks(self, account_id: str) -> Sequence[TaskView]:
        linked = self._portal.associations.of("companies", account_id, "tasks")
        records = [self._tasks.records[task_id] for task_id in linked if task_id in self._tasks.records]
        shown = [self._task(record) for record in records]
        return sorted(shown, key=lambda task: (not task.by_kamsync, not task.is_open, task.due))

    def _task(self, record: Record) -> TaskView:
        def text(name: str) -> str:
            return self._tasks.get(record, name) or ""

        return TaskView(
            id=record.id,
            subject=text("hs_task_subject"),
            body=text("hs_task_body"),
            due=text("hs_timestamp")[:10],
            owner=self._owner(text("hubspot_owner_id")),
            is_open=text("hs_task_is_completed") != "1",
            by_kamsync=bool(text(TASK_KEY)),
        )

    def plan_notes(self, account_id: str) -> Sequence[str]:
        notes = self._portal.tables["notes"]
        linked = self._portal.associations.of("companies", account_id, "notes")
        bodies = [notes.get(notes.records[one], "hs_note_body") or "" for one in linked if one in notes.records]
        return [body for body in bodies if NOTE_MARK in body]

    def set_flag(self, account_id: str, flag: str, value: str) -> None:
        record = self._companies.find(account_id)
        if record is None:
            raise RecordRejected(f"There is no company {account_id} in this portal.", fix="Reload the page.")
        try:
            values = self._portal.validate(self._companies, {PROPERTIES[flag]: value}, record)
        except Refusal as refused:
            raise RecordRejected(
                refused.message, fix="Choose a value that the property accepts, or run `kamsync setup`."
            ) from refused
        self._portal.update(self._companies, record, values)

    def complete_task(self, task_id: str) -> None:
        record = self._tasks.find(task_id)
        if record is None:
            raise RecordRejected(f"There is no task {task_id} in this portal.", fix="Reload the page.")
        self._portal.update(self._tasks, record, {"hs_task_status": "COMPLETED"})

    def fields(self) -> Mapping[str, FieldView]:
        found = {flag: self._companies.definitions.get(name) for flag, name in PROPERTIES.items()}
        return {
            flag: FieldView(definition.label, self._choices(flag)) for flag, definition in found.items() if definition is not None
        }

    def _choices(self, flag: str) -> dict[str, str]:
        definition = self._companies.definitions.get(PROPERTIES[flag])
        return {option["value"]: option["label"] for option in definition.options} if definition else {}
