"""What reaches the cache from a portal: everything, then what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from kamsync.contract import PullRequest
from kamsync.errors import AccessDenied
from kamsync.model import STREAMS, Column, Stream

World = Any
SINCE = date(2020, 1, 1)


def test_every_stream_arrives_whole_and_closed_by_a_cursor(world: World) -> None:
    connection = world.connect()
    for stream in Stream:
        pulled = world.pull(connection, stream, since=SINCE if stream is Stream.ACTIVITIES else None)
        assert pulled.last.full, stream
        if stream is not Stream.TASKS:
            assert pulled.rows, stream
            assert {row["id"] for row in pulled.rows} if stream is not Stream.RATES else True
    assert len(world.pull(connection, Stream.ACCOUNTS).rows) == 40
    assert len(world.pull(connection, Stream.OPPORTUNITIES).rows) == 150


def test_a_deal_carries_its_primary_company_its_stages_label_and_its_outcome(world: World) -> None:
    connection = world.connect()
    deals = world.pull(connection, Stream.OPPORTUNITIES).rows
    pipelines = world.call("GET", "/crm/v3/pipelines/deals")["results"]
    outcomes = {
        (stage["label"], stage["metadata"]["isClosed"] == "true", float(stage["metadata"]["probability"]) == 1)
        for pipeline in pipelines
        for stage in pipeline["stages"]
    }
    for deal in deals:
        assert (deal["stage"], deal["is_closed"], deal["is_won"]) in outcomes
        assert 0 <= float(deal["probability"]) <= 1
    one = deals[0]
    companies = world.call("GET", "/crm/v3/objects/companies", limit=2)["results"]
    other = next(c["id"] for c in companies if c["id"] != one["account_id"])
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]
    world.call("PUT", f"/crm/v4/objects/deals/{one['id']}/associations/companies/{other}", types)
    again = {deal["id"]: deal for deal in world.pull(connection, Stream.OPPORTUNITIES).rows}
    assert again[one["id"]]["account_id"] == other


def test_money_in_another_currency_comes_as_hubspot_converts_it(world: World) -> None:
    connection = world.connect()
    home = connection.identity().base_currency
    deals = {d["id"]: d for d in world.pull(connection, Stream.OPPORTUNITIES).rows}
    listed = world.call(
        "GET", "/crm/v3/objects/deals", limit=100, properties="amount,deal_currency_code,amount_in_home_currency"
    )["results"]
    foreign = [d for d in listed if d["properties"]["deal_currency_code"] not in (None, home) and d["properties"]["amount"]]
    assert foreign
    for deal in foreign:
        assert deals[deal["id"]]["amount"] == deal["properties"]["amount_in_home_currency"]
        assert deals[deal["id"]]["currency"] == home


def test_an_edit_a_deletion_and_a_new_record_arrive_on_the_next_pull_and_nothing_else(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.ACCOUNTS)
    edited, removed = first.rows[0]["id"], first.rows[1]["id"]
    world.call("PATCH", f"/crm/v3/objects/companies/{edited}", {"properties": {"name": "New name"}})
    world.call("DELETE", f"/crm/v3/objects/companies/{removed}")
    made = world.call("POST", "/crm/v3/objects/companies", {"properties": {"name": "Fresh"}})["id"]
    second = world.pull(connection, Stream.ACCOUNTS, first.last.cursor)
    assert not second.last.full
    assert {row["id"]: row["name"] for row in second.rows} == {edited: "New name", made: "Fresh"}
    assert second.deleted == {removed}


def test_merged_companies_are_told_as_pairs(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.ACCOUNTS)
    winner, loser = first.rows[2]["id"], first.rows[3]["id"]
    new = world.call("POST", "/crm/v3/objects/companies/merge", {"primaryObjectId": winner, "objectIdToMerge": loser})["id"]
    second = world.pull(connection, Stream.ACCOUNTS, first.last.cursor)
    assert {(old, new) for old in (winner, loser) if old != new} <= second.merged


def test_a_quiet_sync_of_all_streams_takes_few_calls(world: World) -> None:
    connection = world.connect()
    cursors = {s: world.pull(connection, s, since=SINCE if s is Stream.ACTIVITIES else None).last.cursor for s in Stream}
    before = world.server.calls()
    connection = world.connect()
    for stream in Stream:
        pulled = world.pull(connection, stream, cursors[stream], since=SINCE if stream is Stream.ACTIVITIES else None)
        assert not pulled.last.full or stream in (Stream.OWNERS, Stream.RATES)
    quiet = [f"{one.method} {one.path}" for one in world.server.requests][before:]
    assert len(quiet) <= 15, quiet


def test_what_was_edited_a_moment_ago_is_read_once_and_its_associations_too(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.OPPORTUNITIES)
    edited = [row["id"] for row in first.rows[:5]]
    for deal in edited:
        world.call("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {"dealname": "New name"}})
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    assert sorted(row["id"] for row in second.rows) == sorted(edited)
    before = world.server.calls()
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert third.rows == []
    assert world.server.calls() - before == 1
    world.call("PATCH", f"/crm/v3/objects/deals/{edited[0]}", {"properties": {"dealname": "Newer name"}})
    fourth = world.pull(connection, Stream.OPPORTUNITIES, third.last.cursor)
    assert [row["id"] for row in fourth.rows] == [edited[0]]


def test_a_deleted_line_item_goes_with_the_next_pull(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.LINE_ITEMS)
    gone = first.rows[0]["id"]
    world.call("DELETE", f"/crm/v3/objects/line_items/{gone}")
    assert world.pull(connection, Stream.LINE_ITEMS, first.last.cursor).deleted == {gone}


def test_a_long_list_of_archived_deals_is_read_again_only_when_deals_have_gone(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=10, opportunities=400)
    connection = world.connect()
    first = world.pull(connection, Stream.OPPORTUNITIES)
    ids = [row["id"] for row in first.rows]
    for start in (0, 100, 200):
        inputs = [{"id": one} for one in ids[start : start + 100]]
        world.call("POST", "/crm/v3/objects/deals/batch/archive", {"inputs": inputs})
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    assert second.deleted == set(ids[:300])
    before = world.server.calls()
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert third.deleted == set() and world.server.calls() - before == 1
    world.call("POST", "/crm/v3/objects/deals", {"properties": {"dealname": "Fresh", "dealstage": "appointmentscheduled"}})
    world.call("DELETE", f"/crm/v3/objects/deals/{ids[350]}")
    fourth = world.pull(connection, Stream.OPPORTUNITIES, third.last.cursor)
    assert ids[350] in fourth.deleted and [row["name"] for row in fourth.rows] == ["Fresh"]


def test_more_records_than_a_search_can_page_are_all_found(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=450, opportunities=0, one_stamp=True)
    connection = world.connect()
    first = world.pull(connection, Stream.ACCOUNTS)
    ids = [row["id"] for row in first.rows]
    for start in range(0, len(ids), 100):
        inputs = [{"id": one, "properties": {"city": "Recife"}} for one in ids[start : start + 100]]
        world.call("POST", "/crm/v3/objects/companies/batch/update", {"inputs": inputs})
    second = world.pull(connection, Stream.ACCOUNTS, first.last.cursor)
    assert sorted(row["id"] for row in second.rows) == sorted(ids)


def test_a_cut_answer_a_gateway_page_and_a_broken_line_are_asked_for_again(world: World) -> None:
    connection = world.connect()
    path = "/crm/v3/objects/companies"
    world.server.faults.add("truncate", method="GET", path=path)
    world.server.faults.add("html", method="GET", path=path, status=502)
    world.server.faults.add("reset_after", method="GET", path=path)
    assert len(world.pull(connection, Stream.ACCOUNTS).rows) == 40


def test_a_property_that_the_portal_lacks_is_an_error_and_not_a_column_of_nothing(world: World) -> None:
    connection = world.connect()
    request = world.request(Stream.ACCOUNTS)
    columns = (*STREAMS[Stream.ACCOUNTS].columns[:2], Column("nps", "number", "npss"))
    with pytest.raises(AccessDenied, match="npss"):
        list(connection.pull([type(request)(Stream.ACCOUNTS, columns)]))


def test_a_missing_scope_is_named(a_world: Callable[..., World]) -> None:
    world = a_world(scopes=["crm.objects.owners.read", "crm.objects.deals.read", "crm.objects.contacts.read"])
    with pytest.raises(AccessDenied) as caught:
        world.pull(world.connect(), Stream.ACCOUNTS)
    assert "crm.objects.companies.read" in caught.value.fix


def test_line_items_without_their_scope_leave_a_sentence_and_the_run_goes_on(a_world: Callable[..., World]) -> None:
    world = a_world(scopes=["crm.objects.companies.read", "crm.objects.deals.read", "crm.objects.contacts.read"])
    pulled = world.pull(world.connect(), Stream.LINE_ITEMS)
    assert pulled.rows == []
    assert "line_items" in pulled.problems[0]


def test_a_portal_without_a_currency_on_companies_uses_its_own(world: World) -> None:
    world.call("DELETE", "/crm/v3/properties/companies/company_currency")
    connection = world.connect()
    rows = world.pull(connection, Stream.ACCOUNTS).rows
    assert {row["currency"] for row in rows} == {connection.identity().base_currency}


def test_engagements_come_by_list_where_most_of_them_count_and_belong_to_the_same_companies(
    a_world: Callable[..., World],
) -> None:
    world = a_world(accounts=60, opportunities=0, activities=11_000)
    connection = world.connect()
    before = world.server.calls()
    listed = world.pull(connection, Stream.ACTIVITIES, since=SINCE)
    paths = {one.path.removeprefix("/crm/v3/objects/") for one in list(world.server.requests)[before:] if one.method == "GET"}
    assert len(listed.rows) > 8_000 and paths & {"calls", "emails", "meetings", "notes", "tasks"}
    for kind in paths & {"calls", "emails", "meetings", "notes", "tasks"}:
        for row in [row for row in listed.rows if row["kind"] == kind.removesuffix("s")][:20]:
            answer = world.call("GET", f"/crm/v4/objects/{kind}/{row['id']}/associations/companies")
            assert row["account_id"] in {str(one["toObjectId"]) for one in answer["results"]}
    again = world.pull(connection, Stream.ACTIVITIES, listed.last.cursor, since=SINCE)
    assert again.rows == [] and not again.last.full


def test_more_properties_than_a_search_has_room_for_arrive_all_the_same(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=5, opportunities=0)
    names = [f"a_property_with_quite_a_long_name_that_fills_the_search_{number}" for number in range(80)]
    made = [{"name": n, "label": n, "type": "string", "fieldType": "text", "groupName": "companyinformation"} for n in names]
    world.call("POST", "/crm/v3/properties/companies/batch/create", {"inputs": made})
    connection = world.connect()
    columns = (*STREAMS[Stream.ACCOUNTS].columns[:2], *(Column(name, "text", name) for name in names))
    columns = tuple(Column(c.name, c.kind, {"id": "hs_object_id"}.get(c.name, c.field or c.name)) for c in columns)
    first = list(connection.pull([PullRequest(Stream.ACCOUNTS, columns)]))[-1]
    company = next(iter(world.sandbox.portal.tables["companies"].ids))
    world.call("PATCH", f"/crm/v3/objects/companies/{company}", {"properties": {names[0]: "first", names[-1]: "last"}})
    pages = connection.pull([PullRequest(Stream.ACCOUNTS, columns, first.cursor)])
    rows = [row for page in pages for row in page.rows]
    assert [(row[0], row[2], row[-1]) for row in rows] == [(company, "first", "last")]


def test_a_close_date_that_no_calendar_goes_to_is_told_with_its_deal(world: World) -> None:
    deal = world.pull(world.connect(), Stream.OPPORTUNITIES).rows[3]["id"]
    world.call("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {"closedate": "+20245-03-01T00:00:00Z"}})
    (told,) = (one for one in world.pull(world.connect(), Stream.OPPORTUNITIES).problems if "calendar" in one)
    assert told.startswith("1 deals") and deal in told


def test_a_deal_of_a_deleted_stage_is_won_lost_or_open_as_its_own_marks_say(world: World) -> None:
    before = {row["id"]: (row["is_closed"], row["is_won"]) for row in world.pull(world.connect(), Stream.OPPORTUNITIES).rows}
    assert {(True, True), (True, False), (False, False)} <= set(before.values())
    for stage in ("closedwon", "closedlost", "qualifiedtobuy"):
        world.call("DELETE", f"/crm/v3/pipelines/deals/default/stages/{stage}")
    pulled = world.pull(world.connect(), Stream.OPPORTUNITIES)
    assert {row["id"]: (row["is_closed"], row["is_won"]) for row in pulled.rows} == before
    assert any("a stage that no pipeline has" in problem for problem in pulled.problems)


def test_a_named_pipeline_without_a_deal_is_told(world: World) -> None:
    for deal in world.pull(world.connect(), Stream.OPPORTUNITIES).rows:
        move = {"pipeline": "default", "dealstage": "contractsent"}
        world.call("PATCH", f"/crm/v3/objects/deals/{deal['id']}", {"properties": move})
    mapping = replace(world.context().mapping, options={"pipelines": ["Renewals and expansion"]})
    pulled = world.pull(world.connect(mapping=mapping), Stream.OPPORTUNITIES)
    assert pulled.rows == [] and "Renewals and expansion" in pulled.problems[-1]
