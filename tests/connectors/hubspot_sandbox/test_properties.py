"""Property definitions, and what a property's value may be."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/crm/v3/properties/companies"
TEXT = {"name": "erp_id", "label": "ERP id", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
CHOICES = [{"label": "Yes", "value": "true"}, {"label": "No", "value": "false"}]


def _patch(portal: Any, **properties: Any) -> Any:
    return portal.call("PATCH", "/crm/v3/objects/companies/1000000001", {"properties": properties})


def test_a_property_is_made_once(portal: Any) -> None:
    first, again = portal.call("POST", BASE, TEXT), portal.call("POST", BASE, TEXT)

    assert (first.status_code, again.status_code) == (201, 409) and again.json()["category"] == "OBJECT_ALREADY_EXISTS"
    assert _patch(portal, erp_id="E-1").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Erp"},
        {"name": "1erp"},
        {"name": "hs_erp"},
        {"groupName": "nowhere"},
        {"fieldType": "select"},
        {"type": "enumeration", "fieldType": "select"},
        {"type": "enumeration", "fieldType": "select", "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}]},
        {"type": "bool", "fieldType": "booleancheckbox", "options": CHOICES[:1]},
        {"label": ""},
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(portal: Any, change: dict[str, Any]) -> None:
    assert portal.call("POST", BASE, {**TEXT, **change}).status_code == 400


def test_a_boolean_has_exactly_true_and_false(portal: Any) -> None:
    wanted = {**TEXT, "type": "bool", "fieldType": "booleancheckbox", "options": CHOICES}

    assert portal.call("POST", BASE, wanted).status_code == 201
    assert _patch(portal, erp_id=True).json()["properties"]["erp_id"] == "true"


def test_ten_properties_at_most_are_unique(portal: Any) -> None:
    statuses = [portal.call("POST", BASE, {**TEXT, "name": f"k{n}", "hasUniqueValue": True}).status_code for n in range(11)]

    assert statuses == [201] * 10 + [400]


def test_an_archived_property_is_gone_until_it_is_made_again(portal: Any) -> None:
    portal.post(BASE, TEXT)

    assert portal.call("DELETE", f"{BASE}/erp_id").status_code == 204
    assert portal.call("GET", f"{BASE}/erp_id").status_code == 404
    assert "PROPERTY_DOESNT_EXIST" in _patch(portal, erp_id="x").text
    assert portal.call("POST", BASE, {**TEXT, "label": "Again"}).status_code == 201


def test_groups_are_made_once_and_listed(portal: Any) -> None:
    group = {"name": "kam", "label": "Key accounts"}

    assert [portal.call("POST", f"{BASE}/groups", group).status_code for _ in range(2)] == [201, 409]
    assert "kam" in [one["name"] for one in portal.get(f"{BASE}/groups")["results"]]


def test_a_batch_of_definitions_tells_which_exist_already(portal: Any) -> None:
    answer = portal.call("POST", f"{BASE}/batch/create", {"inputs": [TEXT, {**TEXT, "name": "name"}]})

    assert answer.status_code == 207 and [one["name"] for one in answer.json()["results"]] == ["erp_id"]
    assert answer.json()["errors"][0]["category"] == "OBJECT_ALREADY_EXISTS"


def test_owner_and_stage_keep_their_values_elsewhere(portal: Any) -> None:
    for name in ("hubspot_owner_id", "dealstage", "pipeline"):
        found = portal.get(f"/crm/v3/properties/deals/{name}")
        assert found["externalOptions"] is True and found["options"] == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("industry", "banking", "INVALID_OPTION"),
        ("nps", "1,000", "INVALID_DOUBLE"),
        ("authority_evidence_date", "1782864000001", "INVALID_DATE"),
        ("authority_evidence_date", "soon", "INVALID_DATE"),
        ("strategic_market", "yes", "INVALID_OPTION"),
        ("hs_lastmodifieddate", "2026-01-01", "READ_ONLY_VALUE"),
        ("num_associated_deals", "3", "READ_ONLY_VALUE"),
        ("hubspot_owner_id", "1", "INVALID_OWNER_ID"),
        ("bogus", "x", "PROPERTY_DOESNT_EXIST"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_code_and_name(portal: Any, name: str, value: str, code: str) -> None:
    answer = _patch(portal, **{name: value})

    assert answer.status_code == 400
    assert [(one["code"], one["context"]["propertyName"]) for one in answer.json()["errors"]] == [(code, [name])]
    assert f'"error":"{code}"' in answer.json()["message"]


def test_a_moment_that_is_none_is_not_a_valid_long(portal: Any) -> None:
    answer = portal.call("PATCH", "/crm/v3/objects/deals/3000000001", {"properties": {"closedate": "x"}})

    assert answer.json()["errors"][0]["message"] == "x was not a valid long."


def test_values_are_kept_as_text_of_their_kind(portal: Any) -> None:
    given = {"nps": 9.5, "authority_evidence_date": 1782864000000, "strategic_market": False, "next_renewal_date": "2026-12-31"}

    kept = _patch(portal, **given).json()["properties"]

    assert [kept[name] for name in given] == ["9.5", "2026-07-01", "false", "2026-12-31"]


def test_checkboxes_join_choices_and_append_after_a_semicolon(portal: Any) -> None:
    path = "/crm/v3/objects/contacts/2000000001"
    portal.call("PATCH", path, {"properties": {"hs_buying_role": "DECISION_MAKER;CHAMPION"}})

    kept = portal.call("PATCH", path, {"properties": {"hs_buying_role": ";BUDGET_HOLDER"}}).json()["properties"]

    assert kept["hs_buying_role"] == "DECISION_MAKER;CHAMPION;BUDGET_HOLDER"
