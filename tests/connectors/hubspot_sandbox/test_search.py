"""Search: filters, pages, the 10,000 cap and an index that lags."""

from __future__ import annotations

from typing import Any

import pytest

SEARCH = "/crm/v3/objects/companies/search"


def _filters(*filters: tuple[str, str, Any]) -> list[dict[str, Any]]:
    keys = {"IN": "values", "NOT_IN": "values"}
    return [{"filters": [{"propertyName": name, "operator": op, keys.get(op, "value"): value} for name, op, value in filters]}]


@pytest.mark.parametrize(
    ("name", "operator", "value", "total"),
    [
        ("numberofemployees", "GT", "1000", 2),
        ("numberofemployees", "LTE", "1000", 10),
        ("nps", "NEQ", "1", 10),
        ("name", "EQ", "açúcar 4", 1),
        ("name", "IN", ["açúcar 4", "Açúcar 5"], 1),
        ("industry", "IN", ["banking"], 0),
        ("industry", "NOT_IN", ["banking"], 12),
        ("phone", "HAS_PROPERTY", None, 0),
        ("phone", "NOT_HAS_PROPERTY", None, 12),
        ("domain", "CONTAINS_TOKEN", "a1*", 4),
        ("createdate", "GTE", "2024-01-01T12:00:10Z", 3),
        ("createdate", "LT", "1704110410000", 9),
        ("associations.deal", "EQ", "3000000001", 1),
    ],
)
def test_operators_compare_by_the_type_of_the_property(portal: Any, name: str, operator: str, value: Any, total: int) -> None:
    assert portal.post(SEARCH, {"filterGroups": _filters((name, operator, value))})["total"] == total


def test_groups_are_alternatives(portal: Any) -> None:
    groups = [*_filters(("nps", "EQ", "3")), *_filters(("nps", "EQ", "4"), ("city", "EQ", "São Paulo"))]

    assert portal.post(SEARCH, {"filterGroups": groups})["total"] == 2


def test_pages_are_offsets_and_the_total_stays(portal: Any) -> None:
    first = portal.post(SEARCH, {"limit": 5, "sorts": ["-hs_object_id"]})
    second = portal.post(SEARCH, {"limit": 5, "sorts": ["-hs_object_id"], "after": first["paging"]["next"]["after"]})

    assert first["total"] == second["total"] == 12 and first["paging"]["next"]["after"] == "5"
    assert [one["id"] for one in first["results"] + second["results"]] == [str(1_000_000_012 - place) for place in range(10)]


def test_a_keyset_by_id_tells_what_is_left(portal: Any) -> None:
    filters = _filters(("hs_object_id", "GT", "1000000009"), ("hs_lastmodifieddate", "GTE", "0"))
    found = portal.post(SEARCH, {"filterGroups": filters, "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]})

    assert found["total"] == 3 and [one["id"] for one in found["results"]] == ["1000000010", "1000000011", "1000000012"]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "x"},
        {"sorts": ["name", "nps"]},
        {"filterGroups": _filters(("bogus", "EQ", "1"))},
        {"filterGroups": _filters(("nps", "LIKE", "1"))},
        {"filterGroups": _filters(*[("nps", "EQ", "1")] * 7)},
        {"filterGroups": _filters(("nps", "EQ", "1")) * 6},
        {"limit": 200, "after": "9801"},
    ],
)
def test_what_search_does_not_do_is_refused(portal: Any, body: dict[str, Any]) -> None:
    assert portal.call("POST", SEARCH, body).status_code == 400


def test_the_ten_thousandth_result_offers_a_page_that_is_refused(a_portal: Any) -> None:
    portal = a_portal(accounts=10_050, deals_each=0, one_stamp=True)

    last = portal.post(SEARCH, {"limit": 200, "after": "9800", "sorts": ["hs_lastmodifieddate"]})

    assert last["total"] == 10_050 and last["paging"]["next"]["after"] == "10000"
    assert portal.call("POST", SEARCH, {"limit": 200, "after": "10000"}).status_code == 400


def test_equal_stamps_come_in_no_order_of_ids(a_portal: Any) -> None:
    portal = a_portal(accounts=300, deals_each=0, one_stamp=True)

    ids = [one["id"] for one in portal.post(SEARCH, {"limit": 100, "sorts": ["hs_lastmodifieddate"]})["results"]]

    assert ids != sorted(ids)


def test_search_sees_a_write_only_after_the_lag_while_reading_sees_it_at_once(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(search_lag_seconds=30, clock=lambda: now[0])
    portal.call("PATCH", "/crm/v3/objects/companies/1000000001", {"properties": {"city": "Santos"}})
    portal.call("POST", "/crm/v3/objects/companies", {"properties": {"name": "New"}})
    portal.call("DELETE", "/crm/v3/objects/companies/1000000002")

    def seen() -> tuple[int, int]:
        santos = portal.post(SEARCH, {"filterGroups": _filters(("city", "EQ", "Santos"))})["total"]
        return santos, portal.post(SEARCH, {"query": "New"})["total"]

    assert portal.get("/crm/v3/objects/companies/1000000001", properties="city")["properties"]["city"] == "Santos"
    assert seen() == (0, 0) and portal.post(SEARCH, {})["total"] == 12
    now[0] += 31
    assert seen() == (1, 1) and portal.post(SEARCH, {})["total"] == 12


def test_archived_records_are_never_found(portal: Any) -> None:
    portal.call("DELETE", "/crm/v3/objects/companies/1000000001")

    assert portal.post(SEARCH, {})["total"] == 11


def test_an_association_does_not_move_the_change_stamp(portal: Any) -> None:
    before = portal.get("/crm/v3/objects/deals/3000000007")["updatedAt"]

    portal.call("PUT", "/crm/v4/objects/deals/3000000007/associations/default/companies/1000000001")

    assert portal.get("/crm/v3/objects/deals/3000000007")["updatedAt"] == before


def test_a_search_by_association_follows_a_new_one(portal: Any) -> None:
    body = {"filterGroups": _filters(("associations.task", "EQ", "6000000001"))}
    before = portal.post(SEARCH, body)["total"]

    portal.call("PUT", "/crm/v4/objects/tasks/6000000001/associations/default/companies/1000000005")

    assert (before, portal.post(SEARCH, body)["total"]) == (1, 2)
