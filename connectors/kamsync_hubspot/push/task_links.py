"""Attach tasks to their companies. Doing it twice does no harm, so whatever fails is asked again.

Type 192 is task → company; bad ids answer 207 and are named, a call that HubSpot refuses whole is tried by halves
(developers.hubspot.com "Associations v4").
"""

from __future__ import annotations

from collections.abc import Sequence

from kamsync.errors import KamsyncError, RecordRejected
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import PARTIAL_ATTEMPTS, fetch_links
from kamsync_hubspot.api.writes import error_ids
from kamsync_hubspot.translate import Record

TASK_TO_COMPANY = 192
ATTACH_BATCH = 1_000
TYPE = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_COMPANY}
Pair = tuple[str, str]  # a task's id, a company's id


class Attacher:
    """Attaches for one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def attach(self, pairs: Sequence[Pair], *, repair: bool = False) -> dict[str, str]:
        """By task id why it is not attached. With `repair`, tasks that hang on a company already are left as they are."""
        trouble: dict[str, str] = {}
        try:
            wanted = self._without_company(pairs) if repair else list(pairs)
            for start in range(0, len(wanted), ATTACH_BATCH):
                failed = self._persistently(wanted[start : start + ATTACH_BATCH])
                trouble |= {one: f"The task could not be attached to its company: {text}" for one, text in failed.items()}
        except KamsyncError as error:
            # The tasks exist; whoever asks for their keys again finds them, and attaches them.
            self._client.log("attach_failed", error=error.message)
            text = f"The task is not attached to its company yet: {error.message}"
            trouble |= {task_id: text for task_id, _ in pairs}
        return trouble

    def _without_company(self, pairs: Sequence[Pair]) -> list[Pair]:
        links = fetch_links(self._client, "tasks", "companies", [task_id for task_id, _ in pairs])
        return [pair for pair in pairs if not links.get(pair[0])]

    def _persistently(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """What fails every time, by task id."""
        failed: dict[str, str] = {}
        for _ in range(PARTIAL_ATTEMPTS):
            if not pairs:
                break
            try:
                failed = self._once(pairs)
            except RecordRejected as error:
                failed = dict.fromkeys((task_id for task_id, _ in pairs), error.message)
            else:
                pairs = [pair for pair in pairs if pair[0] in failed]
                continue
            if len(pairs) > 1:
                return self._by_halves(pairs)
        return failed

    def _by_halves(self, pairs: Sequence[Pair]) -> dict[str, str]:
        """After a refusal that names nobody: where the first and the last are refused alone too, all of them are."""
        ends = self._persistently(pairs[:1]) | self._persistently(pairs[-1:])
        rest = pairs[1:-1]
        if len(ends) == 2:
            return ends | dict.fromkeys((task_id for task_id, _ in rest), next(iter(ends.values())))
        middle = (len(rest) + 1) // 2
        return ends | self._persistently(rest[:middle]) | self._persistently(rest[middle:])

    def _once(self, pairs: Sequence[Pair]) -> dict[str, str]:
        answer = self._client.post(
            "/crm/v4/associations/tasks/companies/batch/create",
            {"inputs": [_link(task_id, company_id) for task_id, company_id in pairs]},
            doing="attaching tasks to companies",
        )
        failed: dict[str, str] = {}
        for error in answer.errors:
            named = set(error_ids(error))
            hit = [task_id for task_id, company_id in pairs if task_id in named or company_id in named]
            text = str(error.get("message") or "no reason given")
            failed |= dict.fromkeys(hit or [task_id for task_id, _ in pairs], text)
        return failed


def _link(task_id: str, company_id: str) -> Record:
    return {"from": {"id": task_id}, "to": {"id": company_id}, "types": [TYPE]}
