"""Faults on demand: what goes wrong between us and a CRM, injected on any kind of call, in order and countable.

A raw ASGI layer, so that a call without a fault costs one list look-up. Cutting a connection needs the transport, which the
server's protocol (kamsync.sandbox.server) leaves in the scope under `TRANSPORT`.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal, get_args

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Kind = Literal["status", "html", "reset_before", "reset_after", "truncate", "slow", "drip", "hang"]

TRANSPORT = "kamsync.transport"
PROXY_PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Proxy authentication</body></html>"
HANG_SECONDS = 3600.0
DRIPS = 20
MOST_PATTERN = 200
_BACKTRACKS = re.compile(r"[*+}]\)+[*+{]")  # (a+)+ may take for ever on a short path


@dataclass
class Fault:
    """One rule. It fires on calls that match `method` (empty: any) and `path` (a regular expression), after letting `skip` of
    them pass, `times` times (None: for ever). `status`, `body`, `headers` are the answer of kind status; html takes `status`.
    `seconds` is how long kind slow keeps the answer back, and how long kind drip takes over its body."""

    kind: Kind
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int | None = 1
    status: int = 503
    body: Any = None
    headers: Mapping[str, str] = dataclass_field(default_factory=dict)
    seconds: float = 1.0
    fired: int = 0
    seen: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Whether this call gets the fault; counts the call."""
        if (self.method and self.method.upper() != method) or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True


def fault_from_json(text: bytes) -> dict[str, Any]:
    """The fields of a fault as a client that is no Python writes them. Raises ValueError over what would stop the sandbox."""
    read = json.loads(text)
    if not isinstance(read, dict) or read.get("kind") not in get_args(Kind):
        raise ValueError(f"kind is one of {', '.join(get_args(Kind))}")
    path = read.get("path", "")
    if not isinstance(path, str) or len(path) > MOST_PATTERN or _BACKTRACKS.search(path):
        raise ValueError(f"path is a regular expression of at most {MOST_PATTERN} characters without a repetition inside another")
    try:
        re.compile(path)
    except (re.error, OverflowError) as error:
        raise ValueError(f"path is no regular expression: {error}") from error
    return read


class Faults:
    """The rules of one server; the first that matches a call fires. Safe to change from the test's thread."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, kind: Kind, **details: Any) -> Fault:
        """A further rule, behind those there are; it counts what it sees and what it hits."""
        fault = Fault(kind, **details)
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        """No rule is left."""
        with self._lock:
            self._rules.clear()

    def next_for(self, method: str, path: str) -> Fault | None:
        """The rule that fires on this call, counted; None where none does."""
        if not self._rules:
            return None
        with self._lock:
            return next((fault for fault in self._rules if fault.takes(method, path)), None)


def with_faults(app: AsgiApp, faults: Faults) -> AsgiApp:
    """`app`, with the faults in front of and behind it."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        query = scope.get("query_string", b"").decode("latin-1")
        path = scope["path"] + ("?" + query if query else "")
        fault = faults.next_for(scope["method"], path)
        if fault is None:
            await app(scope, receive, send)
        else:
            await _carry_out(fault, app, scope, receive, send)

    return serve


async def _carry_out(fault: Fault, app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    match fault.kind:
        case "status":
            body = (
                fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body if fault.body is not None else {}).encode()
            )
            await _answer(send, fault.status, body, {"content-type": "application/json", **fault.headers})
        case "html":
            await _answer(send, fault.status, PROXY_PAGE, {"content-type": "text/html; charset=utf-8", **fault.headers})
        case "reset_before":
            _cut(scope)
        case "reset_after":
            await app(scope, receive, _nowhere)
            _cut(scope)
        case "truncate":
            await app(scope, receive, _Truncating(scope, send))
        case "slow":
            await asyncio.sleep(fault.seconds)
            await app(scope, receive, send)
        case "drip":
            await app(scope, receive, _Dripping(send, fault.seconds))
        case "hang":
            await asyncio.sleep(HANG_SECONDS)


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _nowhere(message: Message) -> None:
    """The answer that the client never gets."""


def _cut(scope: Scope) -> None:
    transport = scope.get(TRANSPORT)
    if transport is not None:
        transport.abort()


class _Dripping:
    """Sends the body in pieces, with a pause before each."""

    def __init__(self, send: Send, seconds: float) -> None:
        self._send, self._seconds = send, seconds

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        body = message.get("body", b"")
        size = max(1, -(-len(body) // DRIPS))
        for start in range(0, len(body), size):
            await asyncio.sleep(self._seconds / DRIPS)
            await self._send({**message, "body": body[start : start + size], "more_body": True})
        if not message.get("more_body"):
            await self._send({**message, "body": b"", "more_body": False})


class _Truncating:
    """Promises the whole body, sends half of it, cuts the line."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        headers = [(n, v) for n, v in self._start["headers"] if n.lower() not in (b"content-length", b"transfer-encoding")]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body[: len(self._body) // 2], "more_body": True})
        await asyncio.sleep(0.01)
        _cut(self._scope)
