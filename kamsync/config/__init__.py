"""Configuration: TOML and environment → frozen values. pydantic lives in here and nowhere else."""

from kamsync.config.loader import Config, LogSettings, Schedule, criteria_from_text, load_config, load_criteria

__all__ = ["Config", "LogSettings", "Schedule", "criteria_from_text", "load_config", "load_criteria"]
