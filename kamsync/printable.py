"""Text of other people, fit to be shown: one line, nothing that moves a cursor, turns the line round or hides.

A CRM lets people write anything into a name. Shown raw, ESC commands a terminal, CR LF forges a line of the log, U+202E shows
the rest backwards. Names stay as they are in decisions, in the cache and in JSON; what people read passes through here.
"""

from __future__ import annotations

import json
import unicodedata

SHOWN_INSTEAD = "\N{REPLACEMENT CHARACTER}"
_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def one_line(text: str) -> str:
    """The text as one line of printable characters: breaks and odd spaces become a space, invisible marks go, controls show."""
    return text if text.isprintable() else "".join(map(_shown, text))


def one_blank(text: str) -> str:
    """The text as one printable line, with every run of white space as one blank."""
    return " ".join(one_line(text).split())


def printable_lines(text: str) -> str:
    """A text of our own of several lines, each printable: only a plain line feed parts them."""
    if text.isprintable():
        return text
    return "\n".join(line if line.isprintable() else "".join(map(_shown, line)) for line in text.split("\n"))


def printable_json(document: str) -> str:
    """A JSON document with what is not printable escaped, so that it says the same and does nothing to a terminal."""
    odd = {character for character in set(document) if not character.isprintable() and character != "\n"}
    return document.translate({ord(character): json.dumps(character)[1:-1] for character in odd}) if odd else document


def named(character: str) -> str:
    """`U+200B (ZERO WIDTH SPACE)`, for a message about a character that cannot be seen."""
    name = unicodedata.name(character, "") or _CONTROLS.get(character, "a control character")
    return f"U+{ord(character):04X} ({name})"


_CONTROLS = {
    "\0": "NUL",
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    "\x1b": "ESC",
    "\x85": "NEL, a line break",
    "\x7f": "DEL",
}


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character in _BREAKS:
        return " "
    match unicodedata.category(character):
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Cf":
            return ""
    return SHOWN_INSTEAD
