"""Where words go: results to stdout, talk to stderr, colour and progress only at a terminal.

Off a terminal, progress becomes plain log lines, a few a stream, so that a log of the night stays readable.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

OFF_TERMINAL_WIDTH = 160  # a pipe has no width; eighty columns would cut names

out = Console(highlight=False, width=None if sys.stdout.isatty() else OFF_TERMINAL_WIDTH)
err = Console(stderr=True, highlight=False)

PLAIN_PROGRESS_SECONDS = 5.0


def configure(*, colour: bool = True) -> None:
    """Drops colour for `--no-color`; rich itself honours NO_COLOR and a pipe."""
    for console in (out, err):
        console.no_color = not colour


def at_terminal() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(message: str, style: str = "") -> None:
    """Talk, on stderr. The text is data, never markup: an account may be named "[bold]"."""
    err.print(Text(message, style=style), soft_wrap=True)


def show(message: str | Text) -> None:
    """A result, on stdout."""
    out.print(message if isinstance(message, Text) else Text(message), soft_wrap=True)


def show_json(value: Any) -> None:
    """A result for machines: one JSON document on stdout, nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_json_value) + "\n")


def _json_value(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@contextmanager
def pulling() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress callback for Context.progress: bars at a terminal, a line every few seconds off it."""
    if not err.is_terminal:
        yield _plain_progress()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description:<14}"), BarColumn(), TextColumn("{task.completed:>9,.0f}"))
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stream: str, count: int, total: int | None) -> None:
            if stream not in tasks:
                tasks[stream] = bars.add_task(stream.replace("_", " "), total=total)
            bars.update(tasks[stream], completed=count, total=total)

        yield advance


def _plain_progress() -> Callable[[str, int, int | None], None]:
    last = time.monotonic()

    def advance(stream: str, count: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_PROGRESS_SECONDS:
            last = time.monotonic()
            say(f"{stream}: {count:,} records" + (f" of {total:,}" if total else ""))

    return advance
