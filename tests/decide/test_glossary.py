"""One word a thing and a language: in the guides, in the fields of the CRM, in the reasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamsync import glossary, words
from kamsync.decide.texts import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = {"en": "for-key-account-managers.md"} | {one: f"for-key-account-managers.{one}.md" for one in ("pt_BR", "es")}
OTHER_WORDS = {"en": (), "pt_BR": ("nível", "definição manual", "(tier)"), "es": ("nivel", "fijado", "(tier)")}
OWN: dict[str, dict[str, str]] = {language: {} for language in GUIDES}


@pytest.mark.parametrize("language", list(GUIDES))
def test_guide_fields_and_reasons_use_the_words_of_the_glossary(language: str) -> None:
    guide = (DOCS / GUIDES[language]).read_text(encoding="utf-8")
    labels = words.texts(language, OWN)
    heads = LANGUAGES[language].heads

    assert glossary.TIER[language] in labels["tier"].casefold() and glossary.TIER[language] in guide.casefold()
    assert glossary.OVERRIDE[language] in labels["override"].casefold() and glossary.OVERRIDE[language] in guide.casefold()
    assert glossary.SCORE[language] in labels["score"].casefold() and glossary.SCORE[language] in heads["score"].casefold()
    assert f"*{labels['none']}*" in guide, "what the pick list of the override calls no tier"
    assert all(f"**{word}**" in guide for word in glossary.SEGMENTS[language].values())
    assert all(LANGUAGES[language].segments[name] == labels[name] for name in glossary.SEGMENTS[language])
    assert all(LANGUAGES[language].health[name] == labels[name] for name in glossary.HEALTH[language])


@pytest.mark.parametrize("language", list(GUIDES))
def test_no_other_word_stands_for_a_tier_or_an_override(language: str) -> None:
    guide = (DOCS / GUIDES[language]).read_text(encoding="utf-8")
    said = " ".join([guide, *words.texts(language, OWN).values(), *LANGUAGES[language].heads.values()]).casefold()

    assert not [word for word in OTHER_WORDS[language] if word in said]


@pytest.mark.parametrize("language", list(GUIDES))
def test_the_guide_explains_how_each_reason_begins(language: str) -> None:
    guide = (DOCS / GUIDES[language]).read_text(encoding="utf-8")
    by_rule = ("floor", "ceiling", "excluded")

    heads = [head for code, head in LANGUAGES[language].heads.items() if code not in by_rule]

    assert [head for head in heads if f"| {head} |" not in guide] == []
