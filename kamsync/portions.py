"""Records in portions as large as one call takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in portions of `size`, the last one smaller; none of no items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
