"""What people read of the commands themselves, and of what goes wrong, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kamsync.cli.command_list import commands
from tests.conftest import Golden
from tests.journeys.command import run_here
from tests.journeys.conftest import Desk, Opener, Result

GROUPS = tuple((group, command) for group in ("criteria", "mapping", "playbooks") for command in ("show", "copy"))
FLEET = tuple(("fleet", command) for command in ("init", "worker", "status", "run", "pause", "resume", "logs"))
CASES = [(), *((name,) for name in commands()), ("criteria", "check"), ("criteria", "suggest"), ("runs", "show"), *GROUPS, *FLEET]


@pytest.mark.parametrize("command", CASES, ids=lambda words: "-".join(words) or "kamsync")
def test_help_reads_as_it_was_reviewed(golden: Golden, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = Result(*run_here((*command, "--help"), tmp_path, {"COLUMNS": "100"}))
    assert result.code == 0
    golden.holds(f"help-{'-'.join(command) or 'kamsync'}.txt", result.out)


def test_the_list_of_commands_says_what_each_does_in_one_line_at_80_columns(tmp_path: Path) -> None:
    listed = run_here(("--help",), tmp_path, {"COLUMNS": "80"})[1].partition("Commands:")[2].partition("Exit codes")[0]
    lines = [line for line in listed.splitlines() if line.strip()]
    assert len(lines) == len(commands()) and [line for line in lines if line.endswith("...")] == []


def steady(desk: Desk, text: str) -> str:
    """Without what differs from run to run: the folder, the port, when a call was tried again."""
    text = "".join(line for line in text.splitlines(keepends=True) if " retry doing=" not in line)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text.replace(str(desk.folder), "FOLDER"))


def said(desk: Desk, *arguments: str) -> str:
    result = desk.run(*arguments)
    assert result.code and "Traceback" not in result.err
    return f"$ kamsync {' '.join(arguments)}\n{steady(desk, result.err)}exit code {result.code}\n\n"


def test_each_kind_of_error_says_what_happened_and_what_to_do(open_desk: Opener, golden: Golden) -> None:
    desk = open_desk("salesforce")
    text = said(desk, "accounts") + said(desk, "plan", "--config", "nowhere.toml") + said(desk, "plan", "--as-of", "tomorrow")
    text += said(desk, "apply") + said(desk, "setup", "--metadata", "/dev/null/x")
    wrong = open_desk("salesforce")
    wrong.environment.update({name: "wrong" for name in wrong.environment if "SECRET" in name})
    text += said(wrong, "pull")
    proxied = open_desk("hubspot")
    proxied.server.faults.add("html", path=".*", times=None, status=200)
    text += said(proxied, "pull")
    broken = open_desk("hubspot")
    (broken.folder / "kamsync.db").write_bytes(b"no database at all" * 100)
    text += said(broken, "accounts")
    golden.holds("errors.txt", text)


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_service_that_is_down_and_says_nothing_is_told_so_to_who_pulls(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm)
    desk.server.faults.add("status", path=".*", times=None, status=503, body=b"{}")
    told = desk.run("pull")
    assert told.code == 1 and "HTTP 503 without a word" in told.err and "{}" not in told.err and "Run again later" in told.err
