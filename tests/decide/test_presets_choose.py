"""What the presets say of themselves, tried on small orgs through the files that people edit and the cache that a pull fills."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.shape_cache import programme
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.expressions import names_in
from kamsync.decide.program import Program
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation
from tests.caches import a_new_cache

AS_OF = date(2026, 6, 30)
PRESETS = shipped_names("criteria")
EVERY_PRESET = pytest.mark.parametrize("preset", PRESETS)
WORDS = {"fifteen": 15, "twenty-three": 23, "thirty": 30}
LOGGED = ("activity", "contact", "gap", "silence", "meetings")


class Org:
    """A cache to which accounts, opportunities and activities are added; only what matters is said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "kamsync.db"
        self._keys = count(1)
        self._rows: list[tuple[str, dict[str, object]]] = []  # not yet in the cache
        self.has_contracts = False  # whether they are mapped
        with a_new_cache(self.path) as cache:
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

    def won_contract(self, account: str, days_ago: int, months: int, amount: float) -> None:
        self._closed(account, days_ago, amount, is_won=1, contract_months=months)

    def offered(self, account: str, days_ahead: int) -> None:
        day = (AS_OF + timedelta(days=days_ahead)).isoformat()
        row = {"id": f"006{next(self._keys)}", "account_id": account, "amount": 1.0, "currency": "EUR", "close_date": day}
        self._insert("opportunities", {**row, "is_closed": 0, "is_won": 0})

    def lost(self, account: str, *days_ago: int) -> None:
        for days in days_ago:
            self._closed(account, days, 1_000.0, is_won=0)

    def talked(self, account: str, *days_ago: int, kind: str = "meeting") -> None:
        for days in days_ago:
            row = {"id": f"00T{next(self._keys)}", "account_id": account, "kind": kind}
            self._insert("activities", {**row, "activity_date": (AS_OF - timedelta(days=days)).isoformat()})

    def programme(self, preset: str) -> Program:
        return program_of(preset, self.has_contracts)

    def decide(self, program: Program) -> dict[str, Decision]:
        self._write()
        with Evaluation(self.path, compile_program(program), AS_OF) as evaluation:
            return {decision.account_id: decision for decision in evaluation.decisions()}

    def criterion(self, preset: str, name: str, account: str) -> Contribution:
        self._write()
        with Evaluation(self.path, compiled_preset(preset, self.has_contracts), AS_OF) as evaluation:
            return next(c for c in evaluation.receipt(account).contributions if c.criterion == name)

    def _closed(self, account: str, days: int, amount: float, **more: object) -> str:
        key, day = f"006{next(self._keys)}", (AS_OF - timedelta(days=days)).isoformat()
        row = {"id": key, "account_id": account, "amount": amount, "currency": "EUR", "close_date": day}
        self._insert("opportunities", {**row, "is_closed": 1, "created_date": day, **more})
        return key

    def _insert(self, table: str, row: dict[str, object]) -> None:
        self._rows.append((table, row))

    def _write(self) -> None:
        """At once: opening a cache takes longer than all that is written to it here."""
        with open_cache(self.path) as cache, cache.transaction() as db:
            for table, row in self._rows:
                names = ", ".join(f'"{name}"' for name in row)
                db.execute(f"INSERT INTO {table} ({names}, _pull) VALUES ({', '.join('?' * len(row))}, 1)", list(row.values()))
        self._rows.clear()


@cache
def program_of(preset: str, has_contracts: bool) -> Program:
    """The preset through the files that people edit, read once."""
    with TemporaryDirectory() as folder:
        return programme(Path(folder), preset, has_contracts=has_contracts)


@cache
def compiled_preset(preset: str, has_contracts: bool) -> CompiledProgram:
    return compile_program(program_of(preset, has_contracts))


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


# --- health ------


@EVERY_PRESET
def test_the_longer_our_mails_are_not_answered_the_less_an_account_is_well(preset: str, org: Org) -> None:
    """Ten days are the rhythm of both; the last meeting was fifty days ago."""
    for name, mails in (("left alone", ()), ("chased", (40, 30, 20, 10))):
        org.account(name)
        org.won(name, 20)
        org.talked(name, *range(50, 150, 10))
        org.talked(name, *mails, kind="email")
    assert [org.criterion(preset, "answered", one).scaled for one in ("left alone", "chased")] == pytest.approx([100, 0])
    health = {account: decision.health_score for account, decision in org.decide(org.programme(preset)).items()}
    assert (health["chased"] or 0) < (health["left alone"] or 0)


@EVERY_PRESET
def test_open_business_is_a_sign_from_the_fourth_order_on_and_none_under_a_contract(preset: str, org: Org) -> None:
    org.has_contracts = True
    for name in ("three", "nothing open", "something open", "under contract"):
        org.account(name)
        org.won(name, 10, 20, 30, *(() if name == "three" else (400,)))
    org.offered("something open", 10)
    org.won_contract("under contract", 20, 12, 100.0)
    seen = [org.criterion(preset, "open_business", one) for one in ("three", "nothing open", "something open", "under contract")]
    assert [one.scaled if one.known else None for one in seen] == [None, 0, 100, None]


# --- places for who opens a door ------


def evidence(days: int) -> str:
    return (AS_OF - timedelta(days=days)).isoformat()


@pytest.mark.parametrize("preset", [p for p in PRESETS if "[[seats]]" in text_of(p)])
def test_a_small_reference_in_a_market_that_we_want_has_a_place_and_a_claim_has_none(preset: str, org: Org) -> None:
    a_silent_org(org)
    fields = {"employees": 10, "strategic_market": 1}
    org.account("fresh", **fields, authority_evidence_date=evidence(540))
    org.account("stale", **fields, authority_evidence_date=evidence(541))
    org.account("claim", **fields)
    org.account("other", employees=10, authority_evidence_date=evidence(20))
    for one in ("fresh", "stale", "claim", "other"):
        org.won(one, 700, 800, amount=1.0)
    decided = org.decide(org.programme(preset))
    assert decided["fresh"].tier == ("A" if preset == "authority" else "B")
    assert [decided[one].code == "seat" for one in ("fresh", "stale", "claim", "other")] == [True, False, False, False]


def test_evidence_fades_by_half_a_year_after_year(org: Org) -> None:
    org.account("a", authority_evidence_date=evidence(0))
    org.account("b", authority_evidence_date=evidence(365))
    org.account("c", authority_evidence_date=evidence(730))
    for one in "abc":
        org.won(one, 10)
    assert [org.criterion("authority", "authority", one).scaled for one in "abc"] == pytest.approx([100, 50, 25])


# --- value ------


@EVERY_PRESET
def test_value_is_the_mean_of_two_years_and_of_less_while_a_customer_is_new(preset: str, org: Org) -> None:
    org.account("two years")
    org.won("two years", 800, 200, amount=600.0)
    org.account("half a year")
    org.won("half a year", 180, amount=600.0)
    assert org.criterion(preset, "value", "two years").value == pytest.approx(300)
    assert org.criterion(preset, "value", "half a year").value == pytest.approx(600)


@EVERY_PRESET
def test_a_contract_of_three_years_is_no_zero_in_its_last(preset: str, org: Org) -> None:
    org.has_contracts = True
    org.account("a")
    org.won_contract("a", 1000, 36, 360.0)
    assert org.criterion(preset, "value", "a").value == pytest.approx(120.0)


def test_a_contract_of_three_years_is_no_tripling_in_its_first_where_contracts_are_the_business(org: Org) -> None:
    """Elsewhere orders count beside a contract, so the larger of the two is what a customer is worth."""
    org.has_contracts = True
    org.account("a")
    org.won_contract("a", 100, 36, 360.0)
    assert [org.criterion(one, "value", "a").value for one in ("subscription", "balanced")] == pytest.approx([120.0, 360.0])


@EVERY_PRESET
def test_a_yearly_customer_whose_renewal_is_late_does_not_look_lost(preset: str, org: Org) -> None:
    org.has_contracts = True
    org.account("late")
    for days in (1110, 745, 380):
        org.won_contract("late", days, 12, 100.0)
    worth = org.criterion(preset, "value", "late").value
    assert isinstance(worth, float) and worth > 100.0 / 3


@pytest.mark.parametrize("preset", ["balanced", "retention", "subscription"])
def test_a_customer_between_two_long_contracts_does_not_look_lost_while_the_renewal_is_open(preset: str, org: Org) -> None:
    org.has_contracts = True
    org.account("late")
    org.won_contract("late", 1110, 36, 360.0)
    lost = org.criterion(preset, "value", "late").value
    org.offered("late", 10)
    assert lost == 0
    assert org.criterion(preset, "value", "late").value == pytest.approx(120.0)


def test_an_addition_that_runs_while_the_contract_is_late_does_not_stand_for_it(org: Org) -> None:
    org.has_contracts = True
    org.account("late")
    org.won_contract("late", 380, 12, 100.0)
    org.won_contract("late", 200, 12, 10.0)
    assert org.criterion("subscription", "value", "late").value == pytest.approx(110.0, rel=0.05)


# --- who is chosen ------


@EVERY_PRESET
@pytest.mark.parametrize("customers", [20, 100])
def test_the_best_tier_is_small_and_never_empty(preset: str, customers: int, org: Org) -> None:
    for number in range(1, customers + 1):
        org.account(f"{number:03}", owner_id=f"005{number % 7}")
        org.won(f"{number:03}", 10 + number, 200, 420, amount=1_000.0 + number)
    best = [d for d in org.decide(org.programme(preset)).values() if d.tier == "A"]
    share = org.programme(preset).tiers[0].top_percent or 0
    assert 1 <= len(best) <= -(-customers * share // 100)


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "groups"])
def test_the_best_tier_is_a_share_of_who_is_active(preset: str, org: Org) -> None:
    """Who bought within a year or is under a contract. Customers who left years ago make no room."""
    org.has_contracts = True
    for number in range(200):
        org.account(f"{number:03}", owner_id=f"005{number}")
        if number % 2:
            org.won(f"{number:03}", 400, 800, 900, 1000, amount=1_000.0 + number)
        elif number % 4:
            org.won_contract(f"{number:03}", 400, 36, amount=1_000.0 + number)
        else:
            org.won(f"{number:03}", 10, 200, 420, amount=1_000.0 + number)
    assert sum(d.tier == "A" for d in org.decide(org.programme(preset)).values()) == 5


@EVERY_PRESET
def test_what_is_said_of_the_room_to_stay_is_the_distance_of_its_thresholds(preset: str, org: Org) -> None:
    best = org.programme(preset).tiers[0]
    said = re.search(r"leave = \d+ +# ([a-z-]+) points of room", text_of(preset))
    assert said and WORDS[said[1]] == best.enter - best.leave


@pytest.mark.parametrize("preset", [p for p in PRESETS if "at most five per cent where there are two hundred" in text_of(p)])
def test_the_best_tier_takes_at_most_five_per_cent_of_two_hundred_and_more(preset: str, org: Org) -> None:
    percent = org.programme(preset).tiers[0].top_percent or 0
    assert all(-(-count * percent // 100) <= 0.05 * count for count in range(200, 1_000))


def test_in_authority_nine_door_openers_of_ten_are_in_the_best_tier_and_the_tenth_in_the_second(org: Org) -> None:
    """However small they are; of two hundred customers the tier takes ten, so that the largest has the last place."""
    for number in range(200):
        is_door = number < 10
        org.account(
            f"{number:03}",
            employees=20 - number if is_door else 10_000,
            strategic_market=int(is_door),
            authority_evidence_date=evidence(9) if is_door else None,
        )
        org.won(f"{number:03}", 10, amount=1.0 if is_door else 1_000.0 + number)
    decided = org.decide(org.programme("authority"))
    best = [account for account, decision in decided.items() if decision.tier == "A"]
    assert best == [*(f"{number:03}" for number in range(9)), "199"]
    assert (decided["009"].tier, decided["009"].code) == ("B", "seat")


@EVERY_PRESET
def test_tiers_move_twice_a_year_and_promises_last_for_half_a_year(preset: str, org: Org) -> None:
    program = org.programme(preset)
    best = program.tiers[0]
    assert (program.review_months, best.min_days, best.max_accounts) == ((1, 7), 180, 35)
    assert best.max_per_owner == (8 if preset == "expansion" else 10)
    assert best.enter - best.leave >= 10
