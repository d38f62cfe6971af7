"""The customer's own goals and ours, kept by people in the CRM, on the plan's page: on both CRMs over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kamsync_salesforce.sandbox.writes import Writer
from tests.journeys.conftest import Desk, Opener

HOSTILE = "<script>alert(1)</script> =1+1 <!channel>"
PLAN = "[plan]\ncustomer_goals = {goals!r}\nour_objectives = {ours!r}\naccount_plans = {plans}\n\n[task]"


def map_goals(desk: Desk, crm: str, *, goals: str, ours: str, plans: str = "false") -> None:
    """A mapping file of one's own with a [plan] table, as an admin writes it."""
    desk.good("mapping", "copy", "own.toml")
    mapping = desk.folder / "own.toml"
    text = mapping.read_text(encoding="utf-8").replace("[plan]\n", "", 1)
    mapping.write_text(text.replace("[task]", PLAN.format(goals=goals, ours=ours, plans=plans)), encoding="utf-8")
    desk.edit_config(f'mapping = "{crm}"', 'mapping = "own.toml"')


@pytest.mark.parametrize(("crm", "goals", "ours"), [("salesforce", "Description", "Website"), ("hubspot", "description", "city")])
def test_texts_that_people_keep_on_the_account_are_on_its_page(open_desk: Opener, crm: str, goals: str, ours: str) -> None:
    desk = open_desk(crm, accounts=6, opportunities=30)
    map_goals(desk, crm, goals=goals, ours=ours)
    desk.good("pull")
    account = desk.look("accounts", "--json").json[0]["id"]
    sandbox: Any = desk.server.crm
    if crm == "salesforce":
        sandbox.org.db.execute(
            "UPDATE Account SET Description = ?, Website = ? WHERE Id = ?", (f"Peru\n{HOSTILE}", "Two plants", account)
        )
    else:
        table = sandbox.portal.tables["companies"]
        sandbox.portal.update(table, table.find(account), {"description": f"Peru\n{HOSTILE}", "city": "Two plants"})
    shown = desk.good("account-plan", account).out.replace("\\", "")
    assert f"## The customer's own goals\n\n- Peru\n- {HOSTILE}\n" in shown and "## Our objectives\n\n- Two plants\n" in shown
    assert "<script>alert" not in desk.good("account-plan", account, "--format", "html").out


def test_account_plans_of_people_are_on_the_page_with_their_measures(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=6, opportunities=30, account_plans=True)
    map_goals(desk, "salesforce", goals="Description", ours="Website", plans="true")
    told = {step["name"]: step["status"] for step in desk.good("setup", "--json").json}
    assert told["Key account management: agent: AccountPlan"] == "created"
    assert "Account Plans can be read and written." in desk.run("doctor").out
    desk.good("pull")
    account = desk.look("accounts", "--json").json[0]["id"]
    keep_a_plan(desk, account)
    shown = desk.good("account-plan", account).out
    assert "- Vision: First in Peru\n" in shown
    assert "| Two more plants | in progress | Dec 31, 2027 | Plants | 4 | 2 |" in shown.replace("\\", "")


def test_an_org_without_account_plans_is_told_so_and_its_pages_come_all_the_same(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=6, opportunities=30)
    map_goals(desk, "salesforce", goals="Description", ours="Nothing_Here__c", plans="true")
    steps = desk.run("setup", "--json").json
    assert [step["name"].rpartition(" ")[2] for step in steps if step["status"] == "failed"] == [
        "AccountPlan", "AccountPlanObjective", "AccountPlanObjectiveMeasure",
    ]  # fmt: skip
    doctor = desk.run("doctor").out
    assert "Account Plans are not there for our user" in doctor and "Nothing_Here__c" in doctor
    desk.good("pull")
    shown = desk.good("account-plan", desk.look("accounts", "--json").json[0]["id"])
    assert "The CRM did not tell all of it" in shown.out and "## Risks" in shown.out


def test_hubspot_has_no_account_plans_and_says_so(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=6, opportunities=30)
    map_goals(desk, "hubspot", goals="description", ours="city", plans="true")
    refused = desk.run("pull")
    assert refused.code == 2 and "HubSpot has no object for the plans of a company" in refused.err


def keep_a_plan(desk: Desk, account: str) -> None:
    """A person's plan of the account, with an objective and a measure."""
    sandbox: Any = desk.server.crm
    org = sandbox.org
    owner = org.db.execute("SELECT OwnerId FROM Account WHERE Id = ?", (account,)).fetchone()[0]
    writer = Writer(org, owner)
    plan = writer.create(
        org.objects["accountplan"], {"Name": "Acme 2027", "AccountId": account, "AccountVision": "First in Peru"}
    )
    objective = writer.create(
        org.objects["accountplanobjective"],
        {"AccountPlanId": plan, "Name": "Two more plants", "Status": "In Progress", "EndDate": "2027-12-31"},
    )
    measure = {"AccountPlanObjectiveId": objective, "Name": "Plants", "ValueType": "Number"}
    writer.create(org.objects["accountplanobjectivemeasure"], {**measure, "TargetValue": "4", "CurrentValue": "2"})


GOALS = """
[goals]
retention = { kpi = "revenue", target = 50000 }
expansion = { kpi = "growth", target = 0.1 }

[guard]
"""


def plans_of(desk: Desk) -> list[tuple[str, str, str]]:
    """Our plans as the CRM holds them: id, account, text."""
    sandbox: Any = desk.server.crm
    rows = sandbox.org.db.execute("SELECT Id, AccountId, Notes FROM AccountPlan WHERE Notes LIKE '%kamsync plan %' ORDER BY Id")
    return [tuple(row) for row in rows]


def text_of(desk: Desk, plan: str) -> str:
    return next(text for one, _, text in plans_of(desk) if one == plan)


def objectives_of(desk: Desk, plan: str) -> dict[str, tuple[str, ...]]:
    """By name: status, unit, target, current value."""
    sandbox: Any = desk.server.crm
    rows = sandbox.org.db.execute(
        "SELECT o.Name, o.Status, m.ValueType, m.TargetValue, m.CurrentValue FROM AccountPlanObjective o"
        " JOIN AccountPlanObjectiveMeasure m ON m.AccountPlanObjectiveId = o.Id WHERE o.AccountPlanId = ?",
        (plan,),
    )
    return {name: tuple(said) for name, *said in rows}


def a_desk_with_plans(open_desk: Opener, **vendor: Any) -> Desk:
    desk = open_desk("salesforce", accounts=30, opportunities=150, **{"account_plans": True, **vendor})
    map_goals(desk, "salesforce", goals="Description", ours="Website", plans="true")
    desk.edit_config("[guard]\n", "[plans]\nnote = true\n" + GOALS)
    desk.run("setup", "--yes")
    return desk


def execute(desk: Desk, sql: str, *values: object) -> None:
    """What a person does in the CRM."""
    sandbox: Any = desk.server.crm
    sandbox.org.db.execute(sql, values)


def win_more(desk: Desk, account: str) -> None:
    """Something that every plan of the account tells."""
    sandbox: Any = desk.server.crm
    owner = sandbox.org.db.execute("SELECT OwnerId FROM Account WHERE Id = ?", (account,)).fetchone()[0]
    day = (datetime.now(UTC).date() + timedelta(days=40)).isoformat()
    deal = {"Name": "More pumps", "AccountId": account, "CloseDate": day, "StageName": "Prospecting", "Amount": 5000}
    Writer(sandbox.org, owner).create(sandbox.org.objects["opportunity"], deal)


def test_the_plan_is_kept_as_an_account_plan_with_the_programmes_goals_and_then_there_is_nothing_to_do(open_desk: Opener) -> None:
    desk = a_desk_with_plans(open_desk)
    assert "failed" not in desk.good("doctor", "--json").out
    desk.good("apply", "--yes")
    flagged = {one["id"] for one in desk.look("accounts", "--json").json if one["tier"]}
    plans = plans_of(desk)
    assert {account for _, account, _ in plans} == flagged and len(plans) == len(flagged) > 2
    assert "• Tier: " in plans[0][2] and "<p>" not in plans[0][2] and "kamsync objectives" not in plans[0][2]
    goals = objectives_of(desk, plans[0][0])
    assert {name: (unit, target) for name, (_, unit, target, _) in goals.items()} == {
        "Keep: Revenue, 12 months": ("Currency", "50000"),
        "Grow: Growth on the year before": ("Percent", "10"),
    }
    assert desk.good("plan", "--json").json["changes"] == []
    before = desk.server.calls()
    desk.good("sync")
    assert desk.server.calls() - before <= 14
    for path in desk.folder.glob("kamsync.db*"):
        path.unlink()
    assert desk.good("plan", "--json").json["changes"] == []
    win_more(desk, plans[0][1])
    assert "1 note written" in desk.good("sync").out
    assert len(plans_of(desk)) == len(plans) and "More pumps" in text_of(desk, plans[0][0])
    assert objectives_of(desk, plans[0][0]) == goals


def test_what_people_do_to_a_plan_and_its_objectives_is_theirs(open_desk: Opener) -> None:
    desk = a_desk_with_plans(open_desk)
    desk.good("apply", "--yes")
    (first, account, _), (second, other, text), *_ = plans_of(desk)
    keep, grow = "Keep: Revenue, 12 months", "Grow: Growth on the year before"
    execute(desk, "UPDATE AccountPlanObjective SET Name = 'Keep them' WHERE AccountPlanId = ? AND Name = ?", first, keep)
    execute(desk, "DELETE FROM AccountPlanObjective WHERE AccountPlanId = ? AND Name = ?", first, grow)
    theirs = text.replace("Tier", "Tier (ask Zoe)", 1)
    execute(desk, "UPDATE AccountPlan SET Notes = ? WHERE Id = ?", theirs, second)
    for one in (account, other):
        win_more(desk, one)
    said = desk.good("sync").out
    assert "a person edited the account plan's note" in said
    assert text_of(desk, second) == theirs and "More pumps" in text_of(desk, first)
    assert set(objectives_of(desk, first)) == {"Keep them"}


def test_undo_takes_account_plans_away_and_gives_older_ones_their_words_back(open_desk: Opener) -> None:
    desk = a_desk_with_plans(open_desk)
    desk.good("apply", "--yes")
    before, (plan, account, _) = plans_of(desk), plans_of(desk)[0]
    goals = objectives_of(desk, plan)
    win_more(desk, account)
    desk.good("sync")
    runs = desk.look("runs", "--json").json
    desk.good("undo", runs[0]["run_id"], "--yes")
    assert plans_of(desk) == before and objectives_of(desk, plan) == goals
    desk.good("undo", runs[-1]["run_id"], "--yes")
    assert plans_of(desk) == [] and objectives_of(desk, plan) == {}


def test_without_account_plans_the_plan_is_a_note(open_desk: Opener) -> None:
    desk = a_desk_with_plans(open_desk, account_plans=False)
    assert "plans are kept as notes instead" in desk.run("doctor").out
    desk.good("apply", "--yes")
    sandbox: Any = desk.server.crm
    assert sandbox.org.db.execute("SELECT count(*) FROM ContentNote").fetchone()[0] > 2
    planned = desk.good("plan", "--json").json
    assert planned["changes"] == [] and len([one for one in planned["problems"] if "kept as notes instead" in one]) == 1
