"""A sandbox CRM on a real port, a configuration that signs in to it, and the command line as a user types it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kamsync.cli.sandboxes import config_text, environment_of, sample_company
from kamsync.sandbox.company_records import SampleCompany
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from tests.journeys.command import Started, run_command, run_here
from tests.sandboxes import Keeping, a_sandbox, wait_for_index


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class _Begun:
    """What the first commands left in a CRM and in the folder beside it."""

    crm: object
    files: dict[str, tuple[int, bytes]]  # mode and content by name


_BEGUN: dict[tuple[object, ...], _Begun] = {}


@dataclass
class Desk:
    """An admin's desk: a folder with config.toml, a CRM behind it, the commands."""

    folder: Path
    server: SandboxServer
    crm: str
    environment: dict[str, str]
    python: str = sys.executable  # of the installation that `start_anew` runs
    limits: bool = True  # of the CRM, and so of what a command waits for
    opened: tuple[object, ...] = field(default=(), repr=False)  # with what, so that desks alike are known

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def start(self, *arguments: str, **more: str) -> Started:
        """The command beside the test."""
        return Started(arguments, self.folder, {**os.environ, **self.environment, **more}, hurried=not self.limits)

    def start_anew(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """The same by an interpreter that starts with it, that of `python`."""
        command = [self.python, "-m", "kamsync", *arguments]
        environment = {**os.environ, **self.environment, **more}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **more: str) -> Result:
        return Result(*run_command(arguments, self.folder, {**os.environ, **self.environment, **more}, hurried=not self.limits))

    def look(self, *arguments: str) -> Result:
        """A command that reads the folder only, and ends well; in this process, which is quicker."""
        result = Result(*run_here(arguments, self.folder, self.environment))
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result

    def good(self, *arguments: str) -> Result:
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result

    def begin(self, *commands: str) -> Desk:
        """The desk after these commands, each of which ends well: the first thing done at a desk that is as it was opened.

        They are run once in this process for all desks opened alike and with the same configuration, and what they left is kept.
        """
        crm: Keeping = self.server.crm  # type: ignore[assignment]  # both sandboxes keep and put back
        own = (self.server.base_url, *self.environment.values())
        text = self.config.read_text()
        for place, word in enumerate(own):
            text = text.replace(word, f"<{place}>")
        key = (*self.opened, text, *commands)
        if key not in _BEGUN:
            for command in commands:
                self.good(*shlex.split(command))
            self.wait_for_index()
            files = {one.name: (one.stat().st_mode, one.read_bytes()) for one in self.folder.iterdir() if one != self.config}
            _BEGUN[key] = _Begun(crm.keep(), files)
            return self
        crm.put_back(_BEGUN[key].crm)
        for name, (mode, content) in _BEGUN[key].files.items():
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(mode)
        return self

    def wait_for_index(self) -> None:
        """Until the CRM's search shows all that was written so far."""
        wait_for_index(self.server.crm)

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
        deals = None if shape else opportunities
        options = SandboxOptions(today=today, enforce_rate_limits=limits, vendor=vendor)

        def company() -> SampleCompany:
            return sample_company(today, shape=shape, accounts=accounts, opportunities=deals)

        server = SandboxServer(a_sandbox(crm, company, options, shape, accounts, deals))
        servers.append(server.__enter__())
        settings = server.crm.settings(server.base_url)
        place = folder / f"{crm}-{len(servers)}"
        place.mkdir()
        opened = (crm, accounts, opportunities, shape, limits, today, repr(sorted(vendor.items())))
        desk = Desk(place, server, crm, environment_of(crm, settings), limits=limits, opened=opened)
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
