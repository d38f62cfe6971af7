"""What a plan says of itself: how many calls writing it takes, and how many accounts were read for it."""

from __future__ import annotations

import re

import pytest

from tests.journeys.conftest import Desk, Opener

CLOSE_ENOUGH = 2  # calls: of what the connector looks up anew or has from the pull


def calls_of(desk: Desk, *arguments: str) -> int:
    before = desk.server.calls()
    desk.good(*arguments)
    return desk.server.calls() - before


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_writing_takes_as_many_calls_as_the_plan_says(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=700, opportunities=4000)
    desk.begin("setup", "pull")
    said = desk.good("plan", "--json").json
    to_look = calls_of(desk, "plan")

    assert abs(calls_of(desk, "apply", "--yes") - to_look - said["api_calls_to_write"]) <= CLOSE_ENOUGH

    again = desk.good("plan", "--json").json
    assert (again["api_calls_to_write"], again["accounts"]) == (0, 700)
    run = desk.look("runs", "--json").json[0]["run_id"]
    undo = desk.good("undo", run, "--dry-run").out
    (cost,) = re.findall(r"takes about (\d+) API calls", undo)
    to_look = calls_of(desk, "undo", run, "--dry-run")
    assert abs(calls_of(desk, "undo", run, "--yes") - to_look - int(cost)) <= CLOSE_ENOUGH


def test_the_plan_tells_how_many_accounts_this_pull_has_read(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=12, opportunities=60)  # whose queries show an edit at once
    desk.begin("setup")

    assert "12 accounts read" in desk.good("plan").out
    (account, *_) = desk.server.crm.view.accounts()
    desk.server.crm.view.set_flag(account.id, "override", "A")
    told = desk.good("plan", "--json").json

    assert (told["accounts"], told["accounts_read"]) == (12, 1)
