"""Channels hear of a failing night once, and once that it is well again; over real HTTP."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kamsync.run.lock import run_lock
from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import PROGRAM
from tests.run.test_schedule import run_until

NOTIFY = '[[notify]]\nurl = { env = "CHANNEL" }\n'


class Channel:
    """A web hook that remembers what it was told; `status` is its answer."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        channel = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                channel.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(channel.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/a-very-secret-channel-key"


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel()
    yield channel
    channel.server.shutdown()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel) -> MemoryDesk:
    monkeypatch.setenv("CHANNEL", channel.address)
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM + NOTIFY + '[guard]\nfirst_run = "go"\n', {"potential": "number"})
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    return desk


def test_a_failing_night_is_told_once_and_its_end_once(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    desk.good("run", "--once")
    assert channel.heard == []

    monkeypatch.setenv("MEMORY_TOKEN", "another-token")
    assert desk.run("run", "--once").code == 1 and desk.run("run", "--once").code == 1
    assert [heard["title"] for heard in channel.heard] == ["Key accounts: run failed"]
    assert "To mend it" in channel.heard[0]["message"] and "another-token" not in channel.heard[0]["message"]

    monkeypatch.setenv("MEMORY_TOKEN", desk.crm.token)
    desk.good("run", "--once")
    desk.good("run", "--once")
    assert [heard["title"] for heard in channel.heard[1:]] == ["Key accounts: well again"]


def test_a_channel_that_does_not_listen_stops_nothing_and_hears_it_later(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    channel.status = 500
    monkeypatch.setenv("MEMORY_TOKEN", "another-token")
    first = desk.run("run", "--once")
    assert first.code == 1 and "not told" in first.err and "a-very-secret-channel-key" not in first.err

    channel.status = 200
    desk.run("run", "--once")
    assert len(channel.heard) == 2


SCHEDULE = '[schedule]\nsync = "every 1 hour"\n'


def read_last_at(desk: MemoryDesk, moment: str) -> None:
    with sqlite3.connect(desk.folder / "kamsync.db") as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'pulled_at'", (moment,))


def test_data_that_grows_old_is_told_once_beside_what_made_it_so_and_its_end_once(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + SCHEDULE)
    desk.good("run", "--once")
    monkeypatch.setenv("MEMORY_TOKEN", "another-token")
    desk.run("run", "--once")
    read_last_at(desk, "2026-01-05T06:00:00+00:00")
    desk.run("run", "--once")
    desk.run("run", "--once")
    monkeypatch.setenv("MEMORY_TOKEN", desk.crm.token)
    desk.good("run", "--once")
    desk.good("run", "--once")

    said = [heard["title"].removeprefix("Key accounts: ") for heard in channel.heard]
    assert said == ["run failed", "run failed, the data is old", "well again"]
    assert "last read at 2026-01-05T06:00:00+00:00" in channel.heard[1]["message"]


def test_a_schedule_that_comes_to_no_run_tells_that_the_data_is_old(desk: MemoryDesk, channel: Channel) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + SCHEDULE)
    desk.good("run", "--once")
    read_last_at(desk, "2026-01-05T06:00:00+00:00")

    with run_lock(desk.folder / "kamsync.db"):  # as a run that hangs
        run_until(desk, lambda: bool(channel.heard))

    assert [heard["title"] for heard in channel.heard] == ["Key accounts: the data is old"]
