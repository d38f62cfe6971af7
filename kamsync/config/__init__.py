"""Configuration: TOML and environment → frozen values. pydantic lives in here and nowhere else, and is loaded with `loader`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kamsync.config.loader import Config, LogSettings, Schedule, criteria_from_text, criteria_text, load_config, load_criteria

__all__ = ["Config", "LogSettings", "Schedule", "criteria_from_text", "criteria_text", "load_config", "load_criteria"]


def __getattr__(name: str) -> Any:
    """The loader's names, loaded when they are first asked for: what explains from the cache needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("kamsync.config.loader"), name)
