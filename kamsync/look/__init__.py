"""The look that the report, the console and the sandbox's page share: one style sheet, light, dark and on paper."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """The style sheet's text."""
    return (files(__package__) / "look.css").read_text(encoding="utf-8")
