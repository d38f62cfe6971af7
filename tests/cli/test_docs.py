"""What the documentation tells people to type exists: each command, with each of its options."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from kamsync.cli.command_list import commands
from tests.journeys.command import run_here

ROOT = Path(__file__).parents[2]
DOCUMENTS = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "config.example.toml", ROOT / "CONTRIBUTING.md")
OF_ALL = {"--help", "--config", "--debug", "--no-color", "--version", "--json"}


@cache
def named() -> dict[tuple[str, ...], set[str]]:
    """Every `kamsync COMMAND …` of the documents (with the command below a command), and the options given to it."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for document in DOCUMENTS:
        for line in re.findall(r"(?:`|\$ (?:.*?&& )?|Next: )kamsync ([a-z][^`#\n|]*)", document.read_text(encoding="utf-8")):
            first, *rest = line.split()
            below = (
                rest[:1] if first in ("criteria", "playbooks", "mapping", "runs", "fleet") and rest and rest[0].isalpha() else []
            )
            command = (first.strip(",.;:)"), *(word for word in below if word.islower()))
            found[command] |= set(re.findall(r"--[a-z][a-z-]*", line))
    return found


def test_every_command_that_the_documents_name_exists() -> None:
    assert {command[0] for command in named()} - set(commands()) <= set()


def test_the_readme_names_every_command() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("| command | does |")[1].split("\n\n")[0]

    assert set(commands()) - {word.split()[0] for word in re.findall(r"`([a-z][a-z -]*)`", table)} == set()


@pytest.mark.parametrize("command", sorted(command for command, options in named().items() if options - OF_ALL))
def test_every_option_that_the_documents_name_exists(command: tuple[str, ...], tmp_path: Path) -> None:
    code, shown, err = run_here((*command, "--help"), tmp_path)

    assert code == 0, err
    assert named()[command] - OF_ALL - set(re.findall(r"--[a-z][a-z-]*", shown)) == set()
