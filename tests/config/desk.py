"""A folder with a configuration, and the command that reads it whole: `kamsync facts`, as a user types it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.journeys.command import run_command

GOOD = """\
[program]
currency = "EUR"
[crm]
kind = "hubspot"
[crm.hubspot]
access_token = { env = "TOKEN" }
[[tiers]]
name = "A"
enter = 80
leave = 70
[[criteria]]
name = "revenue"
axis = "attractiveness"
goal = "retention"
weight = 10
value = "won_amount_12m"
scale = { percentile = true }
"""


@dataclass(frozen=True)
class Told:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    path: Path
    environment: dict[str, str] = field(default_factory=lambda: {"TOKEN": "canary-0123456789"})

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    def write(self, text: str | bytes, name: str = "config.toml", mode: int = 0o600) -> Path:
        """A file in the folder, with its mode whatever the umask."""
        path = self.path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def run(self, *arguments: str, **more: str) -> Told:
        return Told(*run_command(arguments, self.path, {**os.environ, **self.environment, **more}))

    def load(self, **more: str) -> Told:
        """Reads the whole configuration: criteria, mapping, playbooks, secrets."""
        return self.run("facts", "--config", "config.toml", **more)

    def refused(self, **more: str) -> str:
        """What a configuration that is refused is told, never as a bug."""
        told = self.load(**more)
        assert told.code == 2, told
        assert "bug" not in told.err and "Traceback" not in told.err, told.err
        return told.err
