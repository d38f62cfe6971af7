"""Text fitted to the columns of a screen: measured as terminals do, wrapped and cut between words. Pure.

A wide character (札) takes two columns. Text of a CRM may hold line breaks, escape sequences and marks that turn the direction of
reading; none of them gets through.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

ELLIPSIS = "…"
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str) -> str:
    """The text with every run of white space as one blank, and without what a terminal would obey instead of show."""
    if not text.isprintable():
        text = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _commands(c))
    return " ".join(text.split())


def wrap(text: str, width: int) -> tuple[str, ...]:
    """Lines of at most `width` columns, broken between words; a word that is longer than a line has lines of its own."""
    lines: list[str] = []
    line = ""
    for word in one_line(text).split():
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, max(1, width)) or [""]
        lines += whole
    return (*lines, line) if line else tuple(lines)


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns: whole words, and an ellipsis where something is left out."""
    text = one_line(text)
    if cell_len(text) <= width:
        return text
    first, *_ = wrap(text, max(1, width - 1)) or ("",)
    return first.rstrip(" ,;:(") + ELLIPSIS


def pad(text: str, width: int) -> str:
    """The text with blanks up to `width` columns."""
    return text + " " * max(0, width - cell_len(text))


def widest(texts: Sequence[str], at_most: int) -> int:
    """Columns of the longest text, `at_most` where it is longer."""
    return min(max((cell_len(text) for text in texts), default=0), at_most)


def _commands(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in ("Cc", "Cs")
