"""Configuration: TOML and environment → frozen values. pydantic lives in here and nowhere else, and is loaded with `loader`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kamsync.config.loader import Config, LogSettings, Schedule, load_config
    from kamsync.config.other_criteria import criteria_from_text, criteria_text, load_criteria

_HOMES = {
    "kamsync.config.loader": ("Config", "LogSettings", "Schedule", "load_config"),
    "kamsync.config.other_criteria": ("criteria_from_text", "criteria_text", "load_criteria"),
}
__all__ = ["Config", "LogSettings", "Schedule", "criteria_from_text", "criteria_text", "load_config", "load_criteria"]


def __getattr__(name: str) -> Any:
    """Names of its modules, loaded when they are first asked for: what explains from the cache needs none of them."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
