"""The page's window on the org (`kamsync.sandbox.crm.SandboxView`): edits are a person's edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from kamsync.contract import NOTE_MARK
from kamsync.flags import FLAGS
from kamsync.sandbox.crm import AccountView, FieldView, TaskView

from .org import Org
from .writes import Writer

FLAG_FIELDS = {name: "KAM_Tier_Override__c" if name == "override" else f"KAM_{name.title()}__c" for name in FLAGS}
KEY_FIELD = "KAM_Task_Key__c"


class SalesforceView:
    """Accounts, with the fields of the shipped mapping as their flags."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def accounts(self, *, search: str = "", only_flagged: bool = False, limit: int = 200) -> Sequence[AccountView]:
        flags = self._flags()
        where = ["a.IsDeleted = 0", "a.Name LIKE ?"]
        if only_flagged:
            where.append(f"a.{flags['tier']} IS NOT NULL" if "tier" in flags else "0")
        best_first, tiers = self._best_first(flags)
        rows = self._org.db.execute(
            f"{self._select(flags)} WHERE {' AND '.join(where)} ORDER BY {best_first}a.Name LIMIT ?",
            (f"%{search}%", *tiers, limit),
        )
        return [self._view(row, flags) for row in rows]

    def account(self, account_id: str) -> AccountView | None:
        flags = self._flags()
        row = self._org.db.execute(f"{self._select(flags)} WHERE a.Id = ? AND a.IsDeleted = 0", (account_id,)).fetchone()
        return None if row is None else self._view(row, flags)

    def tasks(self, account_id: str) -> Sequence[TaskView]:
        key = KEY_FIELD if self._org.objects["task"].field(KEY_FIELD) else "NULL"
        rows = self._org.db.execute(
            f"SELECT t.Id, t.Subject, t.Description, t.ActivityDate, u.Name, t.IsClosed, t.{key} FROM Task t LEFT JOIN User u ON u.Id = t.OwnerId"
            " WHERE t.AccountId = ? AND t.IsDeleted = 0 ORDER BY t.IsClosed, t.ActivityDate DESC LIMIT 100".replace(
                "t.NULL", "NULL"
            ),
            (account_id,),
        )
        return [TaskView(i, s or "", b or "", d or "", o or "", not closed, bool(k)) for i, s, b, d, o, closed, k in rows]

    def plan_notes(self, account_id: str) -> Sequence[str]:
        rows = self._org.db.execute(
            "SELECT n.Content FROM ContentNote n JOIN ContentDocumentLink l ON l.ContentDocumentId = n.Id"
            " WHERE l.LinkedEntityId = ? AND l.IsDeleted = 0 AND n.IsDeleted = 0 ORDER BY n.Id",
            (account_id,),
        )
        found = [body for (body,) in rows]
        if "accountplan" in self._org.objects:
            plans = self._org.db.execute("SELECT Notes FROM AccountPlan WHERE AccountId = ? AND IsDeleted = 0", (account_id,))
            found += ["".join(f"<p>{escape(line)}</p>" for line in str(said or "").splitlines()) for (said,) in plans]
        return [body for body in found if NOTE_MARK in body]

    def set_flag(self, account_id: str, flag: str, value: str) -> None:
        name = self._flags().get(flag)
        if name is not None:
            writer = Writer(self._org, self._person(account_id))
            writer.update(self._org.objects["account"], account_id, {name: value or None})

    def complete_task(self, task_id: str) -> None:
        task = self._org.record(self._org.objects["task"], task_id)
        if task is not None:
            Writer(self._org, str(task["OwnerId"])).update(self._org.objects["task"], task_id, {"Status": "Completed"})

    def fields(self) -> Mapping[str, FieldView]:
        account = self._org.objects["account"]
        found = {flag: account.field(name) for flag, name in FLAG_FIELDS.items()}
        return {
            flag: FieldView(
                field.label or field.name, dict(zip(field.choices, field.choice_labels or field.choices, strict=True))
            )
            for flag, field in found.items()
            if field is not None
        }

    def _best_first(self, flags: dict[str, str]) -> tuple[str, Sequence[str]]:
        """Pick lists sort by the order of their values, as in the real service; what is none of them comes after."""
        if not {"tier", "score"} <= flags.keys():
            return "", ()
        tier = self._org.objects["account"].field(flags["tier"])
        values = tier.choices if tier is not None else ()
        ranks = "".join(f" WHEN ? THEN {rank}" for rank in range(len(values)))
        rank = f"CASE a.{flags['tier']}{ranks} ELSE {len(values)} END, " if values else ""
        return f"a.{flags['tier']} IS NULL, {rank}a.{flags['score']} DESC, ", values

    def _person(self, account_id: str) -> str:
        row = self._org.db.execute("SELECT OwnerId FROM Account WHERE Id = ?", (account_id,)).fetchone()
        return str(row[0])

    def _flags(self) -> dict[str, str]:
        account = self._org.objects["account"]
        return {flag: name for flag, name in FLAG_FIELDS.items() if account.field(name) is not None}

    @staticmethod
    def _select(flags: dict[str, str]) -> str:
        columns = "".join(f", a.{name}" for name in flags.values())
        return f"SELECT a.Id, a.Name, u.Name, a.BillingCountry, a.SystemModstamp{columns} FROM Account a LEFT JOIN User u ON u.Id = a.OwnerId"

    @staticmethod
    def _view(row: Sequence[Any], flags: dict[str, str]) -> AccountView:
        account_id, name, owner, country, stamp, *values = row
        shown = {flag: "" if value is None else str(value) for flag, value in zip(flags, values, strict=True)}
        return AccountView(account_id, name, owner or "", country or "", shown, stamp)
