"""A portal on a real port, over a company of a dozen accounts that is written out here."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
import uvicorn
from hubspot import HubSpot

from kamsync.sandbox.company_records import Account, Activity, Contact, LineItem, Opportunity, Owner, Product, Rate
from kamsync.sandbox.crm import SandboxOptions
from kamsync_hubspot.sandbox import HubSpotSandbox, build_sandbox

TODAY = date(2026, 6, 30)


class SmallCompany:
    """Twelve accounts by default, two deals each, in two currencies; the last owner has left."""

    home_currency = "EUR"

    def __init__(self, accounts: int = 12, deals_each: int = 2) -> None:
        self._accounts = accounts
        self._deals_each = deals_each

    def owners(self) -> Iterator[Owner]:
        yield Owner(1, "Ana", "Souza", "ana@example.com", True, None, "Brazil")
        yield Owner(2, "Ben", "Otto", "ben@example.com", True, 1, "Germany")
        yield Owner(3, "Gone", "Away", "gone@example.com", False, 1, "Germany")

    def rates(self) -> Iterator[Rate]:
        yield Rate("BRL", None, Decimal(1))
        yield Rate("USD", None, Decimal("0.2"))

    def accounts(self) -> Iterator[Account]:
        for key in range(1, self._accounts + 1):
            parent = 1 if key in (2, 3) else None
            yield Account(
                key, f"Açúcar {key}", 1 + key % 3, parent, "Customer", "Banking", "Brazil", "São Paulo", 100 * key,
                Decimal(1000 * key), "BRL", f"https://a{key}.example.com", datetime(2024, 1, 1, 12, 0, key % 60, tzinfo=UTC),
                key % 10, date(2026, 1, 31), key % 2 == 0, None,
            )  # fmt: skip

    def products(self) -> Iterator[Product]:
        yield Product(1, "Pump", "Hydraulics", Decimal("99.50"))

    def opportunities(self) -> Iterator[Opportunity]:
        for key in range(1, self._accounts * self._deals_each + 1):
            stage: Any = ("won", "lost", "proposal")[key % 3]
            currency = "USD" if key % 4 == 0 else "BRL"
            amount = None if key == 5 else Decimal(100 * key)
            yield Opportunity(
                key, None if key == 7 else 1 + key % self._accounts, f"Deal {key}", amount, currency,
                date(2026, 1 + key % 6, 10), stage,
                {"won": 1.0, "lost": 0.0, "proposal": 0.6}[stage], "new" if key % 2 else "renewal", 1,
                datetime(2025, 5, 1, tzinfo=UTC),
            )  # fmt: skip

    def line_items(self) -> Iterator[LineItem]:
        yield LineItem(1, 1, 1, 3, Decimal("99.50"))
        yield LineItem(2, 1, 1, 1, Decimal("99.50"))

    def activities(self) -> Iterator[Activity]:
        kinds: Any = ("task", "meeting", "call", "email", "note")
        for key, kind in enumerate(kinds, start=1):
            due = date(2026, 6, 1) if kind == "task" else None
            yield Activity(key, kind, 1, 1, f"{kind} with them", datetime(2026, 5, key, 9, tzinfo=UTC), 30, due, None)

    def contacts(self) -> Iterator[Contact]:
        yield Contact(1, 1, "Rosa", "Lima", "Rosa@a1.example.com", "CFO")


@dataclass(frozen=True)
class Portal:
    """A served sandbox, spoken to as anybody would."""

    url: str
    sandbox: HubSpotSandbox
    token: str

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=10, **more)

    def get(self, path: str, **parameters: Any) -> Any:
        return self.call("GET", path, params=parameters).json()

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body).json()

    def client(self, **configuration: Any) -> Any:
        return HubSpot(access_token=self.token, host=self.url, **configuration)


@contextmanager
def serving(sandbox: HubSpotSandbox) -> Iterator[Portal]:
    # With the protocol named, asyncio turns Nagle off; otherwise every small answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(sandbox.app, log_level="error", lifespan="off", http="httptools")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield Portal(url, sandbox, str(sandbox.settings(url)["access_token"]))
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


@pytest.fixture
def a_portal() -> Iterator[Callable[..., Portal]]:
    """`a_portal(accounts=…, provisioned=…, **vendor)`: a served portal; search sees writes at once unless told otherwise."""
    with ExitStack() as stack:

        def serve(
            *, accounts: int = 12, deals_each: int = 2, provisioned: bool = False, limits: bool = False, **vendor: Any
        ) -> Portal:
            options = SandboxOptions(
                TODAY,
                enforce_rate_limits=limits,
                provisioned=provisioned,
                daily_limit=vendor.pop("daily", None),
                vendor={"search_lag_seconds": 0.0, **vendor},
            )
            return stack.enter_context(serving(build_sandbox(SmallCompany(accounts, deals_each), options)))

        yield serve


@pytest.fixture
def portal(a_portal: Callable[..., Portal]) -> Portal:
    return a_portal()
