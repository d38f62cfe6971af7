"""Object storage of three kinds on a real port, in memory: what all have in common. Each kind says how it answers (`Dialect`)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "fleet-bucket"
MODIFIED = ("2026-11-26T06:00:00.000Z", "Thu, 26 Nov 2026 06:00:00 GMT")


@dataclass(frozen=True)
class Call:
    """One request: `path` is decoded and begins with a slash, `query` has the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the storage says to it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None


class Dialect(Protocol):
    """One kind of storage. `address` is what fleet.toml names."""

    address: str

    def environment(self, url: str, *, stranger: bool = False) -> dict[str, str]:
        """What a worker's environment says to reach it at `url`; a `stranger` has credentials that open nothing there."""
        ...

    def answer(self, call: Call, objects: dict[str, bytes]) -> Answer:
        """Carries the call out upon the objects of the bucket, by name."""
        ...


class Storage(ThreadingHTTPServer):
    """One bucket. `calls` are the methods and paths that were answered, with the status.

    `down` breaks every connection off; `mute` carries the next write out and does not answer it.
    """

    daemon_threads = True

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.dialect = dialect
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.down = self.mute = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a worker's environment says to reach it."""
        return self.dialect.environment(self.url)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Storage

    def __getattr__(self, name: str) -> Any:
        """Every method, as `do_PUT`, comes to the same place."""
        if name.startswith("do_"):
            return self._answered
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Not on standard error."""

    def _answered(self) -> None:
        if self.server.down:
            self.close_connection = True
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, unquote(url.path), query, headers, body)
        with self.server.lock:
            answer = self.server.dialect.answer(call, self.server.objects)
            self.server.calls.append((call.method, call.path, answer.status))
        if self.server.mute and call.method == "PUT":
            self.server.mute, self.close_connection = False, True
            return
        self.send_response(answer.status)
        for name, value in (answer.headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def etag(content: bytes) -> str:
    """As all of them give it: in quotes."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def found(content: bytes) -> Answer:
    """An object as GET and HEAD give it."""
    return Answer(200, content, {"ETag": etag(content), "Last-Modified": MODIFIED[1], "x-goog-generation": "1"})


def refused(status: int, code: str, message: str) -> Answer:
    """An error as XML, in which all three say it alike."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


@contextmanager
def storing(dialect: Dialect) -> Iterator[Storage]:
    """A storage while the context is open."""
    with Storage(dialect) as storage:
        thread = threading.Thread(target=storage.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield storage
        finally:
            storage.shutdown()
