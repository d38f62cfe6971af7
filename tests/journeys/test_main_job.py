"""The README, end to end: what an admin types and what a key account manager then sees."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from kamsync.sandbox.crm import TaskView
from tests.journeys.conftest import Desk, Opener

CRMS = ("salesforce", "hubspot")


@pytest.fixture(params=CRMS)
def desk(request: pytest.FixtureRequest, open_desk: Opener) -> Desk:
    """An admin's desk before setup, on each CRM."""
    return open_desk(request.param)


def writes(desk: Desk) -> int:
    """Calls since the server started that could write."""
    reads = ("/search", "/batch/read", "/query", "/oauth", "/jobs/query", "composite/sobjects/Account", "associations")
    # A composite call is a POST of several questions about the org; no write goes that way.
    asked = (r for r in desk.server.requests if r.method != "GET" and not r.path.endswith("/composite"))
    return sum(not any(part in r.path for part in reads) for r in asked)


def test_plan_writes_nothing_and_apply_writes_exactly_the_plan(desk: Desk) -> None:
    desk.begin("setup")
    before = writes(desk)
    plan = desk.good("plan", "--json").json
    assert writes(desk) == before
    assert plan["version"] == 1 and plan["summary"]["update_account"] > 5
    desk.good("apply", "--yes")
    wanted = {c["account_id"]: c["fields"]["tier"]["to"] for c in plan["changes"] if c["op"] == "update_account"}
    shown = {a.id: a.flags["tier"] for a in desk.server.crm.view.accounts(only_flagged=True, limit=1000)}
    assert shown == {account: tier for account, tier in wanted.items() if tier}


def test_a_second_sync_makes_no_write_call(desk: Desk) -> None:
    desk.begin("setup", "sync")
    before = writes(desk)
    assert "Nothing to write" in desk.good("sync").out
    assert writes(desk) == before


def test_setup_twice_changes_nothing(desk: Desk) -> None:
    desk.begin("setup")
    assert {step["status"] for step in desk.good("setup", "--json").json} == {"exists"}


def test_a_dry_setup_creates_nothing(desk: Desk) -> None:
    assert "would_create" in {step["status"] for step in desk.good("setup", "--dry-run", "--json").json}
    assert "run `kamsync setup` first" in desk.good("plan").out  # the fields are still missing


def test_before_setup_the_plan_says_what_would_be_written_and_nothing_can_write_it(desk: Desk) -> None:
    bare = desk.good("plan", "--json").json
    assert bare["summary"]["update_account"] > 5 and bare["summary"]["create_task"] > 0
    assert "kamsync setup" in bare["guards"][0]["fix"]
    for command in (("apply", "--yes"), ("sync",)):
        refused = desk.run(*command)
        assert refused.code == 3 and "kamsync setup" in refused.err, refused.err
    assert writes(desk) == 0
    desk.good("setup")
    planned = desk.good("plan", "--json").json
    assert planned["base"] == bare["base"] and not planned["guards"]
    desk.good("apply", "--yes")
    assert "Nothing to write" in desk.good("sync").out


def test_a_plan_made_before_setup_is_what_is_applied_after_it(desk: Desk) -> None:
    desk.good("plan", "--out", "plan.json")
    desk.good("setup")
    assert "accounts updated" in desk.good("apply", "plan.json", "--yes").out


def test_deleting_the_cache_creates_no_task_twice_and_writes_nothing(desk: Desk) -> None:
    desk.begin("setup", "sync")
    for file in desk.folder.glob("kamsync.db*"):
        file.unlink()
    before = writes(desk)
    assert "Nothing to write" in desk.good("sync").out
    assert writes(desk) == before


def test_an_override_in_the_crm_wins(desk: Desk) -> None:
    desk.begin("setup", "sync")
    account = desk.server.crm.view.accounts(only_flagged=True)[0]
    desk.server.crm.view.set_flag(account.id, "override", "none")
    desk.good("sync", "--full")
    now = desk.server.crm.view.account(account.id)
    assert now is not None and now.flags["tier"] == ""
    assert desk.good("explain", account.id, "--json").json["code"] == "override"


def test_undo_leaves_the_crm_as_it_was(desk: Desk) -> None:
    desk.begin("setup", "sync")
    run = desk.good("runs", "--json").json[0]["run_id"]
    desk.good("undo", run, "--yes")
    assert not desk.server.crm.view.accounts(only_flagged=True)
    tasks = [t for a in desk.server.crm.view.accounts(limit=1000) for t in desk.server.crm.view.tasks(a.id)]
    assert not [t for t in tasks if t.by_kamsync and t.is_open]


def test_a_saved_plan_is_refused_when_the_crm_moved_on(desk: Desk, tmp_path: Path) -> None:
    desk.begin("setup")
    file = tmp_path / "plan.json"
    plan = desk.good("plan", "--out", str(file), "--json").json
    first = next(c["account_id"] for c in plan["changes"] if c["op"] == "update_account")
    desk.server.crm.view.set_flag(first, "override", "none")
    desk.wait_for_index()
    result = desk.run("apply", str(file), "--yes")
    assert result.code == 3 and "stale" in result.err


def test_a_saved_plan_is_applied_while_nothing_moved(desk: Desk, tmp_path: Path) -> None:
    desk.begin("setup")
    file = tmp_path / "plan.json"
    desk.good("plan", "--out", str(file))
    assert "updated" in desk.good("apply", str(file), "--yes").out


def ours(desk: Desk) -> list[TaskView]:
    """The program's tasks in the CRM."""
    view = desk.server.crm.view
    return [task for account in view.accounts(limit=1_000) for task in view.tasks(account.id) if task.by_kamsync]


def test_a_killed_run_is_finished_by_the_next_with_no_task_twice(desk: Desk) -> None:
    desk.begin("setup")
    desk.server.faults.add("drip", path="tasks/batch/upsert|composite/sobjects/Task", seconds=5.0, times=1)
    process = desk.start("sync")
    while not ours(desk):  # they are made, and the answer that says so is on its way
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    desk.good("sync")
    assert "Nothing to write" in desk.good("sync").out
    for account in desk.server.crm.view.accounts(only_flagged=True, limit=1000):
        subjects = [t.subject for t in desk.server.crm.view.tasks(account.id) if t.by_kamsync]
        assert len(subjects) == len(set(subjects))


def test_explain_adds_up(desk: Desk) -> None:
    desk.begin("setup", "pull")
    accounts = desk.good("accounts", "--json", "--all").json
    best = max((a for a in accounts if a["score"] is not None), key=lambda a: a["score"])
    receipt = desk.good("explain", best["name"], "--json").json
    assert round(sum(c["points"] for c in receipt["contributions"]), 2) == receipt["score"] == best["score"]


def test_an_empty_crm_is_no_error(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=0, opportunities=0)
    desk.begin("setup")
    assert "Nothing to write" in desk.good("sync").out


def test_doctor_finds_what_setup_has_not_made_and_is_content_afterwards(desk: Desk) -> None:
    assert desk.run("doctor").code == 1
    desk.good("setup")
    findings = desk.run("doctor", "--json").json
    assert not [f for f in findings if f["status"] == "failed"]


def test_a_wrong_secret_is_told_without_showing_it(desk: Desk) -> None:
    name = next(name for name in desk.environment if "SECRET" in name or "TOKEN" in name)
    result = desk.run("pull", **{name: "canary-wrong-secret"})
    assert result.code == 1 and "Traceback" not in result.err
    assert "canary-wrong-secret" not in result.out + result.err


def test_no_secret_reaches_the_cache_or_the_log(desk: Desk) -> None:
    desk.begin("setup")
    result = desk.good("sync")
    secrets = [value for name, value in desk.environment.items() if "SECRET" in name or "TOKEN" in name]
    stored = b"".join(file.read_bytes() for file in desk.folder.glob("kamsync.db*"))
    assert not [s for s in secrets if s in result.out + result.err or s.encode() in stored]


def test_a_damaged_cache_is_told_with_its_mend(desk: Desk) -> None:
    (desk.folder / "kamsync.db").write_bytes(b"this is no database, whatever its name says" * 100)
    result = desk.run("status")
    assert result.code == 1 and "Move the file away" in result.err


def test_a_newer_cache_is_refused(desk: Desk) -> None:
    connection = sqlite3.connect(desk.folder / "kamsync.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    result = desk.run("status")
    assert result.code == 1 and "newer kamsync" in result.err


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/Los_Angeles"])
def test_the_same_company_gets_the_same_tiers_on_both_crms(open_desk: Opener, timezone: str) -> None:
    tiers = {}
    for crm in CRMS:
        desk = open_desk(crm)
        desk.edit_config("Europe/Berlin", timezone)
        desk.begin("setup", "pull")
        accounts = desk.good("accounts", "--json", "--all").json
        tiers[crm] = {a["name"]: (a["tier"], a["score"]) for a in accounts}
    assert tiers["salesforce"] == tiers["hubspot"]
    assert json.dumps(tiers["salesforce"])
