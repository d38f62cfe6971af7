"""Sandbox CRMs over the same company, filled once in a process: those that come later get what the first one held then.

Filling one takes ten times as long as that, and the tests open hundreds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from kamsync.plugins import load_connector
from kamsync.sandbox.company_records import SampleCompany
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions


class Keeping(Protocol):
    """What the sandboxes of Salesforce and HubSpot offer besides."""

    def keep(self) -> object: ...

    def put_back(self, kept: object) -> None: ...


@dataclass(frozen=True)
class _Filled:
    company: SampleCompany
    state: object


class _Hollow:
    """A company's people, products and rates without its accounts and what belongs to them."""

    def __init__(self, company: SampleCompany) -> None:
        self._company = company

    def __getattr__(self, name: str) -> Any:
        return getattr(self._company, name)

    def accounts(self) -> Iterator[Any]:
        return iter(())

    opportunities = contacts = line_items = activities = accounts


class Indexing(Protocol):
    """A CRM whose search shows later what is written."""

    def now_ms(self) -> int: ...

    def indexed_at_ms(self) -> int: ...


def wait_for_index(crm: SandboxCrm) -> None:
    """Until the CRM's search shows all that was written so far."""
    portal = cast(Indexing | None, getattr(crm, "portal", None))
    while portal is not None and portal.now_ms() < portal.indexed_at_ms():
        time.sleep(0.01)


# Options of what a CRM answers; all others decide what it holds.
_ANSWERS = frozenset((
    "advanced_currency", "activity_limit", "apex_limits", "api_enabled", "duplicate_alerts", "hidden_fields", "jwt_public_key",
    "locked", "refused_objects", "session_seconds", "soap_login", "unseen_objects", "validation_rules", "views_all_data",
))  # fmt: skip

_FILLED: dict[tuple[object, ...], _Filled] = {}


def a_sandbox(
    crm: str,
    company: Callable[[], SampleCompany],
    options: SandboxOptions,
    *key: object,
    prepare: Callable[[SandboxCrm], None] | None = None,
) -> SandboxCrm:
    """A CRM that holds the company, which `key` names among those of its kind. `prepare`: what happened to it since then."""
    holds = {name: value for name, value in options.vendor.items() if name not in _ANSWERS}
    whole = (crm, options.today, options.provisioned, repr(sorted(holds.items())), prepare, *key)
    connector = load_connector(crm)
    if whole not in _FILLED:
        made = company()
        first = cast(SandboxCrm, connector.sandbox(made, replace(options, vendor=holds)))
        if prepare is not None:
            prepare(first)
        _FILLED[whole] = _Filled(made, cast(Keeping, first).keep())
    filled = _FILLED[whole]
    sandbox = cast(SandboxCrm, connector.sandbox(cast(SampleCompany, _Hollow(filled.company)), options))
    cast(Keeping, sandbox).put_back(filled.state)
    return sandbox
