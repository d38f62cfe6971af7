"""Looking and rehearsing: what an admin asks of the cache, without the CRM noticing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.decide.facts import remembered
from tests.journeys.conftest import Desk, desks

CRITERIA = """
[[tiers]]
name = "A"
enter = 50
[[tiers]]
name = "B"
enter = 20
[[criteria]]
name = "revenue"
axis = "attractiveness"
goal = "retention"
weight = 3
value = "won_amount_12m"
scale = { percentile = true }
[[criteria]]
name = "nothing"
axis = "strength"
goal = "expansion"
weight = 1
value = "0 * employees"
scale = { linear = [0, 1] }
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk after its first sync."""
    with desks(tmp_path_factory.mktemp("rehearsal")) as open_one:
        one = open_one("salesforce")
        one.begin("setup", "sync")
        (one.folder / "mine.toml").write_text(CRITERIA)
        yield one


def cached_tiers(desk: Desk) -> dict[str, str | None]:
    rows = sqlite3.connect(desk.folder / "kamsync.db").execute("SELECT id, nullif(flag_tier, '') FROM accounts")
    return dict(rows.fetchall())


def test_simulate_compares_with_todays_tiers_and_calls_no_crm(desk: Desk) -> None:
    calls = len(desk.server.requests)
    found = desk.look("simulate", "--criteria", "mine.toml", "--json").json
    assert len(desk.server.requests) == calls
    tiers = cached_tiers(desk)
    assert sum(row["count"] for row in found["matrix"]) == len(tiers)
    entering, leaving = found["entering"], found["leaving"]
    assert entering and all(tiers[move["account_id"]] is move["from"] is None is not move["to"] for move in entering)
    assert all(tiers[move["account_id"]] == move["from"] and move["to"] is None for move in leaving)
    assert all(move["because"] for move in [*entering, *leaving, *found["moving"]])
    was = sum(row["count"] for row in found["matrix"] if row["from"] is not None)
    assert found["key_accounts"] - was == len(entering) - len(leaving)
    assert sum(row["after"] for row in found["load"]) == found["key_accounts"]


def test_simulate_against_itself_moves_nobody(desk: Desk) -> None:
    found = desk.look("simulate", "--criteria", "mine.toml", "--against", "mine.toml", "--json").json
    assert found["entering"] == found["leaving"] == found["moving"] == []


def test_simulate_leaves_explain_as_it_was(desk: Desk) -> None:
    account = next(iter(cached_tiers(desk)))
    before = desk.look("explain", account, "--json").json
    desk.look("simulate", "--criteria", "mine.toml")
    assert desk.look("explain", account, "--json").json == before


def test_criteria_check_shows_a_criterion_that_does_nothing(desk: Desk) -> None:
    rows = {row["criterion"]: row for row in desk.look("criteria", "check", "mine.toml", "--json").json}
    assert rows["nothing"]["moves"] == 0 < rows["revenue"]["moves"]
    assert rows["revenue"]["known"] == rows["revenue"]["scored"] > 0
    assert "does almost nothing" in desk.look("criteria", "check", "mine.toml").out


def test_criteria_check_names_the_place_of_a_mistake(desk: Desk) -> None:
    (desk.folder / "wrong.toml").write_text(CRITERIA.replace("won_amount_12m", "won_amout_12m"))
    result = desk.run("criteria", "check", "wrong.toml")
    assert result.code == 2
    assert "wrong.toml" in result.err and ":13" in result.err and "won_amount_12m" in result.err and "^" in result.err


def test_backtest_replays_each_month_beside_revenue_and_chance(desk: Desk) -> None:
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=500), today - timedelta(days=400)
    found = desk.good("backtest", "--criteria", "balanced", "--from", str(first), "--to", str(last), "--json").json
    widest = found["tiers"][-1]
    assert widest["days"][0]["as_of"] == str(first) and len(widest["days"]) == 4
    assert 0 < widest["revenue"]["chosen"] <= 1 and 0 < widest["revenue"]["by_revenue"] <= 1 and 0 <= found["flap_rate"] <= 1
    left_out = {name for one in found["left_out"] for name in one["reads"]}
    assert "employees" in left_out and "won_amount_12m" not in left_out


def test_backtest_of_a_period_that_ends_before_it_begins_is_refused(desk: Desk) -> None:
    result = desk.run("backtest", "--criteria", "balanced", "--from", "2025-02-01", "--to", "2025-01-01")
    assert result.code == 2 and "is after" in result.err


def test_history_tells_every_tier_that_was_given(desk: Desk) -> None:
    flagged = {account: tier for account, tier in cached_tiers(desk).items() if tier is not None}
    account, tier = next(iter(flagged.items()))
    (row,) = desk.look("history", account, "--json").json
    assert (row["tier"], row["previous_tier"]) == (tier, None)


def test_explain_answers_from_what_the_last_run_kept(desk: Desk, tmp_path: Path) -> None:
    """The proof: the opportunities are taken out of the cache behind its back, and the answer stays."""
    account = next(account for account, tier in cached_tiers(desk).items() if tier is not None)
    before = desk.look("explain", account, "--json").json
    database = sqlite3.connect(desk.folder / "kamsync.db")
    backup = tmp_path / "backup.db"
    database.execute("VACUUM INTO ?", (str(backup),))
    database.execute("DELETE FROM opportunities")
    database.commit()
    assert desk.look("explain", account, "--json").json == before
    database.execute("UPDATE meta SET value = 'another' WHERE name = 'generation'")
    database.commit()
    assert desk.look("explain", account, "--json").json["score"] != before["score"]
    sqlite3.connect(backup).backup(database)


def test_accounts_lists_the_best_first_with_their_facts(desk: Desk) -> None:
    rows = desk.look("accounts", "--json").json
    assert {"id", "name", "tier", "score", "attractiveness", "strength", "segment", "health", "since", "override", "eligible"} < {
        *rows[0]
    }
    assert [row["tier"] for row in rows] == sorted((row["tier"] for row in rows), key=lambda tier: tier or "none")
    assert {row["id"]: row["tier"] for row in rows} == cached_tiers(desk)
    assert rows[0]["facts"]["won_count_total"] > 0


def test_facts_lists_what_an_expression_may_read_and_where_it_comes_from(desk: Desk, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in desk.look("facts", "--json").json}
    assert rows["won_amount_12m"]["type"] == "number" and rows["won_amount_12m"]["none"] == "0"
    assert rows["industry"]["definition"] == "The account's field Industry"
    everything = f"iif({' or '.join(f'{name} is null' for name in rows if not remembered([name]))}, 0, 1)"
    (desk.folder / "all.toml").write_text(CRITERIA.replace('value = "won_amount_12m"', f'value = "{everything}"'))
    desk.look("criteria", "check", "all.toml")
    assert "won_amount_12m" in desk.look("facts").out
