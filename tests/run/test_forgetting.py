"""Erasing: one account on request, and what is older than the retention, with nothing left in the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import PROGRAM


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    for name, potential in (("Acme", 90), ("Zebulon Quagga", 50), ("Tiny", 10)):
        desk.crm.add_account(name, owner_id=ana, potential=potential)
    return desk


def bytes_of_cache(desk: MemoryDesk) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(desk.folder.glob("kamsync.db*")))


def test_a_forgotten_account_leaves_no_trace_in_any_file_of_the_cache(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    account = next(one.id for one in desk.crm.accounts() if one.get("name") == "Zebulon Quagga")
    assert b"Quagga" in bytes_of_cache(desk)

    erased = desk.good("forget", "zebulon quagga", "--yes", "--json").json

    assert erased["account_id"] == account and {"accounts", "history", "journal", "task_ledger"} <= erased["erased"].keys()
    assert b"Quagga" not in bytes_of_cache(desk) and account.encode() not in bytes_of_cache(desk)
    assert "Acme" in desk.good("accounts").out


def test_an_account_that_the_crm_has_deleted_can_be_forgotten(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    account = next(one.id for one in desk.crm.accounts() if one.get("name") == "Zebulon Quagga")
    desk.crm.delete_account(account)
    desk.good("apply", "--yes")
    assert b"Quagga" in bytes_of_cache(desk)

    desk.good("forget", account, "--yes")

    assert b"Quagga" not in bytes_of_cache(desk)


def test_forgetting_an_unknown_account_says_where_to_look(desk: MemoryDesk) -> None:
    desk.good("pull")
    result = desk.run("forget", "Nobody", "--yes")
    assert result.code == 2 and "kamsync accounts" in result.err


def test_what_is_older_than_the_retention_goes_and_guards_remember(desk: MemoryDesk) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + "[history]\nmonths = 6\n")
    desk.good("apply", "--yes")
    first = desk.good("runs", "--json").json[0]["run_id"]
    for potential in (95, 45):
        for one in desk.crm.accounts():
            desk.crm.edit_account(one.id, potential=potential)
        desk.good("apply", "--yes")
    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        db.execute("UPDATE runs SET started_at = '2020-01-01T06:00:00+00:00' WHERE run_id = ?", (first,))
        db.execute("UPDATE history SET as_of = '2020-01-01' WHERE run_id = ?", (first,))

    assert desk.run("sync").code == 0

    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        assert db.execute("SELECT count(*) FROM journal WHERE run_id = ?", (first,)).fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM history WHERE run_id = ?", (first,)).fetchone() == (0,)
    assert first not in desk.good("runs").out
