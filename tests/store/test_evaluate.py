"""The decision core over a cache agrees with the naive oracle on random worlds, and keeps what it promises."""

from __future__ import annotations

import dataclasses
import itertools
import random
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kamsync.decide.compiled import compile_program
from kamsync.decide.decision import Decision
from kamsync.decide.place import Expression
from kamsync.decide.program import Criterion, Playbook, Program, TaskTemplate, Tier
from kamsync.decide.scales import FlagScale, Linear, Percentile
from kamsync.errors import ConfigError
from kamsync.run.planning import When, make_plan
from kamsync.store.evaluate import Evaluation
from kamsync.store.history import Remembered, remember
from tests.caches import a_new_cache
from tests.store.oracle import (
    AS_OF,
    PLAIN,
    World,
    facts_of_everyone,
    months_back,
    random_program,
    random_world,
    verdicts,
    waiting,
)
from tests.store.oracle import MEANINGS as ORACLE_MEANINGS

EVERY_FACT = Program(
    tiers=(),
    criteria=tuple(
        Criterion(name, "strength", "retention", 1, Expression(name), FlagScale() if name.startswith("has_") else Percentile())
        for name in PLAIN
    ),
    renewal_types=("Renewal",),
    currency="EUR",
    account_columns={"nps": "number", "reference_date": "date"},
)


def decide(path: Path, world: World, program: Program, as_of: date = AS_OF) -> dict[str, Decision]:
    program = dataclasses.replace(program, account_columns=world.mapped)
    with a_new_cache(path) as cache:
        world.save(cache)
    with Evaluation(path, compile_program(program), as_of) as evaluation:
        return {d.account_id: d for d in evaluation.decisions()}


def an_account(identifier: str = "a1", **values: object) -> dict[str, object]:
    return {"id": identifier, "parent_id": None, "owner_id": None, **values}


def by_nps(*tiers: Tier, **settings: object) -> Program:
    """The score is the field `nps` itself."""
    criterion = Criterion("nps", "strength", "retention", 1, Expression("nps"), Linear(0, 100))
    program = Program(tiers or (Tier("A", 80, 70), Tier("B", 50, 40)), (criterion,), account_columns={"nps": "number"})
    return dataclasses.replace(program, **settings)  # type: ignore[arg-type]  # settings of a programme


@pytest.mark.parametrize("seed", range(120))
def test_every_decision_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    world, program = random_world(rng), random_program(rng)

    found = decide(tmp_path / "cache.db", world, program)

    expected = verdicts(world, program, AS_OF, ORACLE_MEANINGS)
    assert list(found) == sorted(expected)
    for account, verdict in expected.items():
        decision = found[account]
        assert (decision.attractiveness, decision.strength, decision.score, decision.health_score) == (
            verdict.attractiveness,
            verdict.strength,
            verdict.score,
            verdict.health_score,
        ), account
        assert decision.coverage == pytest.approx(verdict.coverage), account
        assert (decision.tier, decision.code, decision.until) == (verdict.tier, verdict.code, verdict.until), account
        assert (decision.previous_tier, decision.since) == (verdict.current, verdict.since), account
        assert (decision.override, decision.writes_override) == (verdict.override, verdict.writes_override), account
        assert (decision.drifted, decision.would_be) == (verdict.drifted, verdict.would_be), account


@pytest.mark.parametrize("seed", range(7000, 7040))
def test_what_an_unattended_run_leaves_to_a_person_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    world, program = random_world(rng), random_program(rng)
    task = TaskTemplate("t", {"en": "Call"}, {}, "0")
    always = Playbook("p", Expression("tier_rank = 1"), (task,))
    program = dataclasses.replace(program, account_columns=world.mapped, playbooks=(always,), fallback_owner="p")
    expected = waiting(verdicts(world, program, AS_OF, ORACLE_MEANINGS), program)
    when = When(AS_OF, datetime(2025, 6, 30, 6, tzinfo=UTC), "run")

    with a_new_cache(tmp_path / "cache.db") as cache:
        world.save(cache)
        attended = make_plan(cache, compile_program(program), "salesforce", when)
        unattended = make_plan(cache, compile_program(program), "salesforce", when, unattended=True)

    assert not attended.waiting
    assert {held.account_id for held in unattended.waiting} == expected
    assert list(unattended.plan.changes) == [one for one in attended.plan.changes if one.account_id not in expected]


@pytest.mark.parametrize("seed", range(40))
def test_every_fact_agrees_with_the_oracle(seed: int, tmp_path: Path) -> None:
    world = random_world(random.Random(1000 + seed))
    with a_new_cache(tmp_path / "cache.db") as cache:
        world.save(cache)
    contracts = list(itertools.compress(("contract_start", "contract_months", "contract_end"), (seed & 1, seed & 2, seed & 4)))
    program = dataclasses.replace(EVERY_FACT, account_columns=world.mapped, opportunity_columns=frozenset(contracts))
    expected = facts_of_everyone(world, program, AS_OF)

    with Evaluation(tmp_path / "cache.db", compile_program(program), AS_OF) as evaluation:
        for account, facts in expected.items():
            found = evaluation.facts(account)
            for name in PLAIN:
                value = facts[name].isoformat() if isinstance(facts[name], date) else facts[name]
                wanted = pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
                assert found[name] == wanted, (account, name)


@pytest.mark.parametrize("seed", range(25))
def test_contributions_sum_to_the_score_in_cents(seed: int, tmp_path: Path) -> None:
    rng = random.Random(2000 + seed)
    world = random_world(rng)
    program = dataclasses.replace(random_program(rng), account_columns=world.mapped)
    with a_new_cache(tmp_path / "cache.db") as cache:
        world.save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(program), AS_OF) as evaluation:
        for decision in evaluation.decisions():
            contributions = evaluation.receipt(decision.account_id).contributions
            assert sum(round(c.points * 100) for c in contributions) == round((decision.score or 0) * 100)
            assert all(c.points == 0 for c in contributions if c.axis == "health")


@pytest.mark.parametrize("seed", range(25))
def test_the_order_of_rows_never_shows(seed: int, tmp_path: Path) -> None:
    rng = random.Random(3000 + seed)
    world, program = random_world(rng), random_program(rng)
    first = decide(tmp_path / "first.db", world, program)
    for rows in (world.accounts, world.opportunities, world.line_items, world.activities, world.rates):
        rng.shuffle(rows)
    assert decide(tmp_path / "second.db", world, program) == first


@pytest.mark.parametrize("seed", range(40))
def test_deciding_again_with_the_result_written_moves_nobody(seed: int, tmp_path: Path) -> None:
    rng = random.Random(4000 + seed)
    world, program = random_world(rng), random_program(rng)
    once = decide(tmp_path / "first.db", world, program)
    for account in world.accounts:
        write(account, once[account["id"]])
    world.merges.clear()
    again = decide(tmp_path / "second.db", world, program)
    assert {i: (d.tier, d.since) for i, d in again.items()} == {i: (d.tier, d.since) for i, d in once.items()}
    assert not any(d.drifted or d.writes_override for d in again.values())


def write(account: dict[str, object], decision: Decision) -> None:
    """The account as the CRM shows it once the decision was written."""
    account["flag_tier"] = None if decision.tier == "none" else decision.tier
    account["flag_decided_tier"] = decision.tier
    account["flag_since"] = decision.since
    if decision.writes_override:
        account["flag_override"], account["flag_override_until"] = decision.override, decision.until


def test_an_amount_in_an_unknown_currency_is_an_error_that_names_it(tmp_path: Path) -> None:
    opportunity = {
        "id": "o",
        "account_id": "a1",
        "amount": 5,
        "currency": "XXX",
        "close_date": AS_OF,
        "is_closed": 1,
        "is_won": 1,
    }
    world = World([an_account()], [opportunity], base_currency="USD", mapped={"nps": "number"})
    with pytest.raises(ConfigError, match="XXX"):
        decide(tmp_path / "cache.db", world, by_nps())


def test_an_unknown_currency_may_be_ignored_and_is_then_reported(tmp_path: Path) -> None:
    opportunity = {
        "id": "o",
        "account_id": "a1",
        "amount": 5,
        "currency": "XXX",
        "close_date": AS_OF,
        "is_closed": 1,
        "is_won": 1,
    }
    world = World([an_account()], [opportunity], base_currency="USD", mapped={"nps": "number"})
    with a_new_cache(tmp_path / "cache.db") as cache:
        world.save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(by_nps(unknown_currency="ignore")), AS_OF) as evaluation:
        assert evaluation.facts("a1")["won_amount_12m"] == 0
        assert ["XXX" in problem for problem in evaluation.problems] == [True]


def test_a_cycle_of_parents_is_broken_and_reported(tmp_path: Path) -> None:
    world = World(
        [an_account("a", parent_id="b"), an_account("b", parent_id="a"), an_account("c", parent_id="c")],
        mapped=dict(EVERY_FACT.account_columns),
    )
    with a_new_cache(tmp_path / "cache.db") as cache:
        world.save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(EVERY_FACT), AS_OF) as evaluation:
        assert [problem.split()[1] for problem in evaluation.problems] == ["a", "c"]


def test_nobody_moves_inside_the_band(tmp_path: Path) -> None:
    accounts = [an_account(f"a{score:03d}{tier}", nps=score, flag_tier=tier) for score in range(0, 101, 2) for tier in "AB"]
    decisions = decide(tmp_path / "cache.db", World(accounts, mapped={"nps": "number"}), by_nps())
    for account in accounts:
        decision = decisions[str(account["id"])]
        if account["flag_tier"] == "A" and (decision.score or 0) >= 70:
            assert decision.tier == "A"
        if account["flag_tier"] == "B" and 40 <= (decision.score or 0) < 80:
            assert decision.tier == "B"


@pytest.mark.parametrize("seed", range(20))
def test_capacity_is_never_exceeded_but_by_people_and_by_promises(seed: int, tmp_path: Path) -> None:
    rng = random.Random(5000 + seed)
    world, program = random_world(rng), random_program(rng)
    decisions = decide(tmp_path / "cache.db", world, program)
    eligible = sum(d.eligible for d in decisions.values())
    since = {account["id"]: account["flag_since"] for account in world.accounts}
    waits = bool(program.review_months) and AS_OF.month not in program.review_months
    for tier in program.tiers:
        # Members of a group follow their lead wherever it is: they take nobody's place.
        inside = [d for d in decisions.values() if d.tier == tier.name and d.code != "group"]
        stays = [d for d in inside if waits and d.tier == d.previous_tier]
        chosen = [d for d in inside if d.code == "override" or d in stays or is_promised(d, since[d.account_id], tier)]
        if tier.max_accounts is not None:
            assert len(inside) <= max(tier.max_accounts, len(chosen))
        if tier.top_percent is not None:
            assert len(inside) <= max(-(-tier.top_percent * eligible // 100), len(chosen))


def is_promised(decision: Decision, since: date | None, tier: Tier) -> bool:
    return decision.previous_tier == decision.tier and since is not None and (AS_OF - since).days < tier.min_days


def test_a_percentile_ranks_ties_lowest_and_one_account_at_zero(tmp_path: Path) -> None:
    criterion = Criterion("nps", "strength", "retention", 1, Expression("nps"), Percentile(Expression("industry")))
    values = [("E", 1), ("E", 5), ("E", 5), ("R", 7), ("E", None)]
    accounts = [an_account(f"a{i}", industry=industry, nps=nps) for i, (industry, nps) in enumerate(values)]
    world = World(accounts, mapped={"nps": "number"})
    decisions = decide(tmp_path / "cache.db", world, Program((), (criterion,)))
    assert [d.score for d in decisions.values()] == [0, 50, 50, 0, 0]


def test_windows_are_open_at_their_old_end(tmp_path: Path) -> None:
    leap = date(2024, 2, 29)
    days = {"in": date(2023, 3, 1), "out": months_back(leap, 12), "today": leap, "future": date(2024, 3, 1)}
    assert days["out"] == date(2023, 2, 28)
    opportunities = [
        {"id": name, "account_id": "a1", "amount": 1, "close_date": day, "is_closed": 1, "is_won": 1}
        for name, day in days.items()
    ]
    with a_new_cache(tmp_path / "cache.db") as cache:
        World([an_account()], opportunities).save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(dataclasses.replace(EVERY_FACT, currency="")), leap) as evaluation:
        facts = evaluation.facts("a1")
    assert (facts["won_count_12m"], facts["won_amount_prev_12m"], facts["won_count_total"]) == (2, 1, 3)


def test_a_field_that_was_never_pulled_is_null(tmp_path: Path) -> None:
    with a_new_cache(tmp_path / "cache.db") as cache:
        World([an_account()]).save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(by_nps()), AS_OF) as evaluation:
        assert evaluation.decision("a1").coverage == 0


def test_a_playbook_sees_the_decision_and_fires_in_the_order_of_ids(tmp_path: Path) -> None:
    accounts = [an_account("z", nps=90), an_account("b", nps=90, flag_tier="B"), an_account("c", nps=10, flag_tier="B")]
    with a_new_cache(tmp_path / "cache.db") as cache:
        World(accounts, mapped={"nps": "number"}).save(cache)
    task = TaskTemplate("t", {"en": "Call"}, {}, "0")
    entered = Playbook("p", Expression("entered and tier = 'A' and score = 90"), (task,))
    left = Playbook("q", Expression("left and previous_tier = 'B' and tier = 'none'"), (task,))
    with Evaluation(tmp_path / "cache.db", compile_program(by_nps(playbooks=(entered, left))), AS_OF) as evaluation:
        assert [(account, moved_on) for account, _, moved_on in evaluation.firing(entered)] == [("b", None), ("z", None)]
        assert [(account, moved_on) for account, _, moved_on in evaluation.firing(left)] == [("c", None)]


def test_what_a_flag_showed_while_it_was_mapped_decides_nothing_any_more(tmp_path: Path) -> None:
    accounts = [
        an_account("drifted", nps=5, flag_tier="A", flag_decided_tier="B"),
        an_account("chosen", nps=5, flag_override="A"),
        an_account("held", nps=75, flag_tier="A"),
    ]
    world = World(accounts, mapped={"nps": "number"})

    decided = decide(tmp_path / "cache.db", world, by_nps(mapped_flags=frozenset({"score"})))

    assert {i: (d.tier, d.previous_tier, d.code) for i, d in decided.items()} == {
        "chosen": ("none", "none", "score"),
        "drifted": ("none", "none", "score"),
        "held": ("B", "none", "score"),
    }


def test_without_decided_tier_nothing_is_drift_and_nothing_is_an_existing_tier(tmp_path: Path) -> None:
    flags = by_nps().mapped_flags - {"decided_tier"}
    world = World([an_account(nps=5, flag_tier="A", flag_decided_tier="B")], mapped={"nps": "number"})

    decision = decide(tmp_path / "cache.db", world, by_nps(mapped_flags=flags, existing_tiers="override"))["a1"]

    assert (decision.tier, decision.previous_tier, decision.drifted) == ("none", "A", False)


def test_the_override_of_a_merged_account_counts_until_the_one_that_lives_on_has_its_own(tmp_path: Path) -> None:
    until = AS_OF + timedelta(days=3)
    lost = {"override": "A", "override_until": until, "seen": AS_OF}
    merges = [{"old_id": f"old-{i}", "new_id": i, **lost} for i in ("a1", "a2")]
    accounts = [an_account("a1", nps=5), an_account("a2", nps=5, flag_override="B"), an_account("a3", nps=5)]

    decided = decide(tmp_path / "cache.db", World(accounts, merges=merges, mapped={"nps": "number"}), by_nps())

    assert {i: (d.tier, d.until, d.writes_override) for i, d in decided.items()} == {
        "a1": ("A", until, True),
        "a2": ("B", None, False),
        "a3": ("none", None, False),
    }


def test_of_several_merged_accounts_the_override_that_holds_longest_counts_with_its_own_date(tmp_path: Path) -> None:
    until = AS_OF + timedelta(days=3)
    lost = {"new_id": "a1", "seen": AS_OF}
    merges = [
        {"old_id": "x", "override": "B", "override_until": AS_OF, **lost},
        {"old_id": "y", "override": "A", "override_until": until, **lost},
    ]
    for_ever = {"old_id": "z", "override": "B", "override_until": None, **lost}
    world = World([an_account("a1", nps=5)], merges=merges, mapped={"nps": "number"})
    forever = World([an_account("a1", nps=5)], merges=[*merges, for_ever], mapped={"nps": "number"})

    by_date = decide(tmp_path / "dated.db", world, by_nps())["a1"]
    without = decide(tmp_path / "forever.db", forever, by_nps())["a1"]

    assert (by_date.override, by_date.until) == ("A", until)
    assert (without.override, without.until) == ("B", None)


# --- moves that earlier runs made ------


def a_memory(account_id: str, tier: str, previous_tier: str, **given: Any) -> Remembered:
    values: dict[str, Any] = {"name": "", "as_of": "2025-06-20", "run_id": "r1", "code": "score", "score": 1.0}
    values |= {"segment": None, "health": None, "criteria_hash": "", "receipt": "{}"}
    return Remembered(account_id=account_id, tier=tier, previous_tier=previous_tier, **{**values, **given})


def firing(path: Path, when: str, accounts: list[dict[str, object]], *memories: Remembered) -> dict[str, tuple[object, ...]]:
    """Of each account for which it fires: the day of the earlier move, and what the playbook saw of it."""
    with a_new_cache(path) as cache:
        World(accounts, mapped={"nps": "number"}).save(cache)
        with cache.transaction():
            remember(cache, memories, settled=True)
    playbook = Playbook("p", Expression(when), (A_TASK,))
    with Evaluation(path, compile_program(by_nps(playbooks=(playbook,))), AS_OF) as evaluation:
        fired = evaluation.firing(playbook)
        return {i: (day, facts["previous_tier"], facts["entered"], facts["left"]) for i, facts, day in fired}


DAY = AS_OF - timedelta(days=10)
A_TASK = TaskTemplate("t", {"en": "Call"}, {}, "0")


def in_a(identifier: str, **given: object) -> dict[str, object]:
    return an_account(identifier, **{"nps": 90, "flag_tier": "A", "flag_decided_tier": "A", "flag_since": DAY, **given})


def test_an_entry_of_some_days_ago_fires_again_with_what_was_true_on_its_day(tmp_path: Path) -> None:
    accounts = [
        in_a("known"),
        in_a("forgotten"),
        in_a("long ago", flag_since=AS_OF - timedelta(days=92)),
        in_a("fell", nps=55, flag_tier="B", flag_decided_tier="B"),
    ]
    memories = [a_memory("known", "A", "B"), a_memory("long ago", "A", "B"), a_memory("fell", "B", "A")]

    assert firing(tmp_path / "entered.db", "entered", accounts, *memories) == {
        "known": (DAY, "B", 1, 0),
        "forgotten": (DAY, None, 1, 0),
    }
    assert firing(tmp_path / "left.db", "left", accounts, *memories) == {"fell": (DAY, "A", 0, 1)}


def test_a_move_that_this_run_makes_is_not_replayed_beside_it(tmp_path: Path) -> None:
    accounts = [in_a("up", nps=90, flag_tier="B", flag_decided_tier="B")]
    assert firing(tmp_path / "cache.db", "entered", accounts, a_memory("up", "B", "none")) == {"up": (None, "B", 1, 0)}


def test_a_playbook_that_lasts_is_not_told_of_earlier_moves(tmp_path: Path) -> None:
    assert firing(tmp_path / "cache.db", "tier = 'A'", [in_a("a1")], a_memory("a1", "A", "B")) == {"a1": (None, "A", 0, 0)}


def test_a_decision_whose_write_nobody_saw_happen_is_no_memory(tmp_path: Path) -> None:
    with a_new_cache(tmp_path / "cache.db") as cache:
        World([in_a("a1")], mapped={"nps": "number"}).save(cache)
        with cache.transaction():
            remember(cache, [a_memory("a1", "A", "B")], settled=False)
    playbook = Playbook("p", Expression("entered"), (A_TASK,))
    with Evaluation(tmp_path / "cache.db", compile_program(by_nps(playbooks=(playbook,))), AS_OF) as evaluation:
        ((_, facts, day),) = evaluation.firing(playbook)
    assert (day, facts["previous_tier"]) == (DAY, None)


def test_a_change_of_health_is_replayed_while_the_health_is_what_it_became(tmp_path: Path) -> None:
    program = by_nps()
    health = Criterion("health", "health", "retention", 1, Expression("nps"), Linear(0, 100))
    program = dataclasses.replace(program, criteria=(*program.criteria, health))
    when = Expression("health = 'red' and previous_health = 'green'")
    accounts = [an_account("red", nps=5, flag_health="red"), an_account("green", nps=90, flag_health="green")]
    with a_new_cache(tmp_path / "cache.db") as cache:
        World(accounts, mapped={"nps": "number"}).save(cache)
        turned = [a_memory(i, "none", "none", health="red", previous_health="green") for i in ("red", "green")]
        with cache.transaction():
            remember(cache, turned, settled=True)
    playbook = Playbook("p", when, (A_TASK,))
    compiled = compile_program(dataclasses.replace(program, playbooks=(playbook,)))
    with Evaluation(tmp_path / "cache.db", compiled, AS_OF) as evaluation:
        fired = [(i, day, facts["entered"], facts["left"]) for i, facts, day in evaluation.firing(playbook)]
    assert fired == [("red", date(2025, 6, 20), 0, 0)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM accounts",
        "INSERT INTO main.meta VALUES ('a', 'b')",
        "DROP TABLE temp.facts",
        "ATTACH ':memory:' AS other",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x')",
        "SELECT readfile('x')",
        "SELECT randomblob(9)",
        "SELECT zeroblob(999999999)",
        "CREATE TABLE main.x (y)",
        "VACUUM INTO 'x'",
    ],
)
def test_the_connection_of_an_evaluation_only_reads(statement: str, tmp_path: Path) -> None:
    with a_new_cache(tmp_path / "cache.db") as cache:
        World([an_account()]).save(cache)
    with Evaluation(tmp_path / "cache.db", compile_program(by_nps()), AS_OF) as evaluation, pytest.raises(sqlite3.DatabaseError):
        evaluation._db.execute(statement)
