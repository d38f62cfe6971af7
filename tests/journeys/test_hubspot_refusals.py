"""Portals as they are: features that a plan lacks, stages that people deleted, tokens that no longer hold, nothing to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.journeys.conftest import Desk, Opener

ERROR = {"status": "error", "correlationId": "c0ffee"}


def call(desk: Desk, method: str, path: str, body: Any = None) -> Any:
    """As another program or a person would."""
    settings = desk.server.crm.settings(desk.server.base_url)
    answer = requests.request(
        method,
        desk.server.base_url + path,
        json=body,
        headers={"Authorization": f"Bearer {settings['access_token']}"},
        timeout=10,
    )
    answer.raise_for_status()
    return answer.json() if answer.content else {}


def tiers(desk: Desk) -> dict[str, str]:
    return {a.id: a.flags["tier"] for a in desk.server.crm.view.accounts(only_flagged=True, limit=1000)}


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("path", "said", "check"),
    [
        ("/settings/v3/currencies", "Exchange rates could not be read", "reading exchange rates"),
        ("/crm/v3/owners?limit=100&archived=True", "Owners who have left could not be read", "reading owners who have left"),
        ("/crm/v3/objects/emails", "so they count for nobody", "reading emails"),
        ("/crm/v3/pipelines", "Deals count by HubSpot's own marks alone", "pipelines"),
    ],
)
def test_a_read_that_the_portal_does_not_have_is_a_finding_and_not_the_end(
    open_desk: Opener, path: str, said: str, check: str, status: int
) -> None:
    desk = open_desk("hubspot", accounts=25, opportunities=150, unavailable={path: status})
    desk.begin("setup")
    pulled = desk.good("pull", "--json").json
    assert any(said in problem for problem in pulled["problems"]), pulled["problems"]
    desk.good("sync")
    assert tiers(desk)
    findings = {finding["check"]: finding for finding in desk.good("doctor", "--json").json}
    assert findings[check]["status"] == "warning" and findings[check]["fix"]


def test_tasks_that_may_not_be_read_do_not_end_a_plan(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=25, opportunities=150, unavailable={"/crm/v3/objects/tasks/search": 403})
    desk.begin("setup")
    pulled = desk.good("pull", "--json").json
    assert any("The tasks of this program could not be read" in problem for problem in pulled["problems"])
    desk.good("plan")


def test_lists_that_the_plan_lacks_are_named_by_setup_and_keep_nothing_else_from_being_made(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=25, opportunities=150, unavailable={"/crm/v3/lists": 403})
    steps = {step["name"]: step for step in desk.run("setup", "--json").json}
    assert steps["companies.kam_tier"]["status"] == steps["tasks.kam_task_key"]["status"] == "created"
    assert {step["status"] for step in steps.values() if step["kind"] == "view"} == {"failed"}
    desk.good("sync")


def test_deals_of_a_deleted_stage_count_as_their_own_marks_say_and_are_told(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=40, opportunities=300)
    desk.begin("setup", "sync")
    before = tiers(desk)
    call(desk, "DELETE", "/crm/v3/pipelines/deals/default/stages/closedwon")
    call(desk, "DELETE", "/crm/v3/pipelines/deals/75102841")
    pulled = desk.good("pull", "--full", "--json").json
    (told,) = (problem for problem in pulled["problems"] if "stage" in problem)
    count, first = int(told.split()[0]), told.split("the first: ")[1].split(")")[0]
    assert count > 1 and call(desk, "GET", f"/crm/v3/objects/deals/{first}")["id"] == first
    assert "Nothing to write" in desk.good("sync").out
    assert tiers(desk) == before


def test_a_portal_that_shows_no_company_says_which_right_that_may_be(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=0, opportunities=0)
    desk.begin("setup")
    (told,) = (problem for problem in desk.good("pull", "--json").json["problems"] if "company" in problem)
    assert "244100321" in told and "crm.objects.companies.read" in told
    result = desk.run("doctor", "--json")
    findings = {finding["check"]: finding for finding in result.json}
    assert result.code == 1 and findings["reading companies"]["status"] == "failed"
    assert "crm.objects.companies.read" in findings["reading companies"]["fix"]


@pytest.mark.parametrize(
    ("status", "body", "mend"),
    [
        (401, {"category": "INVALID_AUTHENTICATION", "message": "Authentication credentials not found."}, "copy the token"),
        (401, {"category": "EXPIRED_AUTHENTICATION", "message": "The OAuth token expired"}, "refresh_token"),
        (
            403,
            {
                "category": "MISSING_SCOPES",
                "message": "This app hasn't been granted all required scopes.",
                "errors": [{"message": "…", "context": {"requiredGranularScopes": ["oauth"]}}],
            },
            "Grant the app the scope oauth",
        ),
        (403, {"category": "USER_DOES_NOT_HAVE_PERMISSIONS", "message": "User does not have permissions"}, "super admin"),
        (403, {"message": "244100321 does not have access to this feature. Contact HubSpot support."}, "plan"),
        (403, {"message": "Forbidden"}, "app is active"),
        (429, {"message": "You have reached your daily limit.", "policyName": "DAILY", "errorType": "RATE_LIMIT"}, "midnight"),
    ],
)
def test_each_refusal_of_the_sign_in_has_its_own_mend(open_desk: Opener, status: int, body: dict[str, Any], mend: str) -> None:
    desk = open_desk("hubspot", accounts=2, opportunities=2)
    desk.server.faults.add("status", path="account-info/v3/details", status=status, body={**ERROR, **body}, times=None)
    result = desk.run("doctor", "--json")
    (finding,) = (finding for finding in result.json if finding["status"] == "failed")
    assert result.code == 1 and mend in finding["fix"]
    assert mend in desk.run("pull").err


def test_a_day_that_is_nearly_spent_is_no_question_of_access(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=2, opportunities=2, daily_limit=60)
    desk.run("setup")
    failed = [finding for finding in desk.run("doctor", "--json").json if finding["status"] == "failed"]
    assert any("midnight" in finding["fix"] or "api_budget_share" in finding["fix"] for finding in failed)
    assert not any("Grant" in finding["fix"] for finding in failed)


def test_doctor_compares_the_type_of_each_property_with_what_is_written_and_mapped(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=5, opportunities=5)
    plain = {"type": "string", "fieldType": "text", "groupName": "companyinformation"}
    for name in ("kam_score", "answer"):
        call(desk, "POST", "/crm/v3/properties/companies", {**plain, "name": name, "label": name})
    desk.good("setup")
    shipped = (Path(__file__).parents[2] / "mappings" / "hubspot.toml").read_text()
    answer = '[account.answer]\nfield = "answer"\ntype = "boolean"\n\n[opportunity]'
    (desk.folder / "own.toml").write_text(shipped.replace("[opportunity]", answer, 1))
    desk.edit_config('mapping = "hubspot"', 'mapping = "own.toml"')
    desk.edit_config('eligible = "won_count_total > 0"', 'eligible = "answer OR won_count_total > 0"')
    result = desk.run("doctor", "--json")
    found = {finding["check"]: finding["message"] for finding in result.json if finding["status"] != "ok"}
    assert "score is a number, but kam_score is of type string" in found["companies.kam_score"]
    assert "answer is mapped as boolean, but answer is of type string" in found["companies.answer"]


def test_an_address_with_a_path_is_refused_before_anything_is_sent(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=2, opportunities=2)
    desk.edit_config(desk.server.base_url, desk.server.base_url + "/crm/v3")
    result = desk.run("pull")
    assert result.code == 2 and "base_url" in result.err and not desk.server.requests
