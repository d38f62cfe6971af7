"""What a connector's sandbox must offer besides its vendor's API, so that the shared server, the page and tests can drive it.

A sandbox answers as the real service does and is never bent to suit our client. `kamsync.sandbox.server` adds faults,
counting, TLS and the page around its ASGI `app`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Knobs that are real differences between real orgs. `vendor` holds those of one connector's sandbox (documented there).

    `daily_limit`: API calls a day (None: the vendor's default for a middle edition). `enforce_rate_limits`: burst limits.
    """

    today: date
    daily_limit: int | None = None
    enforce_rate_limits: bool = True
    provisioned: bool = False  # True: as if `kamsync setup` had run, for tests that start later
    vendor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as its manager sees it on the page. Flags are the CRM's stored values as text, "" for none."""

    id: str
    name: str
    owner: str
    country: str
    flags: Mapping[str, str]
    changed: str  # last modified, ISO


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as the page shows it; `due` an ISO date or "", `owner` the id, `by_kamsync` whether it carries a key of ours."""

    id: str
    subject: str
    body: str
    due: str
    owner: str
    is_open: bool
    by_kamsync: bool


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field as people see it: its label, and those of the values that it takes, in their order (none: it takes any)."""

    label: str
    choices: Mapping[str, str] = field(default_factory=dict)


class SandboxView(Protocol):
    """The page's window on the CRM's data. Edits are real edits: stamps move as in the real service."""

    def fields(self) -> Mapping[str, FieldView]:
        """The flags that this CRM has a field for, by canonical name."""
        ...

    def accounts(self, *, search: str = "", only_flagged: bool = False, limit: int = 200) -> Sequence[AccountView]:
        """The best tier first (in the order of its choices), in it the highest score, then by name."""
        ...

    def account(self, account_id: str) -> AccountView | None:
        """One account; None where there is none of that id."""
        ...

    def tasks(self, account_id: str) -> Sequence[TaskView]:
        """The account's tasks, ours and people's."""
        ...

    def plan_notes(self, account_id: str) -> Sequence[str]:
        """The HTML of the notes with the account's plan."""
        ...

    def set_flag(self, account_id: str, flag: str, value: str) -> None:
        """`flag` by its canonical name (tier, override, override_until); "" clears. A person's edit."""
        ...

    def complete_task(self, task_id: str) -> None:
        """A person's doing: the task is closed."""
        ...


class SandboxCrm(Protocol):
    """`app`: ASGI app of the vendor's API. `settings(base_url)`: the `[crm.<kind>]` table that signs in to it, with secrets
    as plain text (the demo puts them into the environment)."""

    kind: str
    app: Any
    view: SandboxView

    def settings(self, base_url: str) -> Mapping[str, Any]:
        """The table that signs in to it at `base_url`, secrets as plain text."""
        ...

    def calls(self) -> int:
        """API calls since the beginning, as the vendor counts them."""
        ...
