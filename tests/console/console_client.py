"""A running console, and a browser that knows no script: what a person does with links and forms, over real HTTP."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.journeys.conftest import Desk, desks

START_SECONDS, READY_SECONDS = 30.0, 60.0
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@dataclass
class Console:
    """`address` is what the terminal printed, with the token."""

    address: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def base(self) -> str:
        found = urlsplit(self.address)
        return f"{found.scheme}://{found.netloc}"

    def enter(self) -> requests.Response:
        """As a person who clicks the address; waits until the accounts are decided."""
        answer = self.session.get(self.address)
        return answer if answer.status_code != 200 else self.open("/")

    def open(self, path: str) -> requests.Response:
        """A page; while the console is reading or at work, again, as the page itself does."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            answer = self.session.get(self.base + path)
            if 'http-equiv="refresh"' not in answer.text:
                return answer
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)

    def send(self, path: str, page: str = "/plan", **fields: str) -> requests.Response:
        """A form of `page` sent to `path`; follows to what comes of it."""
        token = FORM_TOKEN.search(self.open(page).text)
        assert token is not None, f"{page} has no form"
        answer = self.session.post(self.base + path, data={"form_token": token[1], **fields})
        return self.open(urlsplit(answer.url).path) if 'http-equiv="refresh"' in answer.text else answer

    def plan_id(self) -> str:
        """The plan that the page shows."""
        found = re.search(r'name="plan" value="([^"]+)"', self.open("/plan").text)
        assert found is not None
        return found[1]


def form(console: Console) -> dict[str, str]:
    """What the lab's form holds as it is."""
    text = console.open("/lab").text
    inputs = re.findall(r'<input [^>]*name="([^"]+)"[^>]*?value="([^"]*)"|<input [^>]*?value="([^"]*)"[^>]*name="([^"]+)"', text)
    return {unescape(a or d): unescape(b or c) for a, b, c, d in inputs if (a or d) != "form_token"}


@contextmanager
def running(desk: Desk, *arguments: str) -> Iterator[Console]:
    """`kamsync console …` until the context closes; of another installation or with other modules, where the desk has them."""
    is_usual = desk.python == sys.executable and "PYTHONPATH" not in desk.environment
    start = desk.start if is_usual else desk.start_anew
    process = start("console", *arguments)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate(timeout=START_SECONDS)[1]
        yield Console(address)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=START_SECONDS)


@contextmanager
def tiered_desk(folder: Path, crm: str = "salesforce", **size: int) -> Iterator[Desk]:
    """A CRM with its first tiers written. Every month is one of review, so that what is tried moves tiers on any day."""
    with desks(folder) as open_desk:
        desk = open_desk(crm, **size)
        desk.edit_config("[guard]\n", f"[review]\nmonths = {list(range(1, 13))}\n\n[guard]\n")
        desk.begin("setup", "apply --yes", "pull")
        yield desk
