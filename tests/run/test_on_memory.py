"""The command line on the in-memory CRM: the whole loop in milliseconds, through the file and the commands that a user has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk

PROGRAM = TIERS_BY_POTENTIAL + WELCOME


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    for name, potential in (("Acme", 90), ("Beta", 50), ("Tiny", 10)):
        desk.crm.add_account(name, owner_id=ana, potential=potential)
    return desk


def test_a_fresh_plan_is_applied_and_a_second_one_is_empty(desk: MemoryDesk) -> None:
    planned = desk.good("plan", "--json").json["changes"]
    desk.good("apply", "--yes")

    assert {change["op"] for change in planned} == {"update_account", "create_task"}
    assert [desk.crm.flag(one.id, "tier") for one in desk.crm.accounts()] == ["A", "B", None]
    assert sorted(str(task.get("subject")) for task in desk.crm.tasks()) == ["Call Acme", "Call Beta"]
    assert desk.good("plan", "--json").json["changes"] == []


def test_a_plan_says_whose_tier_is_written_back(desk: MemoryDesk) -> None:
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(config + '[program]\ndrift = "reclaim"\n')
    desk.good("apply", "--yes")
    beta = next(one.id for one in desk.crm.accounts() if one.get("name") == "Beta")
    desk.crm.set_flag(beta, "tier", "A")

    (change,) = desk.good("plan", "--json").json["changes"]
    shown = desk.good("plan").out
    desk.good("apply", "--yes")

    assert change["fields"]["tier"] == {"from": "A", "to": "B"}
    assert "the tier was changed to 'A' by hand; it is written back" in " ".join(shown.split())
    assert (desk.crm.flag(beta, "tier"), desk.crm.flag(beta, "override")) == ("B", None)
    assert desk.good("plan", "--json").json["changes"] == []


def test_doctor_is_content_and_setup_finds_everything_there(desk: MemoryDesk) -> None:
    desk.good("doctor")
    assert {step["status"] for step in desk.good("setup", "--json").json} == {"exists"}


def test_a_wrong_token_is_said_with_its_mend(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_TOKEN", "t0ken-of-nobody")

    result = desk.run("sync")

    assert result.code == 1
    assert "token" in result.err and "another" not in result.err
