"""A programme's criteria as a whole: what they read, and the hash by which decisions name them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kamsync.decide.compiled import compile_program
from kamsync.decide.criteria import criteria_hash, unknown_names
from kamsync.decide.facts import known_columns
from kamsync.decide.place import Expression, Place
from kamsync.decide.program import Criterion, Decay, Guards, Playbook, Program, Rule, TaskTemplate, Tier
from kamsync.decide.scales import Bands, FlagScale, Linear, Log, Percentile, Values
from kamsync.errors import ConfigError
from kamsync.model import Stream

CRITERION = Criterion("nps", "strength", "retention", 2, Expression("nps"), Linear(0, 10))
TIER = Tier("A", 75, 70)
RULE = Rule(Expression("nps < 3"), ceiling="A")
PLAYBOOK = Playbook("care", Expression("tier = 'A'"), (TaskTemplate("call", {"en": "Call {{ name }}"}, {"en": ""}, "5"),))
PROGRAM = Program((TIER,), (CRITERION,), (RULE,), (PLAYBOOK,), account_columns={"nps": "number", "sponsor_id": "text"})
PLACE = Place("kamsync.toml", 7, "here")


def with_criterion(**changes: Any) -> Program:
    return replace(PROGRAM, criteria=(replace(CRITERION, **changes),))


def with_tier(**changes: Any) -> Program:
    return replace(PROGRAM, tiers=(replace(TIER, **changes),))


def with_rule(**changes: Any) -> Program:
    return replace(PROGRAM, rules=(replace(RULE, **changes),))


@pytest.mark.parametrize(
    "changed",
    [
        with_criterion(name="score"),
        with_criterion(axis="health"),
        with_criterion(goal="market"),
        with_criterion(weight=3),
        with_criterion(value=Expression("nps + 1")),
        with_criterion(scale=Linear(0, 11)),
        with_criterion(scale=Log(0, 10)),
        with_criterion(scale=Percentile()),
        with_criterion(scale=Percentile(Expression("industry"))),
        with_criterion(scale=Bands(((1, 2),))),
        with_criterion(scale=Values({"1": 2})),
        with_criterion(scale=FlagScale()),
        with_criterion(missing="skip"),
        with_criterion(missing=0),
        with_criterion(decay=Decay(Expression("created_date"), 30)),
        with_tier(name="B"),
        with_tier(enter=76),
        with_tier(leave=71),
        with_tier(min_days=1),
        with_tier(max_accounts=1),
        with_tier(top_percent=1),
        with_tier(max_per_owner=1),
        with_rule(when=Expression("nps < 4")),
        with_rule(ceiling="none"),
        with_rule(floor="A"),
        with_rule(exclude=True),
        with_rule(reason="poor"),
        replace(PROGRAM, rules=()),
        replace(PROGRAM, eligible=Expression("nps > 1")),
        replace(PROGRAM, currency="EUR"),
        replace(PROGRAM, timezone="America/Sao_Paulo"),
        replace(PROGRAM, unknown_currency="ignore"),
        replace(PROGRAM, renewal_types=("Renewal",)),
        replace(PROGRAM, min_coverage=0.1),
        replace(PROGRAM, drift="reclaim"),
        replace(PROGRAM, existing_tiers="override"),
        replace(PROGRAM, adopt_days=91),
        replace(PROGRAM, segment_attractiveness=51),
        replace(PROGRAM, segment_strength=51),
        replace(PROGRAM, health_green=71),
        replace(PROGRAM, health_amber=41),
    ],
)
def test_whatever_can_change_a_decision_changes_the_hash(changed: Program) -> None:
    assert criteria_hash(changed) != criteria_hash(PROGRAM)


@pytest.mark.parametrize(
    "same",
    [
        with_criterion(label="Loyalty"),
        with_criterion(place=PLACE),
        with_criterion(value=Expression("nps", PLACE)),
        with_tier(label="Strategic"),
        with_tier(place=PLACE),
        with_rule(when=Expression("nps < 3", PLACE)),
        replace(PROGRAM, playbooks=()),
        replace(PROGRAM, name="Ours"),
        replace(PROGRAM, language="es"),
        replace(PROGRAM, country="BR"),
        replace(PROGRAM, guards=Guards(0.9)),
        replace(PROGRAM, score_deadband=1),
        replace(PROGRAM, fallback_owner="u1"),
        replace(PROGRAM, account_columns={}),
        replace(PROGRAM, eligible=Expression("true", PLACE)),
    ],
)
def test_places_labels_and_tasks_leave_the_hash_alone(same: Program) -> None:
    assert criteria_hash(same) == criteria_hash(PROGRAM)


def test_scales_of_the_same_numbers_are_not_the_same_criteria() -> None:
    assert criteria_hash(with_criterion(scale=Linear(1, 10))) != criteria_hash(with_criterion(scale=Log(1, 10)))


def test_values_given_in_another_order_are_the_same_criteria() -> None:
    one, other = Values({"x": 1, "y": 2}), Values({"y": 2, "x": 1})
    assert criteria_hash(with_criterion(scale=one)) == criteria_hash(with_criterion(scale=other))


def test_the_hash_is_twelve_hex_digits_and_the_same_in_every_version() -> None:
    # Decisions in CRMs and caches carry it: a new one would make every saved plan stale and every history look changed.
    assert criteria_hash(PROGRAM) == "d3ee9bde6f16"
    assert criteria_hash(Program((), ())) == "4f7f390a709a"


@pytest.mark.parametrize(
    ("program", "word"),
    [
        (replace(PROGRAM, eligible=Expression("eligibel", PLACE)), "eligibel"),
        (with_criterion(value=Expression("npss", PLACE)), "npss"),
        (with_criterion(scale=Percentile(Expression("industri", PLACE))), "industri"),
        (with_criterion(decay=Decay(Expression("sins", PLACE), 30)), "sins"),
        (with_rule(when=Expression("tier = 'A'", PLACE)), "tier"),
        (replace(PROGRAM, playbooks=(replace(PLAYBOOK, when=Expression("teir = 'A'", PLACE)),)), "teir"),
        (replace(PROGRAM, playbooks=(replace(PLAYBOOK, tasks=(), place=PLACE),)), "care"),
    ],
)
def test_an_unknown_name_is_refused_wherever_it_stands(program: Program, word: str) -> None:
    with pytest.raises(ConfigError, match=rf"kamsync.toml:7 \(here\): .*'{word}'"):
        compile_program(program)


def test_a_sound_programme_passes() -> None:
    compile_program(PROGRAM)
    compile_program(with_criterion(scale=Percentile(Expression("industry")), decay=Decay(Expression("created_date"), 30)))


def test_names_that_nobody_provides_are_listed_once_in_their_order() -> None:
    criterion = replace(
        CRITERION,
        value=Expression("zeal + nps + churn + zeal"),
        scale=Percentile(Expression("region")),
        decay=Decay(Expression("seen_on"), 30),
    )
    known = known_columns(PROGRAM.account_columns)
    assert unknown_names(criterion, known) == ("zeal", "churn", "region", "seen_on")
    assert unknown_names(CRITERION, known) == ()


def test_a_programme_needs_what_its_expressions_and_texts_read_and_what_those_are_computed_from() -> None:
    task = TaskTemplate("call", {"en": "{{ employees }}"}, {"en": "{{ tier }}"}, "renewal - 5 days", "role:sponsor_id")
    program = replace(
        PROGRAM,
        eligible=Expression("country = 'BR'"),
        criteria=(
            replace(CRITERION, value=Expression("growth_12m"), scale=Percentile(Expression("industry"))),
            replace(CRITERION, name="fresh", decay=Decay(Expression("created_date"), 30)),
        ),
        rules=(Rule(Expression("days_since_last_activity > 90")),),
        playbooks=(replace(PLAYBOOK, when=Expression("type = 'x' and entered"), tasks=(task,)),),
    )

    assert compile_program(program).names == {
        *("country", "growth_12m", "industry", "nps", "created_date", "days_since_last_activity", "type"),
        *("employees", "sponsor_id", "owner_id", "next_renewal_date"),
        *("won_amount_12m", "won_amount_prev_12m", "last_activity_date"),
    }


def test_days_to_renewal_need_the_date() -> None:
    assert "next_renewal_date" in compile_program(with_criterion(value=Expression("days_to_renewal"))).names
    assert "next_renewal_date" not in compile_program(PROGRAM).names


@pytest.mark.parametrize(
    ("expression", "streams"),
    [
        ("nps", set()),
        ("won_amount_12m", set()),
        ("whitespace_count", {Stream.LINE_ITEMS}),
        ("meetings_90d", {Stream.ACTIVITIES}),
        ("days_since_last_activity", {Stream.ACTIVITIES}),
        ("product_families + activities_90d", {Stream.LINE_ITEMS, Stream.ACTIVITIES}),
    ],
)
def test_streams_that_nobody_needs_are_not_pulled(expression: str, streams: set[Stream]) -> None:
    assert compile_program(with_criterion(value=Expression(expression))).streams == streams
