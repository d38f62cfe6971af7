"""The options that several commands share, each defined once."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from kamsync.errors import ConfigError

ConfigOption = Annotated[
    Path,  # readable: the loader says whose it is, where it is closed to us
    typer.Option("--config", "-c", help="The configuration file.", envvar="KAMSYNC_CONFIG", show_default=True, readable=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AllOption = Annotated[bool, typer.Option("--all", help="Show every line, however many there are.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="YYYY-MM-DD", help="Decide as of this day instead of today."),
]

DEFAULT_CONFIG = Path("config.toml")


def parse_day(text: str | None, option: str = "--as-of") -> date | None:
    """An ISO date, or ConfigError naming the option."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no date.", fix="Write it as YYYY-MM-DD, for example 2026-01-31.") from None
