"""The plan's groups in the columns of a screen. Pure: a line is spans of text with the role that its colour shows.

Where the screen is wide enough, account, change and reason stand side by side; else the reason goes below, indented. Words are
never broken. Off a screen (`width` None) each change is one line, however long, for `grep`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len

from kamsync.decide.plan import Plan
from kamsync.numerals import counted
from kamsync.report.plan_text import PlanBlock, PlanGroup, PlanLine, PlanReader, Role, describe_plan
from kamsync.report.text_width import cut, pad, widest, wrap

SpanRole = Role | Literal["", "title", "name", "dim"]
WIDEST_NAME = 36
WIDEST_WHAT = 44
LEAST_REASON = 36  # columns; a reason with less than that goes below its change
GAP = "  "


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line, and the part that it plays, from which its colour follows."""

    text: str
    role: SpanRole = ""


StyledLine = tuple[Span, ...]


def lay_out_plan(plan: Plan, reader: PlanReader, *, width: int | None, limit: int | None = 20) -> tuple[StyledLine, ...]:
    """The plan's lines, none wider than `width` columns but for a word that is."""
    lines: list[StyledLine] = []
    for group in describe_plan(plan, reader, limit=limit):
        lines += _group(group, width)
    return tuple(lines)


def _group(group: PlanGroup, width: int | None) -> Iterator[StyledLine]:
    yield (Span(group.title, "title"),)
    for block in group.blocks:
        yield from _block(block, group.role, width)
    if group.left_out:
        yield (Span(f"  … and {counted(group.left_out, 'more owner')} (--all shows them)", "dim"),)


def _block(block: PlanBlock, role: Role, width: int | None) -> Iterator[StyledLine]:
    indent = "  "
    if block.heading:
        yield from ((Span(indent), Span(line, "name")) for line in _wrapped(block.heading, width, indent))
        indent = "    "
    names = widest([line.account for line in block.lines], WIDEST_NAME)
    whats = widest([line.what for line in block.lines], WIDEST_WHAT)
    room = None if width is None else width - cell_len(indent) - 2 - names - whats - 2 * len(GAP)
    for line in block.lines:
        if width is None or room is None or room >= LEAST_REASON:
            yield from _side_by_side(line, role, indent, (names, whats, room))
        else:
            yield from _stacked(line, role, indent, width)
    if block.left_out:
        yield (Span(f"{indent}… and {block.left_out:,} more (--all shows them)", "dim"),)


def _side_by_side(line: PlanLine, role: Role, indent: str, columns: tuple[int, int, int | None]) -> Iterator[StyledLine]:
    names, whats, room = columns
    if room is None:
        texts: Sequence[Sequence[str]] = ((line.account,), (line.what,), (line.because,))
    else:
        texts = ((cut(line.account, names),), wrap(line.what, whats), wrap(line.because, room))
    for row in range(max(len(text) for text in texts)):
        name, what, because = (text[row] if row < len(text) else "" for text in texts)
        mark = line.mark if row == 0 else " "
        yield (
            Span(f"{indent}{mark} ", role),
            Span(pad(name, names) + GAP, "name"),
            Span(pad(what, whats) + GAP, role),
            Span(because, "dim"),
        )


def _stacked(line: PlanLine, role: Role, indent: str, width: int) -> Iterator[StyledLine]:
    below = indent + "  "
    together = cell_len(below) + cell_len(line.account) + len(GAP) + cell_len(line.what) <= width
    for row, name in enumerate(_wrapped(line.account, width, below)):
        first = Span(f"{indent}{line.mark} " if row == 0 else below, role)
        yield (first, Span(name, "name"), Span(GAP + line.what, role)) if together else (first, Span(name, "name"))
    if not together:
        yield from ((Span(below), Span(what, role)) for what in _wrapped(line.what, width, below))
    deeper = below + "  "
    yield from ((Span(deeper), Span(because, "dim")) for because in _wrapped(line.because, width, deeper))


def _wrapped(text: str, width: int | None, indent: str) -> tuple[str, ...]:
    return (text,) if width is None else wrap(text, width - cell_len(indent))
