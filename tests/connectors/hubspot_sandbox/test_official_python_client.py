"""hubspot-api-client, HubSpot's own, with its model validation on, against the sandbox.

Validation is off only where the models refuse HubSpot's real answers (an error in a 207 without `links`).
"""

from __future__ import annotations

from typing import Any

import pytest
from hubspot.crm.companies.exceptions import ApiException
from hubspot.crm.properties.models import PropertyCreate, PropertyGroupCreate

FIRST = "1000000001"


@pytest.fixture
def portal(a_portal: Any) -> Any:
    return a_portal(provisioned=True)


@pytest.fixture
def client(portal: Any) -> Any:
    return portal.client(client_side_validation=True)


def test_get_all_walks_every_page(a_portal: Any) -> None:
    client = a_portal(accounts=230).client(client_side_validation=True)

    companies = client.crm.companies.get_all(properties=["name", "industry"], associations=["deals"])

    assert len(companies) == 230 and companies[0].properties["industry"] == "BANKING"
    assert companies[0].created_at.year == 2024 and companies[0].associations["deals"].results[0].type == "company_to_deal"


def test_single_records_are_made_read_changed_and_archived(client: Any) -> None:
    api = client.crm.companies.basic_api
    made = api.create({"properties": {"name": "Northwind"}, "associations": []})
    api.update(made.id, {"properties": {"city": "Oslo"}})

    assert api.get_by_id(made.id, properties=["name", "city"]).properties["city"] == "Oslo"
    api.archive(made.id)
    with pytest.raises(ApiException) as error:
        api.get_by_id(made.id)
    assert error.value.status == 404


def test_batches_read_create_update_upsert_and_archive(client: Any) -> None:
    companies, tasks = client.crm.companies.batch_api, client.crm.objects.batch_api
    read = companies.read({"properties": ["name"], "propertiesWithHistory": [], "inputs": [{"id": FIRST}]})
    made = companies.create({"inputs": [{"properties": {"name": "New"}, "associations": []}]})
    companies.update({"inputs": [{"id": made.results[0].id, "properties": {"kam_tier": "B"}}]})
    task = {"idProperty": "kam_task_key", "id": "k1", "properties": {"hs_timestamp": "2026-07-01T00:00:00Z"}}
    upserted = [tasks.upsert("tasks", {"inputs": [task]}).results[0] for _ in range(2)]
    companies.archive({"inputs": [{"id": made.results[0].id}]})

    assert read.results[0].properties["name"] == "Açúcar 1" and read.status == "COMPLETE"
    assert [one.new for one in upserted] == [True, False]


def test_a_partial_failure_is_a_result_with_errors_and_no_exception(portal: Any) -> None:
    client = portal.client()
    answer = client.crm.companies.batch_api.update({"inputs": [{"id": one, "properties": {"city": "X"}} for one in (FIRST, "5")]})

    assert type(answer).__name__ == "BatchResponseSimplePublicObjectWithErrors"
    assert answer.num_errors == 1 and answer.errors[0].context["ids"] == ["5"] and answer.results[0].id == FIRST


def test_an_invalid_value_raises_with_the_property_in_the_body(client: Any) -> None:
    with pytest.raises(ApiException) as error:
        client.crm.companies.batch_api.update({"inputs": [{"id": FIRST, "properties": {"kam_tier": "Z"}}]})

    assert error.value.status == 400 and '"code":"INVALID_OPTION"' in error.value.body


def test_search_filters_sorts_and_pages(client: Any) -> None:
    request = {
        "filterGroups": [{"filters": [{"propertyName": "numberofemployees", "operator": "GT", "value": "500"}]}],
        "sorts": ["-numberofemployees"],
        "properties": ["name"],
        "limit": 3,
    }
    found = client.crm.companies.search_api.do_search(request)
    tasks = client.crm.objects.search_api.do_search("tasks", {"limit": 1})

    assert found.total == 7 and found.results[0].properties["name"] == "Açúcar 12" and found.paging.next.after == "3"
    assert tasks.total == 1


def test_properties_and_groups(client: Any) -> None:
    client.crm.properties.groups_api.create("companies", PropertyGroupCreate(name="erp", label="ERP", display_order=1))
    made = client.crm.properties.core_api.create(
        "companies", PropertyCreate(name="erp_id", label="ERP", type="string", field_type="text", group_name="erp")
    )
    every = client.crm.properties.core_api.get_all("companies").results

    assert made.group_name == "erp" and {"erp_id", "kam_tier", "name"} <= {one.name for one in every}
    assert [one.name for one in client.crm.properties.groups_api.get_all("companies").results][-1] == "erp"


def test_associations_are_made_and_read(client: Any) -> None:
    api = client.crm.associations.v4
    api.basic_api.create_default("tasks", "6000000001", "companies", "1000000009")
    page = api.basic_api.get_page("tasks", "6000000001", "companies")
    batch = api.batch_api.get_page("deals", "companies", {"inputs": [{"id": "3000000001"}]})
    labels = api.schema.definitions_api.get_all("deals", "companies").results

    assert {str(one.to_object_id) for one in page.results} == {FIRST, "1000000009"}
    assert [kind.type_id for kind in batch.results[0].to[0].association_types] == [5, 341]
    assert {(one.type_id, one.label) for one in labels} == {(5, "Primary"), (341, None)}


def test_owners_and_pipelines(client: Any) -> None:
    owners = client.crm.owners.owners_api.get_page(limit=100, archived=False).results
    gone = client.crm.owners.owners_api.get_page(limit=100, archived=True).results
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results

    assert [one.email for one in owners] == ["ana@example.com", "ben@example.com"] and gone[0].user_id is None
    assert pipelines[1].stages[-2].metadata == {"isClosed": "true", "probability": "1.0"}


def test_lists_and_their_members(portal: Any) -> None:
    client = portal.client()  # the generated filter union refuses HubSpot's own filters when validation is on
    lists = client.crm.lists
    made = lists.lists_api.create({"name": "Mine", "objectTypeId": "0-2", "processingType": "MANUAL"}).list
    lists.memberships_api.add(made.list_id, [FIRST])
    members = lists.memberships_api.get_page(made.list_id).results

    assert [str(one.record_id) for one in members] == [FIRST]
    assert lists.lists_api.get_by_name(list_name="Mine", object_type_id="0-2").list.list_id == made.list_id
    assert lists.lists_api.do_search({"query": "mi", "offset": 0, "count": 10}).total == 1


def test_merges(client: Any) -> None:
    merged = client.crm.companies.basic_api.merge({"primaryObjectId": FIRST, "objectIdToMerge": "1000000002"})

    assert client.crm.companies.basic_api.get_by_id(FIRST).id == merged.id


def test_oauth_refresh(portal: Any) -> None:
    granted = portal.client().oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id="sandbox-client-id",
        client_secret="sandbox-client-secret",
        refresh_token="sandbox-refresh-token",
    )

    assert granted.expires_in == 1800 and granted.token_type == "bearer"
