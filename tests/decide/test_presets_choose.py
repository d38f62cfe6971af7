"""What the presets say of themselves, tried on small orgs through the files that people edit and the cache that a pull fills."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest

from bench.shape_cache import programme
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.decide.compiled import compile_program
from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.expressions import names_in
from kamsync.decide.program import Program
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation

AS_OF = date(2026, 6, 30)
PRESETS = shipped_names("criteria")
EVERY_PRESET = pytest.mark.parametrize("preset", PRESETS)
LOGGED = ("activity", "contact", "gap", "silence", "meetings")


class Org:
    """A cache to which accounts, opportunities and activities are added; only what matters is said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "kamsync.db"
        self._keys = count(1)
        with open_cache(self.path) as cache:
            cache.add_account_columns({"nps": "number", "authority_evidence_date": "date", "strategic_market": "boolean"})
            with cache.transaction() as db:
                db.execute("INSERT OR REPLACE INTO meta VALUES ('base_currency', 'EUR')")

    def account(self, name: str, **fields: object) -> None:
        self._insert("accounts", {"id": name, "name": name, "owner_id": "005", **fields})

    def won(self, account: str, *days_ago: int, amount: float = 1_000.0, family: str | None = None) -> None:
        for days in days_ago:
            key = self._closed(account, days, amount, is_won=1)
            if family is not None:
                self._insert("line_items", {"id": f"{key}i", "opportunity_id": key, "product_family": family})

    def lost(self, account: str, *days_ago: int) -> None:
        for days in days_ago:
            self._closed(account, days, 1_000.0, is_won=0)

    def talked(self, account: str, *days_ago: int, kind: str = "meeting") -> None:
        for days in days_ago:
            row = {"id": f"00T{next(self._keys)}", "account_id": account, "kind": kind}
            self._insert("activities", {**row, "activity_date": (AS_OF - timedelta(days=days)).isoformat()})

    def programme(self, preset: str) -> Program:
        return programme(self.folder, preset)

    def decide(self, program: Program) -> dict[str, Decision]:
        with Evaluation(self.path, compile_program(program), AS_OF) as evaluation:
            return {decision.account_id: decision for decision in evaluation.decisions()}

    def criterion(self, preset: str, name: str, account: str) -> Contribution:
        with Evaluation(self.path, compile_program(self.programme(preset)), AS_OF) as evaluation:
            return next(c for c in evaluation.receipt(account).contributions if c.criterion == name)

    def _closed(self, account: str, days: int, amount: float, *, is_won: int) -> str:
        key, day = f"006{next(self._keys)}", (AS_OF - timedelta(days=days)).isoformat()
        row = {"id": key, "account_id": account, "amount": amount, "currency": "EUR", "close_date": day}
        self._insert("opportunities", {**row, "is_closed": 1, "is_won": is_won, "created_date": day})
        return key

    def _insert(self, table: str, row: dict[str, object]) -> None:
        with open_cache(self.path) as cache, cache.transaction() as db:
            names = ", ".join(f'"{name}"' for name in row)
            db.execute(f"INSERT INTO {table} ({names}, _pull) VALUES ({', '.join('?' * len(row))}, 1)", list(row.values()))


@pytest.fixture
def org(tmp_path: Path) -> Org:
    return Org(tmp_path)


def names_of(preset: str, org: Org, wanted: Callable[[str], bool]) -> list[str]:
    """The preset's criteria whose value reads a name that is wanted."""
    return [c.name for c in org.programme(preset).criteria if any(wanted(name) for name in names_in(c.value.text))]


def text_of(preset: str) -> str:
    return read_shipped(preset, "criteria") or ""


# --- what the comments say ------


@EVERY_PRESET
def test_the_points_in_a_criterions_comment_are_its_weight(preset: str) -> None:
    said = re.findall(r"\[\[criteria\]\]\n# (?:Health )?(\d+): .*?\nweight = (\d+)", text_of(preset), re.DOTALL)
    assert said and all(points == weight for points, weight in said)


@EVERY_PRESET
def test_every_rule_can_fire_where_only_customers_take_part(preset: str, org: Org) -> None:
    """The default `eligible` leaves out who never bought: a rule about them would be words."""
    program = org.programme(preset)
    assert program.eligible.text == "won_count_total > 0"
    assert not [rule.when.text for rule in program.rules if re.search(r"won_count_total\s*(=|<)", rule.when.text)]


@EVERY_PRESET
def test_no_fact_counts_twice_from_two_sides(preset: str, org: Org) -> None:
    """White space is what is left of the families that an account buys."""
    assert len(names_of(preset, org, lambda name: name in ("whitespace_count", "product_families"))) <= 1


# --- satisfaction ------


@pytest.mark.parametrize("preset", [p for p in PRESETS if "nps" in text_of(p)])
@pytest.mark.parametrize(
    ("answer", "scaled"), [(0, 0), (6, 0), (7, 50), (8, 50), (9, 100), (10, 100), (15, None), (-20, None), (None, None)]
)
def test_satisfaction_is_an_answer_from_0_to_10(preset: str, answer: int | None, scaled: float | None, org: Org) -> None:
    """15 of −100 … 100 is no promoter: outside the declared scale nothing is known."""
    org.account("a", nps=answer)
    org.won("a", 10)
    found = org.criterion(preset, "satisfaction", "a")
    assert (found.scaled, found.known) == (scaled, scaled is not None)


# --- growth, win rate ------


@EVERY_PRESET
def test_growth_counts_from_the_fourth_order_on(preset: str, org: Org) -> None:
    org.account("three")
    org.won("three", 10, 20, 400)
    org.account("four")
    org.won("four", 10, 20, 30, 400)
    for name in names_of(preset, org, lambda name: name == "growth_12m"):
        assert not org.criterion(preset, name, "three").known
        assert org.criterion(preset, name, "four").known


@pytest.mark.parametrize("preset", [p for p in PRESETS if "win_rate" in text_of(p)])
def test_a_win_rate_is_known_only_where_losses_are_on_record(preset: str, org: Org) -> None:
    org.account("never lost")
    org.won("never lost", 10, 20, 30, 40)
    org.account("lost one")
    org.won("lost one", 10, 20)
    org.lost("lost one", 30)
    org.account("two decisions")
    org.won("two decisions", 10)
    org.lost("two decisions", 30)
    known = [org.criterion(preset, "win_rate", one).known for one in ("never lost", "lost one", "two decisions")]
    assert known == [False, True, False]


# --- a team that logs nothing ------


def a_silent_org(org: Org) -> None:
    for number in range(1, 21):
        org.account(f"{number:03}", employees=number * 40)
        org.won(f"{number:03}", 10 + number, 60, 120, 200, 420, amount=1_000.0 * number)


@EVERY_PRESET
def test_where_nobody_logs_activities_nobody_is_red(preset: str, org: Org) -> None:
    a_silent_org(org)
    assert {decision.health for decision in org.decide(org.programme(preset)).values()} <= {None, "amber", "green"}


@EVERY_PRESET
def test_where_nobody_logs_activities_tiers_are_as_without_those_criteria(preset: str, org: Org) -> None:
    a_silent_org(org)
    program = org.programme(preset)
    logged = names_of(preset, org, lambda name: any(word in name for word in LOGGED))
    without = replace(program, criteria=tuple(c for c in program.criteria if c.name not in logged))
    tiers = {account: decision.tier for account, decision in org.decide(program).items()}
    assert {account: decision.tier for account, decision in org.decide(without).items()} == tiers


# --- authority ------


def test_a_small_reference_in_a_market_that_we_want_is_in_the_best_tier(org: Org) -> None:
    a_silent_org(org)
    org.account("ref", employees=10, strategic_market=1, authority_evidence_date=(AS_OF - timedelta(days=20)).isoformat())
    org.won("ref", 700, 800, amount=10.0)
    org.talked("ref", 5, 40, 80)
    assert org.decide(org.programme("authority"))["ref"].tier == "A"


def test_who_opens_no_door_is_no_more_than_watched_however_large(org: Org) -> None:
    a_silent_org(org)
    org.account("big", employees=90_000, nps=10)
    org.won("big", *range(5, 900, 20), amount=1e6)
    org.talked("big", *range(1, 60))
    assert org.decide(org.programme("authority"))["big"].tier in ("C", "none")
