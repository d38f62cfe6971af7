"""Which day a run decides for, and what it is called."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kamsync.decide.program import Program

if TYPE_CHECKING:
    from kamsync.config import Config


def today(config: Config, now: datetime) -> date:
    """The programme's calendar day."""
    return day_of(config.program, now)


def day_of(program: Program, now: datetime) -> date:
    """The same, where no more than the programme is at hand."""
    return now.astimezone(ZoneInfo(program.timezone)).date()


def new_run_id(now: datetime) -> str:
    """When it was made, to the second, and four random digits: the same changes at another time are another run."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
