"""The account plan as a note in the CRM: how its own text tells what it was made from and whether a person has edited it. Pure.

People may keep objectives of their own at its end, below a line that says so: that part is theirs, and stays as it is.

The first line of a note carries a mark: what the account was like when the note was written, and a fingerprint of the text below.
So neither a cache nor a second machine is needed to know a note again, or to see that somebody has worked on it. The fingerprint
is over the letters alone: CRMs clean the markup, and change white space, of what they are given.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from html import escape
from html.parser import HTMLParser
from typing import Any

_MARK = re.compile(r"kamsync plan ([0-9a-f]{10})-([0-9a-f]{10})")
OWN_PART = "kamsync objectives"  # in the line of a note below which people write; the same in every language
_OWN_PART = re.compile(r"kamsync(?:\s|&nbsp;|&#160;)+objectives", re.IGNORECASE)
_BLOCK = re.compile(r"<(?:p|div|ul|h[1-6])\b", re.IGNORECASE)
_GOALS = "kamsync goals:"
_GOAL_NOISE = re.compile(r"[|;\s]+")
_SPACE = re.compile(r"[\s\u200b\ufeff]+")


@dataclass(frozen=True, slots=True)
class NoteMark:
    """`state`: of what the note was made from. `text`: of what stands in it."""

    state: str
    text: str

    @property
    def said(self) -> str:
        """As it stands in the note."""
        return f"kamsync plan {self.state}-{self.text}"


@dataclass(frozen=True, slots=True)
class ReadNote:
    """A note of this program as the CRM shows it. `is_intact`: nobody has changed its text since this program wrote it."""

    mark: NoteMark
    is_intact: bool


@dataclass(frozen=True, slots=True)
class NoteGoal:
    """A goal of the programme as a note names it for a CRM that keeps goals as records. `key`: the goal's word; `unit`: currency,
    number or percent; `target` and `current`: numbers as text, `current` "" where nobody knows it."""

    key: str
    name: str
    unit: str
    target: str
    current: str


def goals_html(goals: Sequence[NoteGoal]) -> str:
    """The line of a note that names them; "" where there are none."""
    named = (" | ".join(_GOAL_NOISE.sub(" ", said) for said in astuple(goal)) for goal in goals)
    said = "; ".join(named)
    return f"<p>{_GOALS} {escape(said, quote=False)}</p>" if said else ""


def goals_in(html: str) -> tuple[NoteGoal, ...]:
    """What the line of `goals_html` in a note's body names."""
    line = next((one for one in text_lines(program_part(html)) if one.startswith(_GOALS)), "")
    named = ([part.strip() for part in one.split("|")] for one in line.removeprefix(_GOALS).split(";"))
    return tuple(NoteGoal(*said) for said in named if len(said) == len(fields(NoteGoal)))


def state_of(values: Iterable[Any]) -> str:
    """Names what a note is made from: the note is written anew where this has changed."""
    return _digest(json.dumps(list(values), sort_keys=True, default=str))


def marked(html: str, state: str) -> tuple[str, NoteMark]:
    """The note's body with its mark before it, and the mark. `html`: as made by this program, every text escaped."""
    mark = NoteMark(state, _fingerprint(html))
    return f"<p>{mark.said}</p>{html}", mark


def mark_in(text: str) -> NoteMark | None:
    """The mark in a note's body, or in its beginning; None where there is none."""
    found = _MARK.search(_SPACE.sub(" ", _letters(text)))
    return NoteMark(found[1], found[2]) if found else None


def read_note(html: str) -> ReadNote | None:
    """What a body says of itself; None where it carries no mark, or two."""
    found = _MARK.findall(_SPACE.sub(" ", _letters(program_part(html))))
    if len(found) != 1:
        return None
    mark = NoteMark(*found[0])
    return ReadNote(mark, _fingerprint(html) == mark.text)


def own_part(html: str) -> str:
    """What people keep in a note, with the line above it, exactly as it stands there; "" where that line is gone."""
    return html[_beginning_of_own_part(html) :]


def program_part(html: str) -> str:
    """A note without what people keep in it."""
    return html[: _beginning_of_own_part(html)]


def own_lines(html: str) -> tuple[str, ...]:
    """What people keep in a note as lines of text, without the line above it."""
    lines = text_lines(own_part(html))
    return tuple(line for line in lines if OWN_PART not in _SPACE.sub(" ", line).lower())


def text_lines(said: str) -> tuple[str, ...]:
    """The lines of a text that people keep in the CRM, which is plain, or HTML where it holds markup. Empty ones are left out."""
    if re.search(r"</?(?:p|br|div|ul|ol|li|b|i|u|em|strong|span|a|h[1-6])\b[^<>]*>", said, re.IGNORECASE):
        reader = _Letters(block="\n")
        reader.feed(said)
        reader.close()
        said = "".join(reader.found)
    return tuple(line for one in said.splitlines() if (line := " ".join(one.split())))


def _beginning_of_own_part(html: str) -> int:
    found = _OWN_PART.search(html)
    if found is None:
        return len(html)
    blocks = [one.start() for one in _BLOCK.finditer(html, 0, found.start())]
    return blocks[-1] if blocks else found.start()


def _fingerprint(html: str) -> str:
    """Of the letters of the program's part, without the mark and without white space."""
    text = _MARK.sub("", _SPACE.sub(" ", _letters(program_part(html))))
    return _digest(_SPACE.sub("", text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:10]


def _letters(html: str) -> str:
    reader = _Letters()
    reader.feed(html)
    reader.close()
    return "".join(reader.found)


class _Letters(HTMLParser):
    """`block`: what stands for the beginning and the end of a tag that breaks the line; any other is a space, or nothing."""

    def __init__(self, block: str = " ") -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._block = block

    def _space(self, tag: str) -> str:
        inline = ("b", "i", "u", "em", "strong", "span", "a")
        return "" if self._block != " " and tag in inline else self._block

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(self._space(tag))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(self._space(tag))

    def handle_data(self, data: str) -> None:
        self.found.append(data)
