"""Sandbox orgs of every shape over real HTTP, and what tests ask of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.config.mapping import load_mapping
from kamsync.contract import Context, Page, PullRequest, Secret, TierChoice
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column, Stream
from kamsync.model.exchange import NewTask
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync_salesforce import CONNECTOR
from kamsync_salesforce.connection import SalesforceConnection
from tests.sandboxes import a_sandbox

MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())
SECRETS = {setting.name for setting in CONNECTOR.settings if setting.secret}
TODAY = datetime.now(UTC).date()


@contextmanager
def an_org(
    *,
    accounts: int = 120,
    opportunities: int = 2_600,
    activities: int | None = None,
    provisioned: bool = True,
    tls: bool = False,
    **vendor: Any,
) -> Iterator[SandboxServer]:
    options, sizes = SandboxOptions(today=TODAY, vendor=vendor), (accounts, opportunities, activities)
    company = partial(Company, accounts, opportunities, activities=activities, today=TODAY)
    crm = a_sandbox("salesforce", company, options, sizes, prepare=_set_up if provisioned else None)
    with SandboxServer(crm, tls=tls) as server:
        yield server


def _set_up(crm: SandboxCrm) -> None:
    with SandboxServer(crm) as server:
        failed = [step for step in connected(server).setup(dry_run=False) if step.status == "failed"]
    assert not failed


def connected(server: SandboxServer, *, share: float = 0.5, **changes: Any) -> SalesforceConnection:
    given = {**server.crm.settings(server.base_url), **changes}
    tiers = tuple(TierChoice(name, f"Tier {name}") for name in "ABC")
    context = Context(mapping=MAPPING, timezone=ZoneInfo("UTC"), tiers=tiers, api_budget_share=share)
    settings = {name: Secret(str(value)) if name in SECRETS else value for name, value in given.items()}
    return CONNECTOR.connect(settings, context)


def a_person(connection: SalesforceConnection) -> Any:
    """Another client of the same org, for edits that people make."""
    return connection._client.sf


def everything() -> list[PullRequest]:
    flags = tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, field) for name, field in MAPPING.flags.items())
    columns = {stream: MAPPING.asked(stream) for stream in Stream} | {Stream.ACCOUNTS: (*MAPPING.of(Stream.ACCOUNTS), *flags)}
    since = date(TODAY.year - 2, TODAY.month, 1)
    return [PullRequest(stream, columns[stream], since=since if STREAMS[stream].months else None) for stream in Stream]


def pulled(
    connection: SalesforceConnection, cursors: dict[Stream, str | None] | None = None, *, only: Collection[Stream] = tuple(Stream)
) -> dict[Stream, Page]:
    """Each of the streams as one page."""
    wanted = [request for request in everything() if request.stream in only]
    requests = [PullRequest(r.stream, r.columns, (cursors or {}).get(r.stream), r.since) for r in wanted]
    rows: dict[Stream, list[Any]] = {}
    gone: dict[Stream, tuple[str, ...]] = {}
    found: dict[Stream, Page] = {}
    for page in connection.pull(requests):
        rows.setdefault(page.stream, []).extend(list(row) for row in page.rows)
        gone[page.stream] = gone.get(page.stream, ()) + page.deleted_ids
        if page.last:
            found[page.stream] = Page(
                page.stream, rows[page.stream], gone[page.stream], (), True, page.full, page.cursor, page.problems, page.lacking
            )
    return found


def cursors_of(pages: dict[Stream, Page]) -> dict[Stream, str | None]:
    return {stream: page.cursor for stream, page in pages.items()}


def ids(page: Page) -> list[str]:
    return sorted(row[0] for row in page.rows)


def account_ids(connection: SalesforceConnection) -> list[str]:
    return ids(pulled(connection, only=(Stream.ACCOUNTS,))[Stream.ACCOUNTS])


def count(connection: SalesforceConnection, soql: str) -> int:
    return int(a_person(connection).query(soql)["totalSize"])


def some_tasks(connection: SalesforceConnection, number: int) -> list[NewTask]:
    pages = pulled(connection, only=(Stream.ACCOUNTS, Stream.OWNERS))
    accounts = ids(pages[Stream.ACCOUNTS])
    owner = next(row[0] for row in pages[Stream.OWNERS].rows if row[3] in (True, "true"))
    return [
        NewTask(f"welcome:call:once:{accounts[index]}", accounts[index], owner, "Call", "Why: growth", TODAY)
        for index in range(number)
    ]
