"""Text fitted to the columns of a screen: measured as terminals do, wrapped and cut between words. Pure.

A wide character (札) takes two columns. Text of a CRM may hold anything; what gets through is printable.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

from kamsync.printable import one_blank

ELLIPSIS = "…"


def wrap(text: str, width: int) -> tuple[str, ...]:
    """Lines of at most `width` columns, broken between words; a word that is longer than a line has lines of its own."""
    lines: list[str] = []
    line = ""
    for word in one_blank(text).split():
        if line and cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, max(1, width)) or [""]
        lines += whole
    return (*lines, line) if line else tuple(lines)


def fold(line: str, width: int) -> tuple[str, ...]:
    """A line as it is where it fits, else in lines of at most `width` columns below its own indent, broken between words."""
    if cell_len(line) <= width:
        return (line,)
    indent = line[: len(line) - len(line.lstrip())]
    return tuple(indent + part for part in wrap(line, max(1, width - len(indent))))


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns: whole words, and an ellipsis where something is left out."""
    text = one_blank(text)
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
