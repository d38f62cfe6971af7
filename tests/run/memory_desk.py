"""An admin's desk before an in-memory CRM: a folder with config.toml and the commands, typed in this very process.

The CRM lives here, so commands run here too; a small distribution in the desk's folder tells kamsync of the connector.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kamsync.cli import main
from kamsync.log import silence_logs
from kamsync.model import Kind
from kamsync.testing.memory import CONNECTOR, MemoryCrm, mapping_text, write_entry_point


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
        self.folder, self._monkeypatch = folder, monkeypatch
        self.crm = CONNECTOR.serve(MemoryCrm(f"memory-{folder.name}", fields=fields))
        places = folder / "site"
        write_entry_point(places)
        monkeypatch.syspath_prepend(str(places))
        monkeypatch.setenv("MEMORY_TOKEN", self.crm.token)
        monkeypatch.chdir(folder)
        (folder / "memory.toml").write_text(mapping_text(fields), encoding="utf-8")
        crm = f'[crm]\nkind = "memory"\nmapping = "memory.toml"\n[crm.memory]\norg = "{self.crm.org_id}"\n'
        self.write_config(f'{crm}token = {{ env = "MEMORY_TOKEN" }}\n{program}')

    def write_config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """As a shell would: exit code, standard output, standard error."""
        silence_logs()  # what the command before has set up, in this same process
        out, err = StringIO(), StringIO()
        self._monkeypatch.setattr(sys, "argv", ["kamsync", *arguments])
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Result(code, out.getvalue(), err.getvalue())

    def good(self, *arguments: str) -> Result:
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result
