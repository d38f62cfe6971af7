"""What doctor finds, each with its mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kamsync.config.mapping import load_mapping
from kamsync.contract import DoctorRequest, Finding, PullRequest
from kamsync.model import Column, Stream

BASE = "https://acme.my.salesforce.com/services/data/v62.0"
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())


def a_field(name: str, **properties: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "updateable": True, "createable": True, **properties}


def healthy_fields() -> dict[str, list[dict[str, Any]]]:
    flags = [a_field(name) for name in MAPPING.flags.values()]
    key = a_field(MAPPING.task_key, unique=True, externalId=True)
    return {
        "Account": [a_field("Id"), a_field("Name"), *flags],
        "Opportunity": [a_field("Id"), a_field("Amount", type="currency")],
        "Task": [a_field("Id"), key],
        "Event": [a_field("Id")],
        "KAM_Lease__c": [a_field(f"KAM_{name}__c") for name in ("Key", "Run", "Machine", "Until")],
    }


def findings(
    org: Any, *, fields: dict[str, list[dict[str, Any]]] | None = None, hidden: tuple[str, ...] = (), **objects: Any
) -> list[Finding]:
    """Doctor's report on an org with these fields; `objects` change what describe says of an object itself."""
    for sobject, described in (fields or healthy_fields()).items():
        rights = {"createable": sobject == "Task", "updateable": sobject != "Opportunity", "deletable": sobject == "Task"}
        if sobject == "KAM_Lease__c":
            rights = dict.fromkeys(rights, True)
        answer = {"name": sobject, "queryable": True, **rights, "fields": described}
        org.mock.get(f"{BASE}/sobjects/{sobject}/describe", json=answer | objects.get(sobject, {}))
    org.mock.get("https://acme.my.salesforce.com/services/data", json=[{"version": "58.0"}, {"version": "62.0"}])
    known = [{"DeveloperName": name.removesuffix("__c")} for name in hidden]
    org.mock.get(f"{BASE}/tooling/query", json={"records": known})
    org.answers += [("Owner.IsActive = false", []), ("SELECT COUNT() FROM Account", [{"Id": "1"}])]
    columns = (Column("id", field="Id"), Column("name", field="Name"), *objects.get("columns", ()))
    request = DoctorRequest((PullRequest(Stream.ACCOUNTS, columns),), calls_needed=objects.get("calls_needed", 50))
    return list(org.connect().diagnose(request))


def bad(found: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in found if finding.status != "ok"}


def test_a_healthy_org_has_nothing_but_its_age_to_report(org: Any) -> None:
    found = findings(org)

    # The scripted answers are dated 2025, so the clock cannot agree.
    assert set(bad(found)) == {"clock"}
    assert "behind" in bad(found)["clock"].message or "ahead" in bad(found)["clock"].message


def test_a_mapped_field_that_is_hidden_is_told_apart_from_one_that_is_missing(org: Any) -> None:
    columns = (Column("nps", "number", "NPS__c"), Column("market", "boolean", "Market__c"))

    found = bad(findings(org, hidden=("NPS__c",), columns=columns))

    assert "hidden" in found["Account.NPS__c"].message and "Grant" in found["Account.NPS__c"].fix
    assert "does not exist" in found["Account.Market__c"].message and "mapping" in found["Account.Market__c"].fix


def test_before_setup_every_missing_field_points_to_it(org: Any) -> None:
    fields = healthy_fields()
    fields["Account"] = fields["Account"][:2]
    fields["Task"] = [a_field("Id")]

    found = bad(findings(org, fields=fields))

    assert {f"Account.{name}" for name in MAPPING.flags.values()} | {"task key"} <= set(found)
    assert all("kamsync setup" in found[f"Account.{name}"].fix for name in MAPPING.flags.values())


def test_flags_that_may_be_read_but_not_written_are_found(org: Any) -> None:
    fields = healthy_fields()
    fields["Account"] = [{**field, "updateable": not field["name"].startswith("KAM_Score")} for field in fields["Account"]]

    found = bad(findings(org, fields=fields))

    assert "KAM_Score__c" in found["flag fields"].message and found["flag fields"].status == "failed"


def test_a_user_who_may_not_write_tasks_is_found(org: Any) -> None:
    found = bad(findings(org, Task={"createable": False}))

    assert "may not create Task" in found["Task"].message


def test_too_few_calls_left_for_a_run_is_a_failure(org: Any) -> None:
    found = bad(findings(org, calls_needed=5_000))

    assert found["API calls"].status == "failed" and "api_budget_share" in found["API calls"].fix


def test_a_field_of_a_type_that_cannot_fit_is_a_warning(org: Any) -> None:
    fields = healthy_fields()
    fields["Account"].append(a_field("NPS__c", type="date"))

    found = bad(findings(org, fields=fields, columns=(Column("nps", "number", "NPS__c"),)))

    assert found["Account.NPS__c"].status == "warning" and "type" in found["Account.NPS__c"].message


@pytest.mark.parametrize(
    ("kind", "described", "is_told"),
    [
        ("date", {"type": "string"}, True),
        ("number", {"type": "textarea"}, True),
        ("boolean", {"type": "picklist", "picklistValues": [{"value": "Yes"}, {"value": "No"}]}, False),
        ("boolean", {"type": "picklist", "picklistValues": [{"value": "Yes"}, {"value": "Maybe"}]}, True),
        ("boolean", {"type": "double"}, True),
        ("date", {"type": "datetime"}, False),
        ("text", {"type": "double"}, False),
    ],
)
def test_a_field_that_need_not_hold_what_it_is_mapped_as_is_told(
    org: Any, kind: Any, described: dict[str, Any], is_told: bool
) -> None:
    fields = healthy_fields()
    fields["Account"].append(a_field("Own__c", **described))

    found = bad(findings(org, fields=fields, columns=(Column("own", kind, "Own__c"),)))

    assert ("Account.Own__c" in found) is is_told


def test_accounts_of_inactive_owners_are_counted(org: Any) -> None:
    org.says("Owner.IsActive = false", [{"Id": str(number)} for number in range(7)])

    found = bad(findings(org))

    assert "7 accounts" in found["owners"].message and "fallback_owner" in found["owners"].fix


@pytest.mark.parametrize(("restricted", "status"), [(True, "failed"), (False, "warning")])
def test_a_picklist_without_a_tier_is_found_before_it_refuses_one(org: Any, restricted: bool, status: str) -> None:
    fields = healthy_fields()
    choices = [{"value": "A", "active": True}, {"value": "B", "active": True}, {"value": "C", "active": False}]
    tier = a_field("KAM_Tier__c", type="picklist", picklistValues=choices, restrictedPicklist=restricted)
    fields["Account"] = [tier if field["name"] == "KAM_Tier__c" else field for field in fields["Account"]]

    found = bad(findings(org, fields=fields))

    assert found["tier values"].status == status and "no value C" in found["tier values"].message


def test_an_api_version_that_the_org_does_not_offer_is_found(org: Any) -> None:
    org.mock.get("https://acme.my.salesforce.com/services/data", json=[{"version": "61.0"}])

    found = bad(findings(org))

    assert 'api_version = "61.0"' in found["API version"].fix


def test_rights_that_the_program_never_uses_are_warned_of(org: Any) -> None:
    found = bad(findings(org, Account={"deletable": True}, Opportunity={"updateable": True}))

    told = found["too many rights"]
    assert told.status == "warning" and "delete Account, edit Opportunity records" in told.message and "for-admins" in told.fix
