"""`kamsync …` in a pseudo-terminal, and what a person would see there: the screen as pyte renders it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

from tests.journeys.command import AtTerminal

PATIENCE_SECONDS = 120.0
_LAST_LINES = 2_000


class Terminal:
    """A command running at a terminal of so many columns and rows.

    `shown()` is the screen with what scrolled off its top; `wait_for` reads until a text stands there.
    """

    def __init__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, columns: int = 100, rows: int = 30
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=_LAST_LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._columns, self._rows = columns, rows
        self.code: int | None = None
        self._terminal, side = os.openpty()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        seen = {**environment, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
        self._command = AtTerminal(arguments, folder, seen, side)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.code is None:
            self._command.kill()
        os.close(self._terminal)

    def wait_for(self, text: str) -> None:
        """Reads until `text` stands on the screen; fails with the screen where the command ends or falls silent before."""
        self._read_until(lambda: text in self.shown(), text)

    def answer(self, text: str = "", *, to: str = "") -> None:
        """Types the line once the question is asked: sooner, it would be echoed in the midst of other words."""
        self._read_until(lambda: to in self.shown() and self._is_asking(), to or "a question")
        line = self._line()
        self.type(f"{text}\r")
        self._read_until(lambda: self._line() > line, f"the echo of {text!r}")

    def settle(self, quiet_seconds: float) -> None:
        """Reads until nothing more comes for so long. No verdict may rest on it: a busy machine falls silent too."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and select.select([self._terminal], [], [], quiet_seconds)[0]:
            if not self._read(until):
                return

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def end(self) -> int:
        """Reads on to the command's end; its exit code."""
        while self._read(time.monotonic() + PATIENCE_SECONDS):
            pass
        self.code = self._command.end()
        return self.code

    def shown(self) -> str:
        """Every line so far, without trailing blanks."""
        buffer, columns = self._screen.buffer, range(self._columns)  # pyte's own `display` measures each letter
        lines = (*self._screen.history.top, *(buffer[row] for row in range(self._rows)))
        return "\n".join("".join([line[column].data for column in columns]).rstrip() for line in lines).rstrip()

    def _line(self) -> int:
        """The line of the cursor, of all so far."""
        return len(self._screen.history.top) + self._screen.cursor.y

    def _is_asking(self) -> bool:
        """Whether the cursor stands behind a question."""
        cursor = self._screen.cursor
        return "".join(self._screen.buffer[cursor.y][column].data for column in range(cursor.x)).endswith(": ")

    def _read_until(self, comes: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not comes():
            if not self._read(until):
                raise AssertionError(f"{what!r} never came; the screen:\n{self.shown()}")

    def _read(self, until: float) -> bool:
        if not select.select([self._terminal], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        try:
            came = os.read(self._terminal, 65_536)
        except OSError:  # the other end of a pseudo-terminal is closed
            return False
        self._stream.feed(came)
        return bool(came)
