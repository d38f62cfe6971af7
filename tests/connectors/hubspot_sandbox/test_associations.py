"""Associations v4, and the inline form of v3."""

from __future__ import annotations

from typing import Any

COMPANY, OTHER = "1000000001", "1000000009"
WITHOUT = "3000000007"  # a deal of no company
READ = "/crm/v4/associations/deals/companies/batch/read"


def _types(*type_ids: int) -> list[dict[str, Any]]:
    return [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id} for type_id in type_ids]


def _linked(portal: Any, deal: str) -> dict[str, set[int]]:
    answer = portal.get(f"/crm/v4/objects/deals/{deal}/associations/companies")
    return {str(one["toObjectId"]): {kind["typeId"] for kind in one["associationTypes"]} for one in answer["results"]}


def test_a_batch_read_answers_207_as_soon_as_one_record_has_none(portal: Any) -> None:
    both = portal.call("POST", READ, {"inputs": [{"id": "3000000001"}, {"id": WITHOUT}]})
    one = portal.call("POST", READ, {"inputs": [{"id": "3000000001"}]})

    assert (both.status_code, one.status_code) == (207, 200)
    result = both.json()["results"][0]["to"][0]
    assert result["toObjectId"] == 1_000_000_002
    assert result["associationTypes"] == [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
    ]
    error = both.json()["errors"][0]
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND" and error["context"]["fromObjectId"] == [WITHOUT]


def test_a_batch_read_takes_a_thousand_ids(portal: Any) -> None:
    inputs = [{"id": str(3_000_000_001 + place)} for place in range(1_001)]

    assert portal.call("POST", READ, {"inputs": inputs}).status_code == 400
    assert portal.call("POST", READ, {"inputs": inputs[:1_000]}).status_code == 207


def test_more_than_five_hundred_are_read_page_by_page(a_portal: Any) -> None:
    portal = a_portal(accounts=1, deals_each=1_201)
    path, seen, after = "/crm/v4/associations/companies/deals/batch/read", [], None
    while True:
        one = {"id": COMPANY, **({"after": after} if after else {})}
        result = portal.post(path, {"inputs": [one]})["results"][0]
        seen += [linked["toObjectId"] for linked in result["to"]]
        if "paging" not in result:
            break
        after = result["paging"]["next"]["after"]

    assert len(seen) == len(set(seen)) == 1_200
    inline = portal.get(f"/crm/v3/objects/companies/{COMPANY}", associations="deals")["associations"]["deals"]
    assert len({one["id"] for one in inline["results"]}) == 100 and inline["paging"]["next"]["after"]


def test_a_primary_company_appears_twice_inline(portal: Any) -> None:
    deal = portal.get("/crm/v3/objects/deals/3000000001", associations="companies")

    assert deal["associations"]["companies"]["results"] == [
        {"id": "1000000002", "type": "deal_to_company"},
        {"id": "1000000002", "type": "deal_to_company_unlabeled"},
    ]


def test_the_default_association_is_unlabelled_and_idempotent(portal: Any) -> None:
    for _ in range(2):
        path = f"/crm/v4/objects/deals/{WITHOUT}/associations/default/companies/{COMPANY}"
        assert portal.call("PUT", path).status_code == 200

    assert _linked(portal, WITHOUT) == {COMPANY: {341}}


def test_primary_brings_the_unlabelled_type_and_there_is_one_at_most(portal: Any) -> None:
    def make_primary(company: str) -> int:
        inputs = [{"from": {"id": WITHOUT}, "to": {"id": company}, "types": _types(5)}]
        return int(portal.call("POST", "/crm/v4/associations/deals/companies/batch/create", {"inputs": inputs}).status_code)

    assert make_primary(COMPANY) == 201
    make_primary(OTHER)

    assert _linked(portal, WITHOUT) == {COMPANY: {341}, OTHER: {5, 341}}


def test_bad_ids_in_a_batch_create_answer_207(portal: Any) -> None:
    inputs = [{"from": {"id": WITHOUT}, "to": {"id": company}, "types": _types(341)} for company in (COMPANY, "5")]

    answer = portal.call("POST", "/crm/v4/associations/deals/companies/batch/create", {"inputs": inputs})

    assert answer.status_code == 207 and len(answer.json()["results"]) == 1
    assert answer.json()["errors"][0]["subCategory"] == "crm.associations.INVALID_IDENTIFIER"


def test_a_type_of_other_objects_is_refused(portal: Any) -> None:
    inputs = [{"from": {"id": WITHOUT}, "to": {"id": COMPANY}, "types": _types(192)}]

    assert portal.call("POST", "/crm/v4/associations/deals/companies/batch/create", {"inputs": inputs}).status_code == 400


def test_archiving_removes_all_types_or_some(portal: Any) -> None:
    pair = {"from": {"id": "3000000001"}, "to": {"id": "1000000002"}}

    portal.call("POST", "/crm/v4/associations/deals/companies/batch/labels/archive", {"inputs": [{**pair, "types": _types(5)}]})
    assert _linked(portal, "3000000001") == {"1000000002": {341}}

    body = {"inputs": [{"from": pair["from"], "to": [pair["to"]]}]}
    answer = portal.call("POST", "/crm/v4/associations/deals/companies/batch/archive", body)
    assert answer.status_code == 204 and _linked(portal, "3000000001") == {}
    assert portal.call("POST", "/crm/associations/2026-03/deals/companies/batch/archive", body).status_code == 200


def test_a_new_parent_replaces_the_old_one(portal: Any) -> None:
    inputs = [{"from": {"id": "1000000002"}, "to": {"id": OTHER}, "types": _types(14)}]

    portal.post("/crm/v4/associations/companies/companies/batch/create", {"inputs": inputs})

    def own(record_id: str, name: str) -> Any:
        return portal.get(f"/crm/v3/objects/companies/{record_id}", properties=name)["properties"][name]

    assert own("1000000002", "hs_parent_company_id") == OTHER
    assert (own(COMPANY, "hs_num_child_companies"), own(OTHER, "hs_num_child_companies")) == ("1", "1")


def test_labels_list_the_types_and_take_new_ones(portal: Any) -> None:
    def labels() -> set[tuple[int, str | None]]:
        return {(one["typeId"], one["label"]) for one in portal.get("/crm/v4/associations/deals/companies/labels")["results"]}

    assert labels() == {(5, "Primary"), (341, None)}
    created = portal.post("/crm/v4/associations/deals/companies/labels", {"label": "Partner", "name": "partner"})["results"]
    assert created[0]["category"] == "USER_DEFINED" and (created[0]["typeId"], "Partner") in labels()


def test_every_activity_hangs_on_its_company_by_its_documented_type(portal: Any) -> None:
    expected = {"tasks": 192, "notes": 190, "meetings": 188, "calls": 182, "emails": 186}
    for plural, type_id in expected.items():
        record_id = portal.get(f"/crm/v3/objects/{plural}")["results"][0]["id"]
        found = portal.get(f"/crm/v4/objects/{plural}/{record_id}/associations/companies")["results"]
        assert [kind["typeId"] for kind in found[0]["associationTypes"]] == [type_id]
