"""Full and incremental pull from Salesforce into the cache, beside a bare loop over the same result pages.

    python bench/salesforce_pull.py [--accounts 100000] [--opportunities 500000]

Starts the sandbox in a process of its own, and each reader too, so that memory and time are one reader's. The bare loop is the
least that anybody could do: result pages, csv.reader, executemany, with the same fields and the same index. Run by hand; targets:
at most 60 API calls, below 400 MB, within 1.5 times of the bare loop, at most 12 calls when nothing changed.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.contract import Connection, Context, PullRequest, Secret, TierChoice
from kamsync.mapping import load_mapping
from kamsync.model import CORE_COLUMNS, FLAG_PREFIX, FLAGS, Column, Stream
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync.store.database import open_cache
from kamsync.store.snapshot import Snapshot, fingerprint, load_cursor, split_streams
from kamsync_salesforce import CONNECTOR
from kamsync_salesforce.auth import read_credentials
from kamsync_salesforce.bulk import result_pages, start_query
from kamsync_salesforce.client import Client
from kamsync_salesforce.sources import sources_for
from kamsync_salesforce.translate import STAMP, select

MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())
SECRETS = {setting.name for setting in CONNECTOR.settings if setting.secret}
TIERS = tuple(TierChoice(name, name) for name in "ABC")
LARGE = (Stream.ACCOUNTS, Stream.OPPORTUNITIES)


def requests_of_a_run() -> list[PullRequest]:
    """What the balanced preset asks for, by and large: every stream."""
    flags = tuple(Column(FLAG_PREFIX + name, kind, MAPPING.flags[name]) for name, kind in FLAGS.items())
    columns: Mapping[Stream, tuple[Column, ...]] = {
        Stream.ACCOUNTS: (*MAPPING.accounts, *flags),
        Stream.OPPORTUNITIES: MAPPING.opportunities,
        Stream.LINE_ITEMS: MAPPING.line_items,
    }
    today = datetime.now(UTC).date()
    since = date(today.year - 2, today.month, 1)
    return [
        PullRequest(stream, columns.get(stream, CORE_COLUMNS[stream]), since=since if stream is Stream.ACTIVITIES else None)
        for stream in Stream
    ]


def pull_into(cache_path: Path, connection: Connection) -> int:
    """One pull as `kamsync pull` does it; rows kept."""
    now = datetime.now(UTC)
    kept = 0
    with open_cache(cache_path) as cache:
        zone = ZoneInfo("UTC")
        snapshot = Snapshot(cache, zone, now, lambda gone, known: None)
        requests, marks = [], {}
        for request in requests_of_a_run():
            marks[request.stream] = fingerprint(request, "bench", "UTC")
            cursor = load_cursor(cache, request.stream, marks[request.stream])
            requests.append(PullRequest(request.stream, request.columns, cursor, request.since))
        by_stream = {request.stream: request for request in requests}
        for stream, pages in split_streams(connection.pull(requests)):
            kept += snapshot.save(by_stream[stream], pages, marks[stream], lambda name, count, total: None).rows
    return kept


def connect(settings: Mapping[str, Any]) -> Connection:
    given = {name: Secret(value) if name in SECRETS else value for name, value in settings.items()}
    return CONNECTOR.connect(given, Context(mapping=MAPPING, timezone=ZoneInfo("UTC"), tiers=TIERS))


def agent(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    connection = connect(settings)
    rows = pull_into(folder / "agent.db", connection)
    usage = connection.usage()
    connection.close()
    return {"rows": rows, "calls": usage.used_by_us}


def large_streams_only(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Accounts and opportunities through connector and cache: what the bare loop is compared with."""
    connection = connect(settings)
    rows = 0
    with open_cache(folder / "large.db") as cache:
        snapshot = Snapshot(cache, ZoneInfo("UTC"), datetime.now(UTC), lambda gone, known: None)
        requests = [request for request in requests_of_a_run() if request.stream in LARGE]
        for (_, pages), request in zip(split_streams(connection.pull(requests)), requests, strict=True):
            rows += snapshot.save(request, pages, "bench", lambda name, count, total: None).rows
    return {"rows": rows, "calls": connection.usage().used_by_us}


def bare(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    given = {name: Secret(value) if name in SECRETS else value for name, value in settings.items()}
    client = Client(read_credentials(given), ca_bundle=str(settings.get("ca_bundle", "")))
    client.open()
    database = sqlite3.connect(folder / "bare.db")
    database.execute("PRAGMA journal_mode = WAL")
    rows = 0
    sources = [sources_for(request, MAPPING, None)[0] for request in requests_of_a_run() if request.stream in LARGE]
    jobs = []
    for source in sources:
        fields = (*source.fields, STAMP)
        jobs.append((source, fields, start_query(client, select(source.sobject, fields), source.sobject, include_deleted=False)))
    for source, fields, job in jobs:
        names = ", ".join(f'"{name}"' for name in fields)
        database.execute(f"CREATE TABLE {source.sobject} ({names}, PRIMARY KEY (Id))")
        for page in result_pages(client, job):
            marks = ", ".join("?" * len(fields))
            rows += database.executemany(f"INSERT INTO {source.sobject} VALUES ({marks})", page.rows).rowcount
        database.commit()
    database.execute("CREATE INDEX by_account ON Opportunity (AccountId)")
    database.commit()
    return {"rows": rows, "calls": client.usage().used_by_us}


CHILDREN: Mapping[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {
    "agent": agent,
    "large": large_streams_only,
    "bare": bare,
}


def measured(name: str, settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Runs one reader in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--folder", str(folder)]
    answer = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(answer.stderr)
    result: dict[str, Any] = json.loads(answer.stdout)
    print(
        f"{name:12} {result['seconds']:8.2f} s {result['rows']:>10,} rows {result['calls']:>4} calls {result['megabytes']:>6} MB"
    )
    return result


def serve(accounts: int, opportunities: int) -> None:
    """The sandbox with the program's fields set up; tells its settings on the first line and serves until it is ended."""
    company = Company(accounts=accounts, opportunities=opportunities, today=datetime.now(UTC).date())
    crm: Any = CONNECTOR.sandbox(company, SandboxOptions(today=datetime.now(UTC).date(), enforce_rate_limits=False))
    with SandboxServer(crm) as server:
        settings = dict(crm.settings(server.base_url))
        connection = connect(settings)
        failed = [step for step in connection.setup(dry_run=False) if step.status == "failed"]
        connection.close()
        print(json.dumps(settings | {"failed": [step.name for step in failed]}), flush=True)
        server.wait()


def start_sandbox(accounts: int, opportunities: int) -> tuple[subprocess.Popen[str], Mapping[str, Any]]:
    command = [sys.executable, __file__, "--serve", "--accounts", str(accounts), "--opportunities", str(opportunities)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        sys.exit("The sandbox did not start.")
    return server, json.loads(line)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--opportunities", type=int, default=500_000)
    parser.add_argument("--settings", help="JSON file with the settings of a server that runs already")
    parser.add_argument("--serve", action="store_true", help="only serve the sandbox")
    parser.add_argument("--child", choices=CHILDREN)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(options.accounts, options.opportunities)
        return
    if options.child:
        settings = json.load(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"))
        csv.field_size_limit(1 << 20)
        started = time.perf_counter()
        result = CHILDREN[options.child](settings, options.folder)
        result["seconds"] = time.perf_counter() - started
        result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(result))
        return
    server = None
    if options.settings:
        settings = json.loads(Path(options.settings).read_text(encoding="utf-8"))
    else:
        started = time.perf_counter()
        server, settings = start_sandbox(options.accounts, options.opportunities)
        print(f"sandbox up in {time.perf_counter() - started:.1f} s")
    try:
        with tempfile.TemporaryDirectory(prefix="kamsync-bench-") as name:
            folder = Path(name)
            loop = measured("bare", settings, folder)
            ours = measured("large", settings, folder)
            print(f"             {ours['seconds'] / loop['seconds']:.2f} times the bare loop")
            measured("agent", settings, folder)
            measured("agent", settings, folder)  # again, with the cursors of the first: nothing has changed
    finally:
        if server is not None:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
