"""Single records over plain HTTP: what anybody with curl would see."""

from __future__ import annotations

from typing import Any

import pytest

FIRST, SECOND, THIRD = "1000000001", "1000000002", "1000000003"


def test_pages_follow_the_cursor_to_the_end_in_id_order(portal: Any) -> None:
    ids: list[str] = []
    after = ""
    while True:
        page = portal.get("/crm/v3/objects/companies", limit=5, **({"after": after} if after else {}))
        ids += [record["id"] for record in page["results"]]
        if "paging" not in page:
            break
        after = page["paging"]["next"]["after"]

    assert ids == sorted(ids) and len(ids) == 12


def test_the_next_link_points_at_the_public_host(portal: Any) -> None:
    page = portal.get("/crm/v3/objects/companies", limit=5)

    assert page["paging"]["next"]["link"].startswith("https://api.hubapi.com/crm/v3/objects/companies?")


def test_a_page_holds_at_most_a_hundred_and_fifty_with_history(portal: Any) -> None:
    assert portal.call("GET", "/crm/v3/objects/companies?limit=101").status_code == 400
    assert portal.call("GET", "/crm/v3/objects/companies?limit=51&propertiesWithHistory=name").status_code == 400
    assert portal.call("GET", "/crm/v3/objects/companies?limit=50&propertiesWithHistory=name").status_code == 200


def test_values_are_text_absent_ones_null_and_unknown_names_left_out(portal: Any) -> None:
    properties = portal.get(f"/crm/v3/objects/companies/{FIRST}", properties="nps,phone,strategic_market,bogus")["properties"]

    assert properties["nps"] == "1" and properties["strategic_market"] == "false"
    assert properties["phone"] is None
    assert "bogus" not in properties
    assert {"createdate", "hs_lastmodifieddate", "hs_object_id"} <= set(properties)


def test_object_types_go_by_name_number_singular_and_plural(portal: Any) -> None:
    for name in ("companies", "company", "0-2"):
        assert portal.get(f"/crm/v3/objects/{name}/{FIRST}")["id"] == FIRST

    answer = portal.call("GET", "/crm/v3/objects/klingons")
    assert answer.status_code == 400 and answer.json()["message"] == "Unable to infer object type from: klingons"


def test_a_date_versioned_path_answers_as_the_older_one(portal: Any) -> None:
    assert portal.get(f"/crm/objects/2026-03/companies/{FIRST}")["id"] == FIRST
    assert len(portal.get("/crm/owners/2026-03")["results"]) == 2
    assert portal.get("/account-info/2026-03/details")["companyCurrency"] == "BRL"


def test_an_unknown_record_is_not_found_but_deleting_it_succeeds(portal: Any) -> None:
    assert portal.call("GET", "/crm/v3/objects/companies/999").json()["category"] == "OBJECT_NOT_FOUND"
    assert portal.call("PATCH", "/crm/v3/objects/companies/999", {"properties": {"name": "x"}}).status_code == 404
    assert portal.call("DELETE", "/crm/v3/objects/companies/999").status_code == 204


def test_writing_moves_the_stamp_and_an_empty_text_clears(portal: Any) -> None:
    before = portal.get(f"/crm/v3/objects/companies/{FIRST}", properties="city")

    portal.call("PATCH", f"/crm/v3/objects/companies/{FIRST}", {"properties": {"city": ""}})

    after = portal.get(f"/crm/v3/objects/companies/{FIRST}", properties="city")
    assert before["properties"]["city"] == "São Paulo" and after["properties"]["city"] is None
    assert after["updatedAt"] > before["updatedAt"] and after["properties"]["hs_lastmodifieddate"] == after["updatedAt"]


def test_a_contact_carries_its_own_change_stamp(portal: Any) -> None:
    properties = portal.get("/crm/v3/objects/contacts/2000000001")["properties"]

    assert "lastmodifieddate" in properties and "hs_lastmodifieddate" not in properties


def test_history_tells_earlier_values(portal: Any) -> None:
    portal.call("PATCH", f"/crm/v3/objects/companies/{FIRST}", {"properties": {"city": "Santos"}})

    record = portal.get(f"/crm/v3/objects/companies/{FIRST}", propertiesWithHistory="city")

    assert [entry["value"] for entry in record["propertiesWithHistory"]["city"]] == ["Santos", "São Paulo"]


def test_an_archived_record_leaves_the_list_and_stays_readable_as_archived(portal: Any) -> None:
    portal.call("DELETE", f"/crm/v3/objects/companies/{FIRST}")

    live = portal.get("/crm/v3/objects/companies", limit=100)["results"]
    gone = portal.get("/crm/v3/objects/companies", limit=100, archived="true")["results"]
    assert FIRST not in [record["id"] for record in live]
    assert [(record["id"], record["archived"]) for record in gone] == [(FIRST, True)] and "archivedAt" in gone[0]
    assert portal.call("GET", f"/crm/v3/objects/companies/{FIRST}").status_code == 404
    assert portal.call("GET", f"/crm/v3/objects/companies/{FIRST}?archived=true").status_code == 200


def test_archiving_a_company_loses_its_associations(portal: Any) -> None:
    deal = portal.get(f"/crm/v3/objects/companies/{FIRST}", associations="deals")["associations"]["deals"]["results"][0]["id"]

    portal.call("DELETE", f"/crm/v3/objects/companies/{FIRST}")

    assert "associations" not in portal.get(f"/crm/v3/objects/deals/{deal}", associations="companies")


def test_archived_records_are_gone_after_ninety_days(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(clock=lambda: now[0])
    portal.call("DELETE", f"/crm/v3/objects/companies/{FIRST}")

    now[0] += 91 * 86_400

    assert portal.call("GET", f"/crm/v3/objects/companies/{FIRST}?archived=true").status_code == 404


def test_a_merge_makes_a_new_record_that_both_old_ids_lead_to(portal: Any) -> None:
    merged = portal.post("/crm/v3/objects/companies/merge", {"primaryObjectId": FIRST, "objectIdToMerge": SECOND})

    assert merged["id"] not in (FIRST, SECOND)
    for old in (FIRST, SECOND):
        found = portal.get(f"/crm/v3/objects/companies/{old}", properties="name,hs_merged_object_ids", associations="deals")
        assert found["id"] == merged["id"] and found["properties"]["name"] == "Açúcar 1"
        assert found["properties"]["hs_merged_object_ids"] == f"{FIRST};{SECOND}"
        assert {entry["id"] for entry in found["associations"]["deals"]["results"]} == {
            "3000000001", "3000000012", "3000000013", "3000000024",
        }  # fmt: skip
    listed = [record["id"] for record in portal.get("/crm/v3/objects/companies", limit=100)["results"]]
    assert merged["id"] in listed and not {FIRST, SECOND} & set(listed)


def test_deals_tell_closed_won_and_home_money_by_stage_and_rate(portal: Any) -> None:
    deal = portal.post(
        "/crm/v3/objects/deals",
        {"properties": {"dealname": "New", "amount": "10", "deal_currency_code": "USD", "dealstage": "closedwon"}},
    )

    properties = deal["properties"]
    assert (properties["hs_is_closed"], properties["hs_is_closed_won"], properties["hs_is_closed_lost"]) == (
        "true",
        "true",
        "false",
    )
    assert (properties["hs_exchange_rate"], properties["amount_in_home_currency"]) == ("5", "50")
    assert properties["pipeline"] == "default" and properties["closedate"]


def test_a_stage_of_another_pipeline_is_refused(portal: Any) -> None:
    answer = portal.post(
        "/crm/v3/objects/deals", {"properties": {"dealname": "x", "pipeline": "default", "dealstage": "143810005"}}
    )

    assert answer["errors"][0]["code"] == "INVALID_OPTION"
    assert "143810005 is not a valid pipeline stage ID. Valid options are: pipelineId=default : [" in answer["message"]


def test_a_task_needs_a_due_time_and_an_active_owner(portal: Any) -> None:
    untimed = portal.post("/crm/v3/objects/tasks", {"properties": {"hs_task_subject": "Call"}})
    departed = portal.post(
        "/crm/v3/objects/tasks", {"properties": {"hs_timestamp": "2026-07-01T00:00:00Z", "hubspot_owner_id": "70000009"}}
    )

    assert untimed["context"] == {"properties": ["hs_timestamp"]}
    assert departed["errors"][0]["context"]["propertyName"] == ["hubspot_owner_id"]


def test_a_task_is_made_with_its_company_and_completed(portal: Any) -> None:
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}]
    task = portal.post(
        "/crm/v3/objects/tasks",
        {"properties": {"hs_timestamp": "1782864000000"}, "associations": [{"to": {"id": FIRST}, "types": types}]},
    )

    portal.call("PATCH", f"/crm/v3/objects/tasks/{task['id']}", {"properties": {"hs_task_status": "COMPLETED"}})

    wanted = "hs_timestamp,hs_task_is_completed,hs_task_completion_date"
    found = portal.get(f"/crm/v3/objects/tasks/{task['id']}", properties=wanted, associations="companies")
    assert found["properties"]["hs_timestamp"] == "2026-07-01T00:00:00Z"
    assert found["properties"]["hs_task_is_completed"] == "1" and found["properties"]["hs_task_completion_date"]
    assert found["associations"]["companies"]["results"] == [{"id": FIRST, "type": "task_to_company"}]


def test_companies_know_their_parent_and_count_their_children(portal: Any) -> None:
    parent = portal.get(f"/crm/v3/objects/companies/{FIRST}", properties="hs_num_child_companies", associations="companies")
    child = portal.get(f"/crm/v3/objects/companies/{THIRD}", properties="hs_parent_company_id", associations="companies")

    assert parent["properties"]["hs_num_child_companies"] == "2" and child["properties"]["hs_parent_company_id"] == FIRST
    assert child["associations"]["companies"]["results"] == [{"id": FIRST, "type": "child_to_parent_company"}]


def test_line_items_hang_on_deals_under_a_name_with_a_space(portal: Any) -> None:
    deal = portal.get("/crm/v3/objects/deals/3000000001", associations="line_items")

    assert [entry["id"] for entry in deal["associations"]["line items"]["results"]] == ["4000000001", "4000000002"]
    item = portal.get("/crm/v3/objects/line_items/4000000001", properties="amount,product_family")["properties"]
    assert (item["amount"], item["product_family"]) == ("298.5", "Hydraulics")


def test_seeded_deals_convert_at_the_company_rate(portal: Any) -> None:
    deal = portal.get("/crm/v3/objects/deals/3000000004", properties="amount,deal_currency_code,amount_in_home_currency")

    properties = deal["properties"]
    assert (properties["amount"], properties["deal_currency_code"]) == ("400", "USD")
    assert properties["amount_in_home_currency"] == "2000"


def test_a_person_edits_flags_and_tasks_on_the_page(a_portal: Any) -> None:
    portal = a_portal(provisioned=True)
    before = portal.get(f"/crm/v3/objects/companies/{FIRST}")["updatedAt"]

    portal.sandbox.view.set_flag(FIRST, "override", "A")
    portal.sandbox.view.complete_task("6000000001")

    company = portal.get(f"/crm/v3/objects/companies/{FIRST}", properties="kam_tier_override")
    assert company["properties"]["kam_tier_override"] == "A" and company["updatedAt"] > before
    assert tuple(portal.sandbox.view.fields()["tier"].choices) == ("A", "B", "C")
    assert [task.is_open for task in portal.sandbox.view.tasks(FIRST)] == [False]


def test_before_new_ids_came_a_merge_kept_the_primary_record(a_portal: Any) -> None:
    portal = a_portal(merges_keep_id=True)
    merged = portal.post("/crm/v3/objects/companies/merge", {"primaryObjectId": FIRST, "objectIdToMerge": SECOND})

    assert merged["id"] == FIRST
    found = portal.get(f"/crm/v3/objects/companies/{SECOND}", properties="hs_merged_object_ids", associations="deals")
    assert (found["id"], found["properties"]["hs_merged_object_ids"]) == (FIRST, SECOND)
    assert len({entry["id"] for entry in found["associations"]["deals"]["results"]}) == 4
    assert SECOND not in [record["id"] for record in portal.get("/crm/v3/objects/companies", limit=100)["results"]]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("9999-12-31", "9999-12-31T00:00:00Z"),
        ("+20245-03-01T00:00:00Z", "+20245-03-01T00:00:00Z"),
        ("253402300800000", "+10000-01-01T00:00:00Z"),
    ],
)
def test_a_close_date_may_lie_beyond_the_year_9999(portal: Any, typed: str, shown: str) -> None:
    deal = portal.get("/crm/v3/objects/deals", limit=1)["results"][0]["id"]
    assert portal.call("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {"closedate": typed}}).status_code == 200
    assert portal.get(f"/crm/v3/objects/deals/{deal}", properties="closedate")["properties"]["closedate"] == shown
