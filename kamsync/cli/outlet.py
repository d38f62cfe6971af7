"""Standard output and standard error as everything leaves through them: no secret, no crash over what a terminal cannot show.

Python's own streams raise where an encoding lacks a character, where the reader of a pipe is gone and where a disk is full; a
run that writes to a CRM must not end over any of these. What is said meanwhile by libraries, warnings and tracebacks goes the
same way.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
import threading
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO, cast

from kamsync.redaction import redact

ENCODING_ERRORS = "kamsync.shown"
# What stands in plain ASCII for the signs that this program writes.
_STAND_INS = {
    "→": "->", "≥": ">=", "≤": "<=", "≠": "!=", "…": "...", "—": "-", "–": "-", "✓": "ok", "✗": "x", "×": "x",
    "·": ".", "•": "*", "█": "#", "▇": "#", "▆": "#", "▅": "=", "▄": "=", "▃": "-", "▂": "-", "▁": "_",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'",
}  # fmt: skip


class Outlet:
    """A text stream around another one. `failed` is why the last words could not be written, None while all is well."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failed: OSError | None = None

    def write(self, text: str) -> int:
        """Writes the text without the secrets in it; how many characters were given. Never raises OSError: see `failed`."""
        with _Going(self):
            self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Each line by `write`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what is buffered; never raises OSError: see `failed`."""
        with _Going(self):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Going:
    """Goes on where the stream does not: what follows is thrown away."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, OSError):
            return False
        self._outlet.failed = error
        stream = self._outlet._stream
        with suppress(OSError, ValueError):  # a stream without a descriptor has nothing to redirect
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        return True


def open_outlets() -> None:
    """Puts an Outlet before both streams, once a process; tracebacks of any thread leave through them whole."""
    codecs.register_error(ENCODING_ERRORS, _shown_instead)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, Outlet):  # None: the descriptor was closed by who started us
            continue
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors=ENCODING_ERRORS)
        setattr(sys, name, cast(TextIO, Outlet(stream)))
    sys.excepthook = lambda kind, error, trace: show_traceback(error)
    threading.excepthook = lambda what: show_traceback(what.exc_value) if what.exc_value else None


def close_outlets() -> OSError | None:
    """Flushes; why results did not reach standard output, None where they did or where their reader had enough."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    failed = getattr(sys.stdout, "failed", None)
    return None if failed is None or failed.errno == errno.EPIPE else failed


def show_traceback(error: BaseException) -> None:
    """On standard error in one piece, so that a secret of several lines is found."""
    if sys.stderr is not None:
        sys.stderr.write("".join(traceback.format_exception(error)))


def carries(stream: TextIO | None, text: str) -> bool:
    """Whether the stream's encoding has every character of the text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _shown_instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_STAND_INS.get(character, "?") for character in error.object[error.start : error.end]), error.end
