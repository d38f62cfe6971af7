"""The shipped playbooks one by one: each fires, makes its tasks in three languages, and is silent on the day after."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pytest

from kamsync.config.assembly import build_playbook
from kamsync.config.models import PlaybookTable
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import parse_toml
from kamsync.decide.assignees import Owner
from kamsync.decide.calendar import account_calendar
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.decision import Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.facts import known_columns
from kamsync.decide.occurrences import parse_key
from kamsync.decide.plan import CreateTask
from kamsync.decide.program import Program, Tier
from kamsync.decide.task_values import Firing
from kamsync.decide.tasks import plan_tasks
from kamsync.decide.turns import SeenTask
from kamsync.model import Kind
from tests.conftest import Golden

TODAY = date(2026, 11, 23)
MAPPED: dict[str, Kind] = {"nps": "number", "authority_evidence_date": "date", "strategic_market": "boolean"}
OWNERS = (Owner("u1", "Ana", manager_id="u3"), Owner("u3", "Eva"))
LANGUAGES = {"en": ("USD", "US"), "pt_BR": ("BRL", "BR"), "es": ("MXN", "MX")}
# A key account of which everything is known; what a playbook needs beside that stands below.
ACCOUNT: dict[str, FactValue] = {
    "id": "001A",
    "name": "Acme Inc. Brasil",
    "owner_id": "u1",
    "country": None,
    "tier": "Gold",
    "tier_rank": 1,
    "previous_tier": "Gold",
    "entered": 0,
    "left": 0,
    "score": 81.5,
    "segment": "key",
    "health": "green",
    "previous_health": "green",
    "won_amount_12m": 1_234_567.5,
    "won_amount_prev_12m": 980_000.0,
    "won_amount_total": 4_100_000.0,
    "won_count_total": 12,
    "won_count_12m": 2,
    "growth_12m": 0.26,
    "open_pipeline": 350_000.0,
    "avg_won_amount_24m": 88_000.0,
    "whitespace_count": 3,
    "product_families": 2,
    "children_count": 0,
    "family_won_amount_12m": 2_000_000.0,
    "meetings_90d": 4,
    "activities_90d": 9,
    "customer_months": 40,
    "first_won_date": "2023-07-03",
    "last_won_date": "2026-11-10",
    "days_since_last_won": 13,
    "last_activity_date": "2026-11-20",
    "days_since_last_activity": 3,
    "last_contact_date": "2026-11-20",
    "days_since_last_contact": 3,
    "next_renewal_date": None,
    "days_to_renewal": None,
    "revenue_share_12m": 0.08,
    "nps": None,
    "open_count": 2,
}
SILENT: dict[str, FactValue] = {"days_since_last_activity": 41, "last_activity_date": "2026-10-13"}
ENDING: dict[str, FactValue] = {"next_renewal_date": "2027-01-20", "days_to_renewal": 58}
FIRES: dict[str, dict[str, FactValue]] = {
    "dependency-risk": {"revenue_share_12m": 0.31},
    "downgrade-review": {"tier": "Silver", "tier_rank": 2, "left": 1},
    "development-plan": {"tier": "Silver", "tier_rank": 2, "segment": "development"},
    "empty-pipeline": {"open_count": 0, "days_since_last_won": 200, "last_won_date": "2026-05-07"},
    "engagement-lapse": SILENT,
    "evidence-refresh": {"authority_evidence_date": "2026-06-01"},
    "first-year-review": {"customer_months": 11},
    "health-drop": {"health": "amber"},
    "losses-review": {"lost_count_12m": 3, "win_rate_24m": 0.4},
    "market-expansion": {"new_territory": "Peru", "new_territory_date": "2026-10-30", "days_since_new_territory": 24},
    "nps-recovery": {"nps": 4},
    "nps-reference": {"nps": 10},
    "override-expiry": {"override_until": "2026-12-10"},
    "renewal": ENDING,
    "renewal-90": {**ENDING, "tier": "Silver", "tier_rank": 2},
    "revenue-decline": {"growth_12m": -0.3, "won_amount_12m": 686_000.0},
    "risk-save": {"health": "red"},
    "champion-gap": {"has_champion": 0, "contacts_count": 4},
    "champion-left": {"days_since_champion_left": 6, "champion_until": "2026-11-17"},
    "decision-maker-gap": {"has_decision_maker": 0, "contacts_count": 4},
    "owner-handover": {"days_since_owner_change": 2, "owned_since": "2026-11-21"},
    "score-drop": {"score": 61, "score_30d_ago": 82},
    "sponsor-gap": {"has_sponsor": 0, "contacts_count": 4},
    "stakeholder-silence": {
        "days_since_last_stakeholder_activity": 104,
        "last_stakeholder_activity_date": "2026-08-11",
    },
    "semiannual-review": {"tier": "Silver", "tier_rank": 2},
    "two-way-contact": {"days_since_last_contact": 70, "last_contact_date": "2026-09-14"},
}


def programme(name: str, language: str = "en") -> CompiledProgram:
    source = parse_toml(read_shipped(name, "playbooks") or "", name)
    playbook = build_playbook(PlaybookTable.model_validate(source.document), source, ())
    currency, country = LANGUAGES[language]
    return compile_program(
        Program(
            tiers=(Tier("Gold", 75, 68, label="Gold"), Tier("Silver", 60, 55, label="Silver")),
            criteria=(),
            playbooks=(playbook,),
            account_columns=MAPPED,
            language=language,
            currency=currency,
            country=country,
        )
    )


def fires(compiled: CompiledProgram, name: str, facts: dict[str, FactValue]) -> bool:
    """Whether the playbook's condition holds, as the cache decides it."""
    columns = {**known_columns(MAPPED), **DECIDED_NAMES}
    names = ", ".join(f'? AS "{column}"' for column in columns)
    with closing(sqlite3.connect(":memory:")) as db:
        sql = f"SELECT count(*) FROM (SELECT {names}) WHERE {compiled.firing[name].sql}"
        return bool(db.execute(sql, [facts.get(column) for column in columns]).fetchone()[0])


def the_firing(name: str, facts: dict[str, FactValue]) -> Firing:
    since = date(2024, 11, 4)
    tier = str(facts["tier"])
    segment, health = str(facts["segment"]), str(facts["health"])
    decision = Decision("001A", tier, tier, since, "score", True, 81.5, 80.0, 83.0, 75.0, 1.0, segment=segment, health=health)
    return Firing(name, "001A", "Acme Inc. Brasil", decision, facts, since)


def done(tasks: list[CreateTask]) -> list[SeenTask]:
    return [SeenTask(task.key, "001A", task.owner_id, task.due, False, True) for task in tasks]


def whole_story(compiled: CompiledProgram, name: str, facts: dict[str, FactValue]) -> list[CreateTask]:
    """The tasks in their order, while a person completes each step; nothing is held back."""
    made: list[CreateTask] = []
    for _ in range(len(compiled.program.playbooks[0].tasks) + 1):
        keys = {task.key for task in made}
        plan = plan_tasks(compiled.playbooks, [the_firing(name, facts)], keys, OWNERS, TODAY, done(made))
        assert plan.held_back == ()
        made += plan.creates
    return made


def as_text(tasks: list[CreateTask]) -> str:
    return "\n".join(
        f"{task.due:%a %Y-%m-%d} {task.type} for {task.owner_id}, {task.priority}\n  {task.subject}\n    {task.body}\n"
        for task in tasks
    ).replace("\u00a0", " ")


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_a_playbook_fires_and_makes_its_tasks_in_three_languages(name: str, golden: Golden) -> None:
    facts = {**ACCOUNT, **FIRES.get(name, {})}
    told = []
    for language in LANGUAGES:
        compiled = programme(name, language)
        assert fires(compiled, name, facts)
        told.append(f"# {language}\n{as_text(whole_story(compiled, name, facts))}")
    golden.holds(f"playbook-{name}.txt", "\n".join(told))


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_a_playbook_is_silent_on_the_day_after(name: str) -> None:
    compiled, facts = programme(name), {**ACCOUNT, **FIRES.get(name, {})}
    first = plan_tasks(compiled.playbooks, [the_firing(name, facts)], (), OWNERS, TODAY).creates
    still_open = [replace(seen, is_open=True, is_done=False) for seen in done(list(first))]

    again = plan_tasks(
        compiled.playbooks,
        [the_firing(name, facts)],
        {task.key for task in first},
        OWNERS,
        TODAY + timedelta(days=1),
        still_open,
    )

    assert 1 <= len(first) <= 2
    assert again.creates == ()


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_no_playbook_fires_for_an_account_of_which_nothing_is_known(name: str) -> None:
    assert not fires(programme(name), name, {"id": "001A", "name": "Acme"})


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_a_text_of_a_playbook_names_nothing_that_is_not_known(name: str) -> None:
    """With the least that lets it fire, no text shows a dash, a zero for nothing, or the word None."""
    compiled, facts = programme(name), {**ACCOUNT, **FIRES.get(name, {})}
    needed = set(compiled.firing[name].columns) | {compiled.program.playbooks[0].every.partition(":")[2]}
    needed |= {"owner_id", "tier", "previous_tier", *(task.due.fact for task in compiled.playbooks.by_name[name].tasks)}
    needed |= {"score"} | set().union(*(names_in_subjects(compiled, name),))
    least = {key: value if key in needed | {"segment", "health"} else None for key, value in facts.items()}

    for task in whole_story(compiled, name, least):
        assert task.subject
        assert not {"None", "—", "nan"} & set(task.body.split())


def names_in_subjects(compiled: CompiledProgram, name: str) -> set[str]:
    texts = " ".join(task.template.subject["en"] for task in compiled.playbooks.by_name[name].tasks)
    return {column for column in known_columns(MAPPED) if column in texts}


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_steps_are_in_order_and_due_on_working_days(name: str) -> None:
    compiled, facts = programme(name, "pt_BR"), {**ACCOUNT, **FIRES.get(name, {})}
    order = [task.name for task in compiled.program.playbooks[0].tasks]

    tasks = whole_story(compiled, name, facts)

    steps = [order.index(key.task) for task in tasks if (key := parse_key(task.key))]
    assert steps == sorted(steps)
    assert all(account_calendar("Brasil", "").is_business_day(task.due) for task in tasks)
