"""The shipped mappings, presets and playbooks in the user's hands: listed, read, copied, and used again."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kamsync.config.mapping import load_mapping
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.model import Stream
from tests.journeys.command import run_here
from tests.journeys.conftest import Opener, Result


def run(folder: Path, *arguments: str) -> Result:
    return Result(*run_here(arguments, folder, {"COLUMNS": "100"}))


@pytest.mark.parametrize(("command", "folder"), [("criteria", "criteria"), ("playbooks", "playbooks")])
def test_every_shipped_file_is_listed_with_what_it_is_for(tmp_path: Path, command: str, folder: str) -> None:
    rows = {row["name"]: row["purpose"] for row in run(tmp_path, command, "--json").json}
    assert set(rows) == set(shipped_names(folder))
    assert [name for name, purpose in rows.items() if len(purpose.split()) < 4] == []
    text = run(tmp_path, command).out
    assert all(name in text for name in rows)


def test_what_this_configuration_uses_is_marked(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    assert [row["name"] for row in desk.look("criteria", "--json").json if row["used"]] == ["balanced"]
    assert [row["name"] for row in desk.look("playbooks", "--json").json if row["used"]] == ["onboarding", "quarterly-review"]
    assert "* onboarding" in desk.look("playbooks").out


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_a_shipped_playbook_can_be_read_and_copied_into_a_configuration(open_desk: Opener, tmp_path: Path, name: str) -> None:
    shown = run(tmp_path, "playbooks", "show", name)
    assert shown.code == 0 and "when   " in shown.out and '+ "' in shown.out
    assert run(tmp_path, "playbooks", "copy", name, "mine.toml").code == 0
    (copied,) = tomllib.loads((tmp_path / "mine.toml").read_text())["playbooks"]
    assert copied == run(tmp_path, "playbooks", "show", name, "--json").json


def test_a_copied_playbook_works_in_a_configuration_and_speaks_its_language(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    desk.good("playbooks", "copy", "onboarding", "mine.toml")
    desk.edit_config('playbooks = ["onboarding", "quarterly-review"]', 'language = "es"')
    own = (desk.folder / "mine.toml").read_text().replace('name = "onboarding"', 'name = "mine"')
    desk.config.write_text(desk.config.read_text() + own)
    assert "Confirme {{ name }}" in desk.look("playbooks", "show", "mine").out
    desk.good("setup")
    keys = [change["key"] for change in desk.good("plan", "--json").json["changes"] if change["op"] == "create_task"]
    assert keys and all(key.startswith("mine:") for key in keys)


def test_a_copied_preset_can_be_checked_and_simulated(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    desk.begin("setup", "pull")
    desk.good("criteria", "copy", "smb", "mine.toml")
    assert "every expression is sound" in desk.look("criteria", "check", "mine.toml").out
    assert "Enter" in desk.look("simulate", "--criteria", "mine.toml").out
    assert "[[criteria]]" in desk.look("criteria", "show", "smb").out


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_copied_mapping_is_what_the_configuration_may_name(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm)
    desk.good("mapping", "copy", "mine.toml")
    desk.edit_config(f'mapping = "{crm}"', 'mapping = "mine.toml"')
    desk.good("setup")
    rows = {(row["stream"], row["name"]): row for row in desk.good("mapping", "--json").json}
    assert rows[("accounts", "name")]["filled"] is None
    desk.good("pull")
    rows = {(row["stream"], row["name"]): row for row in desk.good("mapping", "show", "--json").json}
    assert rows[("accounts", "name")]["filled"] == 1.0 and rows[("accounts", "name")]["example"]
    assert rows[("accounts", "annual_revenue")] | {"pulled": False, "filled": None} == rows[("accounts", "annual_revenue")]
    text = desk.good("mapping").out
    assert "100%" in text and "not read" in text


def test_a_copy_never_overwrites_by_accident(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("my work")
    refused = run(tmp_path, "mapping", "copy", "mine.toml", "--crm", "hubspot")
    assert refused.code == 2 and "--force" in refused.err
    assert (tmp_path / "mine.toml").read_text() == "my work"
    assert run(tmp_path, "mapping", "copy", "mine.toml", "--crm", "hubspot", "--force").code == 0
    assert 'crm = "hubspot"' in (tmp_path / "mine.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("playbooks", "show", "onbording"), "'onboarding'"),
        (("playbooks", "copy", "onbording", "x.toml"), "'onboarding'"),
        (("criteria", "show", "balancd"), "'balanced'"),
        (("mapping", "copy", "x.toml", "--crm", "hubspt"), "'hubspot'"),
        (("mapping", "copy", "x.toml"), "--crm"),
        (("mapping", "copy", "no/such/folder/x.toml", "--crm", "hubspot"), "folder"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest_right_one(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(tmp_path, *arguments)
    assert result.code == 2 and said in result.err and "Traceback" not in result.err


@pytest.mark.parametrize("crm", shipped_names())
@pytest.mark.parametrize("name", ["nps", "next_renewal_date", "authority_evidence_date", "strategic_market"])
def test_a_line_that_the_mapping_offers_works_once_its_hash_is_taken_away(tmp_path: Path, crm: str, name: str) -> None:
    text = read_shipped(crm) or ""
    offered = next(line for line in text.splitlines() if line.startswith(f"# {name} = "))
    (tmp_path / "mine.toml").write_text(text.replace(offered, offered.removeprefix("# ")))
    mapped = load_mapping("mine.toml", crm=crm, folder=tmp_path)
    assert name in {column.name for column in mapped.of(Stream.ACCOUNTS)}


@pytest.mark.parametrize(("crm", "field"), [("salesforce", "NPS__c"), ("hubspot", "nps")])
def test_what_else_the_crm_has_is_listed_the_orgs_own_first(open_desk: Opener, crm: str, field: str) -> None:
    desk = open_desk(crm)
    fields = desk.good("mapping", "show", "--unmapped", "--json").json
    assert field in {one["name"] for one in fields if one["is_custom"]}
    own = [one["is_custom"] for one in fields]
    assert own == sorted(own, reverse=True)
    mapped = {row["field"] for row in desk.good("mapping", "--json").json if row["stream"] == "accounts"}
    assert not mapped & {one["name"] for one in fields}
    assert "your own" in desk.good("mapping", "show", "--unmapped").out
