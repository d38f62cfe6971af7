"""`kamsync init` at a terminal: wrong answers are told with the nearest right one, and the org answers what it can."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kamsync.config import load_config
from kamsync.config.answers import (
    check_address,
    check_currency,
    check_holiday_country,
    check_language,
    check_playbooks,
    check_timezone,
)
from kamsync.config.example import SIGN_INS, Answers, render_config
from kamsync.contract import Setting
from kamsync.errors import ConfigError
from tests.cli.terminal import Terminal
from tests.journeys.command import run_command
from tests.journeys.conftest import Opener, Result

SECRETS = {"SF_CLIENT_ID": "id", "SF_CLIENT_SECRET": "secret", "SF_PASSWORD": "p", "SF_ACCESS_TOKEN": "t"} | {
    name: "x" for way in SIGN_INS["hubspot"] for name in way.environment
}


# What is asked before a preset is taken.
WISHES = (
    "What should key accounts bring?",
    "Is most business recurring",
    "How many owners look after accounts?",
    "How many key accounts can one of them carry?",
    "Which field of the CRM marks strategic accounts?",
)
PRESET = (*WISHES, "Criteria [")


def without_secrets() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in SECRETS}


def document(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config.toml").read_text())


def test_a_wrong_answer_is_told_with_the_nearest_right_one_and_asked_again(tmp_path: Path) -> None:
    with Terminal(("init",), tmp_path, without_secrets(), rows=60) as terminal:
        terminal.answer("salesforc", to="CRM (")
        terminal.wait_for("Did you mean 'salesforce'?")
        terminal.answer("salesforce", to="CRM (")
        terminal.answer("acme.lightning.force.com", to="My Domain")
        terminal.wait_for("Did you mean https://acme.my.salesforce.com?")
        terminal.answer("https://acme.my.salesforce.com/home")
        terminal.wait_for("client_credentials  An External Client App")
        terminal.answer("jwt_bearer", to="How to sign in")
        terminal.answer("agent@acme.com", to="User to act as")
        terminal.answer("America/Sao_Paolo", to="Time zone")
        terminal.wait_for("Did you mean America/Sao_Paulo?")
        terminal.answer("são paulo")
        terminal.answer("real", to="Currency")
        terminal.wait_for("BRL")
        terminal.answer("brl")
        terminal.answer("portuguese", to="Language")
        terminal.answer("brazil", to="Country")
        terminal.wait_for("the preset to begin with")
        terminal.answer("retension", to="What should key accounts bring?")
        terminal.wait_for("Did you mean retention?")
        terminal.answer("retention")
        terminal.answer("no", to="Is most business recurring")
        terminal.answer("3", to=WISHES[2])
        terminal.answer("8", to=WISHES[3])
        terminal.answer("Our Strategics", to=WISHES[4])
        terminal.wait_for("is no name of a field")
        terminal.answer("Strategic__c")
        terminal.wait_for("Your owners carry 24 key accounts between them.")
        terminal.wait_for("Key accounts shall be kept")
        terminal.answer("smb", to="Criteria [retention]")
        terminal.answer("onboarding, renewl", to="Playbooks, ")
        terminal.wait_for("Did you mean renewal?")
        terminal.answer("onboarding, renewal")
        assert terminal.end() == 0
        assert "SF_CLIENT_ID" in terminal.shown() and "kamsync doctor" in terminal.shown()
    written = document(tmp_path)
    assert written["program"] | {
        "timezone": "America/Sao_Paulo", "currency": "BRL", "language": "pt_BR", "country": "BR",
        "criteria": "smb", "playbooks": ["onboarding", "renewal"],
    } == written["program"]  # fmt: skip
    assert written["crm"]["salesforce"]["auth"] == "jwt_bearer"
    assert tomllib.loads((tmp_path / "mapping.toml").read_text())["account"]["strategic_market"]["field"] == "Strategic__c"
    assert written["crm"]["salesforce"]["login_url"] == "https://acme.my.salesforce.com"
    assert written["crm"]["salesforce"]["username"] == "agent@acme.com"


def test_ctrl_c_at_a_question_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    with Terminal(("init",), tmp_path, without_secrets()) as terminal:
        terminal.answer(to="CRM (")
        terminal.wait_for("My Domain")
        terminal.type("\x03")
        assert terminal.end() == 1
        assert "Nothing was written" in terminal.shown()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("crm", "further"), [("salesforce", 2), ("hubspot", 3)])
def test_with_the_secrets_at_hand_the_org_answers_itself(open_desk: Opener, crm: str, further: int) -> None:
    desk = open_desk(crm)
    desk.config.unlink()
    secrets = {name.replace(f"KAMSYNC_SANDBOX_{crm.upper()}_", ""): value for name, value in desk.environment.items()}
    known = {
        "SF_CLIENT_ID": secrets.get("CLIENT_ID", ""),
        "SF_CLIENT_SECRET": secrets.get("CLIENT_SECRET", ""),
        "HUBSPOT_TOKEN": secrets.get("ACCESS_TOKEN", ""),
    }
    command = ("init", "--crm", crm, "--address", desk.server.base_url)
    with Terminal(command, desk.folder, {**os.environ, **known}, rows=80) as terminal:
        terminal.answer(to="How to sign in")
        terminal.wait_for("Signed in to")
        for question in ("Time zone", "Currency", "Language", "Country", *PRESET, "Playbooks, "):
            terminal.answer(to=question)
        terminal.wait_for("Map nps to")
        assert "of the accounts hold a value" in " ".join(terminal.shown().split())
        terminal.answer("y")
        for _ in range(further):
            terminal.answer("y", to="[Y/n]:")
        assert terminal.end() == 0
        assert "such as 'no'" in " ".join(terminal.shown().split()), terminal.shown()
        assert "Next: kamsync doctor" in terminal.shown()
    written = document(desk.folder)
    assert written["program"]["timezone"] == ("Europe/Berlin" if crm == "salesforce" else written["program"]["timezone"])
    assert written["program"]["timezone"] != "UTC" and written["program"]["currency"] == "EUR"
    assert written["crm"]["mapping"] == "mapping.toml"
    desk.environment.update(known)
    desk.good("setup")
    desk.good("plan")
    mapped = {row["name"]: row for row in desk.good("mapping", "--json").json if row["stream"] == "accounts"}
    assert mapped["nps"]["filled"] > 0 and mapped["next_renewal_date"]["field"]


def test_without_a_renewal_date_the_orgs_types_of_renewals_are_proposed(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=30, opportunities=200)
    desk.config.unlink()
    known = {name.replace("KAMSYNC_SANDBOX_SALESFORCE", "SF"): value for name, value in desk.environment.items()}
    command = ("init", "--crm", "salesforce", "--address", desk.server.base_url)
    with Terminal(command, desk.folder, {**os.environ, **known}, rows=80) as terminal:
        for question in ("How to sign in", "Time zone", "Currency", "Language", "Country", *PRESET, "Playbooks, "):
            terminal.answer(to=question)
        for field in ("nps", "strategic_market", "next_renewal_date"):
            terminal.answer("n", to=f"Map {field} to")
        terminal.wait_for("Types of opportunities: ")
        terminal.answer("Renewl", to="Which are renewals")
        terminal.wait_for("Did you mean Renewal?")
        terminal.answer()
        assert terminal.end() == 0
    assert document(desk.folder)["program"]["renewal_types"] == ["Renewal"]
    assert document(desk.folder)["program"]["country"] == "DE"


def test_a_sign_in_that_fails_is_said_and_the_questions_go_on(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.config.unlink()
    environment = {**os.environ, "SF_CLIENT_ID": "wrong", "SF_CLIENT_SECRET": "canary-secret"}
    with Terminal(("init", "--crm", "salesforce", "--address", desk.server.base_url), desk.folder, environment) as terminal:
        terminal.answer(to="How to sign in")
        terminal.wait_for("Signing in did not work")
        for question in ("Time zone", "Currency", "Language", "Country"):
            terminal.answer(to=question)
        terminal.answer("expansion", to="What should key accounts bring?")
        for question in (*WISHES[1:], "Criteria [expansion]", "Playbooks, "):
            terminal.answer(to=question)
        assert terminal.end() == 0
        assert "canary-secret" not in terminal.shown()
    assert document(desk.folder)["program"]["timezone"] == "UTC"
    assert document(desk.folder)["program"]["criteria"] == "expansion"
    assert [path.name for path in desk.folder.glob("config-*")] == []


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_defaults_ask_nothing_and_write_a_file_for_its_owner_only(tmp_path: Path, crm: str) -> None:
    result = Result(*run_command(("init", "--crm", crm, "--defaults"), tmp_path, without_secrets()))
    assert result.code == 0 and "Next: set" in result.out
    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600
    again = Result(*run_command(("init", "--crm", crm, "--defaults"), tmp_path, without_secrets()))
    assert again.code == 2 and "--force" in again.err


def test_without_a_terminal_init_says_how_to_go_on(tmp_path: Path) -> None:
    result = Result(*run_command(("init",), tmp_path, without_secrets()))
    assert result.code == 2 and "--defaults" in result.err


@pytest.mark.parametrize(("crm", "way"), [(crm, way.name) for crm, ways in SIGN_INS.items() for way in ways])
def test_every_way_to_sign_in_that_init_offers_loads(tmp_path: Path, crm: str, way: str) -> None:
    (tmp_path / "kamsync.key").write_text("a key")
    (tmp_path / "kamsync.key").chmod(0o600)
    (tmp_path / "config.toml").write_text(render_config(Answers(crm=crm, sign_in=way)))
    assert load_config(tmp_path / "config.toml", environment=SECRETS).connector.kind == crm


def test_another_connector_gets_a_line_for_each_of_its_settings() -> None:
    settings = (
        Setting("token", "The key.", secret=True),
        Setting("site", "The site.", required=True),
        Setting("depth", "Deep.", "integer"),
    )
    table = tomllib.loads(render_config(Answers(crm="other", settings=settings)))["crm"]["other"]
    assert table == {"token": {"env": "OTHER_TOKEN"}, "site": ""}


@pytest.mark.parametrize(
    ("check", "given", "wanted"),
    [
        (check_timezone, "utc", "UTC"),
        (check_timezone, "Berlin", "Europe/Berlin"),
        (check_currency, "Mexican peso", "MXN"),
        (check_language, "pt-br", "pt_BR"),
        (check_holiday_country, "br-sp", "BR-SP"),
        (check_holiday_country, "", ""),
        (check_playbooks, "none", ()),
        (check_playbooks, "Renewal renewal", ("renewal",)),
        (lambda text: check_address("salesforce", text), "http://127.0.0.1:99/x", "http://127.0.0.1:99"),
        (lambda text: check_address("hubspot", text), "api.hubapi.com", "https://api.hubapi.com"),
    ],
)
def test_an_answer_is_understood_as_people_write_it(check: Any, given: str, wanted: object) -> None:
    assert check(given) == wanted


@pytest.mark.parametrize(
    ("check", "given", "hint"),
    [
        (check_timezone, "Amerca/Bogota", "America/Bogota"),
        (check_currency, "euros", "EUR"),
        (check_currency, "DEM", "three letters"),
        (check_language, "de", "en, pt_BR, es"),
        (check_holiday_country, "Brasil", "BR (Brazil)"),
        (check_holiday_country, "BR-XX", "BR-SP"),
        (lambda text: check_address("salesforce", text), "acme", "https://acme.my.salesforce.com"),
        (lambda text: check_address("salesforce", text), "http://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        (lambda text: check_address("salesforce", text), "https://evil.example", "My Domain"),
        (lambda text: check_address("hubspot", text), "http://api.hubapi.com", "https://api.hubapi.com"),
    ],
)
def test_an_impossible_answer_is_refused_with_a_hint(check: Any, given: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(given)
    assert hint in caught.value.fix
