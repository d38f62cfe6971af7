"""A sandbox CRM on a real port, a configuration that signs in to it, and the command line as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kamsync.cli.sandboxes import config_text, environment_of, sample_company
from kamsync.plugins import load_connector
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from tests.journeys.command import run_command


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Desk:
    """An admin's desk: a folder with config.toml, a CRM behind it, the commands."""

    folder: Path
    server: SandboxServer
    crm: str
    environment: dict[str, str]
    python: str = sys.executable  # of the installation that `start` runs
    limits: bool = True  # of the CRM, and so of what a command waits for

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        command = [self.python, "-m", "kamsync", *arguments]
        environment = {**os.environ, **self.environment, **more}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **more: str) -> Result:
        return Result(*run_command(arguments, self.folder, {**os.environ, **self.environment, **more}, hurried=not self.limits))

    def good(self, *arguments: str) -> Result:
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result

    def edit_config(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))


Opener = Callable[..., Desk]


@contextmanager
def desks(folder: Path) -> Iterator[Opener]:
    """Opens desks: `open_one("salesforce", accounts=60)`; everything is closed at the end.

    `limits`: the CRM counts calls as the real one does, and the commands keep to what it allows in a second.
    """
    servers: list[SandboxServer] = []

    def open_one(
        crm: str,
        *,
        accounts: int = 60,
        opportunities: int = 400,
        shape: str | None = None,
        limits: bool = False,
        **vendor: Any,
    ) -> Desk:
        today = datetime.now(UTC).date()
        company = sample_company(today, shape=shape, accounts=accounts, opportunities=None if shape else opportunities)
        sandbox = load_connector(crm).sandbox(company, SandboxOptions(today=today, enforce_rate_limits=limits, vendor=vendor))
        server = SandboxServer(sandbox)  # type: ignore[arg-type]  # the contract's protocol is the page's, seen from outside
        servers.append(server.__enter__())
        settings = server.crm.settings(server.base_url)
        place = folder / f"{crm}-{len(servers)}"
        place.mkdir()
        desk = Desk(place, server, crm, environment_of(crm, settings), limits=limits)
        desk.config.write_text(config_text(crm, settings, cache=Path("kamsync.db"), first_run="go"))
        return desk

    try:
        yield open_one
    finally:
        for server in servers:
            server.__exit__(None, None, None)


@pytest.fixture
def open_desk(tmp_path: Path) -> Iterator[Opener]:
    with desks(tmp_path) as opener:
        yield opener
