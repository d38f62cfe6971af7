"""Values that are taken without Typer's check are those that Typer itself would take so, of every parameter of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer import BadParameter
from typer.main import get_command

from kamsync.cli.app import build_app, load_command
from kamsync.cli.command_list import commands
from kamsync.cli.plain_values import NotPlain, plain_value
from tests.journeys.command import run_command

TEXTS = (
    "", " ", "-", "0", "1", "-1", "007", " 5 ", "5_0", "1.0", "70000", "9" * 12, "٣", "²", "yes", "true", "text", "Text",
    "csv", "md", "hubspot", "en", "pt_BR", "sync",
    "systemd", ".", "/", "/etc/passwd", "missing/file", "2026-11-27", "\udcff", "a\0b", "\N{SNOWMAN}", "a" * 5_000,
)  # fmt: skip
OTHERS = (None, True, False, 1, -1, 10**12, 0.5, Path(), Path("x"), date(2026, 1, 1), (), ("a", "b"), ["a"], ("\udcff",))


def parameters(command: Any) -> Iterator[Any]:
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from parameters(inner)


def by_typer(parameter: Any, value: Any) -> Any:
    """What Typer makes of it; its words where it refuses."""
    context: Any = None  # only a choice with a token normaliser asks for one
    try:
        taken = parameter.get_runtime_param().coerce(value, param=parameter, ctx=context)
    except (BadParameter, TypeError, ValueError, OSError) as refused:
        return f"{type(refused).__name__}: {refused}"
    return taken


@pytest.mark.parametrize("command", [*commands(), ""])
def test_a_value_that_is_taken_as_it_is_is_what_typer_makes_of_it(command: str) -> None:
    taken = 0
    for parameter in parameters(load_command(command) if command else get_command(build_app())):
        for value in (*TEXTS, *OTHERS, parameter.default):
            try:
                plain = plain_value(parameter, value)
            except NotPlain:
                continue
            made = by_typer(parameter, value)
            assert (type(plain), plain) == (type(made), made), (parameter.name, value)
            taken += 1
    assert taken


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("runs", "--limit", "0"), "Invalid value for '--limit': Input should be greater than or equal to 1"),
        (("accounts", "--limit", "5.5"), "Invalid value for '--limit': Input should be a valid integer"),
        (
            ("runs", "show", "x", "--format", "yaml"),
            "Invalid value for '--format': Value error, 'yaml' is not one of 'text', 'csv', 'json'.",
        ),
        (("explain",), "Missing argument 'account'."),
    ],
    ids=str,
)
def test_a_value_that_is_refused_is_refused_in_typers_words(tmp_path: Path, typed: tuple[str, ...], words: str) -> None:
    code, out, err = run_command(typed, tmp_path, os.environ)
    assert code == 2 and out == "" and f"Error: {words}" in err


def test_the_search_for_cycles_that_the_start_puts_off_goes_on_once_a_command_is_loaded(tmp_path: Path) -> None:
    watched = "import atexit, gc; atexit.register(lambda: print(gc.isenabled())); from kamsync.__main__ import main; main()"
    command = [sys.executable, "-c", watched, "facts"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "True"
