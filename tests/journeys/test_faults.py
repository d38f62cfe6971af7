"""Every fault on every kind of call of a first sync: what the CRM shows in the end is what it shows after a sync without faults.

Most of the matrix waits as long as a real limit makes a client wait; `make faults` runs it all, `make test` a part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.journeys.conftest import Desk, Opener

TEN_SECONDLY = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "policyName": "TEN_SECONDLY_ROLLING",
}
EXPIRED = {
    "hubspot": {
        "status": "error",
        "category": "EXPIRED_AUTHENTICATION",
        "message": "The OAuth token used to make this call expired.",
    },
    "salesforce": [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}],
}
IN_PART = {
    "status": "COMPLETE",
    "results": [],
    "numErrors": 1,
    "errors": [{"status": "error", "category": "INTERNAL_ERROR", "message": "Some records could not be handled."}],
}
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "500": {"kind": "status", "status": 500, "body": {"status": "error", "message": "internal error"}},
    "502": {"kind": "html", "status": 502},
    "503": {"kind": "status", "status": 503},
    "504": {"kind": "html", "status": 504},
    "429 of ten seconds": {"kind": "status", "status": 429, "body": TEN_SECONDLY},
    "429 of a second": {"kind": "status", "status": 429, "body": {**TEN_SECONDLY, "policyName": "SECONDLY"}},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "truncated": {"kind": "truncate"},
    "expired token": {"kind": "status", "status": 401},
    "207": {"kind": "status", "status": 207, "body": IN_PART},
}
ONLY_HUBSPOT = ("429 of ten seconds", "429 of a second", "207")
QUICK = {("salesforce", "reset after")}
MATRIX = [
    pytest.param(crm, fault, marks=[] if (crm, fault) in QUICK else pytest.mark.slow)
    for crm in ("salesforce", "hubspot")
    for fault in FAULTS
    if crm == "hubspot" or fault not in ONLY_HUBSPOT
]


def shown(desk: Desk) -> dict[str, Any]:
    """What account managers see of us, without ids of tasks and without the moment of writing."""
    view = desk.server.crm.view
    seen = {}
    for account in view.accounts(limit=10_000):
        tasks = sorted((t.subject, t.body, t.due, t.owner, t.is_open) for t in view.tasks(account.id) if t.by_kamsync)
        flags = {flag: value for flag, value in account.flags.items() if flag != "evaluated_at"}
        seen[account.id] = (flags, tasks)
    return seen


def kinds_of_calls(desk: Desk, since: int) -> list[tuple[str, str]]:
    """(method, pattern of the path) of each kind of call, record and job ids aside."""
    kinds: dict[tuple[str, str], None] = {}
    for call in list(desk.server.requests)[since:]:
        path = re.sub(r"/[0-9][0-9A-Za-z]{14,17}(-\d+)?(?=/|$)|/750\w+|/\d+(?=/|$)", "/ID", call.path)
        pattern = re.escape(path).replace("/ID", "/[^/?]+") + r"(\?|$)"
        kinds[call.method, pattern] = None
    return list(kinds)


def synced(desk: Desk) -> Desk:
    """Until a run says that nothing is left: what a schedule does by itself."""
    for _ in range(6):
        result = desk.run("sync")
        assert "Traceback" not in result.err + result.out, result.err
        if result.code == 0:
            return desk
    raise AssertionError(f"never finished: {result.out} {result.err}")


def renewable(desk: Desk) -> Desk:
    """The desk with a sign-in that can be renewed: HubSpot's private app tokens never expire, OAuth's do."""
    if desk.crm == "hubspot":
        options = desk.server.crm.portal.options  # type: ignore[attr-defined]  # this sandbox's own portal
        names = ("client_id", "client_secret", "refresh_token")
        desk.environment |= {f"TEST_{name}": getattr(options, name) for name in names}
        token = next(line for line in desk.config.read_text().splitlines() if line.startswith("access_token"))
        desk.edit_config(token, "\n".join(f'{name} = {{ env = "TEST_{name}" }}' for name in names))
    return desk


@pytest.mark.parametrize(("crm", "name"), MATRIX)
def test_a_fault_on_every_kind_of_call_changes_nothing_in_the_end(open_desk: Opener, crm: str, name: str) -> None:
    # Large enough, where time allows, for the vendors' bulk ways.
    accounts, opportunities = (30, 120) if (crm, name) in QUICK else (400, 3_000)
    calm = renewable(open_desk(crm, accounts=accounts, opportunities=opportunities))
    calm.begin("setup")
    first = len(calm.server.requests)
    calm.good("sync")
    kinds = kinds_of_calls(calm, first)
    assert len(kinds) > 6
    if name == "207":
        kinds = [(method, path) for method, path in kinds if "/batch/" in path]
    details = {**FAULTS[name], **({"body": EXPIRED[crm]} if name == "expired token" else {})}

    stormy = renewable(open_desk(crm, accounts=accounts, opportunities=opportunities))
    stormy.begin("setup")
    faults = [stormy.server.faults.add(method=method, path=f"^{path}", times=1, **details) for method, path in kinds]
    synced(stormy)
    assert [fault.path for fault in faults if not fault.fired] == []
    stormy.server.faults.clear()
    stormy.good("sync", "--full")
    assert shown(stormy) == shown(calm)
