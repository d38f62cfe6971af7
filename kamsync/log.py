"""Logs by structlog: a line for people or a JSON object for machines, each stamped with time, run and org, without any secret.

Lines go to standard error, where systemd and containers collect them, and to a file where one is named. What libraries log
goes the same way. Redaction comes last, over the finished line, so that no value, traceback or library's text gets around it.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from kamsync.errors import ConfigError
from kamsync.files import kind_of, reason
from kamsync.printable import one_line
from kamsync.redaction import redact, redact_people
from kamsync.tracing import span

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

Event = MutableMapping[str, Any]
_FIRST = ("timestamp", "level", "event")
_stamp: dict[str, str] = {}  # of the process, not of a thread: connectors read in threads of their own, and one run goes at once


def configure_logs(
    *, format: Literal["plain", "json"] = "plain", level: str = "info", file: Path | None = None, stderr: bool = True
) -> None:
    """From now on logs look so and go there. Raises ConfigError where `file` is no regular file or cannot be written."""
    global _is_silent
    import structlog  # takes as long to load as the decisions of a quiet night, where nobody reads a log

    sink = _Sink(file, stderr)
    sink.check()
    _is_silent = False
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _stamped,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str) if format == "json" else _plain,
            _redacted,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=lambda: sink,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(logging.WARNING)


def log() -> FilteringBoundLogger:
    """The logger of this process. Until `configure_logs` nothing is logged."""
    if _is_silent:
        return cast("FilteringBoundLogger", _SILENT)
    import structlog

    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


@contextmanager
def stamped(**fields: str) -> Iterator[None]:
    """Every line inside carries these fields, whatever thread says it."""
    before = dict(_stamp)
    _stamp.update(fields)
    try:
        yield
    finally:
        _stamp.clear()
        _stamp.update(before)


def stamp(**fields: str) -> None:
    """Adds to the stamp of the `stamped` around, where something became known only now."""
    _stamp.update(fields)


@contextmanager
def step(name: str) -> Iterator[dict[str, object]]:
    """One event for a step that went well, with what the caller counted in the yielded dict and its `seconds`."""
    counts: dict[str, object] = {}
    began = time.monotonic()
    with span(name) as traced:
        yield counts
        traced.tell(**counts)
    log().info(name, **counts, seconds=round(time.monotonic() - began, 2))


class _Silent:
    """A logger that says nothing."""

    def msg(self, *words: object, **fields: object) -> None:
        """Nothing."""

    debug = info = warning = error = log = msg


_SILENT = _Silent()
_is_silent = True


class _Sink:
    """Where finished lines go. A file that cannot be written any more never stops a run: standard error says so once."""

    def __init__(self, file: Path | None, stderr: bool) -> None:
        self._file, self._stderr = file, stderr
        self._lock = threading.Lock()
        self._told = False

    def check(self) -> None:
        if self._file is None:
            return
        try:
            os.close(self._open(self._file))
        except OSError as error:
            raise ConfigError(
                f"The log {self._file} cannot be written: {reason(error)}.",
                fix="Name another file in [log] file, or leave it out: standard error has every line.",
            ) from error

    def msg(self, line: str) -> None:
        with self._lock:
            if self._stderr and sys.stderr is not None:
                sys.stderr.write(line + "\n")
            if self._file is not None:
                self._append(self._file, line)

    debug = info = warning = warn = error = critical = exception = fatal = log = msg

    def _append(self, file: Path, line: str) -> None:
        try:
            descriptor = self._open(file)  # opened anew, so that logrotate may move the file away
            try:
                os.write(descriptor, (line + "\n").encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
        except (OSError, ConfigError) as error:
            if not self._told and sys.stderr is not None:
                self._told = True
                sys.stderr.write(f"The log {file} cannot be written any more: {one_line(str(error))}\n")

    @staticmethod
    def _open(file: Path) -> int:
        with suppress(FileNotFoundError):
            mode = file.lstat().st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"The log {file} is {kind_of(mode)}.", fix="Name a regular file in [log] file.")
        return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


class _Forward(logging.Handler):
    """What libraries log, as events of their own name."""

    def emit(self, record: logging.LogRecord) -> None:
        log().log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _stamped(logger: object, name: str, event: Event) -> Event:
    return {**event, **_stamp}


def _plain(logger: object, name: str, event: Event) -> str:
    details = " ".join(f"{key}={_shown(value)}" for key, value in event.items() if key not in (*_FIRST, "exception"))
    level = "" if event["level"] == "info" else f"{event['level']}: "
    line = f"{event['timestamp'][:19]}Z {level}{one_line(str(event['event']))} {details}".rstrip()
    return line if not event.get("exception") else f"{line}\n{event['exception']}"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{_shown(item)}" for key, item in value.items())
    text = one_line(str(value))
    return f'"{text}"' if " " in text else text


def _redacted(logger: object, name: str, line: Any) -> str:
    return redact_people(redact(line))


def silence_logs() -> None:
    """Nothing is logged, as before the first `configure_logs`: each command begins so, also where one process plays many."""
    global _is_silent
    _is_silent = True
