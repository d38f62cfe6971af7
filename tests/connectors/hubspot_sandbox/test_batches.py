"""Batches: HubSpot's four ways to fail part of one, and none of them is a plain error."""

from __future__ import annotations

from typing import Any

import pytest

FIRST, SECOND = "1000000001", "1000000002"


@pytest.fixture
def portal(a_portal: Any) -> Any:
    return a_portal(provisioned=True)


def _name(portal: Any, record_id: str) -> str:
    return str(portal.get(f"/crm/v3/objects/companies/{record_id}", properties="name")["properties"]["name"])


def test_one_bad_value_refuses_the_whole_batch_and_writes_nothing(portal: Any) -> None:
    inputs = [{"id": FIRST, "properties": {"name": "New"}}, {"id": SECOND, "properties": {"nps": "many", "bogus": "1"}}]

    answer = portal.call("POST", "/crm/v3/objects/companies/batch/update", {"inputs": inputs})

    assert answer.status_code == 400 and answer.json()["category"] == "VALIDATION_ERROR"
    assert [error["code"] for error in answer.json()["errors"]] == ["INVALID_DOUBLE", "PROPERTY_DOESNT_EXIST"]
    assert answer.json()["message"].startswith(
        'Property values were not valid: [{"isValid":false,"message":"many was not a valid'
    )
    assert SECOND not in answer.text
    assert _name(portal, FIRST) == "Açúcar 1"


def test_unknown_ids_answer_207_in_one_error_and_the_rest_is_written(portal: Any) -> None:
    inputs = [{"id": one, "properties": {"name": "New"}} for one in (FIRST, "77", "78")]

    answer = portal.call("POST", "/crm/v3/objects/companies/batch/update", {"inputs": inputs})

    body = answer.json()
    assert answer.status_code == 207 and body["numErrors"] == 1
    assert body["errors"][0]["category"] == "OBJECT_NOT_FOUND" and body["errors"][0]["context"] == {"ids": ["77", "78"]}
    assert body["errors"][0]["message"].startswith("Could not get some COMPANY objects")
    assert [result["id"] for result in body["results"]] == [FIRST] and _name(portal, FIRST) == "New"


def test_traced_creations_fail_one_by_one(portal: Any) -> None:
    inputs = [
        {"objectWriteTraceId": "good", "properties": {"name": "Fine"}},
        {"objectWriteTraceId": "bad", "properties": {"nps": "many"}},
    ]

    answer = portal.call("POST", "/crm/v3/objects/companies/batch/create", {"inputs": inputs})

    assert answer.status_code == 207
    assert [result["objectWriteTraceId"] for result in answer.json()["results"]] == ["good"]
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["bad"]


def test_untraced_creations_fail_together(portal: Any) -> None:
    inputs = [{"properties": {"name": "Fine"}}, {"properties": {"nps": "many"}}]

    assert portal.call("POST", "/crm/v3/objects/companies/batch/create", {"inputs": inputs}).status_code == 400
    assert len(portal.get("/crm/v3/objects/companies", limit=100)["results"]) == 12


@pytest.mark.parametrize("operation", ["update", "upsert"])
def test_the_same_id_twice_is_refused(portal: Any, operation: str) -> None:
    inputs = [{"id": FIRST, "properties": {"name": name}} for name in ("a", "b")]

    answer = portal.post(f"/crm/v3/objects/companies/batch/{operation}", {"inputs": inputs})

    assert answer["message"] == f"Duplicate IDs found in batch input: [{FIRST}]. IDs must be unique"
    assert answer["context"] == {"ids": [FIRST]}


@pytest.mark.parametrize("operation", ["read", "create", "update", "upsert", "archive"])
def test_more_than_a_hundred_inputs_are_refused(portal: Any, operation: str) -> None:
    inputs = [{"id": str(one), "properties": {}} for one in range(101)]

    assert portal.call("POST", f"/crm/v3/objects/companies/batch/{operation}", {"inputs": inputs}).status_code == 400


def test_upserts_create_once_and_then_update(portal: Any) -> None:
    task = {"idProperty": "kam_task_key", "id": "k1", "properties": {"hs_timestamp": "2026-07-01", "hs_task_subject": "One"}}

    first = portal.post("/crm/v3/objects/tasks/batch/upsert", {"inputs": [task]})["results"][0]
    again = portal.post("/crm/v3/objects/tasks/batch/upsert", {"inputs": [task]})["results"][0]

    assert (first["new"], again["new"]) == (True, False) and first["id"] == again["id"]
    read = {"idProperty": "kam_task_key", "properties": ["kam_task_key"], "inputs": [{"id": "k1"}, {"id": "k2"}]}
    found = portal.call("POST", "/crm/v3/objects/tasks/batch/read", read)
    assert found.status_code == 207 and [one["id"] for one in found.json()["results"]] == [first["id"]]


def test_upserts_want_a_unique_property(portal: Any) -> None:
    inputs = [{"idProperty": "name", "id": "x", "properties": {}}]

    answer = portal.post("/crm/v3/objects/companies/batch/upsert", {"inputs": inputs})

    assert answer["message"].startswith("Unable to perform update/upsert by non-unique 0-2 property name in portal ID")


def test_archiving_a_task_frees_its_key(portal: Any) -> None:
    task = {"idProperty": "kam_task_key", "id": "k1", "properties": {"hs_timestamp": "2026-07-01"}}
    first = portal.post("/crm/v3/objects/tasks/batch/upsert", {"inputs": [task]})["results"][0]

    portal.call("POST", "/crm/v3/objects/tasks/batch/archive", {"inputs": [{"id": first["id"]}]})

    assert portal.post("/crm/v3/objects/tasks/batch/upsert", {"inputs": [task]})["results"][0]["id"] != first["id"]
    archived = portal.get("/crm/v3/objects/tasks", archived="true", properties="kam_task_key")["results"]
    assert [one["properties"]["kam_task_key"] for one in archived] == ["k1"]


def test_a_taken_unique_value_is_refused(portal: Any) -> None:
    def task(key: str) -> dict[str, Any]:
        return {"properties": {"hs_timestamp": "2026-07-01", "kam_task_key": key}}

    portal.post("/crm/v3/objects/tasks", task("k1"))

    assert portal.post("/crm/v3/objects/tasks", task("k1"))["errors"][0]["code"] == "CONFLICTING_UNIQUE_VALUE"
    contact = portal.call("POST", "/crm/v3/objects/contacts", {"properties": {"email": "ROSA@a1.example.com"}})
    assert contact.status_code == 409 and contact.json()["message"] == "Contact already exists. Existing ID: 2000000001"


def test_a_portal_may_lack_unique_properties_on_tasks(a_portal: Any) -> None:
    portal = a_portal(unique_task_key=False)
    wanted = {"name": "kam_task_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "taskinformation"}

    assert portal.call("POST", "/crm/v3/properties/tasks", {**wanted, "hasUniqueValue": True}).status_code == 400
    assert portal.call("POST", "/crm/v3/properties/tasks", wanted).status_code == 201


def test_archiving_takes_unknown_ids_in_silence(portal: Any) -> None:
    inputs = [{"id": FIRST}, {"id": "77"}]

    assert portal.call("POST", "/crm/v3/objects/companies/batch/archive", {"inputs": inputs}).status_code == 204
    assert len(portal.get("/crm/v3/objects/companies", limit=100)["results"]) == 11
