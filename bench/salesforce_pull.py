"""Full and incremental pull from Salesforce into the cache, beside a bare loop over the same result pages.

    python -m bench.salesforce_pull [--accounts 100000] [--opportunities 500000]

Starts the sandbox in a process of its own, and each reader too, so that memory and time are one reader's. The bare loop is the
least that anybody could do: result pages, csv.reader, executemany, with the same fields and the same index. Run by hand; targets:
at most 60 API calls, below 400 MB, within 1.5 times of the bare loop, at most 12 calls when nothing changed.
"""

from __future__ import annotations

import argparse
import csv
import sqlite3
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.pulls import Bench, Reader, Result, large, stop
from kamsync.contract import Secret
from kamsync.store.database import open_cache
from kamsync.store.snapshot import Snapshot, split_streams
from kamsync_salesforce import CONNECTOR
from kamsync_salesforce.api.auth import read_credentials
from kamsync_salesforce.api.bulk import result_pages, start_query
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.pull.sources import sources_for
from kamsync_salesforce.translate import STAMP, select

BENCH = Bench("salesforce", "bench.salesforce_pull")


def large_streams_only(settings: Mapping[str, Any], folder: Path) -> Result:
    """Accounts and opportunities through connector and cache: what the bare loop is compared with."""
    connection = BENCH.connect(settings)
    rows = 0
    with open_cache(folder / "large.db") as cache:
        snapshot = Snapshot(cache, ZoneInfo("UTC"), datetime.now(UTC), lambda gone, known: None)
        requests = large(BENCH.requests_of_a_run())
        for (_, pages), request in zip(split_streams(connection.pull(requests)), requests, strict=True):
            rows += snapshot.save(request, pages, "bench", lambda name, count, total: None).rows
    return {"rows": rows, "calls": connection.usage().used_by_us}


def bare(settings: Mapping[str, Any], folder: Path) -> Result:
    secrets = {setting.name for setting in CONNECTOR.settings if setting.secret}
    given = {name: Secret(value) if name in secrets else value for name, value in settings.items()}
    client = Client(read_credentials(given), ca_bundle=str(settings.get("ca_bundle", "")))
    client.open()
    database = sqlite3.connect(folder / "bare.db")
    database.execute("PRAGMA journal_mode = WAL")
    rows = 0
    sources = [sources_for(request, BENCH.context.mapping, None)[0] for request in large(BENCH.requests_of_a_run())]
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


READERS: Mapping[str, Reader] = {"agent": BENCH.agent, "large": large_streams_only, "bare": bare}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--opportunities", type=int, default=500_000)
    parser.add_argument("--serve", action="store_true", help="only serve the sandbox")
    parser.add_argument("--child", choices=READERS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.serve:
        BENCH.serve(options.accounts, options.opportunities)
        return
    if options.child:
        csv.field_size_limit(1 << 20)
        BENCH.child(READERS[options.child], options.folder)
        return
    sizes = ["--accounts", str(options.accounts), "--opportunities", str(options.opportunities)]
    server, settings = BENCH.start_sandbox(*sizes)
    try:
        with tempfile.TemporaryDirectory(prefix="kamsync-bench-") as name:
            folder = Path(name)
            loop = BENCH.measured("bare", settings, folder, title="bare loop, large streams")
            ours = BENCH.measured("large", settings, folder, title="ours, large streams")
            print(f"{ours['seconds'] / loop['seconds']:.2f} times the bare loop", flush=True)
            BENCH.measured("agent", settings, folder, title="full pull")
            BENCH.measured("agent", settings, folder, title="nothing changed")
    finally:
        stop(server)


if __name__ == "__main__":
    main()
