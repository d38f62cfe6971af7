"""Every run leaves a trace: `runs`, `runs show`, `status`, through the command line on the in-memory CRM."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.run.lock import run_lock
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


def test_what_a_run_held_back_is_shown_in_every_form_and_counted(desk: MemoryDesk) -> None:
    desk.write_config(
        (desk.folder / "config.toml").read_text(encoding="utf-8") + "[program]\nmax_new_tasks_per_owner_per_run = 1\n"
    )
    desk.good("apply", "--yes")
    run = last_run(desk)

    shown = desk.good("runs", "show", run).out
    (held,) = desk.good("runs", "show", run, "--json").json["held_back"]
    rows = list(csv.DictReader(io.StringIO(desk.good("runs", "show", run, "--format", "csv").out)))

    assert held["name"] == "Beta" and held["what"] == "task welcome/call" and held["waits"] and held["key"]
    assert f"Held back: 1\n  ! Beta  {held['what']}: {held['reason']}" in shown
    assert [(row["account"], row["field"], row["message"]) for row in rows if row["op"] == "held_back"] == [
        ("Beta", held["what"], held["reason"])
    ]


def test_nights_that_hold_back_the_same_things_keep_them_once_and_forget_takes_them(desk: MemoryDesk) -> None:
    desk.write_config(
        (desk.folder / "config.toml").read_text(encoding="utf-8") + '[program]\nfallback_owner = "nobody@example.com"\n'
    )
    zed = desk.crm.add_account("Zebulon Quagga", potential=95)
    for _ in range(3):
        desk.good("apply", "--yes")
    runs = [run["run_id"] for run in desk.good("runs", "--json").json]

    lists = [desk.good("runs", "show", run, "--json").json["held_back"] for run in runs]
    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        (kept,) = db.execute("SELECT count(*) FROM held_back").fetchone()
    desk.good("forget", zed, "--yes")

    assert len(lists) == 3 and lists[0] and lists[0] == lists[1] == lists[2] and kept == len(lists[0])
    assert not [one for one in desk.good("runs", "show", runs[0], "--json").json["held_back"] if one["account_id"] == zed]


def test_an_account_that_another_machine_wrote_is_told_once_and_counted(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    beta = next(one.id for one in desk.crm.accounts() if one.get("name") == "Beta")
    assert "another kamsync" not in desk.run("sync").err + desk.good("status").out

    desk.crm.set_flag(beta, "evaluated_at", datetime.now(UTC) + timedelta(minutes=5))
    told, quiet = desk.run("sync"), desk.run("sync")

    assert "1 account was written by another kamsync" in told.out and "another kamsync" not in quiet.out
    assert desk.good("status", "--json").json["written_elsewhere"] == 1 and "met on 1 accounts" in desk.good("status").out


def test_a_rebuilt_cache_takes_nobody_for_another_machine(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    for file in desk.folder.glob("kamsync.db*"):
        file.unlink()
    for one in desk.crm.accounts():
        desk.crm.edit_account(one.id, potential=45)

    assert "another kamsync" not in desk.good("apply", "--yes").out + desk.good("sync").out
    assert desk.good("status", "--json").json["written_elsewhere"] == 0
