"""Full and incremental pull from a HubSpot portal into the cache: calls, records a second, refusals, memory.

    python -m bench.hubspot_pull [--accounts 100000] [--opportunities 500000] [--limits] [--changes 5000]

Starts the sandbox in a process of its own, and each pull too. Without --limits the portal answers as fast as it can; with them it
enforces HubSpot's 190 calls in ten seconds and five searches a second, which makes a pull of that size take five to six minutes.
Run by hand; targets: at most 6,600 calls, below 400 MB, at least 8,000 records a second without limits (sandbox included), at
least 90 % of the burst limit with them and no 429, at most 15 calls when nothing changed, at most 60 to write 5,000 companies.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.pulls import Bench, Reader, Result, counted, stop
from kamsync.model.exchange import AccountUpdate

BENCH = Bench("hubspot", "bench.hubspot_pull")
BURST_PER_SECOND = 19.0


def write(settings: Mapping[str, Any], folder: Path) -> Result:
    """Other tiers for as many companies as the folder's name says."""
    count = int((folder / "changes").read_text(encoding="utf-8"))
    rows = sqlite3.connect(folder / "agent.db").execute("SELECT id, name FROM accounts LIMIT ?", (count,)).fetchall()
    updates = [AccountUpdate(account_id, name, {"tier": "A", "score": 77.5}) for account_id, name in rows]
    connection = BENCH.connect(settings)
    before = connection.usage().used_by_us
    done = sum(outcome.status == "done" for outcome in connection.push_accounts(updates))
    return {"rows": done, "calls": connection.usage().used_by_us - before}


READERS: Mapping[str, Reader] = {"agent": BENCH.agent, "write": write}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--opportunities", type=int, default=500_000)
    parser.add_argument("--changes", type=int, default=5_000)
    parser.add_argument("--limits", action="store_true", help="enforce HubSpot's burst and search limits")
    parser.add_argument("--serve", action="store_true", help="only serve the sandbox")
    parser.add_argument("--child", choices=READERS)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.serve:
        BENCH.serve(options.accounts, options.opportunities, limits=options.limits)
        return
    if options.child:
        BENCH.child(READERS[options.child], options.folder)
        return
    sizes = ["--accounts", str(options.accounts), "--opportunities", str(options.opportunities)]
    server, settings = BENCH.start_sandbox(*sizes, *(["--limits"] if options.limits else []))
    try:
        with tempfile.TemporaryDirectory(prefix="kamsync-bench-") as name:
            folder = Path(name)
            (folder / "changes").write_text(str(options.changes), encoding="utf-8")
            time.sleep(10 if options.limits else 0)  # the set-up's own calls leave the window
            before = counted(server)
            full = BENCH.measured("agent", settings, folder, title="full pull")
            after = counted(server)
            rate = (after["calls"] - before["calls"]) / full["seconds"]
            share = f", {rate / BURST_PER_SECOND:.0%} of the burst limit" if options.limits else ""
            print(f"{rate:.1f} calls/s{share}, {after['refused'] - before['refused']} refused with 429", flush=True)
            BENCH.measured("agent", settings, folder, title="nothing changed")
            BENCH.measured("write", settings, folder, title=f"{options.changes:,} companies written")
            print(f"{counted(server)['refused'] - before['refused']} refused with 429 in all")
    finally:
        stop(server)


if __name__ == "__main__":
    main()
