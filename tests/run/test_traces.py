"""Every run leaves a trace: `runs`, `runs show`, `status`, through the command line on the in-memory CRM."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from kamsync.run.shell import run_lock
from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import PROGRAM


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    for name, potential in (("=cmd|' /C calc'!A0", 90), ("Beta", 50), ("Tiny", 10)):
        desk.crm.add_account(name, owner_id=ana, potential=potential)
    return desk


def last_run(desk: MemoryDesk) -> str:
    return str(desk.good("runs", "--json").json[0]["run_id"])


def kill_last_run(desk: MemoryDesk) -> None:
    """As SIGKILL leaves the cache: the run is open, its last write without an answer."""
    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        db.execute("UPDATE runs SET status = 'running', finished_at = NULL, summary = '{}'")
        db.execute("UPDATE journal SET outcome = NULL WHERE seq = 4")


def test_a_run_shows_every_write_with_before_after_and_outcome(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    run = last_run(desk)

    shown = desk.good("runs", "show", run[:8]).out
    writes = desk.good("runs", "show", run, "--json").json["writes"]

    assert "~ Beta  " in shown and "tier  — → B" in shown and "+ Beta  task “Call Beta” due" in shown
    update = next(write for write in writes if write["op"] == "update_account" and write["account"] == "Beta")
    assert update["fields"]["tier"] == {"from": None, "to": "B"} and update["outcome"] == "done" and update["at"]
    assert {write["op"] for write in writes} == {"update_account", "create_task"}


def test_an_undo_shows_what_it_wrote_back(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    desk.good("undo", last_run(desk), "--yes")

    shown = desk.good("runs", "show", last_run(desk)).out

    assert "tier  B → —" in shown and "- Beta  remove task “Call Beta” due" in shown


def test_a_trace_for_a_spreadsheet_runs_no_formula(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")

    rows = list(csv.DictReader(io.StringIO(desk.good("runs", "show", last_run(desk), "--format", "csv").out)))

    assert {row["account"] for row in rows} == {"'=cmd|' /C calc'!A0", "Beta"}
    assert {(row["field"], row["before"], row["after"]) for row in rows} >= {("tier", "", "A"), ("tier", "", "B")}


def test_a_run_that_nobody_knows_is_told_with_where_to_look(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")

    result = desk.run("runs", "show", "nothing")

    assert result.code == 2 and "kamsync runs" in result.err


def test_a_night_that_cannot_sign_in_is_listed_with_its_mend(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.good("apply", "--yes")
    monkeypatch.setenv("MEMORY_TOKEN", "another-token")

    assert desk.run("sync").code == 1

    listed, status = desk.good("runs").out, desk.good("status").out
    newest = desk.good("runs", "--json").json[0]
    assert newest["status"] == "failed" and newest["message"] and newest["fix"]
    assert newest["message"] in listed.splitlines()[0] and newest["fix"] in listed.splitlines()[1]
    assert newest["message"] in status and newest["fix"] in status


def test_a_killed_run_is_shown_as_interrupted_at_once_with_what_it_wrote(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    kill_last_run(desk)

    run = desk.good("runs", "--json").json[0]
    shown = desk.good("runs", "show", run["run_id"]).out

    assert run["status"] == "interrupted" and run["summary"] == {"updated": 2, "created": 1, "unknown": 1}
    assert "no answer is known yet" in shown
    assert desk.good("status", "--json").json["last_run"]["status"] == "interrupted"


def test_a_living_run_is_shown_as_running(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    kill_last_run(desk)

    with run_lock(desk.folder / "kamsync.db"):
        assert desk.good("runs", "--json").json[0]["status"] == "running"
