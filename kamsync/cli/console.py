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
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from kamsync.cli.outlet import carries
from kamsync.errors import KamsyncError, PlanRefused, TryLater
from kamsync.numerals import counted
from kamsync.printable import printable_json, printable_lines
from kamsync.redaction import redact
from kamsync.report.text_width import fold, wrap

if TYPE_CHECKING:
    from kamsync.cli.progress_bars import LiveBars

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
    err.print(Text(_folded(message, err), style=style), soft_wrap=True)


def show(message: str | Text) -> None:
    """A result, on stdout. Text of the CRM inside it has passed through `one_line` before: only our own line ends are kept."""
    _BARS.clear()
    out.print(message if isinstance(message, Text) else Text(_folded(message, out)), soft_wrap=True)


def _folded(message: str, console: Console) -> str:
    """As it is off a terminal; at one, no word is broken at its edge. A secret is looked for before it might be."""
    text = printable_lines(redact(message))
    return "\n".join(part for line in text.split("\n") for part in fold(line, console.width)) if console.is_terminal else text


def ask(question: str, *, default: bool = False) -> bool:
    """A yes-or-no question on stderr; Ctrl-C and the end of the input mean no, whatever the default is."""
    _BARS.clear()
    *before, last = wrap(question, max(1, err.width - len(" [y/N]: ")))
    for line in before:
        say(line)
    try:
        return typer.confirm(last, default=default, err=True)
    except typer.Abort:
        err.print()
        return False


def show_json(value: Any) -> None:
    """A result for machines: one JSON document on stdout, nothing else. It is JSON in any encoding, and moves no cursor."""
    _BARS.clear()
    document = json.dumps(_finite(value), ensure_ascii=False, indent=2, default=_json_value)
    if not carries(sys.stdout, document):
        document = json.dumps(_finite(value), indent=2, default=_json_value)
    if sys.stdout is not None:
        sys.stdout.write(printable_json(document) + "\n")
        sys.stdout.flush()  # a command that serves goes on, and whoever reads its document from a pipe waits for it


def error_document(error: KamsyncError) -> dict[str, dict[str, Any]]:
    """What `--json` prints in place of a result: the words, the exit code, and the remedy by its name in kamsync.errors."""
    remedy = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == KamsyncError.__module__)
    waits = isinstance(error, TryLater) or (isinstance(error, PlanRefused) and error.retry_after_seconds is not None)
    after = {"retry_after_seconds": getattr(error, "retry_after_seconds", None)} if waits else {}
    return {
        "error": {"message": error.message, "fix": error.fix, "exit_code": error.exit_code, "remedy": remedy, **after},
    }


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


class _Bars:
    """The progress bars of this process at a terminal: live from the first record of a phase until other words are to be read.

    Whatever shows a result or asks a question clears them first, because a live display wipes the line that the cursor is on.
    """

    def __init__(self) -> None:
        self._live: LiveBars | None = None

    def advance(self, stream: str, count: int, total: int | None) -> None:
        """Moves the bar of `stream`; the one before it, if another, has ended."""
        if self._live is None:
            from kamsync.cli.progress_bars import LiveBars  # most commands pull nothing

            self._live = LiveBars(err)
        self._live.advance(stream, count, total)

    def clear(self) -> None:
        """Takes the bars off the screen; the next record shows them again."""
        if self._live is not None:
            self._live.stop()
            self._live = None


_BARS = _Bars()


@contextmanager
def pulling() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress callback for Context.progress: bars at a terminal, a line every few seconds off it."""
    if not err.is_terminal:
        yield _plain_progress()
        return
    try:
        yield _BARS.advance
    finally:
        _BARS.clear()


def _plain_progress() -> Callable[[str, int, int | None], None]:
    last = time.monotonic()

    def advance(stream: str, count: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_PROGRESS_SECONDS:
            last = time.monotonic()
            say(f"{stream}: {counted(count, 'record')}" + (f" of {total:,}" if total else ""))

    return advance
