"""How headings, notes and cells of the overview read: in the reader's language, with numbers, money and days as there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

from kamsync.decide.fact_words import say_value
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reader import Reader, reader_of
from kamsync.decide.texts import language as texts_in
from kamsync.glossary import HEALTH, SEGMENTS, known_language
from kamsync.printable import one_line
from kamsync.report.overview.tables import Cell, ColumnKind, Figure, Note
from kamsync.report.overview.words import TEXTS
from kamsync.report.words import Texts, say

DASH = "—"


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language, numbers and currency."""

    language: str
    reader: Reader
    more: Texts = field(default_factory=lambda: MappingProxyType({}))

    def say(self, key: str) -> str:
        """The text of a key; the key itself, with blanks, where there is none (a playbook's own name)."""
        texts = self.more if key in self.more else TEXTS
        return say(texts, key, self.language) if key in texts else key.replace("_", " ")

    def column(self, name: str) -> str:
        """A column's heading; money says its currency."""
        return self.say("moves_column" if name == "moves" else name)

    def note(self, note: Note) -> str:
        """A note as a sentence."""
        return self.say(note.key).format(*(_Formatted(value, self) for value in note.values))

    def cell(self, value: Cell, kind: ColumnKind) -> str:
        """A value as this reader writes it; a dash where nobody knows it."""
        if value is None:
            return DASH
        say = _SAYS.get(kind)
        return one_line(str(value)) if say is None else say(self, value)


class _Formatted:
    """A note's value, as `{0}` by its type, as `{0:share}` by that kind."""

    def __init__(self, value: Cell, words: Words) -> None:
        self._value, self._words = value, words

    def __format__(self, kind: str) -> str:
        if kind == "share":
            return self._words.cell(self._value, "share")
        if isinstance(self._value, date):
            return self._words.cell(self._value, "date")
        return self._words.cell(self._value, "count" if isinstance(self._value, int) else "text")


def words_of(program: Program, language: str | None = None, more: Texts = MappingProxyType({})) -> Words:
    """The programme's words, or those of another of the three languages. `more`: texts beside those of the overview."""
    known = known_language(language or program.language)
    return Words(known, reader_of(replace(program, language=known)), more)


def _share(words: Words, value: Cell) -> str:
    share = float(str(value))
    return words.reader.percent(share, 1 if 0 < abs(share) < 0.1 else 0)


def _score(words: Words, value: Cell) -> str:
    return words.reader.number(float(str(value)), 1)


def _figure(words: Words, value: Cell) -> str:
    unit = value.unit if isinstance(value, Figure) else ""
    return words.cell(value, "share") if unit == "percent" else say_value(float(str(value)), unit, words.reader)


def _whole(words: Words, value: Cell) -> str:
    return words.reader.number(round(float(str(value))))


def _money(words: Words, value: Cell) -> str:
    return words.reader.compact_money(float(str(value)))


def _date(words: Words, value: Cell) -> str:
    return words.reader.day(value) if isinstance(value, date) else str(value)


def _tier(words: Words, value: Cell) -> str:
    return words.say("no_tier") if value == NO_TIER else one_line(str(value))


def _health(words: Words, value: Cell) -> str:
    return HEALTH[words.language].get(str(value), words.say("unknown")) if value else words.say("unknown")


def _segment(words: Words, value: Cell) -> str:
    return SEGMENTS[words.language].get(str(value), one_line(str(value)))


def _code(words: Words, value: Cell) -> str:
    heads: Mapping[str, str] = {str(code): head for code, head in texts_in(words.language).heads.items()}
    return words.say("undo") if value == "undo" else heads.get(str(value), str(value))


def _group(words: Words, value: Cell) -> str:
    return words.say(str(value))


_SAYS: Mapping[str, Callable[[Words, Cell], str]] = MappingProxyType(
    {
        "share": _share,
        "score": _score,
        "figure": _figure,
        "count": _whole,
        "days": _whole,
        "money": _money,
        "date": _date,
        "tier": _tier,
        "health": _health,
        "segment": _segment,
        "code": _code,
        "group": _group,
    }
)
