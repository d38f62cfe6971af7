"""The people of a sandbox org, for the contract suite: what they do that no call of the REST API does."""

from __future__ import annotations

from kamsync.testing.memory import MemorySandbox
from kamsync_salesforce.sandbox import SalesforceSandbox
from kamsync_salesforce.sandbox.writing import Writer


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


class MemoryPeople:
    """The CRM's own people."""

    def __init__(self, sandbox: MemorySandbox) -> None:
        self._crm = sandbox.crm
        self.delete_account = self._crm.delete_account
        self.merge_accounts = self._crm.merge_accounts
        self.delete_task = self._crm.delete_task

    def detach_task(self, task_id: str) -> None:
        self._crm.edit_task(task_id, account_id=None)
