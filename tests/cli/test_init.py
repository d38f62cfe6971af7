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


def answer(terminal: Terminal, question: str, text: str = "") -> None:
    terminal.wait_for(question)
    terminal.type(f"{text}\r")


def test_a_wrong_answer_is_told_with_the_nearest_right_one_and_asked_again(tmp_path: Path) -> None:
    with Terminal(("init",), tmp_path, without_secrets(), rows=60) as terminal:
        answer(terminal, "CRM (", "salesforc")
        terminal.wait_for("Did you mean 'salesforce'?")
        answer(terminal, "CRM (", "salesforce")
        answer(terminal, "My Domain", "acme.lightning.force.com")
        terminal.wait_for("Did you mean https://acme.my.salesforce.com?")
        terminal.type("https://acme.my.salesforce.com/home\r")
        terminal.wait_for("client_credentials  An External Client App")
        answer(terminal, "How to sign in", "jwt_bearer")
        answer(terminal, "User to act as", "agent@acme.com")
        answer(terminal, "Time zone", "America/Sao_Paolo")
        terminal.wait_for("Did you mean America/Sao_Paulo?")
        terminal.type("são paulo\r")
        answer(terminal, "Currency", "real")
        terminal.wait_for("BRL")
        terminal.type("brl\r")
        answer(terminal, "Language", "portuguese")
        answer(terminal, "Country", "brazil")
        terminal.wait_for("the preset to begin with")
        answer(terminal, "What should key accounts bring?", "retension")
        terminal.wait_for("Did you mean retention?")
        terminal.type("retention\r")
        answer(terminal, "Is most business recurring", "no")
        answer(terminal, WISHES[2], "3")
        answer(terminal, WISHES[3], "8")
        answer(terminal, WISHES[4], "Our Strategics")
        terminal.wait_for("is no name of a field")
        terminal.type("Strategic__c\r")
        terminal.wait_for("Your owners carry 24 key accounts between them.")
        terminal.wait_for("Key accounts shall be kept")
        answer(terminal, "Criteria [retention]", "smb")
        answer(terminal, "Playbooks, ", "onboarding, renewl")
        terminal.wait_for("Did you mean renewal?")
        terminal.type("onboarding, renewal\r")
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
        answer(terminal, "CRM (")
        terminal.wait_for("My Domain")
        terminal.type("\x03")
        assert terminal.end() == 1
        assert "Nothing was written" in terminal.shown()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_with_the_secrets_at_hand_the_org_answers_itself(open_desk: Opener, crm: str) -> None:
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
        answer(terminal, "How to sign in")
        terminal.wait_for("Signed in to")
        for question in ("Time zone", "Currency", "Language", "Country", *PRESET, "Playbooks, "):
            answer(terminal, question)
        terminal.wait_for("Map nps to")
        assert "of the accounts hold a value" in " ".join(terminal.shown().split())
        terminal.type("y\r")
        for _ in range(3):
            terminal.wait_for("[Y/n]:")
            terminal.settle(0.2)
            terminal.type("y\r")
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
            answer(terminal, question)
        for field in ("nps", "strategic_market", "next_renewal_date"):
            answer(terminal, f"Map {field} to", "n")
        terminal.wait_for("Types of opportunities: ")
        answer(terminal, "Which are renewals", "Renewl")
        terminal.wait_for("Did you mean Renewal?")
        terminal.type("\r")
        assert terminal.end() == 0
    assert document(desk.folder)["program"]["renewal_types"] == ["Renewal"]
    assert document(desk.folder)["program"]["country"] == "DE"


def test_a_sign_in_that_fails_is_said_and_the_questions_go_on(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.config.unlink()
    environment = {**os.environ, "SF_CLIENT_ID": "wrong", "SF_CLIENT_SECRET": "canary-secret"}
    with Terminal(("init", "--crm", "salesforce", "--address", desk.server.base_url), desk.folder, environment) as terminal:
        answer(terminal, "How to sign in")
        terminal.wait_for("Signing in did not work")
        for question in ("Time zone", "Currency", "Language", "Country"):
            answer(terminal, question)
        answer(terminal, "What should key accounts bring?", "expansion")
        for question in (*WISHES[1:], "Criteria [expansion]", "Playbooks, "):
            answer(terminal, question)
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
