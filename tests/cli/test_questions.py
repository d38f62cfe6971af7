"""What a person sees when `apply` and `undo` ask: driven in a pseudo-terminal, judged by the rendered screen."""

from __future__ import annotations

import os
import re
import time

from tests.cli.terminal import Terminal
from tests.journeys.conftest import Desk, Opener


def at_terminal(desk: Desk, *arguments: str, columns: int = 100) -> Terminal:
    return Terminal(arguments, desk.folder, {**os.environ, **desk.environment}, columns=columns)


def test_the_question_of_apply_stands_on_the_screen_and_no_means_no(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=30, opportunities=200)
    desk.begin("setup")
    with at_terminal(desk, "apply") as terminal:
        terminal.wait_for("[y/N]:")
        *above, question = terminal.shown().splitlines()
        assert question.startswith("Write these") and question.endswith("[y/N]:")
        assert any(line.startswith("Plan ") for line in above)
        terminal.answer("n")
        assert terminal.end() == 0
        assert "Nothing has been written." in terminal.shown()


def test_ctrl_c_at_the_question_means_no(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=30, opportunities=200)
    desk.begin("setup")
    with at_terminal(desk, "apply") as terminal:
        terminal.wait_for("Write these")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert "Nothing has been written." in terminal.shown()
    assert [run["status"] for run in desk.look("runs", "--json").json] == ["declined"]


def test_the_question_of_undo_stands_on_the_screen_after_what_it_would_do(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=30, opportunities=200)
    desk.begin("setup")
    run = desk.good("apply", "--yes", "--json").json["run_id"]
    with at_terminal(desk, "undo", run) as terminal:
        terminal.wait_for("[y/N]:")
        assert terminal.shown().splitlines()[-1].endswith("[y/N]:")
        terminal.answer("y")
        assert terminal.end() == 0
    assert desk.look("runs", "--json").json[0]["kind"] == "undo"


def test_the_bars_are_gone_when_the_pull_has_ended(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=30, opportunities=200)
    desk.begin("setup")
    with at_terminal(desk, "pull") as terminal:
        assert terminal.end() == 0
        lines = terminal.shown().splitlines()
    assert lines[-2].startswith("Pulled in")
    assert not [line for line in lines if "━" in line]


def test_writing_shows_how_far_it_is_and_ctrl_c_says_what_was_written(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=400, opportunities=3000)
    desk.begin("setup")
    desk.server.faults.add("slow", path="companies/batch/update", skip=1, seconds=4.0)
    with at_terminal(desk, "apply") as terminal:
        terminal.wait_for("Write these")
        terminal.answer("y")
        terminal.wait_for("100 of 1")
        assert re.search(r"accounts written .* 100 of 1\d\d", terminal.shown())
        terminal.type("\x03")
        terminal.wait_for("Stopping as soon as nothing is half done")
        assert terminal.end() == 1
        shown = " ".join(terminal.shown().split())
    assert re.search(r"Run \S+: 1\d\d accounts updated\. Stopped on request: this is what was written, of 1\d\d changes\.", shown)
    assert "━" not in shown
    assert desk.look("runs", "--json").json[0]["status"] == "interrupted"

    desk.good("apply", "--yes")

    assert desk.good("plan", "--json").json["changes"] == []


def test_ctrl_c_while_reading_says_how_it_goes_on(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=5, opportunities=20)
    slow = desk.server.faults.add("slow", path="companies", seconds=20.0)
    with at_terminal(desk, "plan") as terminal:
        until = time.monotonic() + 60
        while not slow.fired:
            assert time.monotonic() < until, terminal.shown()
            time.sleep(0.1)
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "Interrupted." in terminal.shown() and "the next run goes on from there" in " ".join(terminal.shown().split())


def test_no_word_is_broken_at_the_edge_of_the_screen(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=30, opportunities=200)
    whole = desk.good("plan")
    known = set(f"{whole.out} {whole.err}".split())

    for columns in (60, 80, 120, 200):
        (desk.folder / "kamsync.db").unlink()  # so that it is told as for the first time
        with at_terminal(desk, "plan", columns=columns) as terminal:
            assert terminal.end() == 0
            said = {word.rstrip("…") for word in terminal.shown().split() if not re.search(r"\d", word)}
        assert "held" in said and said <= known, f"at {columns} columns"
