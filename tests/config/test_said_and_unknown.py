"""What counts for nobody is said, and what is not known is unknown in everything that is printed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kamsync.decide.months import add_months
from tests.run.memory_desk import MemoryDesk

TODAY = datetime.now(UTC).date()
PROGRAM = """
[program]
eligible = "{eligible}"
[[tiers]]
name = "A"
enter = 50
[[criteria]]
name = "c"
axis = "strength"
goal = "retention"
weight = 1
value = "{value}"
scale = {{ linear = [0, 1000] }}
missing = "skip"
[[criteria]]
name = "won"
axis = "strength"
goal = "retention"
weight = 1
value = "won_amount_12m"
scale = {{ linear = [0, 1000] }}
"""


def a_desk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str = "open_pipeline", eligible: str = "true"
) -> tuple[MemoryDesk, str]:
    desk = MemoryDesk(folder, monkeypatch, PROGRAM.format(value=value, eligible=eligible))
    owner = desk.crm.add_owner("Ana", "ana@example.com")
    account = desk.crm.add_account("Acme", owner_id=owner, industry="Energy", employees=7.0, created_date=date(2024, 6, 1))
    desk.crm.win(desk.crm.add_opportunity(account, TODAY, 900.0), TODAY - timedelta(days=9))
    return desk, account


def facts(desk: MemoryDesk) -> dict[str, object]:
    return dict(desk.good("accounts", "--json").json[0]["facts"])


def test_a_date_without_quotes_is_refused_at_its_line_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, _ = a_desk(tmp_path, monkeypatch, eligible="created_date > 2024-01-01")
    result = desk.run("plan")
    assert result.code == 2
    assert "config.toml:9 (program.eligible): 2024-01-01 is a subtraction, no date" in result.err
    assert "                   ^" in result.err
    assert "'2024-01-01'" in result.err


def test_opportunities_that_count_for_nobody_are_said_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, account = a_desk(tmp_path, monkeypatch)
    crm = desk.crm
    lost = [crm.add_opportunity(None, TODAY, 1.0) for _ in range(3)]
    undated = crm.add_opportunity(account, TODAY, 10.0, is_won=True, is_closed=True)
    crm.records.write("opportunities", crm.records.tables["opportunities"][undated], {"close_date": None})  # type: ignore[index,arg-type]
    far = crm.add_opportunity(account, date(2999, 1, 1), 10.0)
    odd = crm.add_opportunity(account, TODAY, 10.0, is_closed=None, is_won=None)

    problems = "\n".join(desk.good("plan", "--json").json["problems"])

    assert f"Opportunities that belong to no account count for nobody: 3 (the first: {min(lost)})." in problems
    assert f"Opportunities that are won or lost without a close date count for nobody: 1 (the first: {undated})" in problems
    assert f"Opportunities that have a close date more than 50 years away count for nobody: 1 (the first: {far})" in problems
    assert (
        f"Opportunities that are in a stage that says neither open nor won nor lost count for nobody: 1 (the first: {odd})"
        in problems
    )
    assert (facts(desk)["won_amount_12m"], facts(desk)["open_pipeline"]) == (900, 0)


def test_a_field_that_nobody_asked_for_is_absent_and_not_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, _ = a_desk(tmp_path, monkeypatch, value="employees")
    desk.good("pull")
    shown = facts(desk)
    assert shown["employees"] == 7
    assert "industry" not in shown and "annual_revenue" not in shown


def test_white_space_is_unknown_where_the_org_sells_no_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, account = a_desk(tmp_path, monkeypatch, value="whitespace_count + product_families")
    desk.good("pull")
    assert (facts(desk)["whitespace_count"], facts(desk)["product_families"]) == (None, None)

    won = desk.crm.add_opportunity(None, TODAY, 1.0)
    desk.crm.win(won, TODAY)
    desk.crm.add_line_item(won, "Core")
    desk.good("pull", "--full")
    assert (facts(desk)["whitespace_count"], facts(desk)["product_families"]) == (1, 0)
    assert desk.good("explain", account, "--json").json["contributions"][0]["value"] == 1


def test_other_criteria_say_what_was_not_pulled_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, _ = a_desk(tmp_path, monkeypatch)
    desk.good("pull")
    other = PROGRAM.format(value="meetings_90d + employees", eligible="true").partition("[[tiers]]")
    (tmp_path / "other.toml").write_text("[[tiers]]" + other[2], encoding="utf-8")
    shown = desk.good("criteria", "check", "other.toml", "--json")
    assert [one["known"] for one in shown.json if one["criterion"] == "c"] == [0]
    assert "meetings_90d: activities were not pulled yet" in shown.err
    assert "employees: not pulled yet" in shown.err


@pytest.mark.parametrize(
    ("mapped", "worth"), [("contract_start contract_months", 300), ("contract_end", 600), ("contract_start", None)]
)
def test_a_live_contract_is_worth_what_it_brings_in_a_year_and_unknown_where_no_term_is_mapped(
    mapped: str, worth: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, account = a_desk(tmp_path, monkeypatch, value="contract_value_12m")
    term: dict[str, date | float] = {
        "contract_start": TODAY - timedelta(days=700),
        "contract_months": 36.0,
        "contract_end": TODAY + timedelta(days=1),
    }
    signed = desk.crm.add_opportunity(account, TODAY, 900.0, **term)
    desk.crm.win(signed, add_months(TODAY, -18))
    kept = [line for line in (tmp_path / "memory.toml").read_text().splitlines() if not line.startswith("contract_")]
    kept.insert(kept.index("[opportunity]") + 1, "\n".join(f'{name} = "{name}"' for name in mapped.split()))
    (tmp_path / "memory.toml").write_text("\n".join(kept), encoding="utf-8")
    desk.good("pull")

    assert facts(desk)["contract_value_12m"] == worth
