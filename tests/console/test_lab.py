"""The criteria lab: what it tries is what the criteria file that it saves decides, and nothing reaches the CRM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from kamsync.config import load_config, load_criteria
from kamsync.config.shipped import shipped_names
from kamsync.decide.compiled import compile_program
from kamsync.decide.place import Expression
from kamsync.decide.program import NO_TIER, Rule
from kamsync.report.criteria_toml import criteria_toml
from kamsync.store.evaluate import Evaluation
from tests.console.console_client import Console, form, running, tiered_desk
from tests.journeys.conftest import Desk


def count(text: str, what: str) -> int:
    found = re.search(rf'data-count="{what}">(\d+)<', text)
    assert found is not None, text[:3000]
    return int(found[1])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A CRM with its first tiers written."""
    with tiered_desk(tmp_path_factory.mktemp("lab"), "hubspot", accounts=120) as made:
        yield made


@pytest.fixture(scope="module")
def console(desk: Desk) -> Iterator[Console]:
    with running(desk) as started:
        started.enter()
        yield started


def test_a_weight_shows_who_would_enter_and_leave_as_simulate_says(desk: Desk, console: Console) -> None:
    now = form(console)
    fields = {**now, "weight:value": "0", "enter:C": "20", "leave:C": "18"}
    calls = len(desk.server.requests)
    tried = console.send("/lab", "/lab", **fields).text
    saved = console.send("/lab/criteria.toml", "/lab", **fields)
    assert len(desk.server.requests) == calls
    assert saved.headers["content-disposition"].endswith('"criteria.toml"')
    (desk.folder / "criteria.toml").write_text(saved.text, encoding="utf-8")
    simulated = desk.look("simulate", "--criteria", "criteria.toml", "--json").json
    assert (count(tried, "entering"), count(tried, "leaving")) == (len(simulated["entering"]), len(simulated["leaving"]))
    assert simulated["entering"]
    assert f"-weight = {now['weight:value']}\n" in unescape(tried) and "+weight = 0\n" in unescape(tried)


def test_as_it_stands_nobody_moves_and_there_is_no_diff(console: Console) -> None:
    shown = console.open("/lab").text
    assert "Nobody would move." in shown and "<pre" not in shown


def test_a_rule_is_added_and_a_mistake_in_it_is_told_in_the_loaders_words(console: Console) -> None:
    fields = form(console)
    rule = {"rule:0:when": "won_amount_12m > 0", "rule:0:ceiling": "none", "rule:0:reason": "nobody"}
    assert count(console.send("/lab", "/lab", **{**fields, **rule}).text, "leaving") > 5
    wrong = unescape(console.send("/lab", "/lab", **{**fields, **rule, "rule:0:when": "wun_amount_12m > 0"}).text)
    assert "won_amount_12m" in wrong and "That did not work" in wrong
    assert "no number" in console.send("/lab", "/lab", **{**fields, "weight:value": "much"}).text
    assert "above enter" in console.send("/lab", "/lab", **{**fields, "leave:A": "99"}).text


def test_the_tasks_it_would_make_are_counted_by_owner(console: Console) -> None:
    fields = {**form(console), "enter:A": "36", "leave:A": "30", "top_percent:A": "", "max_accounts:A": "", "max_per_owner:A": ""}
    shown = console.send("/lab/tasks", "/lab", **fields).text
    assert "New tasks" in shown and re.search(r'<td class="number">[1-9]', shown)


def test_the_last_two_years_are_replayed(console: Console) -> None:
    shown = console.send("/lab/backtest", "/lab", **form(console)).text
    assert "<pre" in shown and "tier" in shown.lower()


@pytest.mark.parametrize("preset", shipped_names("criteria"))
def test_a_criteria_file_that_it_saves_decides_the_same(desk: Desk, preset: str) -> None:
    config = load_config(desk.config, environment=desk.environment)
    wanted = load_criteria(preset, config)
    file = Path(desk.folder / "saved.toml")
    file.write_text(criteria_toml(wanted.program), encoding="utf-8")
    assert load_criteria(str(file), config).hash == wanted.hash


def test_the_laboratory_decides_tiers_as_the_evaluation_does(desk: Desk) -> None:
    """Weights, thresholds, limits and rules of many kinds, on the same accounts."""
    config = load_config(desk.config, environment=desk.environment)
    base = config.compiled
    day = datetime.now(UTC).date()
    rule = Rule(Expression("employees > 500"), floor="B")
    programs = []
    for factor, limit, owners, percent in (
        (0.5, None, None, None),
        (3.0, 5, None, None),
        (1.0, 10, 2, None),
        (2.0, None, None, 10.0),
    ):
        tiers = tuple(
            replace(
                tier, enter=tier.enter - 8, leave=tier.leave - 9, max_accounts=limit, max_per_owner=owners, top_percent=percent
            )
            for tier in base.program.tiers
        )
        first, *others = base.program.criteria
        criteria = (replace(first, weight=first.weight * factor), *others)
        programs += [replace(base.program, tiers=tiers, criteria=criteria, rules=rules) for rules in ((), (rule,))]
    with Evaluation(config.cache_path, base, day) as evaluation:
        laboratory = evaluation.laboratory()
        for program in programs:
            compiled = compile_program(program)
            tried = laboratory.try_out(compiled).decisions
            with Evaluation(config.cache_path, compiled, day) as whole:
                for decision in whole.decisions():
                    there = tried.get(decision.account_id)
                    assert (NO_TIER if there is None else there.tier) == decision.tier
                    assert there is None or (there.score, there.health) == (decision.score, decision.health)
