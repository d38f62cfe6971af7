"""Where words go: results to stdout, talk to stderr, colour and progress only at a terminal.

Off a terminal, progress becomes plain log lines, a few a stream, so that a log of the night stays readable.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.text import Text

from kamsync.cli.outlet import carries
from kamsync.printable import printable_json, printable_lines

OFF_TERMINAL_WIDTH = 160  # a pipe has no width; eighty columns would cut names


class _DataConsole(Console):
    """A console whose text is data: never markup or emoji codes, always printable, and without any style where colour is off."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable_lines(segment.text), None if self.no_color else segment.style)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


out = _DataConsole(width=None if _is_terminal(sys.stdout) else OFF_TERMINAL_WIDTH)
err = _DataConsole(stderr=True)

PLAIN_PROGRESS_SECONDS = 5.0


def configure(*, colour: bool = True) -> None:
    """Drops colour for `--no-color`; NO_COLOR and a pipe have dropped it already."""
    if not colour:
        for console in (out, err):
            console.no_color = True


def at_terminal() -> bool:
    """Whether a person can answer a question."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def say(message: str, style: str = "") -> None:
    """Talk, on stderr. The text is data, never markup: an account may be named "[bold]"."""
    err.print(Text(printable_lines(message), style=style), soft_wrap=True)


def show(message: str | Text) -> None:
    """A result, on stdout. Text of the CRM inside it has passed through `one_line` before: only our own line ends are kept."""
    out.print(message if isinstance(message, Text) else Text(printable_lines(message)), soft_wrap=True)


def show_json(value: Any) -> None:
    """A result for machines: one JSON document on stdout, nothing else. It is JSON in any encoding, and moves no cursor."""
    document = json.dumps(_finite(value), ensure_ascii=False, indent=2, default=_json_value)
    if not carries(sys.stdout, document):
        document = json.dumps(_finite(value), indent=2, default=_json_value)
    if sys.stdout is not None:
        sys.stdout.write(printable_json(document) + "\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _json_value(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
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
