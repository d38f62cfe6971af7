"""Owners, pipelines, currencies, segments and exports."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
import requests

LISTS = "/crm/v3/lists"


def _segment(name: str, field: str = "industry", *values: str) -> dict[str, Any]:
    operation = {
        "operationType": "ENUMERATION",
        "operator": "IS_ANY_OF",
        "values": [*values],
        "includeObjectsWithNoValueSet": False,
    }
    inner = {
        "filterBranchType": "AND",
        "filterBranchOperator": "AND",
        "filterBranches": [],
        "filters": [{"filterType": "PROPERTY", "property": field, "operation": operation}],
    }
    branch = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filters": [], "filterBranches": [inner]}
    return {"name": name, "objectTypeId": "0-2", "processingType": "DYNAMIC", "filterBranch": branch}


def test_archived_owners_lack_a_user_id(portal: Any) -> None:
    active = portal.get("/crm/v3/owners", archived="false")["results"]
    gone = portal.get("/crm/v3/owners", archived="true")["results"]

    assert [owner["email"] for owner in active] == ["ana@example.com", "ben@example.com"]
    assert all(str(owner["userId"]) != owner["id"] for owner in active)
    assert "userId" not in gone[0] and gone[0]["userIdIncludingInactive"] and gone[0]["archived"] is True


def test_owners_are_found_by_email_and_paged(portal: Any) -> None:
    assert len(portal.get("/crm/v3/owners", email="ben@example.com")["results"]) == 1
    first = portal.get("/crm/v3/owners", limit=1)
    rest = portal.get("/crm/v3/owners", limit=1, after=first["paging"]["next"]["after"])
    assert first["results"][0]["id"] < rest["results"][0]["id"] and "paging" not in rest


def test_a_second_pipeline_has_opaque_stages_with_won_and_lost(portal: Any) -> None:
    pipelines = portal.get("/crm/v3/pipelines/deals")["results"]

    assert [one["id"] for one in pipelines] == ["default", "75102841"]
    stages = {stage["id"]: stage["metadata"] for stage in pipelines[1]["stages"]}
    closed = [metadata for metadata in stages.values() if metadata["isClosed"] == "true"]
    assert sorted(metadata["probability"] for metadata in closed) == ["0.0", "1.0"] and all(one.isdigit() for one in stages)


def test_a_deleted_stage_leaves_its_deals_as_they_were(portal: Any) -> None:
    deals = "/crm/v3/objects/deals"
    won = [
        one["id"]
        for one in portal.get(deals, limit=100, properties="dealstage")["results"]
        if one["properties"]["dealstage"] == "closedwon"
    ]
    stage = "/crm/v3/pipelines/deals/default/stages/closedwon"

    assert portal.call("DELETE", stage, params={"validateReferencesBeforeDelete": "true"}).status_code == 400
    assert portal.call("DELETE", stage).status_code == 204
    stages = portal.get("/crm/v3/pipelines/deals")["results"][0]["stages"]
    assert "closedwon" not in [one["id"] for one in stages]
    left = portal.get(f"{deals}/{won[0]}", properties="dealstage,hs_is_closed_won")["properties"]
    assert (left["dealstage"], left["hs_is_closed_won"]) == ("closedwon", "true")
    assert portal.call("PATCH", f"{deals}/{won[0]}", {"properties": {"dealstage": "closedwon"}}).status_code == 400
    assert portal.call("DELETE", "/crm/v3/pipelines/deals/75102841").status_code == 204
    assert [one["id"] for one in portal.get("/crm/v3/pipelines/deals")["results"]] == ["default"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_portal_may_lack_a_feature(a_portal: Any, status: int) -> None:
    portal = a_portal(unavailable={"/crm/v3/lists": status, "/crm/v3/owners?archived=true": status})

    assert portal.call("GET", "/crm/v3/lists/object-type-id/0-2/name/X").status_code == status
    assert portal.call("GET", "/crm/v3/owners", params={"archived": "true"}).status_code == status
    assert portal.call("GET", "/crm/v3/owners").status_code == 200


def test_currencies_tell_the_rate_to_the_company_currency(portal: Any) -> None:
    rates = portal.get("/settings/v3/currencies/exchange-rates/current")["results"]

    assert [(one["fromCurrencyCode"], one["toCurrencyCode"], one["conversionRate"]) for one in rates] == [("USD", "BRL", 5.0)]
    assert portal.get("/settings/v3/currencies/company-currency")["currencyCode"] == "BRL"


def test_a_dynamic_segment_follows_the_companies(portal: Any) -> None:
    made = portal.post(LISTS, _segment("Banks", "industry", "BANKING"))["list"]
    assert made["size"] == 12

    portal.call("PATCH", "/crm/v3/objects/companies/1000000001", {"properties": {"industry": "INSURANCE"}})

    found = portal.get(f"{LISTS}/object-type-id/0-2/name/Banks")["list"]
    members = portal.get(f"{LISTS}/{made['listId']}/memberships", limit=5)
    assert found["listId"] == made["listId"] and found["size"] == 11
    assert members["results"][0]["recordId"] == "1000000002" and members["paging"]["next"]["after"] == "1000000006"


def test_a_segment_name_is_taken_once_and_free_after_deletion(portal: Any) -> None:
    made = portal.post(LISTS, _segment("Banks", "industry", "BANKING"))["list"]

    twin = portal.call("POST", LISTS, _segment("banks", "industry", "BANKING"))
    assert twin.status_code == 400 and twin.json()["subCategory"] == "ListError.DUPLICATE_LIST_NAMES"
    assert portal.post(f"{LISTS}/search", {"query": "ban"})["total"] == 1
    assert portal.call("DELETE", f"{LISTS}/{made['listId']}").status_code == 204
    assert portal.call("GET", f"{LISTS}/{made['listId']}").status_code == 404
    assert portal.call("POST", LISTS, _segment("Banks", "industry", "BANKING")).status_code == 200


def test_the_filters_of_a_segment_can_be_changed(portal: Any) -> None:
    made = portal.post(LISTS, _segment("Banks", "industry", "BANKING"))["list"]
    branch = _segment("", "industry", "INSURANCE")["filterBranch"]

    portal.call("PUT", f"{LISTS}/{made['listId']}/update-list-filters", {"filterBranch": branch})

    assert portal.get(f"{LISTS}/{made['listId']}", includeFilters="true")["list"]["filterBranch"] == branch
    assert portal.get(f"{LISTS}/{made['listId']}")["list"]["size"] == 0


@pytest.mark.parametrize("change", [{"filterBranch": None}, {"processingType": "MAGIC"}, {"objectTypeId": "9-9"}, {"name": ""}])
def test_a_segment_that_makes_no_sense_is_refused(portal: Any, change: dict[str, Any]) -> None:
    assert portal.call("POST", LISTS, {**_segment("Banks", "industry", "BANKING"), **change}).status_code == 400


def test_a_segment_on_an_unknown_property_is_refused(portal: Any) -> None:
    assert portal.call("POST", LISTS, _segment("X", "bogus", "1")).status_code == 400


def test_a_manual_segment_holds_what_was_added(portal: Any) -> None:
    made = portal.post(LISTS, {"name": "Mine", "objectTypeId": "0-2", "processingType": "MANUAL"})["list"]

    added = portal.call("PUT", f"{LISTS}/{made['listId']}/memberships/add", ["1000000001", "5"]).json()

    assert added["recordIdsAdded"] == ["1000000001"] and added["recordIdsMissing"] == ["5"]
    assert portal.get(f"{LISTS}/{made['listId']}")["list"]["size"] == 1


def test_an_export_is_made_later_one_at_a_time_and_its_file_needs_no_token(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(export_seconds=20, clock=lambda: now[0])
    wanted = {
        "exportType": "VIEW", "exportName": "all", "format": "CSV", "language": "EN", "objectType": "COMPANY",
        "objectProperties": ["name", "industry"], "exportInternalValuesOptions": ["NAMES", "VALUES"],
    }  # fmt: skip
    started = portal.call("POST", "/crm/v3/exports/export/async", wanted)
    status = f"/crm/v3/exports/export/async/tasks/{started.json()['id']}/status"

    assert started.status_code == 202 and portal.get(status)["status"] == "PROCESSING"
    assert portal.call("POST", "/crm/v3/exports/export/async", wanted).status_code == 409
    now[0] += 21
    done = portal.get(status)
    rows = list(csv.reader(io.StringIO(requests.get(done["result"], timeout=10).text)))
    assert rows[0] == ["hs_object_id", "name", "industry"] and len(rows) == 13
    now[0] += 301
    assert requests.get(done["result"], timeout=10).status_code == 403
