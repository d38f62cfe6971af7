"""Every option of every command is typed by somebody here, on a run that really happens, and does what it says.

One table: a command line, what must come of it. `test_no_option_is_without_a_case` reads the options of all commands and names
each that no line of the table types; a new option, or a new command, is a new line.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kamsync.cli.app import load_command
from kamsync.cli.command_list import commands
from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk, Result

TODAY = datetime.now(UTC).date()
PROGRAM = (
    TIERS_BY_POTENTIAL
    + """
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
"""
    + WELCOME
)
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


@pytest.fixture(scope="module")
def first_desk(tmp_path_factory: pytest.TempPathFactory) -> MemoryDesk:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return made_desk(tmp_path_factory.mktemp("desk"), monkeypatch)


@pytest.fixture
def desk(first_desk: MemoryDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    """Three key accounts and a small one, in the CRM and in the cache; their configuration is mine.toml."""
    return first_desk.twin(tmp_path, monkeypatch)


def made_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(folder, monkeypatch, PROGRAM, {"potential": "number"})
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
    case(
        f"calibrate -c mine.toml --criteria mine.toml --wanted growth --penalty 2 --fixed potential --as-of {OLD}"
        " --out there.toml --force --json",
        lambda desk, r: "three years are needed" in r.json["error"]["message"],  # tests/journeys/test_calibrate.py has them
        code=1,
    ),
    case("criteria -c ready.toml --json", lambda desk, r: [row["name"] for row in r.json if row["used"]] == ["balanced"]),
    case("criteria list -c ready.toml --json", lambda desk, r: [row["name"] for row in r.json if row["used"]] == ["balanced"]),
    case(
        "criteria suggest -c mine.toml --wanted authority --owners 2 --per-owner 3 --strategic-field Key__c --one-off --json",
        lambda desk, r: r.json["most"] == 6 and "Key__c" in str(r.json["reasons"]) and "authority" in str(r.json["reasons"]),
    ),
    case("criteria suggest -c mine.toml --recurring --wanted everything", says("Suggested: ")),
    case("criteria copy smb there.toml --force", writes("there.toml", "[[criteria]]")),
    case(
        f"criteria check others.toml -c mine.toml --as-of {OLD} --json",
        lambda desk, r: [one["criterion"] for one in r.json] == ["potential"],
    ),
    case("doctor -c mine.toml --json", lambda desk, r: any(one["message"].startswith("mine.toml is complete") for one in r.json)),
    case(
        "digest -c mine.toml --dry-run --owner Ana --json",
        lambda desk, r: [one["name"] for one in r.json["digests"]] == ["Ana"],
    ),
    case("digest -c mine.toml --preview digest.html", writes("digest.html", "Acme")),
    case(f"explain Acme -c mine.toml --as-of {OLD} --json", lambda desk, r: r.json["score"] == 45),
    case("facts -c mine.toml --json", lambda desk, r: "potential" in names(r)),
    case("forget Tiny -c mine.toml --yes --json", lambda desk, r: r.json["erased"]["accounts"] == 1),
    case("history Acme -c mine.toml --limit 1 --json", lambda desk, r: len(r.json) == 1, given=acme_and_tiny_change),
    case("history Acme -c mine.toml --figures --json", lambda desk, r: {one["figure"] for one in r.json} >= {"score", "revenue"}),
    case("account-plan Acme -c mine.toml --offline", says("Acme", "Tier")),
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
    case(
        "playbooks show welcome -c mine.toml --account Acme --json",
        lambda desk, r: "there already: open" in r.json["tasks"][0]["why_not"],
    ),
    case("playbooks copy onboarding there.toml --force", writes("there.toml", "[[playbooks]]")),
    case("pull -c mine.toml --full --json", lambda desk, r: r.json["rows"]["accounts"] == 4),
    case("run -c mine.toml --once --json", is_said_in_json("run_id", "api_calls", "stopped"), given=acme_and_tiny_change),
    case("run -c mine.toml --once", lambda desk, r: "run_id=" in r.err, given=acme_and_tiny_change),
    case("runs -c mine.toml --limit 1 --json", lambda desk, r: len(ids(r)) == 1, given=lambda desk: desk.good("sync", *MINE)),
    case("runs show RUN -c mine.toml --json", is_said_in_json("run_id", "writes")),
    case("runs show RUN -c mine.toml --format csv", lambda desk, r: r.out.splitlines()[0].count(",") > 4),
    case("service cron --config mine.toml", says("mine.toml")),
    case("setup -c mine.toml --dry-run --json", lambda desk, r: {step["status"] for step in r.json} == {"exists"}),
    case("simulate --criteria others.toml -c mine.toml --all", says("Tiny: none → A")),
    case("simulate --criteria others.toml -c mine.toml --limit 1", says("… and 1 more owner (--all shows them)")),
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
# Typed where something serves until it is stopped, or where a vendor's own sandbox must answer: tests/journeys/test_serving.py.
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
# Typed where PostgreSQL runs: tests/fleet/test_options.py.
FLEET = (
    "fleet init --fleet . --finish",
    "fleet worker --fleet fleet.toml",
    "fleet run acme --fleet . --wait --json",
    "fleet pause acme --fleet . --reason holidays",
    "fleet status --fleet . --all --json",
    "fleet resume acme --fleet .",
    "fleet logs acme --fleet . --limit 1 --json",
    "fleet logs acme --job JOB --json",
    "fleet logs acme --journal last --json",
    "console --config orgs/acme.toml --fleet . --port 0",
)
SERVED = (*FLEET, SANDBOX, METADATA, UNMAPPED, SHAPED, DEMO, CONSOLE)


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
