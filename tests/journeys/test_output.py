"""What leaves the program fits where it goes: any encoding, any terminal, any name that somebody wrote into the CRM."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from kamsync.cli import FAILED
from tests.journeys.command import run_bytes
from tests.journeys.conftest import Desk, desks

NAMES = (
    "Foo [/closed] GmbH",
    "Foo [emea] [bold red]x[/]",
    "Esc\x1b[2J\x1b]0;title\x07 Ltd",
    "Forged\r\nRun 9999: 12 accounts updated.\nx",
    "Right \u202egnol\u202c AG",
    "Line\u2028sep\u2029 C1 \x9b31m\x85 zero\u200bwidth\ufeff :smile:",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose six best companies have the names above and an override, so that a plan names them."""
    with desks(tmp_path_factory.mktemp("output")) as opener:
        desk = opener("hubspot")
        desk.edit_config("[guard]", "[guard]\nmax_changed_share = 1.0")  # the places that come free are taken by others
        desk.begin("setup", "apply --yes")
        best = [account["id"] for account in desk.look("accounts", "--json", "--all").json[: len(NAMES)]]
        token = desk.environment["KAMSYNC_SANDBOX_HUBSPOT_ACCESS_TOKEN"]
        for account_id, name in zip(best, NAMES, strict=True):
            requests.patch(
                f"{desk.server.base_url}/crm/v3/objects/companies/{account_id}",
                json={"properties": {"name": name}},
                headers={"Authorization": f"Bearer {token}"},
                timeout=10,
            ).raise_for_status()
            desk.server.crm.view.set_flag(account_id, "override", "none")
        yield desk


@dataclass(frozen=True)
class Raw:
    """How a command ended, and the bytes that it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def raw(desk: Desk, *arguments: str, **more: str) -> Raw:
    """The command in a process of its own, its output as bytes."""
    return Raw(*run_bytes(arguments, desk.folder, _environment(desk, more), hurried=True))


def _environment(desk: Desk, more: Mapping[str, str]) -> dict[str, str]:
    here = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "PYTHONUTF8")}
    return {**here, **desk.environment, **more}


COMMANDS = (
    ("plan", "--all"),
    ("accounts", "--all"),
    ("simulate", "--criteria", "smb", "--all"),
    ("criteria", "check", "smb"),
    ("status",),
    ("doctor",),
    ("facts",),
    ("runs",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_names_of_the_crm_are_printable_text_on_one_line(desk: Desk, command: tuple[str, ...]) -> None:
    result = desk.run(*command)
    assert result.code == 0, result.err
    odd = {c for c in result.out + result.err if not c.isprintable() and c != "\n"}
    assert not odd
    assert not [line for line in result.out.split("\n") if line.startswith("Run 9999")]


def test_brackets_of_a_name_are_no_markup(desk: Desk) -> None:
    desk.good("pull")
    listed = desk.look("accounts", "--all").out
    assert "Foo [/closed] GmbH" in listed and "Foo [emea] [bold red]x[/]" in listed and ":smile:" in listed


def test_json_keeps_the_names_as_they_are_and_moves_no_cursor(desk: Desk) -> None:
    desk.good("pull")
    result = desk.look("accounts", "--json", "--all")
    assert set(NAMES) <= {account["name"] for account in result.json}
    assert all(c.isprintable() or c == "\n" for c in result.out)


def test_an_account_that_is_not_found_is_named_without_its_commands(desk: Desk) -> None:
    desk.good("pull")
    for wanted in ("Foo", "no such \x1b[31m\nname", b"\xff".decode("utf-8", "surrogateescape")):
        result = desk.run("explain", wanted)
        assert result.code == 2 and "\x1b" not in result.err, result.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "cp437", "shift_jis"])
@pytest.mark.parametrize("command", [("plan", "--all"), ("accounts", "--all"), ("facts",), ("sync",), ("explain", "Foo [emea]")])
def test_any_encoding_shows_what_it_can(desk: Desk, encoding: str, command: tuple[str, ...]) -> None:
    result = raw(desk, *command, PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr
    assert result.stdout.decode(encoding).strip()
    assert b"bug" not in result.stderr and b"Traceback" not in result.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16-le"])
def test_json_is_json_in_any_encoding(desk: Desk, encoding: str) -> None:
    desk.good("pull")
    result = raw(desk, "accounts", "--json", "--all", PYTHONIOENCODING=encoding)
    assert set(NAMES) <= {account["name"] for account in json.loads(result.stdout.decode(encoding))}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("accounts", "--all"), {"NO_COLOR": "1"}),
        (("accounts", "--all"), {"NO_COLOR": "1", "FORCE_COLOR": "1"}),
        (("--no-color", "accounts", "--all"), {"FORCE_COLOR": "1"}),
        (("accounts", "--all"), {}),
        (("plan", "--all"), {"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "xterm-256color"}),
    ],
)
def test_without_colour_no_escape_sequence_is_written(
    desk: Desk, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    result = raw(desk, *arguments, **environment)
    assert result.returncode == 0 and b"\x1b" not in result.stdout, result.stdout[:300]


def test_colour_can_be_forced(desk: Desk) -> None:
    assert b"\x1b[" in raw(desk, "accounts", "--all", FORCE_COLOR="1").stdout


@pytest.mark.parametrize("command", ["facts", "accounts --all --json", "plan --all", "--help"])
def test_a_closed_pipe_ends_quietly(desk: Desk, command: str) -> None:
    started = desk.start(*shlex.split(command))
    os.read(started.stdout.fileno(), 1)
    started.stdout.close()
    said = started.stderr.read()
    assert started.wait() in (0, FAILED), said
    assert "Traceback" not in said and "BrokenPipe" not in said and "bug" not in said


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_descriptors_are_no_bug(desk: Desk, redirect: str) -> None:
    line = f"{sys.executable} -m kamsync accounts --all {redirect}"
    result = subprocess.run(
        ["bash", "-c", line], cwd=desk.folder, env={**os.environ, **desk.environment}, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_output_is_said_and_is_no_bug(desk: Desk) -> None:
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "kamsync", "sync"],
            cwd=desk.folder,
            env={**os.environ, **desk.environment},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 1 and b"could not be written" in result.stderr and b"bug" not in result.stderr
