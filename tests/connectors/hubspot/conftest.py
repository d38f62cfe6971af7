"""A served portal over a small sample company, and connections to it as the program opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from kamsync.config.mapping import load_mapping
from kamsync.contract import Connection, Context, Page, PullRequest, Secret, TierChoice
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column, Stream
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync_hubspot import CONNECTOR
from kamsync_hubspot.sandbox import HubSpotSandbox
from tests.sandboxes import a_sandbox

TODAY = date(2026, 6, 30)  # the portal is quiet: nothing in it changed today
MAPPING = load_mapping("hubspot", crm="hubspot", folder=Path())
TIERS = (TierChoice("A", "A"), TierChoice("B", "B"), TierChoice("C", "C"))


@dataclass
class Pulled:
    """What one stream brought: rows by column name, ids that went, the cursor."""

    rows: list[dict[str, Any]]
    deleted: set[str]
    merged: set[tuple[str, str]]
    last: Page
    problems: list[str]


@dataclass
class World:
    """A portal, who talks to it as HubSpot's people do (`call`), and how the program connects."""

    server: SandboxServer
    sandbox: HubSpotSandbox
    stack: ExitStack

    def settings(self, **more: Any) -> dict[str, Any]:
        given: Mapping[str, Any] = self.sandbox.settings(self.server.base_url)
        values = {setting.name: setting.default for setting in CONNECTOR.settings}
        return {**values, "base_url": given["base_url"], "access_token": Secret(given["access_token"]), **more}

    def context(self, **more: Any) -> Context:
        base = Context(mapping=MAPPING, timezone=ZoneInfo("America/Sao_Paulo"), tiers=TIERS)
        return replace(base, **more)

    def connect(self, settings: Mapping[str, Any] | None = None, **context: Any) -> Connection:
        connection = CONNECTOR.connect(self.settings() if settings is None else settings, self.context(**context))
        self.stack.callback(connection.close)
        return connection

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A call as another program or person would make it."""
        token = self.sandbox.settings("")["access_token"]
        answer = self._line.request(
            method,
            self.server.base_url + path,
            json=body,
            params=query,
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    @cached_property
    def _line(self) -> requests.Session:
        return self.stack.enter_context(requests.Session())

    @cached_property
    def first_company(self) -> str:
        """Its id."""
        return str(self.call("GET", "/crm/v3/objects/companies", limit=1)["results"][0]["id"])

    @cached_property
    def first_owner(self) -> str:
        """Its id."""
        return str(self.call("GET", "/crm/v3/owners", limit=1)["results"][0]["id"])

    def request(self, stream: Stream, cursor: str | None = None, **more: Any) -> PullRequest:
        columns: tuple[Column, ...] = STREAMS[stream].columns
        mapped = MAPPING.of(stream)
        fields = {column.name: column for column in mapped}
        columns = tuple(fields.get(column.name, column) for column in columns)
        if stream is Stream.ACCOUNTS:
            columns += tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, field) for name, field in MAPPING.flags.items())
        return PullRequest(stream, columns, cursor, **more)

    def pull(self, connection: Connection, stream: Stream, cursor: str | None = None, **more: Any) -> Pulled:
        request = self.request(stream, cursor, **more)
        names = [column.name for column in request.columns]
        rows: list[dict[str, Any]] = []
        deleted: set[str] = set()
        merged: set[tuple[str, str]] = set()
        problems: list[str] = []
        pages = list(connection.pull([request]))
        for page in pages:
            rows += [dict(zip(names, row, strict=True)) for row in page.rows]
            deleted |= set(page.deleted_ids)
            merged |= set(page.merged)
            problems += page.problems
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        return Pulled(rows, deleted, merged, pages[-1], problems)


@pytest.fixture
def a_world() -> Iterator[Callable[..., World]]:
    """`a_world(accounts=…, opportunities=…, provisioned=…, limits=…, **vendor)`."""
    with ExitStack() as stack:

        def build(
            accounts: int = 40,
            opportunities: int = 150,
            *,
            provisioned: bool = True,
            limits: bool = False,
            **vendor: Any,
        ) -> World:
            sizes = (accounts, opportunities, vendor.pop("activities", 60))
            options = SandboxOptions(
                TODAY,
                enforce_rate_limits=limits,
                provisioned=provisioned,
                daily_limit=vendor.pop("daily", None),
                vendor={"search_lag_seconds": 0.0, **vendor},
            )
            sandbox: Any = a_sandbox("hubspot", lambda: Company(*sizes[:2], today=TODAY, activities=sizes[2]), options, sizes)
            return World(stack.enter_context(SandboxServer(sandbox)), sandbox, stack)

        yield build


@pytest.fixture
def world(a_world: Callable[..., World]) -> World:
    return a_world()
