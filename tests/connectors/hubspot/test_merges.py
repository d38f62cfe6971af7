"""Records that vanish without a word: merged ones, told as pairs, and what nothing explains, which is listed anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kamsync.model import Stream

World = Any


def merge(world: World, kind: str, winner: str, loser: str) -> str:
    body = {"primaryObjectId": winner, "objectIdToMerge": loser}
    return str(world.call("POST", f"/crm/v3/objects/{kind}/merge", body)["id"])


@pytest.mark.parametrize("keeps_id", [False, True])
@pytest.mark.parametrize("is_full", [False, True])
def test_merged_companies_lead_to_the_one_that_lives_on(a_world: Callable[..., World], keeps_id: bool, is_full: bool) -> None:
    world = a_world(merges_keep_id=keeps_id)
    connection = world.connect()
    first = world.pull(connection, Stream.ACCOUNTS)
    winner, loser, last = (row["id"] for row in first.rows[2:5])
    middle = merge(world, "companies", winner, loser)
    living = merge(world, "companies", last, middle)
    second = world.pull(connection, Stream.ACCOUNTS, None if is_full else first.last.cursor)
    assert second.last.full is is_full
    gone = {winner, loser, last, middle} - {living}
    assert {old for old, new in second.merged if new == living} == gone
    assert living in {row["id"] for row in second.rows}
    assert not gone & {row["id"] for row in second.rows}


@pytest.mark.parametrize("keeps_id", [False, True])
def test_merged_deals_go_with_the_next_pull(a_world: Callable[..., World], keeps_id: bool) -> None:
    world = a_world(merges_keep_id=keeps_id)
    connection = world.connect()
    first = world.pull(connection, Stream.OPPORTUNITIES)
    winner, loser = (row["id"] for row in first.rows[2:4])
    living = merge(world, "deals", winner, loser)
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    assert not second.last.full
    assert second.deleted == {winner, loser} - {living} and second.merged == set()
    assert [row["id"] for row in second.rows] == [living]
    before = world.server.calls()
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert third.rows == [] and world.server.calls() - before == 1


@pytest.mark.parametrize(("stream", "kind"), [(Stream.OPPORTUNITIES, "deals"), (Stream.ACCOUNTS, "companies")])
def test_records_that_vanish_without_a_trace_are_a_reason_to_list_anew_once(world: World, stream: Stream, kind: str) -> None:
    """As after a merge whose survivor the index does not show yet."""
    connection = world.connect()
    first = world.pull(connection, stream)
    winner, loser = (row["id"] for row in first.rows[2:4])
    living = merge(world, kind, winner, loser)
    table = world.sandbox.portal.tables[kind]
    table.hide_from_search(living, None, world.sandbox.portal.now_ms() + 3_600_000)
    second = world.pull(connection, stream, first.last.cursor)
    assert second.last.full
    rows = {row["id"] for row in second.rows}
    assert living in rows and not {winner, loser} & rows
    table.settle_index(world.sandbox.portal.now_ms() + 7_200_000)
    third = world.pull(connection, stream, second.last.cursor)
    assert not third.last.full
    assert {row["id"] for row in third.rows} <= {living}


def test_a_record_that_search_shows_late_is_no_reason_to_list_anew(a_world: Callable[..., World]) -> None:
    world = a_world(search_lag_seconds=3600.0)
    connection = world.connect()
    made = world.call("POST", "/crm/v3/objects/deals", {"properties": {"dealname": "Fresh", "dealstage": "closedwon"}})["id"]
    first = world.pull(connection, Stream.OPPORTUNITIES)
    assert made in {row["id"] for row in first.rows}
    second = world.pull(connection, Stream.OPPORTUNITIES, first.last.cursor)
    assert not second.last.full and made not in second.deleted
    third = world.pull(connection, Stream.OPPORTUNITIES, second.last.cursor)
    assert not third.last.full and made not in third.deleted
