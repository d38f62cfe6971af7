"""The shipped criteria and playbooks: complete, explained, translated, and usable as they are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.expressions import compile_expression
from kamsync.decide.facts import known_columns
from kamsync.decide.place import Expression, Place
from kamsync.decide.playbooks import compile_playbooks
from kamsync.decide.program import Playbook, Program, TaskTemplate, Tier
from kamsync.decide.texts import LANGUAGES
from kamsync.model import Kind

MAPPINGS = Path(__file__).parent.parent.parent / "mappings"
PRESETS = sorted((MAPPINGS / "criteria").glob("*.toml"))
PLAYBOOKS = sorted((MAPPINGS / "playbooks").glob("*.toml"))
GOALS = {"retention", "expansion", "authority", "market"}
AXES = {"attractiveness", "strength", "health"}
SCALES = {"linear", "log", "bands", "percentile", "share", "values", "flag"}
CRITERION_KEYS = {
    "name",
    "label",
    "axis",
    "goal",
    "weight",
    "value",
    "scale",
    "missing",
    "decay",
    "unit",
    "actionable",
    "optional",
}
SEAT_KEYS = {"tier", "count", "when", "rank", "evidence", "valid_days", "reason", "optional"}
TIER_KEYS = {"name", "label", "enter", "leave", "max_accounts", "top_percent", "max_per_owner", "min_days"}
# Account fields that no default mapping has (DESIGN.md, canonical fields): an admin maps them.
MAPPED_BY_ADMINS: dict[str, Kind] = {"nps": "number", "authority_evidence_date": "date", "strategic_market": "boolean"}
FACTS = known_columns(MAPPED_BY_ADMINS)


def read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


def name_of(path: Path) -> str:
    return path.stem


def test_the_promised_presets_and_playbooks_are_there() -> None:
    assert {path.stem for path in PRESETS} >= {
        *("balanced", "retention", "expansion", "authority", "smb", "subscription", "groups", "startups")
    }
    assert {path.stem for path in PLAYBOOKS} >= {
        "onboarding",
        "quarterly-review",
        "renewal",
        "renewal-90",
        "white-space-review",
        "engagement-lapse",
        "risk-save",
        "reference-request",
        "downgrade-review",
        "evidence-refresh",
        "executive-sponsor",
    }


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_preset_says_when_to_use_it_and_explains_every_weight(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert text.startswith(f"# {path.stem}: ")
    assert "Use it " in text.split("[[tiers]]")[0]
    for block in text.split("[[criteria]]\n")[1:]:
        assert block.startswith("# "), block[:80]


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_preset_has_only_known_keys_and_values(path: Path) -> None:
    preset = read(path)

    assert set(preset) <= {"tiers", "criteria", "rules", "seats", "review", "unit", "active"}
    assert all(set(seat) == SEAT_KEYS for seat in preset.get("seats", ()))
    for tier in preset["tiers"]:
        assert set(tier) <= TIER_KEYS
        assert 0 < tier["leave"] <= tier["enter"] <= 100
    for criterion in preset["criteria"]:
        assert set(criterion) <= CRITERION_KEYS
        assert criterion["axis"] in AXES
        assert criterion["goal"] in GOALS
        assert criterion["weight"] > 0
        assert len(SCALES & set(criterion["scale"])) == 1
        assert set(criterion["label"]) == set(LANGUAGES)


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_presets_tiers_are_a_b_c_best_first_so_that_playbooks_fit_all_presets(path: Path) -> None:
    tiers = read(path)["tiers"]

    assert [tier["name"] for tier in tiers] == ["A", "B", "C"]
    assert [tier["enter"] for tier in tiers] == sorted((tier["enter"] for tier in tiers), reverse=True)


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_the_score_weights_of_a_preset_sum_to_a_hundred(path: Path) -> None:
    assert sum(c["weight"] for c in read(path)["criteria"] if c["axis"] != "health") == 100


def columns_of(criterion: dict[str, Any]) -> set[str]:
    texts = (criterion["value"], criterion.get("decay", {}).get("since"), criterion["scale"].get("within"))
    return {name for text in texts if text for name in compile_expression(Expression(text), FACTS).columns}


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_preset_reads_only_facts_and_marks_what_an_admin_must_map(path: Path) -> None:
    for criterion in read(path)["criteria"]:
        assert criterion.get("optional", False) is bool(columns_of(criterion) & MAPPED_BY_ADMINS.keys()), criterion["name"]
    for rule in read(path).get("rules", ()):
        compile_expression(Expression(rule["when"]), FACTS)


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_health_weights_of_a_preset_sum_to_a_hundred(path: Path) -> None:
    assert sum(c["weight"] for c in read(path)["criteria"] if c["axis"] == "health") == 100


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_a_seat_has_its_tier_its_reason_in_every_language_and_waits_for_its_fields(path: Path) -> None:
    seats = read(path).get("seats", ())
    assert [seat["tier"] for seat in seats] == (["A", "B"] if path.stem == "authority" else ["B"])
    for seat in seats:
        assert (seat["optional"], set(seat["reason"])) == (True, set(LANGUAGES))


@pytest.mark.parametrize("path", PRESETS, ids=name_of)
def test_the_rules_of_a_preset_name_its_tiers_and_give_a_reason_in_every_language(path: Path) -> None:
    for rule in read(path).get("rules", ()):
        assert set(rule) <= {"when", "floor", "ceiling", "exclude", "reason"}
        assert {rule.get("floor", "A"), rule.get("ceiling", "A")} <= {"A", "B", "C", "none"}
        assert set(rule["reason"]) == set(LANGUAGES)


def a_playbook(path: Path) -> Playbook:
    raw = read(path)
    tasks = tuple(TaskTemplate(place=Place(path.name, key=task["name"]), **task) for task in raw.pop("tasks"))
    return Playbook(tasks=tasks, when=Expression(raw.pop("when")), place=Place(path.name), **raw)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("path", PLAYBOOKS, ids=name_of)
def test_a_playbook_compiles_in_every_language_over_the_facts(path: Path, language: str) -> None:
    tiers = (Tier("A", 70, 60), Tier("B", 50, 40), Tier("C", 30, 20))
    program = Program(tiers=tiers, criteria=(), playbooks=(a_playbook(path),), language=language)

    prepared = compile_playbooks(program, FACTS).by_name[path.stem]

    assert prepared.label == read(path)["label"][language]
    compile_expression(prepared.playbook.when, {**FACTS, **DECIDED_NAMES})


@pytest.mark.parametrize("path", PLAYBOOKS, ids=name_of)
def test_a_playbook_is_explained_and_translated(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith(f"# {path.stem}: ")
    playbook = read(path)
    assert set(playbook["label"]) == set(LANGUAGES)
    for task in playbook["tasks"]:
        assert set(task["subject"]) == set(task["body"]) == set(LANGUAGES)
        assert all(text.strip() for text in (*task["subject"].values(), *task["body"].values()))
