"""`kamsync account-plan`: one page of everything, in the programme's language, in which a CRM's text stays text."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import time_machine

from kamsync.cli.command_list import commands
from kamsync.model import PlanMapping, Stream
from kamsync.model.exchange import Measure, Objective
from kamsync.testing.memory import mapping_text
from tests.run.memory_desk import MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = """
[program]
currency = "EUR"
language = "{language}"
contacts = "always"
playbooks = ["onboarding", "white-space-review", "sponsor-gap"]
[guard]
first_run = "go"
max_changed_share = 1
[[tiers]]
name = "A"
label = "Strategic"
enter = 50
[[tiers]]
name = "B"
enter = 10
[[criteria]]
name = "satisfied"
axis = "strength"
goal = "retention"
weight = 1
value = "nps"
scale = {{ linear = [0, 100] }}
[[criteria]]
name = "size"
axis = "attractiveness"
goal = "expansion"
weight = 1
value = "won_amount_12m"
scale = {{ linear = [0, 1000] }}
"""
GOALS = """
[goals]
retention = {{ kpi = "satisfaction", target = 50 }}
expansion = {{ kpi = "growth", target = 0.1 }}
"""
NAME = "Zuleika Dobson-Quux"
EVIL = "<script>alert(1)</script> [x](http://evil.example) | `a` *b* =1+1 <!channel> {{ 7*7 }}"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def tags_of(page: str) -> list[str]:
    reader = Tags()
    reader.feed(page)
    return reader.tags


def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch, language: str = "en") -> MemoryDesk:
    """Two accounts; the first with everything that its page shows."""
    desk = MemoryDesk(folder, monkeypatch, PROGRAM.format(language=language), {"nps": "number"})
    crm = desk.crm
    ana = crm.add_owner("Ana", "ana@example.com")
    acme = crm.add_account("Acme", owner_id=ana, nps=80.0)
    other = crm.add_account("Other", owner_id=ana, nps=20.0)
    for account, family in ((acme, "Pumps"), (other, "Valves"), (other, "Seals")):
        won = crm.add_opportunity(account, date(2026, 1, 5), 600.0)
        crm.win(won, date(2026, 1, 5))
        crm.add_line_item(won, family)
    offered = crm.add_opportunity(acme, date(2026, 5, 4), 12_500.0, name="Valves for the plant")
    crm.add_line_item(offered, "Valves")
    crm.add_contact(acme, roles="champion", name=NAME, title="Head of plants")
    return desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    return a_desk(tmp_path, monkeypatch)


def on(day: int) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day), tick=True)


def test_the_page_holds_standing_reasons_goals_white_space_deals_people_tasks_and_risks(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        page = desk.good("account-plan", "Acme").out
    said = page.replace("\\", "")
    assert said.startswith("# Account plan: Acme\n")
    assert "| Tier | Strategic since Mar 2, 2026 |" in said and "| Owner | Ana |" in said
    assert "| Keep | 80.0 | 50.0 |" in said
    assert "| Pumps | bought |  |  |" in said and "| Seals | never | 1/2 | EUR 600 |" in said
    assert "| Valves | in an open opportunity | 1/2 | EUR 600 |" in said
    assert "It keeps tier A down to a score of 50.0." in said
    assert "| Valves for the plant | €12,500 | May 4, 2026 |" in said
    assert "Somebody is noted as champion." in said and "Nobody is noted as executive sponsor." in said
    assert len(re.findall(r"^\| [^|]+ \| Mar \d+, 2026 \| Ana \|$", said, re.M)) >= 1


@pytest.mark.parametrize(("language", "title", "gap"), [
    ("pt_BR", "Plano da conta", "Ninguém está registrado como patrocinador executivo."),
    ("es", "Plan de la cuenta", "Nadie figura como patrocinador ejecutivo."),
])  # fmt: skip
def test_the_page_speaks_the_programmes_language(
    language: str, title: str, gap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, monkeypatch, language)
    with on(0):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
    assert said.startswith(f"# {title}: Acme\n") and gap in said
    assert not [word for word in ("Owner", "Why", "Open tasks", "Risks", "unknown") if word in said]


def test_figures_are_compared_with_what_they_were_and_are_not_known_before(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        assert "| Satisfaction | not known | 80 |" in desk.good("account-plan", "Acme").out.replace("\\", "")
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    desk.crm.edit_account(acme, nps=60.0)
    with on(100):
        desk.good("sync")
        assert "| Satisfaction | 80 | 60 |" in desk.good("account-plan", "Acme").out.replace("\\", "")


def test_a_goal_with_a_target_says_whether_the_account_and_the_portfolio_meet_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM.format(language="en") + GOALS.format(), {"nps": "number"})
    for name, nps in (("Acme", 80.0), ("Bolt", 70.0), ("Ceta", 20.0)):
        account = desk.crm.add_account(name, nps=nps)
        desk.crm.win(desk.crm.add_opportunity(account, date(2026, 1, 5), 900.0), date(2026, 1, 5))
    with on(0):
        desk.good("sync")
    acme = next(one for one in desk.crm.accounts() if one.get("name") == "Acme")
    desk.crm.edit_account(acme.id, nps=40.0)
    with on(100):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
        page = desk.good("account-plan", "Acme", "--json").json
        desk.good("report", "--format", "csv", "--out", "tables")
        monkeypatch.setitem(sys.modules, "kamsync.report.charts.gallery", None)  # its pictures take seconds and show no targets
        desk.good("report", "--out", "report.html", "--language", "es")
    assert "| Keep | Satisfaction | 50 | 80 | 40 | no | 40; 1/3 |" in said
    assert "| Grow | Growth on the year before | 10% | not known | not known | not known | not known; 0/0 |" in said
    assert page["targets"][0] == {
        "goal": "retention", "kpi": "satisfaction", "target": 50.0, "now": 40.0, "before": 80.0, "met": False,
        "key_accounts": {"median": 40.0, "before": 70.0, "reached": 1, "known": 3},
    }  # fmt: skip
    rows = (desk.folder / "tables" / "goals.csv").read_text(encoding="utf-8").splitlines()
    assert rows[1] == "retention,satisfaction,50.0,40.0,70.0,target_missed,1,3"
    html = (desk.folder / "report.html").read_text(encoding="utf-8")
    assert "<td>Conservar</td><td>Satisfacción</td>" in html and "<td>no cumplida</td>" in html


def test_whatever_the_crm_calls_things_the_page_runs_and_links_nothing_of_it(desk: MemoryDesk) -> None:
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    desk.crm.edit_account(acme, name=EVIL)
    deals = desk.crm.records.living(Stream.OPPORTUNITIES)
    next(one for one in deals if one.get("name") == "Valves for the plant").values["name"] = EVIL
    with on(0):
        desk.good("sync")
        markdown = desk.good("account-plan", acme).out
        desk.good("account-plan", acme, "--format", "html", "--out", "plan.html")
    html = (desk.folder / "plan.html").read_text(encoding="utf-8")
    parsed = Tags()
    parsed.feed(html)
    assert "script" not in parsed.tags and not [link for link in parsed.links if "evil" in link]
    assert "&lt;script&gt;" in html and 'role="img"' in html and "default-src 'none'" in html
    assert "49" not in re.sub(r"\d{3,}", "", markdown.split("\n")[0])
    assert not re.search(r"(?<!\\)[<`*\[|]", markdown.split("\n")[0].replace("# ", "", 1))


def test_machines_read_the_same_page(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        page = desk.good("account-plan", "Acme", "--json").json
        desk.good("account-plan", "Acme", "--format", "json", "--out", "plan.json")
    assert (page["version"], page["decision"]["tier"], page["white_space"]["Valves"]) == (1, "A", "open")
    assert page["people"] == {
        "known": 1,
        "roles": {"sponsor": False, "decision_maker": False, "champion": True},
        "persons": [{"name": NAME, "title": "Head of plants", "roles": ["champion"]}],
        "trouble": "",
    }
    assert (desk.folder / "plan.json").stat().st_mode & 0o077 == 0


def test_what_would_change_the_tier_and_when_it_is_reviewed_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM.format(language="en") + "[review]\nmonths = [2, 9]\n", {"nps": "number"})
    acme = desk.crm.add_account("Acme", nps=30.0)
    desk.crm.win(desk.crm.add_opportunity(acme, date(2026, 1, 5), 300.0), date(2026, 1, 5))
    with on(0):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
    assert "20.0 points are missing for tier A." in said and "satisfied could bring up to 35.0 points more." in said
    assert "| Next review of tiers | Sep 1, 2026 |" in said


def test_the_picture_names_the_quarters_and_an_opportunity_past_its_date_is_a_risk(desk: MemoryDesk) -> None:
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    desk.crm.add_opportunity(acme, date(2026, 2, 1), 100.0, name="Forgotten")
    with on(0):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
        desk.good("account-plan", "Acme", "--format", "html", "--out", "plan.html")
    assert "Open opportunities whose close date has passed: 1." in said
    html = (desk.folder / "plan.html").read_text(encoding="utf-8")
    assert all(f">{name}</text>" in html for name in ("Key", "Development", "Maintenance", "Opportunistic"))


def test_names_are_read_as_the_page_is_made_and_kept_nowhere(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        assert f"| {NAME} | Head of plants | champion |" in desk.good("account-plan", "Acme").out.replace("\\", "")
        person = desk.crm.contacts(next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme"))[0].id
        desk.crm.edit_contact(person, name="Her Successor", roles="sponsor")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
    assert "| Her Successor | Head of plants | executive sponsor |" in said and "Nobody is noted as champion." in said
    kept = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert b"Dobson" not in kept and b"Successor" not in kept


def test_where_the_crm_does_not_tell_who_they_are_the_page_comes_without_names_and_says_so(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        desk.crm.faults.add("raise", call="fetch_people")
        refused = desk.good("account-plan", "Acme").out.replace("\\", "")
        desk.crm.token, asked = "another", desk.crm.calls
        locked = desk.good("account-plan", "Acme").out.replace("\\", "")
        offline = desk.good("account-plan", "Acme", "--offline").out.replace("\\", "")
    assert "The CRM did not tell who they are: The CRM is down (fetch_people)." in refused
    assert "The CRM did not tell who they are: The token does not open" in locked
    for page in (refused, locked, offline):
        assert "Dobson" not in page and "People known: 1." in page and "Nobody is noted as executive sponsor." in page
    assert "did not tell" not in offline and desk.crm.calls == asked


def test_who_has_left_is_not_among_the_people(desk: MemoryDesk) -> None:
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    gone = desk.crm.add_contact(acme, roles="sponsor", name="Old Sponsor")
    desk.crm.edit_contact(gone, left_date=date(2026, 3, 1))
    with on(0):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
    assert "Old Sponsor" not in said and "Nobody is noted as executive sponsor." in said


def test_an_account_that_nobody_knows_is_told(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        assert desk.run("account-plan", "Nobody").code == 2
    assert "account-plan" in commands()


OWN_PLAN = PlanMapping({"customer_goals": "wants", "our_objectives": "ours"}, account_plans=True)


def with_goals(desk: MemoryDesk) -> str:
    """The desk's first account with goals that people keep; its id."""
    (desk.folder / "memory.toml").write_text(mapping_text({"nps": "number"}, plan=OWN_PLAN), encoding="utf-8")
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    desk.crm.edit_account(acme, wants=f"Two plants in Peru\n{EVIL}", ours="<p>Frame contract by May</p><p>One reference</p>")
    measure = Measure("Won a year", "currency", "50000", "12400")
    visits = Measure("Visits", "number", "4", "1.5")
    desk.crm.objectives[acme] = [
        Objective("Grow in valves", "in_progress", None, date(2026, 12, 31), "", (measure, visits)),
        Objective("Be heard", "Parked by legal"),
    ]
    return acme


def test_the_page_shows_the_customers_goals_and_our_objectives_as_people_keep_them(desk: MemoryDesk) -> None:
    with_goals(desk)
    with on(0):
        desk.good("sync")
        said = desk.good("account-plan", "Acme").out.replace("\\", "")
        page = desk.good("account-plan", "Acme", "--format", "html").out
        held = desk.good("account-plan", "Acme", "--json").json
    assert "## The customer's own goals\n\n- Two plants in Peru\n" in said
    assert "- Frame contract by May\n- One reference\n" in said
    assert "| Grow in valves | in progress | Dec 31, 2026 | Won a year | €50,000 | €12,400 |" in said
    assert "|  |  |  | Visits | 4 | 1.5 |" in said and "| Be heard | Parked by legal |" in said
    assert "script" not in set(tags_of(page)) and "&lt;script&gt;" in page
    assert held["customer_goals"][0] == {"heading": "", "text": "Two plants in Peru"}
    assert held["objectives"]["records"][0]["measures"][0]["target"] == "50000"


def test_goals_that_people_keep_are_stored_nowhere(desk: MemoryDesk) -> None:
    with_goals(desk)
    with on(0):
        desk.good("sync")
        desk.good("account-plan", "Acme")
    for path in desk.folder.glob("kamsync.db*"):
        assert b"plants in Peru" not in path.read_bytes() and b"Grow in valves" not in path.read_bytes()
    with on(0):
        assert "Peru" not in desk.good("account-plan", "Acme", "--offline").out


def test_a_crm_that_refuses_the_goals_is_no_reason_for_a_page_not_to_come(desk: MemoryDesk) -> None:
    with_goals(desk)
    with on(0):
        desk.good("sync")
        desk.crm.faults.add("raise", call="fetch_goals")
        said = desk.good("account-plan", "Acme").out
    assert "The CRM did not tell all of it" in said and NAME in said
