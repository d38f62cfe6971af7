"""A programme is compiled once a command, and once more where another is beside it: parsing it is a part of every start."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from kamsync.decide.compiled import compile_program
from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk


class Watch:
    """Counts the calls of one function while it is open; changes nothing of it."""

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self.count = 0

    def __enter__(self) -> Watch:
        sys.setprofile(self._see)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        self.count += event == "call" and frame.f_code is self._code


def test_no_command_compiles_a_programme_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, f'[guard]\nfirst_run = "go"\n{TIERS_BY_POTENTIAL}{WELCOME}', {"potential": "number"})
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    compiled = {}
    for words in ("plan", "sync", "explain Acme", "accounts", "simulate --criteria balanced"):
        with Watch(compile_program.__code__) as watch:
            desk.good(*words.split())
        compiled[words.split()[0]] = watch.count

    assert compiled.pop("simulate") == 2
    assert set(compiled.values()) == {1}, compiled
