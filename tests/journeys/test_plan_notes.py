"""The plan's note on both CRMs over HTTP: one on each key account, nothing to do afterwards, taken back by undo."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.journeys.conftest import Desk, Opener

MOST_CALLS = {"salesforce": 14, "hubspot": 18}  # of a sync that changes nothing


def notes(desk: Desk) -> list[str]:
    """The bodies of the living notes of this program, as the CRM holds them."""
    sandbox: Any = desk.server.crm
    if sandbox.kind == "salesforce":
        rows = sandbox.org.db.execute(
            "SELECT n.Content FROM ContentNote n JOIN ContentDocumentLink l ON l.ContentDocumentId = n.Id"
            " WHERE n.IsDeleted = 0 AND l.IsDeleted = 0"
        )
        return [body for (body,) in rows]
    table = sandbox.portal.tables["notes"]
    bodies = [table.get(record, "hs_note_body") or "" for record in table.records.values()]
    return [body for body in bodies if "kamsync plan " in body]


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_each_key_account_carries_its_plan_and_then_there_is_nothing_to_do(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=60, opportunities=300)
    desk.edit_config("[guard]\n", "[plans]\nnote = true\n\n[guard]\n")
    desk.begin("setup")
    assert "failed" not in desk.good("doctor", "--json").out
    desk.good("pull")
    planned = desk.good("plan", "--json").json
    desk.good("apply", "--yes")

    flagged = [one for one in desk.look("accounts", "--json").json if one["tier"]]
    written = notes(desk)
    assert len(written) == len(flagged) == planned["summary"]["write_note"] > 3
    assert all("<li>" in body and "<script" not in body for body in written)

    page = requests.get(f"{desk.server.base_url}/_sandbox/accounts/{flagged[0]['id']}", timeout=10).text
    assert "<h2>Account plan</h2>" in page and "• Tier: " in page

    assert desk.good("plan", "--json").json["changes"] == []
    before = desk.server.calls()
    desk.good("sync")
    assert desk.server.calls() - before <= MOST_CALLS[crm]
    for path in desk.folder.glob("kamsync.db*"):
        path.unlink()
    assert desk.good("plan", "--json").json["changes"] == []
    desk.good("sync")
    assert len(notes(desk)) == len(flagged)


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_undo_takes_the_notes_away(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=20, opportunities=100)
    desk.edit_config("[guard]\n", "[plans]\nnote = true\n\n[guard]\n")
    for command in (("setup", "--yes"), ("apply", "--yes")):
        desk.good(*command)
    assert notes(desk)
    desk.good("undo", desk.look("runs", "--json").json[0]["run_id"], "--yes")
    assert notes(desk) == []


def test_an_org_without_notes_is_told_by_doctor(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=6, opportunities=10, refused_objects={"ContentNote": "INVALID_TYPE"})
    desk.edit_config("[guard]\n", "[plans]\nnote = true\n\n[guard]\n")
    desk.begin("setup")
    told = desk.run("doctor")
    assert told.code == 1 and "Enable Notes" in told.out
