"""What people read is there in each language, takes the same values in each, and calls one thing by one word on every page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import pytest

import kamsync_hubspot.setup.words
import kamsync_salesforce.setup.metadata
from kamsync.console.words import TEXTS as CONSOLE
from kamsync.glossary import LANGUAGES, known_language
from kamsync.report.account_plan.words import TEXTS as ACCOUNT_PLAN
from kamsync.report.digest.words import TEXTS as DIGEST
from kamsync.report.overview.words import TEXTS as OVERVIEW
from kamsync.report.words import Texts, say
from kamsync.sandbox.page_words import PAGE_WORDS

TABLES: Mapping[str, Texts] = {"console": CONSOLE, "account plan": ACCOUNT_PLAN, "digest": DIGEST, "overview": OVERVIEW}
BY_LANGUAGE: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "the sandbox's page": PAGE_WORDS,
    "what HubSpot shows": {one: kamsync_hubspot.setup.words.texts(one) for one in LANGUAGES},
    "what Salesforce shows": {one: kamsync_salesforce.setup.metadata.texts(one) for one in LANGUAGES},
}
# In Portuguese and Spanish their form follows what they are said of.
AGREE_WITH_THEIR_NOUN = {"bought", "done", "held back"}


def places(text: str) -> list[str]:
    """Where values go in."""
    return sorted(re.findall(r"\{[^}]*\}", text))


@pytest.mark.parametrize("name", TABLES)
def test_every_text_is_there_in_each_language_and_takes_the_same_values(name: str) -> None:
    for key in TABLES[name]:
        said = [say(TABLES[name], key, language) for language in LANGUAGES]
        assert all(one.strip() for one in said) and len(said) == len(TABLES[name][key]), key
        assert [places(one) for one in said] == [places(said[0])] * len(said), key


@pytest.mark.parametrize("name", BY_LANGUAGE)
def test_every_language_has_the_same_texts_and_they_take_the_same_values(name: str) -> None:
    table = BY_LANGUAGE[name]
    assert table.keys() == set(LANGUAGES)
    for language in LANGUAGES:
        assert {key: places(text) for key, text in table[language].items()} == {
            key: places(text) for key, text in table["en"].items()
        }, language


def test_what_is_one_word_in_english_is_one_word_on_every_page() -> None:
    said: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for texts in TABLES.values():
        for english, *others in texts.values():
            said[english.casefold().rstrip(".")].add(tuple(other.casefold().rstrip(".") for other in others))

    assert {english for english, others in said.items() if len(others) > 1} <= AGREE_WITH_THEIR_NOUN


@pytest.mark.parametrize(
    ("written", "known"),
    [("pt_BR", "pt_BR"), ("pt-br", "pt_BR"), ("pt_PT", "pt_BR"), ("es_MX", "es"), ("EN", "en"), ("de", "en")],
)
def test_a_language_of_another_country_or_spelling_is_the_nearest_that_the_program_writes(written: str, known: str) -> None:
    assert known_language(written) == known
