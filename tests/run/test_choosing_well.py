"""Seats, reviews, approval and groups, from the file that an admin writes to what the CRM shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.run.memory_desk import MemoryDesk

TODAY = datetime.now(UTC).date()
LAST_YEAR = TODAY - timedelta(days=400)
ANOTHER_MONTH = TODAY.month % 12 + 1
TIERS = """
[[tiers]]
name = "A"
enter = 50
max_accounts = 2
min_days = {min_days}
[[tiers]]
name = "B"
enter = 10
[[criteria]]
name = "size"
axis = "strength"
goal = "retention"
weight = 1
value = "{value}"
scale = {{ linear = [0, 100] }}
"""
SEATS = """
[[seats]]
tier = "A"
count = 1
when = "is_strategic"
rank = "employees"
evidence = "evidence_date"
valid_days = 100
reason = "Opens a market"
"""


def a_desk(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    rest: str = "",
    program: str = "",
    value: str = "employees",
    min_days: int = 0,
) -> MemoryDesk:
    settings = f'[program]\ncurrency = "EUR"\n{program}\n[guard]\nfirst_run = "go"\nmax_changed_share = 1\n'
    fields = {"is_strategic": "boolean", "evidence_date": "date"}
    desk = MemoryDesk(folder, monkeypatch, settings + TIERS.format(value=value, min_days=min_days) + rest, fields)  # type: ignore[arg-type]  # kinds
    desk.crm.add_owner("Ana", "ana@example.com")
    return desk


def tiers(desk: MemoryDesk) -> dict[str, str | None]:
    return {str(one.values["name"]): one.values.get("kam_tier") for one in desk.crm.accounts()}  # type: ignore[misc]  # texts


def test_a_seat_needs_fresh_evidence_and_goes_before_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch, SEATS)
    for name, size in (("Large", 90.0), ("Larger", 95.0)):
        desk.crm.add_account(name, employees=size)
    fresh, old = TODAY - timedelta(days=100), TODAY - timedelta(days=101)
    first = desk.crm.add_account("First", employees=2.0, is_strategic=True, evidence_date=fresh)
    desk.crm.add_account("Stale", employees=9.0, is_strategic=True, evidence_date=old)
    desk.crm.add_account("Unproven", employees=9.0, is_strategic=True)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Large": "B", "Larger": "A", "First": "A", "Stale": None, "Unproven": None}
    told = desk.good("explain", first, "--json").json
    assert (told["code"], told["seat"]) == ("seat", "Opens a market")
    assert "a reserved place: Opens a market" in desk.good("explain", first).out
    assert desk.good("plan", "--json").json["changes"] == []


@pytest.mark.parametrize(("between", "risen"), [("hold", "B"), ("rises", "A")])
def test_between_reviews_scores_move_nobody_and_the_receipt_says_what_would_be(
    between: str, risen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = f'[review]\nmonths = [{ANOTHER_MONTH}]\nbetween = "{between}"\n'
    desk = a_desk(tmp_path, monkeypatch, review)
    shown = {"kam_since": LAST_YEAR}
    fallen = desk.crm.add_account("Fallen", employees=20.0, kam_tier="A", kam_decided_tier="A", **shown)
    rising = desk.crm.add_account("Rising", employees=80.0, kam_tier="B", kam_decided_tier="B", **shown)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Fallen": "A", "Rising": risen}
    told = desk.good("explain", fallen, "--json").json
    assert (told["tier"], told["code"], told["would_be"]) == ("A", "review", "B")
    assert "tiers wait for the next review, which would make it B" in desk.good("explain", fallen).out
    assert desk.good("explain", rising, "--json").json["code"] == ("review" if between == "hold" else "score")
    assert desk.good("plan", "--json").json["changes"] == []


def test_the_first_decision_of_an_org_waits_for_no_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch, f"[review]\nmonths = [{ANOTHER_MONTH}]\n")
    desk.crm.add_account("Large", employees=90.0)
    desk.good("apply", "--yes")
    desk.crm.add_account("Also", employees=80.0)
    desk.good("apply", "--yes")
    assert tiers(desk) == {"Large": "A", "Also": "A"}


def test_a_month_in_which_people_moved_every_key_account_is_no_first_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, monkeypatch, f"[review]\nmonths = [{ANOTHER_MONTH}]\n")
    only = desk.crm.add_account("Only", employees=90.0, kam_tier="A", kam_decided_tier="A", kam_since=LAST_YEAR)
    desk.crm.edit_account(only, kam_override="B")
    desk.good("apply", "--yes")
    desk.crm.add_account("Waits", employees=80.0)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Only": "B", "Waits": None}


def test_an_unattended_run_leaves_the_best_tier_to_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch, "[review]\napprove = true\n", 'playbooks = ["onboarding"]')
    owner = desk.crm.add_owner("Bob", "bob@example.com")
    desk.crm.add_account("Large", employees=90.0, owner_id=owner)
    desk.crm.add_account("Small", employees=20.0, owner_id=owner)

    ran = desk.good("sync")

    assert tiers(desk) == {"Large": None, "Small": "B"}
    assert "Large: moves into A wait for a person: `kamsync apply` writes them" in ran.out
    assert not desk.crm.tasks()
    desk.good("apply", "--yes")
    assert tiers(desk) == {"Large": "A", "Small": "B"}


@pytest.mark.parametrize(("members", "branch", "code"), [("inherit", "A", "group"), ("none", None, "group")])
def test_a_group_is_decided_as_one_by_its_head(
    members: str, branch: str | None, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, monkeypatch, program=f'unit = "group"\nmembers = "{members}"', value="won_amount_12m")
    head = desk.crm.add_account("Head")
    middle = desk.crm.add_account("Middle", parent_id=head)
    below = desk.crm.add_account("Branch", parent_id=middle)
    for account in (middle, below):
        desk.crm.win(desk.crm.add_opportunity(account, TODAY, 30.0, currency="EUR"), TODAY)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Head": "A", "Middle": branch, "Branch": branch}
    assert desk.good("explain", below, "--json").json["code"] == code
    assert desk.good("plan", "--json").json["changes"] == []


@pytest.mark.parametrize(("actionable", "named"), [("", True), ("actionable = false\n", False)])
def test_the_nearest_way_up_names_only_what_somebody_can_act_on(
    actionable: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, monkeypatch, actionable, value="open_pipeline")
    account = desk.crm.add_account("Small")
    desk.good("pull")
    assert ("the nearest way that somebody can act on is size" in " ".join(desk.good("explain", account).out.split())) == named


@pytest.mark.parametrize("since", [TODAY - timedelta(days=40), LAST_YEAR])
def test_a_parent_that_is_put_above_a_key_account_takes_over_where_the_group_stands(
    since: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reviews nobody leaves a tier, and nobody whose `min_days` are not over: not by being grouped either."""
    review = f"[review]\nmonths = [{ANOTHER_MONTH}]\n"
    desk = a_desk(tmp_path, monkeypatch, review, 'unit = "group"\nplaybooks = ["onboarding"]', "won_amount_12m")
    head = desk.crm.add_account("Holding")
    below = desk.crm.add_account("Key", parent_id=head, kam_tier="A", kam_decided_tier="A", kam_since=since)
    desk.crm.win(desk.crm.add_opportunity(below, TODAY, 20.0, currency="EUR"), TODAY)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Holding": "A", "Key": "A"}
    told = desk.good("explain", head, "--json").json
    assert (told["tier"], told["code"], told["since"]) == ("A", "review", since.isoformat())
    assert not desk.crm.tasks()  # the group has not entered anything
    assert desk.good("plan", "--json").json["changes"] == []


def test_a_key_account_that_comes_under_another_has_its_tier_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lead alone is decided (DECISIONS.md §2): a promise of its own would be a second decision for one group."""
    desk = a_desk(tmp_path, monkeypatch, "", 'unit = "group"\nplaybooks = ["onboarding"]', "won_amount_12m", min_days=180)
    head = desk.crm.add_account("Holding", kam_tier="B", kam_decided_tier="B", kam_since=LAST_YEAR)
    key = desk.crm.add_account("Key", parent_id=head, kam_tier="A", kam_decided_tier="A", kam_since=TODAY)
    desk.crm.win(desk.crm.add_opportunity(key, TODAY, 20.0, currency="EUR"), TODAY)

    desk.good("apply", "--yes")

    assert tiers(desk) == {"Holding": "B", "Key": "B"}
    assert desk.good("explain", key, "--json").json["code"] == "group"
    assert not desk.crm.tasks()  # the account at the head of the group has the plan
    assert desk.good("plan", "--json").json["changes"] == []
