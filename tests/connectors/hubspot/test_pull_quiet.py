"""Pulls after which little or nothing happened: what they cost, and what they still find."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from kamsync.model import Stream

World = Any
SINCE = date(2020, 1, 1)
KINDS = ("meetings", "calls", "emails", "notes", "tasks")


def pull_all(world: World, cursors: dict[Stream, str | None]) -> dict[Stream, Any]:
    """One run's pull of every stream, on a connection of its own."""
    connection = world.connect()
    return {s: world.pull(connection, s, cursors.get(s), since=SINCE if s is Stream.ACTIVITIES else None) for s in Stream}


def cursors_of(pulled: dict[Stream, Any]) -> dict[Stream, str | None]:
    return {stream: one.last.cursor for stream, one in pulled.items()}


def settled_requests(world: World) -> list[Any]:
    """All calls so far; the server notes one a moment after its answer."""
    deadline = time.monotonic() + 5
    while len(world.server.requests) < world.server.calls() and time.monotonic() < deadline:
        time.sleep(0.01)
    return list(world.server.requests)


def an_own_task(world: World, key: str) -> str:
    """A task of this program, as an earlier run would have made it."""
    company = world.call("GET", "/crm/v3/objects/companies", limit=1)["results"][0]["id"]
    body = {
        "properties": {"hs_timestamp": "2026-07-01T09:00:00Z", "hs_task_subject": "Call", "kam_task_key": f"{key}:{company}"},
        "associations": [
            {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}]}
        ],
    }
    return str(world.call("POST", "/crm/v3/objects/tasks", body)["id"])


def test_a_pull_of_everything_a_moment_after_an_edit_of_everything_takes_one_call_an_object(world: World) -> None:
    first = pull_all(world, {})
    for path, name in (("companies", "city"), ("deals", "dealname"), ("line_items", "name"), ("tasks", "hs_task_subject")):
        ids = [one["id"] for one in world.call("GET", f"/crm/v3/objects/{path}", limit=50)["results"]]
        inputs = [{"id": one, "properties": {name: "Edited"}} for one in ids]
        world.call("POST", f"/crm/v3/objects/{path}/batch/update", {"inputs": inputs})
    second = pull_all(world, cursors_of(first))
    assert len(second[Stream.OPPORTUNITIES].rows) == 50
    before = settled_requests(world)
    third = pull_all(world, cursors_of(second))
    assert not any(one.rows or one.deleted for one in third.values())
    calls = Counter(f"{one.method} {one.path.strip('/')}" for one in settled_requests(world)[len(before) :])
    objects = ("companies", "deals", "line_items", "contacts", "meetings", "calls", "emails", "notes")
    assert calls == {
        "GET account-info/v3/details": 1,
        "GET crm/v3/owners": 1,
        **{f"POST crm/v3/objects/{one}/search": 1 for one in objects},
        "POST crm/v3/objects/tasks/search": 2,  # as activities, and the program's own
    }


def test_after_more_edits_than_a_page_a_quiet_pull_takes_one_call_and_the_next_edit_is_found(
    a_world: Callable[..., World],
) -> None:
    world = a_world(accounts=450, opportunities=0)
    connection = world.connect()
    cursor = world.pull(connection, Stream.ACCOUNTS).last.cursor
    ids = [one["id"] for one in world.pull(connection, Stream.ACCOUNTS).rows]
    for start in range(0, len(ids), 100):
        inputs = [{"id": one, "properties": {"city": "Recife"}} for one in ids[start : start + 100]]
        world.call("POST", "/crm/v3/objects/companies/batch/update", {"inputs": inputs})
    pulled = world.pull(connection, Stream.ACCOUNTS, cursor)
    assert len(pulled.rows) == len(ids)
    for _ in range(2):
        before = world.server.calls()
        pulled = world.pull(connection, Stream.ACCOUNTS, pulled.last.cursor)
        assert pulled.rows == [] and world.server.calls() - before == 1
    world.call("PATCH", f"/crm/v3/objects/companies/{ids[3]}", {"properties": {"city": "Olinda"}})
    pulled = world.pull(connection, Stream.ACCOUNTS, pulled.last.cursor)
    assert [row["id"] for row in pulled.rows] == [ids[3]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_deleted_activity_goes_with_the_next_pull(world: World, kind: str) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.ACTIVITIES, since=SINCE)
    gone = next(row["id"] for row in first.rows if f"{row['kind']}s" == kind)
    world.call("DELETE", f"/crm/v3/objects/{kind}/{gone}")
    second = world.pull(connection, Stream.ACTIVITIES, first.last.cursor, since=SINCE)
    assert not second.last.full and second.deleted == {gone} and second.rows == []


def test_a_task_of_ours_that_a_person_deletes_is_told_as_deleted_by_the_next_pull(world: World) -> None:
    connection = world.connect()
    kept, gone = an_own_task(world, "one"), an_own_task(world, "two")
    first = world.pull(connection, Stream.TASKS)
    assert {row["id"]: row["is_deleted"] for row in first.rows} == {kept: False, gone: False}
    world.call("DELETE", f"/crm/v3/objects/tasks/{gone}")
    second = world.pull(connection, Stream.TASKS, first.last.cursor)
    assert not second.last.full
    assert {row["id"]: (row["is_deleted"], row["is_open"]) for row in second.rows} == {gone: (True, False)}


def test_a_deletion_is_found_beside_a_new_record_and_an_edit(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.LINE_ITEMS)
    edited, gone = (row["id"] for row in first.rows[:2])
    made = world.call("POST", "/crm/v3/objects/line_items", {"properties": {"name": "Fresh", "quantity": "1"}})["id"]
    world.call("PATCH", f"/crm/v3/objects/line_items/{edited}", {"properties": {"name": "Edited"}})
    world.call("DELETE", f"/crm/v3/objects/line_items/{gone}")
    second = world.pull(connection, Stream.LINE_ITEMS, first.last.cursor)
    assert second.deleted == {gone} and {row["id"] for row in second.rows} == {edited, made}


def test_a_deletion_that_search_shows_late_is_found_when_it_does(a_world: Callable[..., World]) -> None:
    now = [1_790_000_000.0]
    world = a_world(search_lag_seconds=30.0, clock=lambda: now[0])
    connection = world.connect()
    first = world.pull(connection, Stream.OPPORTUNITIES)
    gone = first.rows[0]["id"]
    world.call("DELETE", f"/crm/v3/objects/deals/{gone}")
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    now[0] += 60
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert second.deleted | third.deleted == {gone}


def test_an_edit_that_search_shows_behind_many_newer_ones_is_found_with_the_next_change(a_world: Callable[..., World]) -> None:
    """As with an index whose parts lag differently: the edit of the first company is not the newest one when it appears."""
    world = a_world(accounts=450, opportunities=0)
    connection = world.connect()
    first = world.pull(connection, Stream.ACCOUNTS)
    ids = [row["id"] for row in first.rows]
    table = world.sandbox.portal.tables["companies"]
    before = table.records[ids[0]].copy()
    world.call("PATCH", f"/crm/v3/objects/companies/{ids[0]}", {"properties": {"name": "Late"}})
    for start in range(1, len(ids), 100):
        inputs = [{"id": one, "properties": {"city": "Recife"}} for one in ids[start : start + 100]]
        world.call("POST", "/crm/v3/objects/companies/batch/update", {"inputs": inputs})
    soon = world.sandbox.portal.now_ms() + 3_600_000
    table.settle_index(soon)  # the writes so far
    table.hide_from_search(ids[0], before, soon)
    second = world.pull(connection, Stream.ACCOUNTS, first.last.cursor)
    assert ids[0] not in {row["id"] for row in second.rows}
    table.settle_index(soon)
    world.call("PATCH", f"/crm/v3/objects/companies/{ids[9]}", {"properties": {"city": "Olinda"}})
    third = world.pull(connection, Stream.ACCOUNTS, second.last.cursor)
    assert {row["id"]: row["name"] for row in third.rows}.get(ids[0]) == "Late"


def test_a_deal_that_is_given_its_company_a_moment_after_it_was_made_finds_it(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.OPPORTUNITIES)
    made = world.call(
        "POST", "/crm/v3/objects/deals", {"properties": {"dealname": "Fresh", "dealstage": "appointmentscheduled"}}
    )["id"]
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    assert [(row["id"], row["account_id"]) for row in second.rows] == [(made, None)]
    company = first.rows[0]["account_id"]
    world.call("PUT", f"/crm/v4/objects/deals/{made}/associations/default/companies/{company}")
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert [(row["id"], row["account_id"]) for row in third.rows] == [(made, company)]


def test_a_deals_probability_is_its_own_and_its_stages_where_it_has_none(world: World) -> None:
    listed = {}
    stages = {
        stage["id"]: stage["metadata"]["probability"]
        for pipeline in world.call("GET", "/crm/v3/pipelines/deals")["results"]
        for stage in pipeline["stages"]
    }
    query = {"limit": 100, "properties": "dealstage,hs_deal_stage_probability"}
    for deal in world.call("GET", "/crm/v3/objects/deals", **query)["results"]:
        listed[deal["id"]] = deal["properties"]
    rows = {row["id"]: row for row in world.pull(world.connect(), Stream.OPPORTUNITIES).rows}
    assert any(float(one["hs_deal_stage_probability"]) != float(stages[one["dealstage"]]) for one in listed.values())
    for deal_id, properties in listed.items():
        assert rows[deal_id]["probability"] == properties["hs_deal_stage_probability"]


def test_people_come_with_buying_roles_and_labels_and_without_who_they_are(world: World) -> None:
    company = world.call("GET", "/crm/v3/objects/companies", limit=1)["results"][0]["id"]
    body = {"label": "Executive sponsor", "name": "exec_sponsor"}
    label = max(one["typeId"] for one in world.call("POST", "/crm/v4/associations/contacts/companies/labels", body)["results"])
    kinds = world.call("GET", "/crm/v4/associations/contacts/companies/labels")["results"]
    label = next(one["typeId"] for one in kinds if one["label"] == "Executive sponsor")
    made = world.call(
        "POST",
        "/crm/v3/objects/contacts",
        {
            "properties": {"email": "who@example.com", "hs_buying_role": "CHAMPION;LEGAL_AND_COMPLIANCE"},
            "associations": [
                {"to": {"id": company}, "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": label}]}
            ],
        },
    )["id"]

    rows = world.pull(world.connect(), Stream.CONTACTS).rows

    (row,) = [one for one in rows if one["id"] == made]
    assert (row["account_id"], row["tie"], row["roles"]) == (company, "contact", "LEGAL_AND_COMPLIANCE;champion;sponsor")
    assert {"sponsor", "decision_maker", "champion"} <= {one["roles"] for one in rows}
    assert "@" not in repr(rows)


def test_a_person_who_moves_or_is_deleted_is_found_by_the_next_pull_for_one_search(world: World) -> None:
    connection = world.connect()
    first = world.pull(connection, Stream.CONTACTS)
    edited, gone = (row["id"] for row in first.rows[:2])
    world.call("PATCH", f"/crm/v3/objects/contacts/{edited}", {"properties": {"hs_buying_role": "DECISION_MAKER"}})
    world.call("DELETE", f"/crm/v3/objects/contacts/{gone}")

    second = world.pull(connection, Stream.CONTACTS, first.last.cursor)
    before = world.server.calls()
    third = world.pull(connection, Stream.CONTACTS, second.last.cursor)

    assert not second.last.full and gone in second.deleted
    assert {row["id"]: row["roles"] for row in second.rows} == {edited: "decision_maker"}
    assert (third.rows, world.server.calls() - before) == ([], 1)


def test_a_sync_is_ready_without_the_packages_that_only_its_other_days_need_and_they_come_when_asked_for() -> None:
    program = """
import sys
import kamsync.run.sync
from kamsync_hubspot.api.auth import Credentials
from kamsync_hubspot.api.client import Client
client = Client(Credentials(access_token="token"))
slow = ("structlog", "hubspot.crm.lists", "hubspot.crm.pipelines", "hubspot.crm.properties", "hubspot.crm.associations")
print(*(name for name in slow if name in sys.modules))
calls = (client.lists.create, client.pipelines.get_all, client.groups.create, client.associations.get_page)
print(*map(callable, calls))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said == ["", "True True True True"]
