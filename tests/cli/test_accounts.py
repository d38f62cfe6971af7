"""The portfolio, filtered and sorted; lists say what they leave out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.journeys.conftest import Desk, desks


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with desks(Path(tmp_path_factory.mktemp("accounts"))) as open_one:
        one = open_one("hubspot", accounts=150, opportunities=1500)
        one.begin("setup", "apply --yes")
        yield one


def listed(desk: Desk, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.look("accounts", "--json", *options).json
    return found


@pytest.mark.parametrize(("option", "field"), [("tier", "tier"), ("segment", "segment"), ("health", "health")])
def test_a_filter_shows_those_and_only_those(desk: Desk, option: str, field: str) -> None:
    everyone = listed(desk)
    for value in sorted({account[field] for account in everyone if account[field] not in (None, "none")}):
        found = listed(desk, f"--{option}", value.upper())
        assert {account["id"] for account in found} == {a["id"] for a in everyone if a[field] == value}


def test_an_owner_is_found_by_id_e_mail_or_a_part_of_the_name(desk: Desk) -> None:
    owner = listed(desk)[0]["facts"]["owner_id"]
    of_one = listed(desk, "--owner", owner)
    assert of_one and {account["facts"]["owner_id"] for account in of_one} == {owner}
    line = desk.look("accounts", "--owner", owner, "--limit", "1").out.splitlines()[1]
    name = next(word for word in line.split()[-4:] if word.isalpha())
    assert owner in {account["facts"]["owner_id"] for account in listed(desk, "--owner", name.lower())}


@pytest.mark.parametrize(
    ("sort", "of"),
    [
        ("score", lambda a: (a["score"] is None, -(a["score"] or 0))),
        ("-score", lambda a: (a["score"] is None, a["score"] or 0)),
        ("account", lambda a: a["name"].casefold()),
        ("health,score", lambda a: (("red", "amber", "green", None).index(a["health"]), a["score"] is None, -(a["score"] or 0))),
        ("strength", lambda a: (a["strength"] is None, -(a["strength"] or 0))),
    ],
)
def test_any_column_sorts_and_what_is_unknown_comes_last(desk: Desk, sort: str, of: Any) -> None:
    keys = [of(account) for account in listed(desk, "--sort", sort)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("sort", ["segment", "since", "-since", "owner", "code", "attractiveness", "-tier", "-account"])
def test_every_column_may_be_sorted_by(desk: Desk, sort: str) -> None:
    assert {account["id"] for account in listed(desk, "--sort", sort)} == {account["id"] for account in listed(desk)}


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--tier", "AA", "One of: A, B, C, none"),
        ("--segment", "developmnt", "Did you mean development?"),
        ("--health", "yelow", "green, amber, red"),
        ("--sort", "scor", "Did you mean score?"),
        ("--owner", "Nobody At All", "One of:"),
    ],
)
def test_a_value_that_does_not_exist_is_an_error_with_the_nearest(desk: Desk, option: str, value: str, hint: str) -> None:
    result = desk.run("accounts", option, value)
    assert result.code == 2 and hint in result.err


def test_lists_say_what_they_leave_out(desk: Desk) -> None:
    assert "more accounts (--all shows them)" in desk.look("accounts", "--limit", "2").out
    assert "older ones (--limit shows more)" in desk.look("history", "--limit", "1").out
    simulated = desk.look("simulate", "--criteria", "startups", "--limit", "2").out
    assert "(--all shows them)" in simulated
    assert "(--all shows them)" not in desk.look("simulate", "--criteria", "startups", "--all").out


def test_simulate_lists_the_best_tier_first(desk: Desk) -> None:
    text = desk.look("simulate", "--criteria", "smb", "--all").out
    entering = text[text.index("Enter:") : text.index("Leave:")].splitlines()[1:]
    tiers = [line.partition("→")[2].split()[0] for line in entering]
    assert tiers == sorted(tiers)


def test_the_history_has_the_last_run_first_and_in_it_the_highest_score(desk: Desk) -> None:
    moves = desk.look("history", "--json", "--limit", "10").json
    assert [(move["as_of"], move["run_id"], move["score"]) for move in moves] == sorted(
        ((move["as_of"], move["run_id"], move["score"]) for move in moves), reverse=True
    )
    assert moves[0]["score"] == max(one["score"] for one in desk.look("accounts", "--json").json if one["score"] is not None)


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_who_it_is_and_which_tier_stand_on_any_screen(desk: Desk, columns: int) -> None:
    (best, *_) = desk.look("accounts", "--json").json
    with Terminal(("accounts", "--limit", "1"), desk.folder, {**os.environ, **desk.environment}, columns=columns) as terminal:
        assert terminal.end() == 0
        head, first, *_ = terminal.shown().splitlines()

    assert head.split()[:2] == ["Tier", "Score"] and "Account" in head
    assert first.split()[:2] == [best["tier"], f"{best['score']:.2f}"] and best["name"][:8] in first
    assert ("Segment" in head) is (columns >= 80) and ("Settled by" in head) is (columns >= 100)
