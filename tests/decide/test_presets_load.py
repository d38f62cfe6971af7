"""The shipped criteria and playbooks pass the loader that configurations go through."""

from __future__ import annotations

import pytest

from kamsync.config.assembly import Problems, build_criteria, build_playbook, build_rules, build_tiers, check_weights
from kamsync.config.models import CriteriaFile, PlaybookTable
from kamsync.config.shipped import read_shipped, shipped_names, shipped_places
from kamsync.config.toml_source import TomlSource, parse_toml
from kamsync.decide.compiled import compile_program
from kamsync.decide.facts import known_columns
from kamsync.decide.playbooks import compile_playbooks
from kamsync.decide.program import Program
from kamsync.decide.suggest import Places
from kamsync.model import Kind

MAPPED: dict[str, Kind] = {"nps": "number", "authority_evidence_date": "date", "strategic_market": "boolean"}


def shipped(name: str, folder: str) -> TomlSource:
    text = read_shipped(name, folder)
    assert text is not None
    return parse_toml(text, name)


@pytest.mark.parametrize("language", ["en", "pt_BR", "es"])
@pytest.mark.parametrize("mapped", [{}, MAPPED], ids=["day one", "all fields mapped"])
@pytest.mark.parametrize("name", shipped_names("criteria"))
def test_a_preset_loads_with_and_without_the_admins_fields(name: str, mapped: dict[str, Kind], language: str) -> None:
    source, problems = shipped(name, "criteria"), Problems()
    file = CriteriaFile.model_validate(source.document)

    tiers = build_tiers(file.tiers, source, language, problems)
    built = build_criteria(file.criteria, source, language, problems)
    kept = tuple(criterion for criterion, optional in built if mapped or not optional)
    check_weights(kept, source, problems)
    rules = build_rules(file.rules, tiers, source, language, problems)

    assert problems.found == []
    compile_program(Program(tiers=tiers, criteria=kept, rules=rules, account_columns=mapped))
    assert all(tier.label for tier in tiers)
    assert shipped_places()[name] == Places(tiers[0].top_percent, tiers[0].max_accounts)


@pytest.mark.parametrize("name", shipped_names("playbooks"))
def test_a_playbook_loads(name: str) -> None:
    source = shipped(name, "playbooks")
    playbook = build_playbook(PlaybookTable.model_validate(source.document), source, ())
    program = Program(tiers=(), criteria=(), playbooks=(playbook,), account_columns=MAPPED)

    assert set(compile_playbooks(program, known_columns(MAPPED)).by_name) == {name}
