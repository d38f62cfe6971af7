"""An expression of the configuration as text, and the place where a value stands there, for messages. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: file, line (1-based, 0 unknown) and dotted key, for messages."""

    file: str = ""
    line: int = 0
    key: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where} ({self.key})" if self.key and where else where or self.key


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression's text (DECISIONS.md §3) and its place in the configuration."""

    text: str
    place: Place = Place()
