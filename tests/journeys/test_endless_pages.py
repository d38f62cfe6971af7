"""Pages that lead back to themselves, and JSON too deep to read, end a pull with a sentence instead of keeping it for ever."""

from __future__ import annotations

import pytest

from tests.journeys.conftest import Opener

CIRCLES = {
    "hubspot": ("/crm/v3/owners", {"results": [], "paging": {"next": {"after": "7"}}}),
    "salesforce": (
        "/query",
        {"totalSize": 1, "done": False, "records": [], "nextRecordsUrl": "/services/data/v60.0/query/01g000000000001-2000"},
    ),
}


@pytest.mark.parametrize("crm", CIRCLES)
def test_a_next_page_that_was_asked_for_before_is_an_error(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=3, opportunities=3)
    path, body = CIRCLES[crm]
    desk.server.faults.add("status", method="GET", path=path, times=None, status=200, body=body)

    result = desk.run("pull")

    assert result.code == 1 and "Traceback" not in result.err
    assert "does not get on" in result.err or "round in a circle" in result.err


@pytest.mark.parametrize("crm", CIRCLES)
def test_json_of_two_hundred_thousand_lists_is_told(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=3, opportunities=3)
    desk.server.faults.add("status", method="GET", times=None, status=200, body=b"[" * 200_000)

    result = desk.run("pull")

    assert result.code == 1 and "bug" not in result.err and "Traceback" not in result.err
