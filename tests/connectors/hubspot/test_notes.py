"""The plan's note on a company: pinned where nothing is, and never over what somebody else has pinned."""

from __future__ import annotations

from collections.abc import Callable

from kamsync.contract import KeepsNotes
from kamsync.model import Stream
from kamsync.model.exchange import NewNote, NoteRef
from tests.connectors.hubspot.conftest import World

BODY = "<p>kamsync plan 0123456789-abcdef0123</p><p>Plan</p>"


def test_a_new_note_is_pinned_unless_somebody_has_pinned_something(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=4, opportunities=0, activities=0)
    connection = world.connect()
    assert isinstance(connection, KeepsNotes)
    free, taken = sorted(row["id"] for row in world.pull(connection, Stream.ACCOUNTS).rows)[:2]
    theirs = world.call(
        "POST", "/crm/v3/objects/notes", {"properties": {"hs_timestamp": "2026-06-01T00:00:00Z", "hs_note_body": "Call first"}}
    )["id"]
    world.call("PUT", f"/crm/v4/objects/notes/{theirs}/associations/default/companies/{taken}")
    world.call("PATCH", f"/crm/v3/objects/companies/{taken}", {"properties": {"hs_pinned_engagement_id": theirs}})

    made = {one.ref: one.record_id for one in connection.write_notes([NewNote(one, "", "", "", BODY) for one in (free, taken)])}

    pinned = {
        one: world.call("GET", f"/crm/v3/objects/companies/{one}", properties="hs_pinned_engagement_id")["properties"]
        for one in (free, taken)
    }
    assert pinned[free]["hs_pinned_engagement_id"] == made[free]
    assert pinned[taken]["hs_pinned_engagement_id"] == theirs
    found = connection.fetch_notes([NoteRef(taken, "")])
    assert found[taken].note_id == made[taken]


def test_among_many_notes_of_people_ours_are_found_by_search_and_the_newest_without_it(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=4, opportunities=0, activities=0, search_lag_seconds=60.0)
    connection = world.connect()
    assert isinstance(connection, KeepsNotes)
    busy = min(row["id"] for row in world.pull(connection, Stream.ACCOUNTS).rows)
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 190}
    theirs = {
        "properties": {"hs_timestamp": "2026-06-01T00:00:00Z", "hs_note_body": "A call"},
        "associations": [{"to": {"id": busy}, "types": [link]}],
    }
    for _ in range(4):
        world.call("POST", "/crm/v3/objects/notes/batch/create", {"inputs": [theirs] * 80})

    (made,) = connection.write_notes([NewNote(busy, "", "", "", BODY)])

    assert connection.fetch_notes([NoteRef(busy, "")])[busy].note_id == made.record_id
