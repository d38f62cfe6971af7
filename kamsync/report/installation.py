"""How kamsync is installed on a machine, as far as a service file must know, and words as cron and shells take them. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Installation:
    """What stands where. Paths are absolute; `environment` and `secret_files` are the names that the configuration refers to.

    `cache_folder` and `log_folder` are None where the service's own state folder serves. `sync` is the schedule's line, or "".
    `beside` are the names of other files in the configuration's folder that it refers to, without secrets.
    """

    program: tuple[str, ...]
    config: PurePath
    environment: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()
    cache_folder: PurePath | None = None
    log_folder: PurePath | None = None
    timezone: str = "UTC"
    sync: str = ""
    port: int = 0
    version: str = ""
    beside: tuple[str, ...] = ()


def as_cron(line: str) -> str:
    """The line as cron takes it; "" for an interval that is none of cron's."""
    interval = re.fullmatch(r"every\s+(?:(\d+)\s+)?(minute|hour|day)s?", line.strip(), re.IGNORECASE)
    if interval is None:
        return line.strip()
    count, unit = int(interval[1] or 1), interval[2].lower()
    if unit == "minute" and 60 % count == 0:
        return "0 * * * *" if count == 60 else f"*/{count} * * * *"
    if unit == "hour" and 24 % count == 0:
        return "0 0 * * *" if count == 24 else f"0 */{count} * * *"
    return "0 0 * * *" if unit == "day" and count == 1 else ""


def words(parts: Iterable[object]) -> str:
    """The parts as a POSIX shell reads them, each as one word, whatever is in it."""
    return " ".join(shlex.quote(str(part)) for part in parts)
