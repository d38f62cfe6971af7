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
from tests.journeys.conftest import Desk, Opener


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_shaped_company_is_pulled_and_decided_like_any_other(crm: str, open_desk: Opener) -> None:
    desk = open_desk(crm, shape="subscription", accounts=60)
    desk.begin("setup", "pull")
    assert len(desk.look("accounts", "--json").json) == 60
    with sqlite3.connect(desk.folder / "kamsync.db") as cache:
        pulled = Counter(day for (day,) in cache.execute("SELECT created_date FROM opportunities"))
    served = sample_company(datetime.now(UTC).date(), shape="subscription", accounts=60)
    assert pulled == Counter(deal.created.date().isoformat() for deal in served.opportunities())
    told = desk.look("criteria", "suggest", "--wanted", "retention", "--per-owner", "1", "--json").json
    assert (told["preset"], told["most"]) == ("subscription", told["org"]["owners"]) and told["org"]["customers"] > 30
    assert "Suggested: subscription" in desk.look("criteria", "suggest", "--recurring").out
    assert desk.run("criteria", "suggest", "--wanted", "fame").code == 2
    assert desk.run("criteria", "suggest", "--strategic-field", "what field?").code == 2
    found = desk.good("backtest", "--criteria", "balanced", "--from", "2025-01-01", "--to", "2025-03-01", "--json").json
    assert [len(tier["days"]) for tier in found["tiers"]] == [3, 3, 3]
    assert sum(tier["days"][0]["size"] for tier in found["tiers"]) > 0


def shown(desk: Desk) -> dict[str, tuple[str | None, str | None]]:
    """Each account's parent and the tier that its CRM shows."""
    desk.good("pull")
    with sqlite3.connect(desk.folder / "kamsync.db") as cache:
        return {one: (parent, tier) for one, parent, tier in cache.execute("SELECT id, parent_id, flag_tier FROM accounts")}


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_door_openers_have_their_places_once_a_person_has_said_yes(crm: str, open_desk: Opener) -> None:
    desk = open_desk(crm, shape="lighthouse", accounts=80)
    desk.good("mapping", "copy", "own.toml", "--crm", crm)
    mapping = desk.folder / "own.toml"
    text = mapping.read_text(encoding="utf-8")
    for name in ("authority_evidence_date", "strategic_market"):
        text = text.replace(f"# {name} = ", f"{name} = ")
    mapping.write_text(text, encoding="utf-8")
    desk.edit_config(f'mapping = "{crm}"', 'mapping = "own.toml"')
    desk.edit_config('criteria = "balanced"', 'criteria = "authority"')
    desk.edit_config("[guard]", "[review]\nmonths = [1, 7]\napprove = true\n[guard]")
    desk.begin("setup", "pull")
    waits = desk.run("sync")
    assert "wait for a person" in waits.out + waits.err and "A" not in {tier for _, tier in shown(desk).values()}
    desk.good("apply", "--yes")
    best = [one for one, (_, tier) in shown(desk).items() if tier == "A"]
    codes = Counter(desk.look("explain", one, "--json").json["code"] for one in best)
    assert codes["seat"] >= 1
    assert desk.good("plan", "--json").json["changes"] == []


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_every_branch_shows_its_groups_tier(crm: str, open_desk: Opener) -> None:
    desk = open_desk(crm, shape="groups", accounts=60)
    desk.edit_config('criteria = "balanced"', 'criteria = "groups"')
    desk.begin("setup", "pull")
    desk.good("apply", "--yes")
    accounts = shown(desk)

    def head(one: str) -> str:
        parent = accounts[one][0]
        return head(parent) if parent in accounts else one

    assert all(tier == accounts[head(one)][1] for one, (_, tier) in accounts.items())
    assert {tier for parent, tier in accounts.values() if parent} >= {"A"}
    assert desk.good("plan", "--json").json["changes"] == []


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
