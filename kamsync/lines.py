"""Connections whose answers are heard out to a limit, from the first byte on: headers and trailers too.

A timeout counts from byte to byte, and Python's HTTP hears any number of interim answers (100 Continue) and of trailers: whoever
sends those without end, or a header of which one byte comes a second, would keep a run for ever.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

MOST_AT_ONCE_BYTES = 4 << 20  # for a head (a hundred headers), and for a piece of a body: sixteen times what is asked for
LONGEST_ANSWER_SECONDS = 300.0
_BUFFER_BYTES = 1 << 16


class _Line(io.RawIOBase):
    """What a socket sends. Raises TimeoutError after its time, HTTPException where nothing of the answer comes of much."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self._allowed = MOST_AT_ONCE_BYTES
        self.deadline = time.monotonic() + LONGEST_ANSWER_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self.deadline:
            raise TimeoutError("the answer was still on its way when its time was over")
        count: int | None = self._raw.readinto(buffer)
        self._allowed -= count or 0
        if self._allowed < 0:
            raise http.client.HTTPException(f"{MOST_AT_ONCE_BYTES:,} bytes came, and none of them was the answer's own")
        return count

    def next_piece(self) -> None:
        """Something of the answer has come: as much again may be heard."""
        self._allowed = MOST_AT_ONCE_BYTES

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read from a bounded line."""

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.line = _Line(self.fp.detach())
        self.fp = io.BufferedReader(self.line, _BUFFER_BYTES)


class _PlainConnection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def bound_lines(pool: Any) -> None:
    """The connections that a urllib3 pool manager opens from now on hear no answer beyond the limits."""
    pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


class Hearing:
    """The reading of one urllib3 answer's body, until `deadline` of `time.monotonic`."""

    def __init__(self, answer: Any, deadline: float) -> None:
        response = getattr(answer, "_fp", None)
        self._line = response.line if isinstance(response, _Response) else None
        if self._line is not None:
            self._line.deadline = deadline

    def next_piece(self) -> None:
        """Call before each piece is read."""
        if self._line is not None:
            self._line.next_piece()
