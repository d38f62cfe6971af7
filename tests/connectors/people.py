"""The people of a sandbox, for the contract suite and the stories: what they do that no button of its page does."""

from __future__ import annotations

from typing import Any

from kamsync.testing.memory import MemorySandbox
from kamsync_hubspot.sandbox import HubSpotSandbox
from kamsync_hubspot.sandbox.kinds import object_kind
from kamsync_hubspot.sandbox.links import unlink
from kamsync_salesforce.sandbox import SalesforceSandbox
from kamsync_salesforce.sandbox.writes import Writer


class SalesforcePeople:
    """In the org itself: merging is a dialogue there, no call of the REST API."""

    def __init__(self, sandbox: SalesforceSandbox) -> None:
        self._org = sandbox.org
        self._writer = Writer(sandbox.org, sandbox.org.agent_id)

    def delete_account(self, account_id: str) -> None:
        self._writer.delete(self._org.objects["account"], account_id)

    def delete_task(self, task_id: str) -> None:
        self._writer.delete(self._org.objects["task"], task_id)

    def merge_accounts(self, winner_id: str, loser_id: str) -> str:
        self._writer.merge(winner_id, loser_id)
        return winner_id

    def detach_task(self, task_id: str) -> None:
        self._writer.update(self._org.objects["task"], task_id, {"WhatId": None})


class HubSpotPeople:
    """In the portal itself; a merge makes a new company, to which both old ids lead."""

    def __init__(self, sandbox: HubSpotSandbox) -> None:
        self._portal = sandbox.portal
        self._companies: Any = sandbox.portal.tables["companies"]

    def delete_account(self, account_id: str) -> None:
        self._portal.archive(self._companies, account_id)

    def delete_task(self, task_id: str) -> None:
        self._portal.archive(self._portal.tables["tasks"], task_id)

    def merge_accounts(self, winner_id: str, loser_id: str) -> str:
        winner, loser = self._companies.find(winner_id), self._companies.find(loser_id)
        return str(self._portal.merge(self._companies, winner, loser).id)

    def detach_task(self, task_id: str) -> None:
        tasks, companies = object_kind("tasks"), object_kind("companies")
        for company_id in list(self._portal.associations.of("tasks", task_id, "companies")):
            unlink(self._portal, tasks, task_id, companies, company_id)


class MemoryPeople:
    """The CRM's own people."""

    def __init__(self, sandbox: MemorySandbox) -> None:
        self._crm = sandbox.crm
        self.delete_account = self._crm.delete_account
        self.merge_accounts = self._crm.merge_accounts
        self.delete_task = self._crm.delete_task

    def detach_task(self, task_id: str) -> None:
        self._crm.edit_task(task_id, account_id=None)
