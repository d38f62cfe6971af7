"""The back-test at the command line: what it says of past days stays the same whatever came after them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bench.shape_cache import fill, programme
from kamsync.sandbox.shapes import SHAPES, ShapedCompany
from tests.journeys.command import run_here

FIRST, LAST = "2025-02-01", "2025-07-01"
CHANGES: dict[str, str] = {
    "an opportunity that came later, closed on an earlier day": (
        "INSERT INTO opportunities (id, account_id, amount, currency, close_date, is_closed, is_won, created_date, _pull)"
        " SELECT '006x' || id, id, 9e8, 'EUR', '2025-01-15', 1, 1, '2025-07-02', 1 FROM accounts"
    ),
    "what was open then ended otherwise": (
        "UPDATE opportunities SET is_won = 1 - is_won, stage = 'x', probability = 1 - is_won"
        " WHERE is_closed AND close_date > '2025-07-01'"
    ),
    "stages and probabilities of what is open": "UPDATE opportunities SET stage = 'x', probability = 0.01 WHERE NOT is_closed",
    "a satisfaction of today": "UPDATE accounts SET nps = 10 WHERE id LIKE '%7'",
    "a larger customer": "UPDATE accounts SET employees = 900000 WHERE id LIKE '%3'",
    "a market that became strategic": "UPDATE accounts SET strategic_market = 1 - strategic_market",
    "evidence that came later": (
        "UPDATE accounts SET authority_evidence_date = '2025-07-02'"
        " WHERE authority_evidence_date IS NULL OR authority_evidence_date > '2025-07-01'"
    ),
    "activities that came later": (
        "INSERT INTO activities (id, account_id, kind, activity_date, _pull)"
        " SELECT 'x' || id, account_id, 'meeting', '2025-08-01', 1 FROM activities LIMIT 500"
    ),
    "accounts that came later": (
        "INSERT INTO accounts (id, name, owner_id, created_date, _pull)"
        " SELECT 'x' || id, name, owner_id, '2025-07-02', 1 FROM accounts"
    ),
    "a tier and an override of today": "UPDATE accounts SET flag_tier = 'A', flag_override = 'A'",
}
DECIDED = ("size", "entered", "rose", "left", "left_early", "still_6m")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and a cache of a company's last years."""
    folder = tmp_path_factory.mktemp("backtest")
    programme(folder, "balanced")
    fill(folder / "kamsync.db", ShapedCompany(SHAPES["lighthouse"], today=date(2026, 11, 1), accounts=150))
    return folder


def backtest(folder: Path, *more: str) -> Any:
    arguments = (
        "backtest",
        "--config",
        "balanced.toml",
        "--criteria",
        "balanced",
        "--from",
        FIRST,
        "--to",
        LAST,
        "--json",
        *more,
    )
    code, out, err = run_here(arguments, folder)
    assert code == 0, err
    return json.loads(out)


def decided(found: Any) -> Any:
    return [[{key: day[key] for key in DECIDED} for day in tier["days"]] for tier in found["tiers"]]


@pytest.fixture
def changed(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the folder in which something else came after the last day."""

    def change(sql: str) -> Path:
        for file in made.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        with sqlite3.connect(tmp_path / "kamsync.db") as database:
            assert database.execute(sql).rowcount > 0
        return tmp_path

    return change


@pytest.mark.parametrize("change", list(CHANGES))
def test_nothing_of_the_future_reaches_a_past_day(change: str, made: Path, changed: Callable[[str], Path]) -> None:
    assert decided(backtest(changed(CHANGES[change]))) == decided(backtest(made))


def test_what_was_known_then_does_reach_it(made: Path, changed: Callable[[str], Path]) -> None:
    """The proof that the tests above could fail: the same change a day earlier."""
    sql = CHANGES["an opportunity that came later, closed on an earlier day"].replace("'2025-07-02'", "'2025-01-15'")
    assert decided(backtest(changed(sql + " WHERE id LIKE '%7'"))) != decided(backtest(made))


def test_it_says_what_is_left_out_and_what_is_replayed_otherwise(made: Path) -> None:
    found = backtest(made)
    assert {"what": "seat in B", "reads": ["strategic_market"]} in found["left_out"]
    assert any("ranked by won_amount_12m" in note for note in backtest(made, "--fixed", "strategic_market")["notes"])
    assert any("Tiers move in months 1, 7" in note for note in found["notes"])
    assert {"what": "criterion potential", "reads": ["employees"]} in found["left_out"]
    assert any("no stage of the past is kept" in note for note in found["notes"])


def test_fields_that_were_the_same_can_be_named_and_change_the_days(made: Path) -> None:
    found = backtest(made, "--fixed", "employees", "--fixed", "strategic_market")
    left_out = {what for one in found["left_out"] for what in one["reads"]}
    assert left_out.isdisjoint({"employees", "strategic_market"})
    assert found["tiers"] != backtest(made)["tiers"]


def test_it_is_the_data_of_a_picture(made: Path) -> None:
    found = backtest(made)
    assert (found["version"], found["from"], found["to"], found["every"]) == (1, FIRST, LAST, "month")
    assert [tier["tier"] for tier in found["tiers"]] == ["A", "B", "C"]
    for tier in found["tiers"]:
        assert [day["as_of"] for day in tier["days"]] == [f"2025-0{month}-01" for month in range(2, 8)]
        assert tier["days"][0]["entered"] is None and tier["days"][-1]["entered"] is not None
    widest = found["tiers"][-1]["revenue"]
    assert widest["chosen"] > widest["by_chance"] > 0


def test_an_import_is_named_where_it_hides_the_past(made: Path, changed: Callable[[str], Path]) -> None:
    found = backtest(changed("UPDATE opportunities SET created_date = '2026-01-01' WHERE close_date < '2025-11-01'"))
    assert any("entered after they had closed (an import?)" in note for note in found["notes"])


def test_people_read_it_beside_revenue_and_chance(made: Path) -> None:
    arguments = ("backtest", "--config", "balanced.toml", "--criteria", "balanced", "--from", FIRST, "--to", LAST)
    code, out, _ = run_here(arguments, made)
    assert code == 0
    assert "in as many by revenue" in out and "by chance" in out
    assert "Left out: criterion potential, because only today's employees is known." in out


def test_a_group_is_one_key_account_with_all_that_its_members_bring(tmp_path: Path) -> None:
    programme(tmp_path, "groups")
    company = ShapedCompany(SHAPES["groups"], today=date(2026, 11, 1), accounts=200)
    heads = sum(account.parent is None for account in company.accounts())
    fill(tmp_path / "kamsync.db", company)
    arguments = ("backtest", "--config", "groups.toml", "--criteria", "groups", "--from", FIRST, "--to", LAST, "--json")
    code, out, err = run_here(arguments, tmp_path)
    assert code == 0, err
    best, *_, last = json.loads(out)["tiers"]
    for day in best["days"]:
        assert 1 <= day["size"] <= heads / 3
        assert day["revenue"]["by_chance"] < day["revenue"]["chosen"] <= day["revenue"]["by_revenue"] * 1.05 < 1
        assert not day["left_early"]
    assert last["revenue"]["chosen"] > 0.9


def test_it_says_since_when_activities_are_known(made: Path, changed: Callable[[str], Path]) -> None:
    arguments = ("backtest", "--config", "balanced.toml", "--criteria", "balanced", "--from", FIRST, "--to", LAST)
    for sql, why in (
        ("DELETE FROM activities WHERE activity_date < '2025-01-15'", "activities are known from 2025-01-"),
        ("DELETE FROM activities", "no activities are known."),
    ):
        code, out, _ = run_here(arguments, changed(sql))
        assert code == 0 and f"Left out: criterion engagement, because {why}" in out


def test_of_days_before_anybody_bought_it_says_that_nobody_had_a_tier(made: Path) -> None:
    arguments = ("backtest", "--config", "balanced.toml", "--criteria", "balanced", "--from", "2001-01-01", "--to", "2001-02-01")
    code, out, _ = run_here(arguments, made)
    assert code == 0 and "Nobody had a tier on any of these days." in out
