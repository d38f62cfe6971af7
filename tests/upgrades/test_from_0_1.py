"""What an installation of 0.1 left behind is read by this version. The files beside this one are frozen: never edit them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.journeys.command import run_command
from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import PROGRAM

HERE = Path(__file__).parent


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    with sqlite3.connect(tmp_path / "kamsync.db") as db:
        db.executescript((HERE / "cache-0.1.sql").read_text(encoding="utf-8"))
        db.execute("UPDATE meta SET value = ? WHERE name = 'org_id'", (desk.crm.org_id,))
    db.close()
    return desk


def test_a_cache_of_0_1_tells_what_it_told(desk: MemoryDesk) -> None:
    runs = desk.good("runs", "--json").json
    moves = desk.good("history", "--json").json
    trace = desk.good("runs", "show", runs[-1]["run_id"], "--json").json

    assert [(run["kind"], run["status"]) for run in runs] == [
        ("sync", "failed"),
        ("sync", "done"),
        ("sync", "done"),
        ("apply", "done"),
    ]
    assert {(move["name"], move["tier"]) for move in moves} == {("Beta", "A"), ("Beta", "B"), ("Acme", "A")}
    assert {write["account"] for write in trace["writes"]} == {"Acme", "Beta"} and trace["held_back"][0]["name"] == "Beta"
    assert {one["name"]: one["tier"] for one in desk.good("accounts", "--json").json}["Beta"] == "A"
    assert desk.good("status", "--json").json["tiers"] == {"A": 2}


def test_a_cache_of_0_1_goes_on_where_it_stopped(desk: MemoryDesk) -> None:
    for name, potential in (("Acme", 90), ("Beta", 80), ("Tiny", 10)):
        desk.crm.add_account(name, owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=potential)

    desk.good("apply", "--yes")

    assert [desk.crm.flag(one.id, "tier") for one in desk.crm.accounts()] == ["A", "A", None]


def test_a_configuration_of_0_1_is_read_without_a_word(tmp_path: Path) -> None:
    shutil.copy(HERE / "config-0.1.toml", tmp_path / "config.toml")
    (tmp_path / "config.toml").chmod(0o600)
    signing_in = {"SF_CLIENT_ID": "an-id-0123456789", "SF_CLIENT_SECRET": "a-secret-0123456789"}

    code, out, err = run_command(("status",), tmp_path, {**os.environ, **signing_in})

    assert "There is no cache" in err, (code, out, err)  # which comes after the configuration was found sound
