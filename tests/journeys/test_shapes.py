"""A company of a kind behind the command line: `kamsync sandbox --shape`."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kamsync.cli.sandboxes import sample_company
from tests.journeys.command import Started, run_command
from tests.journeys.conftest import Opener


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_shaped_company_is_pulled_and_decided_like_any_other(crm: str, open_desk: Opener) -> None:
    desk = open_desk(crm, shape="subscription", accounts=60)
    desk.begin("setup", "pull")
    assert len(desk.good("accounts", "--json").json) == 60
    with sqlite3.connect(desk.folder / "kamsync.db") as cache:
        pulled = Counter(day for (day,) in cache.execute("SELECT created_date FROM opportunities"))
    served = sample_company(datetime.now(UTC).date(), shape="subscription", accounts=60)
    assert pulled == Counter(deal.created.date().isoformat() for deal in served.opportunities())
    told = desk.good("criteria", "suggest", "--wanted", "retention", "--per-owner", "1", "--json").json
    assert (told["preset"], told["most"]) == ("subscription", told["org"]["owners"]) and told["org"]["customers"] > 30
    assert "Suggested: subscription" in desk.good("criteria", "suggest", "--recurring").out
    assert desk.run("criteria", "suggest", "--wanted", "fame").code == 2
    assert desk.run("criteria", "suggest", "--strategic-field", "what field?").code == 2
    found = desk.good("backtest", "--criteria", "balanced", "--from", "2025-01-01", "--to", "2025-03-01", "--json").json
    assert [len(tier["days"]) for tier in found["tiers"]] == [3, 3, 3]
    assert sum(tier["days"][0]["size"] for tier in found["tiers"]) > 0


def test_the_sandbox_serves_a_shape(tmp_path: Path) -> None:
    process = Started(("sandbox", "--shape", "startup", "--port", "0", "--json"), tmp_path, os.environ)
    lines: list[str] = []
    while not lines or lines[-1].rstrip() != "}":
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert json.loads("".join(lines))["url"].startswith("http://127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--shape", "mediaeval"), "enterprise, smb"), (("--shape", "smb", "--opportunities", "10"), "Leave --opportunities out")],
)
def test_a_shape_that_is_none_or_a_size_that_it_has_not_is_refused(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    code, _, told = run_command(("sandbox", *arguments), tmp_path, {"PATH": "/usr/bin:/bin"})
    assert code == 2 and said in told
