"""The in-memory CRM as a connector: `[crm] kind = "memory"`, for tests of this program and of whatever builds on it.

An org is reached by its id while its MemoryCrm is alive in this process. The wheel names no entry point for it; a test that goes
through the command line makes one with `write_entry_point`, in a folder that it puts on `sys.path`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from kamsync.contract import CONTRACT_VERSION, NOTE_MARK, Context, Secret, Setting
from kamsync.errors import AccessDenied
from kamsync.flags import FLAGS, to_json
from kamsync.model import Value
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import AccountView, FieldView, SandboxOptions, TaskView
from kamsync.testing.memory.behaviour import SALESFORCE_LIKE
from kamsync.testing.memory.company import fill
from kamsync.testing.memory.connection import MemoryConnection, open_connection
from kamsync.testing.memory.crm import MemoryCrm
from kamsync.testing.memory.mapping import FLAG_FIELDS, KIND, TASK_KEY
from kamsync.testing.memory.records import Record


class MemoryConnector:
    """Connects to the orgs that this process has opened with `serve`."""

    kind = KIND
    label = "In-memory CRM"
    contract_version = CONTRACT_VERSION

    def __init__(self) -> None:
        self._orgs: WeakValueDictionary[str, MemoryCrm] = WeakValueDictionary()

    @property
    def settings(self) -> tuple[Setting, ...]:
        return (
            Setting("org", "The id of a MemoryCrm that is alive in this process.", required=True),
            Setting("token", "What opens it.", required=True, secret=True),
        )

    def serve(self, crm: MemoryCrm) -> MemoryCrm:
        """Lets `connect` find the org by its id, as long as somebody holds it."""
        self._orgs[crm.org_id] = crm
        return crm

    def connect(self, settings: Mapping[str, Any], context: Context) -> MemoryConnection:
        crm = self._orgs.get(str(settings["org"]))
        if crm is None:
            raise AccessDenied(
                f"There is no org {settings['org']!r} in the memory of this process.", fix="Open it with CONNECTOR.serve(crm)."
            )
        token = settings["token"]
        return open_connection(crm, context, token.reveal() if isinstance(token, Secret) else str(token))

    def sandbox(self, company: Company, options: SandboxOptions) -> MemorySandbox:
        """The sample company in an org of its own. `vendor`: `behaviour`, a Behaviour."""
        crm = MemoryCrm(
            f"memory-{id(company):x}",
            behaviour=options.vendor.get("behaviour", SALESFORCE_LIKE),
            provisioned=options.provisioned,
            daily_limit=options.daily_limit,
        )
        fill(crm, company)
        return MemorySandbox(self.serve(crm))


class MemorySandbox:
    """A sandbox without a server: `app` is None."""

    kind = KIND
    app = None

    def __init__(self, crm: MemoryCrm) -> None:
        self.crm = crm
        self.view = MemoryView(crm)

    def settings(self, base_url: str = "") -> Mapping[str, Any]:
        return {"org": self.crm.org_id, "token": self.crm.token}

    def calls(self) -> int:
        return self.crm.calls


class MemoryView:
    """The window of kamsync.sandbox.crm.SandboxView on an in-memory CRM."""

    def __init__(self, crm: MemoryCrm) -> None:
        self._crm = crm

    def accounts(self, *, search: str = "", only_flagged: bool = False, limit: int = 200) -> Sequence[AccountView]:
        found = [self._account(record) for record in self._crm.accounts() if search.lower() in record.text("name").lower()]
        shown = [account for account in found if account.flags["tier"] or not only_flagged]
        return sorted(
            shown, key=lambda one: (not one.flags["tier"], one.flags["tier"], -float(one.flags["score"] or 0), one.name)
        )[:limit]

    def account(self, account_id: str) -> AccountView | None:
        return next((self._account(record) for record in self._crm.accounts() if record.id == account_id), None)

    def tasks(self, account_id: str) -> Sequence[TaskView]:
        return [
            TaskView(
                task.id,
                task.text("subject"),
                task.text("body"),
                task.text("due"),
                task.text("owner_id"),
                bool(task.get("is_open")),
                bool(task.get(TASK_KEY)),
            )
            for task in self._crm.tasks(account_id)
        ]

    def plan_notes(self, account_id: str) -> Sequence[str]:
        return [one.text("body") for one in self._crm.notes(account_id) if NOTE_MARK in one.text("body")]

    def set_flag(self, account_id: str, flag: str, value: str) -> None:
        self._crm.set_flag(account_id, flag, value)

    def complete_task(self, task_id: str) -> None:
        self._crm.complete_task(task_id)

    def fields(self) -> Mapping[str, FieldView]:
        choices = {name: name for name in self._crm.tier_choices}
        return {name: FieldView(name, choices if name in ("tier", "override") else {}) for name in FLAGS}

    def _account(self, record: Record) -> AccountView:
        flags = {flag: _text(record.get(FLAG_FIELDS[flag])) for flag in FLAGS}
        changed = str(record.changed)
        return AccountView(record.id, record.text("name"), record.text("owner_id"), record.text("country"), flags, changed)


def _text(value: Value) -> str:
    return "" if value is None else str(to_json(value))


def write_entry_point(folder: Path, module: str = "kamsync.testing.memory:CONNECTOR", kind: str = KIND) -> None:
    """Makes `folder`, once it is on sys.path (or PYTHONPATH), tell kamsync of a connector: a distribution of nothing else."""
    place = folder / f"kamsync_{kind}_for_tests-1.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: kamsync-{kind}-for-tests\nVersion: 1\n", encoding="utf-8")
    (place / "entry_points.txt").write_text(f"[kamsync.connectors]\n{kind} = {module}\n", encoding="utf-8")


CONNECTOR = MemoryConnector()
