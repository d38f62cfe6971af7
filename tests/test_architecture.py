"""The arrows of the design, as far as import-linter cannot see them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = [ROOT / "kamsync", ROOT / "connectors"]
BROAD_EXCEPTS_ALLOWED = {"kamsync/cli/__init__.py", "kamsync/cli/main.py", "kamsync/run/daemon.py"}


def _modules(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_import_rules_hold() -> None:
    """Runs import-linter, so that `pytest` alone finds a broken arrow too."""
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("clock", ["datetime.now", "date.today", "datetime.utcnow", "time.time", "random.random"])
def test_decisions_have_no_clock_and_no_dice(clock: str) -> None:
    for module in _modules(ROOT / "kamsync" / "decide"):
        assert clock not in set(_calls(ast.parse(module.read_text()))), module


def test_broad_excepts_stand_only_where_errors_are_shown_or_the_night_is_survived() -> None:
    found = set()
    for module in _modules(*SHIPPED):
        for node in ast.walk(ast.parse(module.read_text())):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "everything"
            if caught in {"everything", "Exception", "BaseException"} and not _reraises(node):
                found.add(str(module.relative_to(ROOT)))
    assert found <= BROAD_EXCEPTS_ALLOWED


def _reraises(handler: ast.ExceptHandler) -> bool:
    """A handler that cleans up and raises again hides nothing."""
    return isinstance(handler.body[-1], ast.Raise)


def test_only_the_command_line_prints() -> None:
    for module in _modules(*SHIPPED):
        if "cli" in module.parts:
            continue
        assert "print" not in set(_calls(ast.parse(module.read_text()))), module
