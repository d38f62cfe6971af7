"""Whatever goes wrong in a night, no secret and no address of a person leaves: every way out of it is searched, on both CRMs.

The CRM echoes what it was sent, as gateways do, and names people in its own words.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kamsync.sandbox.faults import AsgiApp, Message, Receive, Scope, Send
from tests.accidents.weather import weather_of
from tests.accidents.world import World, a_world
from tests.run.test_notices import Channel

PEOPLE = ("eva.canary@example.com", "98765-4321", "owner1@kamsync.example")
WORDS = "ask eva.canary@example.com or call +55 11 98765-4321"
NIGHTS = 10
EXTRA = """
[log]
format = "json"
level = "debug"
file = "kamsync.log"
[[notify]]
url = { env = "CHANNEL" }
"""


class Echo:
    """In front of the CRM: refuses some calls in words that hold what the call was signed in with."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._calls = 0
        self.refused: frozenset[int] = frozenset()
        self.seen: set[str] = set()

    def begin(self, refused: frozenset[int]) -> None:
        self._calls, self.refused = 0, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        number, self._calls = self._calls, self._calls + 1
        signed = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        self.seen |= {text.partition(" ")[2] for text in signed}
        if number not in self.refused:
            await self._app(scope, receive, send)
            return
        body = b"" if signed else (await receive()).get("body", b"")  # of a sign-in: the secret is in its form
        await self._refuse(send, f"Denied for {', '.join(signed) or body.decode('latin-1')}: {WORDS}", number)

    async def _refuse(self, send: Send, words: str, number: int) -> None:
        answer: Any = [{"errorCode": "STRANGE", "message": words}] if number % 2 else {"status": "error", "message": words}
        content = json.dumps({**answer, "error_description": words} if isinstance(answer, dict) else answer).encode()
        start: Message = {"type": "http.response.start", "status": (400, 401, 403, 500)[number % 4], "headers": []}
        start["headers"] = [(b"content-type", b"application/json"), (b"x-echo", words.encode("latin-1"))]
        await send(start)
        await send({"type": "http.response.body", "body": content})


def nights(world: World, echo: Echo) -> Iterator[str]:
    """What each of some bad nights says."""
    fresh = world.keep()
    for night in range(NIGHTS):
        if night % 3 == 0:
            world.put_back(fresh)
        dice = random.Random(night)
        echo.begin(frozenset(dice.sample(range(25), dice.choice((0, 1, 3, 8)))))
        for fault in weather_of(night, world.kind).faults:
            world.server.faults.add(**fault)
        ended = world.run("run", "--once", *(["--debug"] if night % 2 else []))
        world.server.faults.clear()
        yield ended.out + ended.err
    echo.begin(frozenset())


def stored(folder: Path) -> Iterator[str]:
    """All that the folder holds, but for the owners, whose e-mail addresses tasks are assigned by (docs/security.md)."""
    with sqlite3.connect(folder / "kamsync.db") as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("DELETE FROM owners")
        db.commit()
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    for path in folder.iterdir():
        if path.is_file() and path.name != "config.toml":  # which is the admin's own
            yield path.read_bytes().decode("latin-1")


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_no_night_prints_logs_stores_or_sends_a_secret_or_an_address(crm: str, tmp_path: Path) -> None:
    channel = Channel()
    with a_world(crm, tmp_path / crm, accounts=20, opportunities=80, hurry=1_000.0) as world:
        echo = Echo(world.gate.app)
        world.gate.app = echo
        secrets = {**world.secrets, "CHANNEL": channel.address}
        world.set_environment(CHANNEL=channel.address)
        config = world.folder / "config.toml"
        config.write_text(config.read_text(encoding="utf-8") + EXTRA, encoding="utf-8")

        said = list(nights(world, echo))
        said += [world.run(*words).out for words in (("runs", "--json"), ("status",), ("runs", "--limit", "3"), ("history",))]
        said.append(world.good("pull").out)
        account = json.loads(world.good("accounts", "--json").out)[0]["id"]
        said.append(world.good("explain", account).out)
        newest = json.loads(world.good("runs", "--json").out)[0]["run_id"]
        said += [world.run("runs", "show", newest, "--format", form).out for form in ("text", "csv", "json")]
        said += [str(channel.heard), *stored(world.folder)]
    channel.server.shutdown()

    assert channel.heard and any("Denied for" in text for text in said), "the echo was never shown"
    words = [*secrets.values(), *echo.seen, "a-very-secret-channel-key", *PEOPLE]
    assert {word: where[:300] for word in words for where in said if word in where} == {}
