"""The first look at a CRM: what setup would make is what it makes, and what doctor finds has its mend."""

from __future__ import annotations

import os
import re

import pytest

from kamsync.contract import Finding
from kamsync.report.findings_text import group_findings, summary
from tests.cli.terminal import Terminal
from tests.conftest import Golden
from tests.journeys.conftest import Desk, Opener

CRMS = pytest.mark.parametrize("crm", ["salesforce", "hubspot"])


def at_terminal(desk: Desk, *arguments: str) -> Terminal:
    return Terminal(arguments, desk.folder, {**os.environ, **desk.environment})


def steady(text: str) -> str:
    """Without what differs from run to run: how many calls are left."""
    return re.sub(r"[\d,]+ of ([\d,]+) calls are left", r"… of \1 calls are left", text)


@CRMS
def test_a_dry_run_lists_exactly_what_setup_does(open_desk: Opener, golden: Golden, crm: str) -> None:
    desk = open_desk(crm)
    planned = desk.good("setup", "--dry-run", "--json").json
    shown = desk.good("setup", "--dry-run").out
    golden.holds(f"setup-dry-run-{crm}.txt", shown)
    done = desk.good("setup", "--json").json
    assert [(s["kind"], s["name"], s["detail"]) for s in planned] == [(s["kind"], s["name"], s["detail"]) for s in done]
    assert {s["status"] for s in planned} == {"would_create"} and {s["status"] for s in done} == {"created"}
    assert "Next: kamsync plan" in desk.good("setup").out


def test_setup_shows_what_it_would_make_and_asks_at_a_terminal(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    with at_terminal(desk, "setup") as terminal:
        terminal.wait_for("[y/N]:")
        assert "kam_tier" in terminal.shown() and "Make these 16 in" in terminal.shown()
        terminal.answer("n")
        assert terminal.end() == 0
        assert "Nothing has been created." in terminal.shown()
    assert desk.good("setup", "--dry-run", "--json").json[0]["status"] == "would_create"
    with at_terminal(desk, "setup") as terminal:
        terminal.wait_for("[y/N]:")
        terminal.answer("y")
        assert terminal.end() == 0
        read, done = terminal.shown().split("[y/N]:")
        assert "kam_tier" in read and "kam_tier" not in done  # said once
        assert "Setup: 16 created or changed" in done
    with at_terminal(desk, "setup") as terminal:
        assert terminal.end() == 0  # nothing is missing, so nothing is asked
        assert "already there" in terminal.shown()


def test_setup_with_yes_asks_nothing(open_desk: Opener) -> None:
    with at_terminal(open_desk("hubspot"), "setup", "--yes") as terminal:
        assert terminal.end() == 0
        assert "[y/N]" not in terminal.shown()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_setup_says_what_was_done_when_its_last_step_fails(open_desk: Opener, options: tuple[str, ...]) -> None:
    desk = open_desk("hubspot")
    desk.server.faults.add("status", path="/lists", times=None, status=403, body={"message": "no", "category": "MISSING_SCOPES"})
    result = desk.run("setup", *options)
    assert result.code == 1
    if options:
        assert [step["name"] for step in result.json if step["status"] == "created"][1] == "companies.kam_tier"
    else:
        assert "companies.kam_tier" in result.out and "13 created or changed" in result.out


@pytest.mark.parametrize(("status", "category", "listed"), [(403, "MISSING_SCOPES", 0), (401, "INVALID_AUTHENTICATION", 1)])
def test_after_the_yes_setup_names_what_failed_or_where_it_stopped_all_that_was_done(
    open_desk: Opener, status: int, category: str, listed: int
) -> None:
    desk = open_desk("hubspot")
    with at_terminal(desk, "setup") as terminal:
        terminal.wait_for("[y/N]:")
        desk.server.faults.add("status", path="/lists", times=None, status=status, body={"message": "no", "category": category})
        terminal.answer("y")
        assert terminal.end() != 0
        done = terminal.shown().split("[y/N]:")[1]
        assert done.count("companies.kam_tier ") == listed and "13 created or changed" in done
        assert ("Setup stopped there" in done) == bool(listed) and ("✗" in done) != bool(listed)


@CRMS
def test_doctor_reads_well_before_and_after_setup(open_desk: Opener, golden: Golden, crm: str) -> None:
    desk = open_desk(crm)
    desk.config.chmod(0o600)
    before = desk.run("doctor", COLUMNS="100")
    assert before.code == 1
    golden.holds(f"doctor-{crm}-before-setup.txt", steady(before.out))
    desk.good("setup")
    after = desk.run("doctor", COLUMNS="100")
    assert after.code == 0  # warnings are no failures
    golden.holds(f"doctor-{crm}-after-setup.txt", steady(after.out))
    assert "warning" in after.out and "failed" not in after.out


@CRMS
def test_ten_missing_fields_are_one_finding_with_one_mend(open_desk: Opener, crm: str) -> None:
    result = open_desk(crm).run("doctor")
    assert result.out.count("✗ failed") == 1
    assert "The same mend for 10 more" in result.out and "1 thing to mend (11 checks failed)" in result.out


def test_every_finding_that_is_not_well_has_its_mend(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.environment.update({name: "wrong" for name in desk.environment if "SECRET" in name})
    result = desk.run("doctor", "--json")
    assert result.code == 1
    assert [f for f in result.json if f["status"] != "ok" and not f["fix"]] == []


def test_findings_without_a_mend_stand_alone() -> None:
    alone = [Finding("a", "ok", "fine"), Finding("b", "warning", "hm"), Finding("c", "warning", "hm")]
    assert [group.others for group in group_findings(alone)] == [(), (), ()]
    assert summary(alone) == "2 warnings, 1 passed."
