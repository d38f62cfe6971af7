"""An admin's desk before an in-memory CRM: a folder with config.toml and the commands, typed in this very process.

The CRM lives here, so commands run here too; a small distribution in the desk's folder tells kamsync of the connector.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kamsync.model import Kind
from kamsync.testing.memory import CONNECTOR, MemoryCrm, mapping_text, write_entry_point
from tests.journeys.command import run_here

TIERS_BY_POTENTIAL = """
[[tiers]]
name = "A"
enter = 70
[[tiers]]
name = "B"
enter = 40
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
"""
WELCOME = """
[[playbooks]]
name = "welcome"
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
subject = "Call {{ name }}"
due = 3
"""


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class MemoryDesk:
    """`program` is the configuration but for [crm] and [cache]; `fields` are account fields of the org's own."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, fields: Mapping[str, Kind] = MappingProxyType({})
    ) -> None:
        self.folder = folder
        self.crm = CONNECTOR.serve(MemoryCrm(f"memory-{folder.name}", fields=fields))
        write_entry_point(folder / "site")
        self._sit_down(monkeypatch)
        (folder / "memory.toml").write_text(mapping_text(fields), encoding="utf-8")
        crm = f'[crm]\nkind = "memory"\nmapping = "memory.toml"\n[crm.memory]\norg = "{self.crm.org_id}"\n'
        self.write_config(f'{crm}token = {{ env = "MEMORY_TOKEN" }}\n{program}')

    def _sit_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(self.folder / "site"))
        monkeypatch.setenv("MEMORY_TOKEN", self.crm.token)
        monkeypatch.chdir(self.folder)

    def twin(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
        """A desk with the same files in another folder, before a CRM with the same records; this one has had its day."""
        other = copy.copy(self)
        other.folder, other.crm = folder, CONNECTOR.serve(copy.deepcopy(self.crm))
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        other._sit_down(monkeypatch)
        return other

    def write_config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """As a shell would: exit code, standard output, standard error."""
        return Result(*run_here(arguments, self.folder))

    def good(self, *arguments: str) -> Result:
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result
