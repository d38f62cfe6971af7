"""The list of commands: made without loading one of them, and the same as the commands themselves say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kamsync.cli.app import load_command
from kamsync.cli.command_list import ORDER, commands, help_of

HEAVY = ("sqlglot", "jinja2", "pydantic", "requests", "babel", "rich", "kamsync_salesforce", "kamsync_hubspot", "kamsync.config")
WATCHED = f"""
import atexit, sys
sys.argv = ["kamsync", *sys.argv[1:]]
atexit.register(lambda: print("LOADED", sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr))
from kamsync.cli import main
main()
"""


def loaded_by(*arguments: str, folder: Path) -> str:
    told = subprocess.run([sys.executable, "-c", WATCHED, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return told.stderr.partition("LOADED ")[2].strip()


def test_the_help_loads_no_command_and_no_library_of_one(tmp_path: Path) -> None:
    assert loaded_by("--help", folder=tmp_path) == "[]"


@pytest.mark.parametrize("command", commands())
def test_the_list_says_what_the_command_says_of_itself(command: str) -> None:
    assert help_of(command) == load_command(command).help != ""


def test_the_order_names_commands_that_exist_and_each_command_is_shown_once() -> None:
    assert set(ORDER) <= set(commands()) and len(set(commands())) == len(commands())


def test_a_slip_in_a_command_is_told_the_nearest(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-m", "kamsync", "explan"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 2 and "explain" in told.stderr and told.stdout == ""
