"""`kamsync run` on the in-memory CRM: what it makes up for, says, serves and logs, and that it ends when it is asked to."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from kamsync.run.heartbeat import schedule_lock
from tests.run.memory_desk import MemoryDesk, Result
from tests.run.test_on_memory import PROGRAM

NIGHTLY = '[schedule]\nsync = "0 6 * * *"\nfull_pull = "0 3 * * 0"\n'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM + NIGHTLY, {"potential": "number"})
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    for name, potential in (("Acme", 90), ("Beta", 50), ("Tiny", 10)):
        desk.crm.add_account(name, owner_id=ana, potential=potential)
    return desk


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def add(desk: MemoryDesk, text: str) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + text)


def outcomes(desk: MemoryDesk) -> list[str]:
    with sqlite3.connect(desk.folder / "kamsync.db", timeout=10) as db:
        return [status for (status,) in db.execute("SELECT status FROM runs ORDER BY rowid")]


def as_of_last_week(desk: MemoryDesk) -> None:
    """As if nothing had run for a week."""
    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        db.execute("UPDATE runs SET started_at = datetime(started_at, '-8 days') || '+00:00'")
        db.execute("UPDATE runs SET finished_at = datetime(finished_at, '-8 days') || '+00:00' WHERE finished_at IS NOT NULL")
        db.execute("UPDATE meta SET value = datetime(value, '-8 days') || '+00:00' WHERE name = 'full_pulled_at'")


def run_until(desk: MemoryDesk, seen: Callable[[], bool]) -> Result:
    """Holds the schedule until `seen`, then asks it to end as systemd does."""
    failed: list[BaseException] = []

    def watch() -> None:
        end = time.monotonic() + 60
        try:
            while not seen() and time.monotonic() < end:
                time.sleep(0.02)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failed.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=watch)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # of the moment after the schedule has given its handler back
    try:
        watcher.start()
        result = desk.run("run")
        watcher.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    if failed:
        raise failed[0]
    return result


def beside(desk: MemoryDesk, *arguments: str) -> Any:
    """A command in another process, while this one holds the schedule."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(desk.folder / "site"), *sys.path))}
    command = [sys.executable, "-m", "kamsync", *arguments, "--json"]
    done = subprocess.run(command, cwd=desk.folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nights_that_nobody_held_are_made_up_for_by_one_run(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    as_of_last_week(desk)

    result = run_until(desk, lambda: outcomes(desk)[1:] == ["done"])

    assert result.code == 0 and outcomes(desk) == ["done", "done"]
    assert 'missed jobs="full_pull, sync"' in result.err and "full=True" in result.err


def test_a_schedule_that_missed_nothing_waits_and_says_what_for(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    heartbeat = desk.folder / "kamsync.db.schedule"
    shown: list[dict[str, Any]] = []

    def seen() -> bool:
        if not heartbeat.exists():
            return False
        shown.append(beside(desk, "status"))
        return True

    result = run_until(desk, seen)
    status = shown[0]

    assert result.code == 0 and outcomes(desk) == ["done"]
    assert [job["line"] for job in status["schedule"]["jobs"]] == ["0 3 * * 0", "0 6 * * *"]
    assert status["next_run"] == min(job["next_at"] for job in status["schedule"]["jobs"])
    assert "kamsync run` is not running here" in desk.good("status").out


def test_each_time_is_put_off_at_random_within_the_jitter(desk: MemoryDesk) -> None:
    text = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(text.replace("[schedule]\n", "[schedule]\njitter_seconds = 3600\n"))
    desk.good("apply", "--yes")
    heartbeat = desk.folder / "kamsync.db.schedule"

    told: list[Any] = []

    def seen() -> bool:
        if heartbeat.exists():
            told.extend(json.loads(heartbeat.read_text(encoding="utf-8"))["jobs"])
        return bool(told)

    run_until(desk, seen)
    times = {job["name"]: datetime.fromisoformat(job["next_at"]) for job in told}
    late = [times["full_pull"] - times["full_pull"].replace(hour=3, minute=0, second=0)]
    late += [times["sync"] - times["sync"].replace(hour=6, minute=0, second=0)]

    assert all(timedelta() <= one <= timedelta(hours=1) for one in late) and any(late)


def test_a_second_schedule_on_the_same_cache_is_refused(desk: MemoryDesk) -> None:
    with schedule_lock(desk.folder / "kamsync.db"):
        result = desk.run("run")

    assert result.code == 3 and "holds the schedule" in result.err


def test_run_once_runs_and_ends_with_the_exit_code_of_a_sync(desk: MemoryDesk) -> None:
    held = desk.run("run", "--once")
    desk.good("apply", "--yes")

    assert held.code == 3 and "first_run" in held.err
    assert "Waits for you" not in desk.good("status").out
    assert desk.run("run", "--once").code == 0
    assert outcomes(desk) == ["refused", "done", "done"]


def test_status_says_what_waits_for_a_person(desk: MemoryDesk) -> None:
    desk.good("pull")
    assert "Waits for you: Guard first_run" in desk.good("status").out
    desk.good("apply", "--yes")
    assert desk.good("status", "--json").json["waiting"] == []
    desk.good("undo", desk.good("runs", "--json").json[0]["run_id"], "--yes")
    assert "Guard undone" in desk.good("status", "--json").json["waiting"][0]["message"]


def test_health_and_metrics_are_served_while_the_schedule_runs(desk: MemoryDesk) -> None:
    port = free_port()
    add(desk, f"[serve]\nport = {port}\n")
    desk.good("apply", "--yes")
    answers: dict[str, str] = {}

    def ask(path: str, host: str = "localhost") -> tuple[int, str]:
        request = Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except OSError as error:
            return int(getattr(error, "code", 0)), ""

    def seen() -> bool:
        if not ask("/healthz")[0]:
            return False
        answers["health"], answers["metrics"] = ask("/healthz")[1], ask("/metrics")[1]
        answers["foreign"], answers["none"] = str(ask("/metrics", "evil.example")[0]), str(ask("/x")[0])
        answers["no name"], answers["no path"] = str(ask("/metrics", "[::1")[0]), str(ask("//[")[0])
        as_of_last_week(desk)
        answers["old"] = str(ask("/healthz")[0])
        return True

    run_until(desk, seen)

    assert json.loads(answers["health"])["ok"] and (answers["foreign"], answers["none"], answers["old"]) == ("403", "404", "503")
    assert (answers["no name"], answers["no path"]) == ("403", "404")
    for line in (
        'kamsync_runs_total{kind="apply",outcome="done"} 1.0',
        'kamsync_accounts{tier="A"} 1.0',
        'kamsync_tasks{status="created"} 2.0',
        'kamsync_last_run_writes{what="updated"} 2.0',
    ):
        assert line in answers["metrics"]


def test_a_log_for_machines_stamps_every_line_and_shows_every_write_at_debug(desk: MemoryDesk) -> None:
    add(desk, '[log]\nformat = "json"\nlevel = "debug"\nfile = "kamsync.log"\n[guard]\nfirst_run = "go"\n')

    result = desk.run("run", "--once")
    lines = [json.loads(line) for line in result.err.splitlines()]
    run = desk.good("runs", "--json").json[0]["run_id"]

    assert result.code == 0 and result.out == ""
    assert all(line["timestamp"] and line["run_id"] == run for line in lines)
    steps = {line["event"]: line for line in lines}
    assert steps["pulled"]["accounts"] == 3 and steps["planned"]["changes"] == 4 and steps["applied"]["updated"] == 2
    assert all("seconds" in steps[name] for name in ("pulled", "recovered", "planned", "applied"))
    assert steps["applied"]["org"] == desk.crm.org_id and steps["run ended"]["outcome"] == "done"
    assert sorted(line["op"] for line in lines if line["event"] == "write") == ["create_task"] * 2 + ["update_account"] * 2
    log = desk.folder / "kamsync.log"
    assert log.read_text(encoding="utf-8") == result.err and log.stat().st_mode & 0o777 == 0o600


def test_a_command_that_a_person_types_logs_to_the_file_only(desk: MemoryDesk) -> None:
    add(desk, '[log]\nfile = "kamsync.log"\n')
    result = desk.good("apply", "--yes")
    assert "applied" not in result.err
    assert "applied updated=2 created=2" in (desk.folder / "kamsync.log").read_text(encoding="utf-8")


def test_a_log_that_is_no_file_is_refused(desk: MemoryDesk) -> None:
    add(desk, '[log]\nfile = "."\n')
    result = desk.run("run", "--once")
    assert result.code == 2 and "[log] file" in result.err


def test_a_night_that_fails_is_one_stamped_line_and_the_schedule_goes_on(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(desk, '[log]\nformat = "json"\n')
    desk.good("apply", "--yes")
    as_of_last_week(desk)
    monkeypatch.setenv("MEMORY_TOKEN", "another-token")

    result = run_until(desk, lambda: outcomes(desk)[1:] == ["failed"])
    ends = [line for line in map(json.loads, result.err.splitlines()) if line.get("error")]

    assert result.code == 0 and len(ends) == 1 and "another-token" not in result.err
    assert ends[0]["event"] == "run ended" and ends[0]["level"] == "error" and ends[0]["run_id"] and ends[0]["fix"]


def test_no_address_of_a_person_is_logged(desk: MemoryDesk) -> None:
    add(desk, '[log]\nlevel = "debug"\nfile = "kamsync.log"\n[guard]\nfirst_run = "go"\n')
    desk.crm.faults.refuse(next(iter(desk.crm.accounts())).id, "Ask ana@example.com or call +55 11 91234-5678 first.")

    result = desk.run("run", "--once")
    logged = result.err + (desk.folder / "kamsync.log").read_text(encoding="utf-8")

    assert result.code == 1 and "Ask [e-mail] or call [phone] first." in logged
    assert "ana@example.com" not in logged and "91234" not in logged
