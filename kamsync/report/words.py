"""Tables of what people read on pages, in pictures and in messages: the one shape of them all, and the one way into them."""

from __future__ import annotations

from collections.abc import Mapping

from kamsync.glossary import LANGUAGES, known_language

# By key, in the order of LANGUAGES; str.format patterns where values go in, the same in each language.
Texts = Mapping[str, tuple[str, str, str]]


def say(texts: Texts, key: str, language: str) -> str:
    """The text of a key in that language, or the nearest that the program writes in. Raises KeyError for an unknown key."""
    return texts[key][LANGUAGES.index(known_language(language))]
