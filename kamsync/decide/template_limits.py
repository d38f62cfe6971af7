"""What the texts of tasks may make and go through: steps that could multiply, each held to a length. Pure.

A text's own words and facts are short; joining, looping and adding, one over the other, make any length of them. Every failure
here is a ValueError, which holds back the task that it is made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

LONGEST_TEXT = 100_000  # characters that one step makes; what a task carries is shorter
MOST_TURNS = 1_000  # of a loop, and items of a list


def bounded_join(parts: Sequence[str], separator: str) -> str:
    """The parts in one text. Raises ValueError where that is too long."""
    length = sum(map(len, parts)) + len(separator) * max(len(parts) - 1, 0)
    if length > LONGEST_TEXT:
        raise ValueError(f"it makes a text of {length:,} characters, and {LONGEST_TEXT:,} are the most")
    return separator.join(parts)


def in_order(value: Iterable[Any], reverse: object = False) -> list[Any]:
    """As Jinja's sort, small and capital letters alike, without attributes of items."""
    return sorted(at_most(value), key=_alike, reverse=bool(reverse))


def without_repeats(value: Iterable[Any]) -> list[Any]:
    """As Jinja's unique, small and capital letters alike, without attributes of items."""
    first: dict[Any, Any] = {}
    for item in at_most(value):
        first.setdefault(_alike(item), item)
    return list(first.values())


def turns(value: Iterable[Any]) -> list[Any]:
    """What a loop goes through."""
    return at_most(value, MOST_TURNS)


def at_most(value: Iterable[Any], most: int = LONGEST_TEXT) -> list[Any]:
    """The items. Raises ValueError where there are more than `most`, TypeError where it has none."""
    length = len(value) if isinstance(value, str | list | tuple) else 0
    if length > most:
        raise ValueError(f"it goes through {length:,} items, and {most:,} are the most")
    return list(value)


def check_sum(left: object, right: object) -> None:
    """Raises ValueError where two texts or lists that are added make one that is too long."""
    if isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple) and len(left) + len(right) > LONGEST_TEXT:
        raise ValueError(f"it adds up to more than {LONGEST_TEXT:,} characters")


def cut_off(pieces: Iterable[str]) -> str:
    """The text that the pieces make, as far as it may go."""
    kept, room = [], LONGEST_TEXT
    for piece in pieces:
        kept.append(piece[:room])
        room -= len(piece)
        if room <= 0:
            break
    return "".join(kept)


def writable(text: str) -> str:
    """Without what no CRM and no file takes: NUL, and half of a surrogate pair, which a template can write by its number."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _alike(item: Any) -> Any:
    return item.lower() if isinstance(item, str) else item
