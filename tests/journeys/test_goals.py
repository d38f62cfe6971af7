"""The customer's own goals and ours, kept by people in the CRM, on the plan's page: on both CRMs over HTTP."""

from __future__ import annotations

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
    account = desk.good("accounts", "--json").json[0]["id"]
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
    account = desk.good("accounts", "--json").json[0]["id"]
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
    shown = desk.good("account-plan", desk.good("accounts", "--json").json[0]["id"])
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
