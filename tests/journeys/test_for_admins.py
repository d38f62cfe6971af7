"""docs/for-admins.md, typed step by step by a new admin at a terminal, on both CRMs: each command does what the page says."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.journeys.conftest import Desk, Opener

PAGE = Path(__file__).parents[2] / "docs" / "for-admins.md"
ELSEWHERE = ("demo", "service")  # tests of their own: the wheel's, and tests/cli/test_service.py
ASK = {"setup": "[y/N]:", "apply": "[y/N]:", "undo": "[y/N]:"}
SECRETS = {
    "salesforce": {"SF_CLIENT_ID": "CLIENT_ID", "SF_CLIENT_SECRET": "CLIENT_SECRET"},
    "hubspot": {"HUBSPOT_TOKEN": "ACCESS_TOKEN"},
}


def steps() -> Iterator[tuple[str, list[str]]]:
    """The heading and the words of each `$ kamsync …` of the page, in its order."""
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("$ kamsync "):
            yield heading, shlex.split(line.removeprefix("$ kamsync "), comments=True)


def typed(desk: Desk, words: list[str]) -> str:
    """What stands on the screen after the command and, where it asks, after yes."""
    with Terminal(words, desk.folder, {**os.environ, **desk.environment}, columns=120, rows=60) as terminal:
        if words[0] == "init":
            while not _ended(terminal):
                terminal.type("\r")
        elif words[0] in ASK and "--dry-run" not in words:
            terminal.answer("y", to=ASK[words[0]])
        terminal.end()
        assert terminal.code == (1 if words[0] == "doctor" and not has_fields(desk) else 0), terminal.shown()
        return terminal.shown()


def _ended(terminal: Terminal) -> bool:
    terminal.settle(0.2)  # a return too many answers the next question alike
    return "Next: kamsync doctor" in terminal.shown()


def has_fields(desk: Desk) -> bool:
    return bool(desk.server.crm.view.fields())


def flagged(desk: Desk) -> int:
    return len(desk.server.crm.view.accounts(only_flagged=True, limit=1000))


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_the_page_for_admins_is_true_from_an_empty_folder_on(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=60, opportunities=400)
    desk.config.unlink()
    secrets = {name: desk.environment[f"KAMSYNC_SANDBOX_{crm.upper()}_{of}"] for name, of in SECRETS[crm].items()}
    desk.environment.update(secrets)
    (account, *_) = sorted(one.name for one in desk.server.crm.view.accounts())
    shown: dict[str, str] = {}

    for heading, words in steps():
        if words[0] in ELSEWHERE:
            continue
        command = [{"Northwind": account}.get(word, word) for word in words]
        if words[0] == "init":
            command += ["--crm", crm, "--address", desk.server.base_url]
        if words[0] == "undo":
            assert flagged(desk) > 0
            (run,) = re.findall(r"kamsync undo (\S+)", shown["apply"])
            command = ["undo", run]
        shown[words[0]] = typed(desk, command)
        if int(heading[0]) < 5 or "--dry-run" in words:
            assert not has_fields(desk), f"{heading}: {words} has written to the CRM"
        elif words[0] in ("plan", "explain"):
            assert flagged(desk) == 0, f"{heading}: {words} has written to the CRM"

    assert "first" in shown["plan"] or "kamsync apply plan.json" in shown["plan"]
    assert flagged(desk) == 0 and has_fields(desk), "what a run wrote is taken back, what setup made stays"
    assert {"init", "doctor", "plan", "setup", "explain", "apply", "undo"} <= shown.keys()
    assert desk.config.stat().st_mode & 0o077 == 0
