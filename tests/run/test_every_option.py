"""Every option of every command is typed by somebody here, on a run that really happens, and does what it says.

One table: a command line, what must come of it. `test_no_option_is_without_a_case` reads the options of all commands and names
each that no line of the table types; a new option, or a new command, is a new line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from kamsync.cli.app import load_command
from kamsync.cli.listing import commands
from tests.journeys.command import run_command
from tests.run.memory_desk import MemoryDesk, Result

TODAY = datetime.now(UTC).date()
PROGRAM = """
[[tiers]]
name = "A"
enter = 70
[[tiers]]
name = "B"
enter = 40
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
[[criteria]]
name = "won"
axis = "strength"
goal = "retention"
weight = 1
value = "won_amount_12m"
scale = { linear = [0, 1000] }
missing = "skip"
[[criteria]]
name = "mood"
axis = "health"
goal = "retention"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
[[playbooks]]
name = "welcome"
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
subject = "Call {{ name }}"
due = 3
"""
OTHERS = """
[[tiers]]
name = "A"
enter = 1
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
"""
READY = '[program]\ncriteria = "balanced"\nplaybooks = ["onboarding"]\n[crm]\nkind = "salesforce"\n'
MINE = ("--config", "mine.toml")
Check = Callable[[MemoryDesk, Result], object]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    """Three key accounts and a small one, in the CRM and in the cache; their configuration is mine.toml."""
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    ana, bo = (desk.crm.add_owner(name, f"{name.lower()}@example.com") for name in ("Ana", "Bo"))
    for name, potential, won, owner in (
        ("Acme", 90, 1000, ana),
        ("Beta", 60, 500, bo),
        ("Ceta", 95, 900, ana),
        ("Tiny", 5, 0, bo),
    ):
        account = desk.crm.add_account(name, owner_id=owner, potential=potential)
        if won:
            desk.crm.add_opportunity(account, TODAY - timedelta(days=40), float(won), is_won=True, is_closed=True)
    (desk.folder / "config.toml").rename(desk.folder / "mine.toml")
    desk.good("apply", "--yes", *MINE)
    (desk.folder / "ready.toml").write_text(READY, encoding="utf-8")
    (desk.folder / "others.toml").write_text(OTHERS, encoding="utf-8")
    (desk.folder / "there.toml").write_text("# somebody's own\n", encoding="utf-8")
    return desk


def newcomers(desk: MemoryDesk) -> None:
    """More than a plan shows of one kind: the one made last has the most."""
    owner = desk.crm.accounts()[0].text("owner_id")
    for place in range(25):
        desk.crm.add_account(f"New {place}", owner_id=owner, potential=81 + place / 2)


def acme_and_tiny_change(desk: MemoryDesk) -> None:
    """What the next plan finds to do: Acme is no key account any more, and Tiny has become one."""
    for account in desk.crm.accounts():
        if account.get("name") in ("Acme", "Tiny"):
            desk.crm.edit_account(account.id, potential=0 if account.get("name") == "Acme" else 99)


def names(result: Result) -> list[str]:
    return [row["name"] for row in result.json]


def ids(result: Result) -> list[str]:
    return [row["run_id"] for row in result.json]


def says(*words: str) -> Check:
    return lambda desk, result: [word for word in words if word not in result.out] == []


def is_said_in_json(*keys: str) -> Check:
    """One JSON document, and nothing else, on standard output."""
    return lambda desk, result: set(keys) <= set(result.json if isinstance(result.json, dict) else result.json[0])


def writes(name: str, text: str) -> Check:
    return lambda desk, result: text in (desk.folder / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Case:
    """`line`: what is typed after `kamsync`; RUN stands for the id of the first run. `given`: what people did before."""

    line: str
    holds: Check
    code: int = 0
    given: Callable[[MemoryDesk], object] = lambda desk: None


def case(line: str, holds: Check, **more: Any) -> Case:
    return Case(line, holds, **more)


OLD = (TODAY - timedelta(days=200)).isoformat()
AGO = (TODAY - timedelta(days=400)).isoformat()
CASES = (
    # Every line names its configuration: there is no config.toml here.
    case("accounts -c mine.toml --tier B --json", lambda desk, r: names(r) == ["Beta"]),
    case("accounts -c mine.toml --owner bo --json", lambda desk, r: names(r) == ["Beta", "Tiny"]),
    case("accounts -c mine.toml --segment key --json", lambda desk, r: names(r) == ["Acme", "Ceta", "Beta"]),
    case("accounts -c mine.toml --health red --json", lambda desk, r: names(r) == ["Tiny"]),
    case("accounts -c mine.toml --sort account --json", lambda desk, r: names(r) == ["Acme", "Beta", "Ceta", "Tiny"]),
    case(
        f"accounts --config mine.toml --as-of {OLD} --json",
        lambda desk, r: {row["facts"]["won_amount_12m"] for row in r.json} == {0.0},
    ),
    case("accounts -c mine.toml --limit 1", lambda desk, r: "Acme" in r.out and "Ceta" not in r.out and "3 more" in r.out),
    case("accounts -c mine.toml --all", says("Acme", "Tiny")),  # Tiny is no key account
    case("apply --config mine.toml --yes --json", lambda desk, r: r.json["updated"] == 2, given=acme_and_tiny_change),
    case(
        f"backtest -c mine.toml --criteria mine.toml --from {AGO} --to {OLD} --every quarter --fixed potential --json",
        lambda desk, r: (r.json["every"], len(r.json["tiers"][0]["days"]), r.json["left_out"]) == ("quarter", 3, []),
    ),
    case("criteria -c ready.toml --json", lambda desk, r: [row["name"] for row in r.json if row["used"]] == ["balanced"]),
    case("criteria list -c ready.toml --json", lambda desk, r: [row["name"] for row in r.json if row["used"]] == ["balanced"]),
    case("criteria copy smb there.toml --force", writes("there.toml", "[[criteria]]")),
    case(
        f"criteria check others.toml -c mine.toml --as-of {OLD} --json",
        lambda desk, r: [one["criterion"] for one in r.json] == ["potential"],
    ),
    case("doctor -c mine.toml --json", lambda desk, r: any(one["message"].startswith("mine.toml is complete") for one in r.json)),
    case(f"explain Acme -c mine.toml --as-of {OLD} --json", lambda desk, r: r.json["score"] == 45),
    case("facts -c mine.toml --json", lambda desk, r: "potential" in names(r)),
    case("forget Tiny -c mine.toml --yes --json", lambda desk, r: r.json["erased"]["accounts"] == 1),
    case("history Acme -c mine.toml --limit 1 --json", lambda desk, r: len(r.json) == 1, given=acme_and_tiny_change),
    case("history Acme -c mine.toml --figures --json", lambda desk, r: {one["figure"] for one in r.json} >= {"score", "revenue"}),
    case("account-plan Acme -c mine.toml --json", lambda desk, r: r.json["decision"]["tier"] == "A"),
    case(
        "account-plan Acme -c mine.toml --format html --out acme.html",
        lambda desk, r: "Acme" in (desk.folder / "acme.html").read_text(encoding="utf-8"),
    ),
    case(
        "init --config new.toml --crm hubspot --address http://127.0.0.1:8080 --defaults",
        writes("new.toml", 'base_url = "http://127.0.0.1:8080"'),
    ),
    case("init --config there.toml --defaults --force", writes("there.toml", "[crm.salesforce]")),
    case("mapping -c mine.toml --json", lambda desk, r: "potential" in names(r)),
    case("mapping show -c mine.toml --json", lambda desk, r: "potential" in names(r)),
    case("mapping copy there.toml --crm hubspot --force", writes("there.toml", 'crm = "hubspot"')),
    case("mapping copy own.toml -c ready.toml", writes("own.toml", 'crm = "salesforce"')),
    case("plan -c mine.toml --out plan.json --json", writes("plan.json", '"changes"'), given=acme_and_tiny_change),
    case("plan -c mine.toml --detailed-exitcode", says("3 changes"), code=4, given=acme_and_tiny_change),
    case("plan -c mine.toml --limit 1", lambda desk, r: "New 24 " in r.out and "New 23 " not in r.out, given=newcomers),
    case("plan -c mine.toml --all", says(*(f"New {place} " for place in range(25))), given=newcomers),
    case(f"plan -c mine.toml --as-of {OLD} --json", lambda desk, r: r.json["as_of"] == OLD),
    case("playbooks -c ready.toml --json", lambda desk, r: [one["name"] for one in r.json if one["used"]] == ["onboarding"]),
    case("playbooks list -c ready.toml --json", lambda desk, r: [one["name"] for one in r.json if one["used"]] == ["onboarding"]),
    case("playbooks show welcome -c mine.toml --json", lambda desk, r: r.json["tasks"][0]["subject"] == "Call {{ name }}"),
    case("playbooks copy onboarding there.toml --force", writes("there.toml", "[[playbooks]]")),
    case("pull -c mine.toml --full --json", lambda desk, r: r.json["rows"]["accounts"] == 4),
    case("run -c mine.toml --once", lambda desk, r: "run_id=" in r.err, given=acme_and_tiny_change),
    case("runs -c mine.toml --limit 1 --json", lambda desk, r: len(ids(r)) == 1, given=lambda desk: desk.good("sync", *MINE)),
    case("runs show RUN -c mine.toml --json", is_said_in_json("run_id", "writes")),
    case("runs show RUN -c mine.toml --format csv", lambda desk, r: r.out.splitlines()[0].count(",") > 4),
    case("service cron --config mine.toml", says("mine.toml")),
    case("setup -c mine.toml --dry-run --json", lambda desk, r: {step["status"] for step in r.json} == {"exists"}),
    case("simulate --criteria others.toml -c mine.toml --all", says("Tiny: none → A")),
    case(
        f"simulate --criteria mine.toml --against others.toml -c mine.toml --as-of {OLD} --json",
        lambda desk, r: [one["name"] for one in r.json["leaving"]] == ["Tiny"],
    ),
    case(
        f"report -c mine.toml --out report.html --since {OLD} --language es",
        lambda desk, r: 'lang="es"' in (desk.folder / "report.html").read_text(encoding="utf-8"),
    ),
    case("report -c mine.toml --out tables --format csv --json", lambda desk, r: list((desk.folder / "tables").glob("*.csv"))),
    case("status -c mine.toml --json", lambda desk, r: r.json["tiers"] == {"A": 2, "B": 1}),
    case("sync -c mine.toml --full --json", lambda desk, r: r.json["updated"] == 2, given=acme_and_tiny_change),
    case("undo RUN -c mine.toml --dry-run --json", lambda desk, r: len(r.json["changes"]) == 6 and desk.crm.tasks()),
    case("undo RUN -c mine.toml --yes --json", lambda desk, r: r.json["undoes"] and not desk.crm.tasks()),
)
# Typed where something serves until it is stopped, or where a vendor's own sandbox must answer: the tests at the end.
SANDBOX = (
    "sandbox --crm salesforce --port 0 --accounts 3 --opportunities 4 --tls --provisioned --daily-limit 770 --unlimited"
    " --write-config served.toml --json"
)
METADATA = "setup --config served.toml --metadata source --yes"
UNMAPPED = "mapping show --config served.toml --unmapped --json"
SHAPED = "sandbox --shape startup --port 0 --json"
DEMO = "demo --crm hubspot --serve"
CONSOLE = (
    "console --config served.toml --port PORT --host 127.0.0.1 --public-url http://accounts.example.com --read-only --language es"
)
SERVED = (SANDBOX, METADATA, UNMAPPED, SHAPED, DEMO, CONSOLE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.line.replace(" -c mine.toml", ""))
def test_an_option_does_what_it_says(desk: MemoryDesk, case: Case) -> None:
    case.given(desk)
    run_id = ids(desk.good("runs", *MINE, "--json"))[-1] if "RUN" in case.line else ""

    result = desk.run(*shlex.split(case.line.replace("RUN", run_id)))

    assert result.code == case.code, f"{result.out}\n{result.err}"
    assert case.holds(desk, result), f"{result.out}\n{result.err}"


def test_no_option_is_without_a_case() -> None:
    typed = {pair for line in (*SERVED, *(case.line for case in CASES)) for pair in options_typed(line)}

    lacking = [
        f"kamsync {path} {names[0]}"
        for path, command in every_command()
        for names in options_of(command)
        if not any((path, name) in typed for name in names)
    ]

    assert not lacking, f"no line of CASES in {Path(__file__).name} types: {'; '.join(lacking)}"


def every_command() -> Iterator[tuple[str, Any]]:
    """Each command, and each command of a group, by what is typed to reach it."""
    for name in commands():
        command = load_command(name)
        yield name, command
        yield from ((f"{name} {inner}", one) for inner, one in getattr(command, "commands", {}).items())


def options_of(command: Any) -> Iterator[list[str]]:
    """The spellings of each option, the long one first."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield [*parameter.opts, *parameter.secondary_opts]


def options_typed(line: str) -> Iterator[tuple[str, str]]:
    path, *rest = shlex.split(line)
    groups = dict(every_command())
    for word in rest:
        if f"{path} {word}" in groups:
            path = f"{path} {word}"
        elif word.startswith("-"):
            yield path, word


@contextmanager
def served(line: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A command that serves: the line that says so, and its JSON where that is asked for. It is stopped at the end."""
    command = [sys.executable, "-m", "kamsync", *shlex.split(line)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        try:
            waiting = next(said for said in process.stderr if "Ctrl-C" in said)
            yield waiting, _first_document(process.stdout) if "--json" in line else {}
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def _first_document(lines: Iterable[str]) -> dict[str, Any]:
    text = ""
    for line in lines:
        text += line
        if line == "}\n":
            break
    found: dict[str, Any] = json.loads(text)
    return found


def page(url: str, ca: str = "") -> str:
    with urllib.request.urlopen(url, timeout=10, context=ssl.create_default_context(cafile=ca) if ca else None) as answer:
        return str(answer.read().decode())


def test_a_sandbox_is_what_its_options_say_and_its_configuration_opens_it(tmp_path: Path) -> None:
    with served(SANDBOX, tmp_path) as (_, told):
        shown = page(told["url"], told["ca"])
        config = (tmp_path / "served.toml").read_text(encoding="utf-8")
        secrets = {name: told["settings"][key] for key, name in re.findall(r'(\w+) = \{ env = "(\w+)" \}', config)}
        environment = {**os.environ, **secrets}
        doctor, setup, unmapped = (
            run_command(shlex.split(line), tmp_path, environment) for line in ("doctor --config served.toml", METADATA, UNMAPPED)
        )

    assert told["crm"] == "salesforce" and told["url"].startswith("https://")
    assert shown.count("<tr") >= 3
    assert " of 770 " in doctor[1] and "KAM_Tier__c" not in doctor[1], doctor[1]
    assert setup[0] == 0, setup[1]
    assert list((tmp_path / "source").rglob("*.field-meta.xml"))
    assert unmapped[0] == 0 and "NPS__c" in {field["name"] for field in json.loads(unmapped[1])}


def test_a_console_is_what_its_options_say(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with served(SANDBOX, tmp_path) as (_, told):
        config = (tmp_path / "served.toml").read_text(encoding="utf-8")
        secrets = {name: told["settings"][key] for key, name in re.findall(r'(\w+) = \{ env = "(\w+)" \}', config)}
        environment = {**os.environ, **secrets}
        assert run_command(["pull", "--config", "served.toml"], tmp_path, environment)[0] == 0
        command = [sys.executable, "-m", "kamsync", *shlex.split(CONSOLE.replace("PORT", str(port)))]
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            address = process.stdout.readline().strip()
            browser = requests.Session()
            shown = browser.get(f"http://127.0.0.1:{port}/plan?{address.partition('?')[2]}", timeout=30)
            process.send_signal(signal.SIGINT)

    assert address.startswith("http://accounts.example.com/?token=")
    assert 'lang="es"' in shown.text and "solo lectura" in shown.text


def test_a_shape_is_served_as_a_company_of_its_kind(tmp_path: Path) -> None:
    with served(SHAPED, tmp_path) as (_, told):
        assert "<tr" in page(told["url"])


def test_the_demo_keeps_the_crms_page_up_where_it_is_told_to(tmp_path: Path) -> None:
    with served(DEMO, tmp_path) as (waiting, _):
        url = next(word for word in waiting.split() if word.startswith("http"))
        assert "HubSpot" in page(url) or "hubspot" in page(url)
