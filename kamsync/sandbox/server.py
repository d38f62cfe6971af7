"""Serves a sandbox CRM on loopback: HTTP or TLS, counting, faults, and the page for the eye. For tests, the demo and the CLI.

Never on another address than loopback: the sandbox lets anybody in. Raw ASGI throughout, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import tempfile
import threading
import time
from collections import deque
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from kamsync.errors import ConfigError
from kamsync.sandbox.crm import SandboxCrm
from kamsync.sandbox.faults import TRANSPORT, Faults, Message, Receive, Scope, Send, fault_from_json, with_faults
from kamsync.sandbox.page import REFUSAL, Page, is_foreign
from kamsync.sandbox.tls import make_certificates

HOST = "127.0.0.1"
REMEMBERED_REQUESTS = 10_000
START_TIMEOUT_SECONDS = 30
MOST_FAULT_BYTES = 64_000


class Request(NamedTuple):
    """One answered call. `status` is 0 where the line was cut."""

    method: str
    path: str
    status: int


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, with the transport where faults can reach it."""

    def on_headers_complete(self) -> None:
        cast("dict[str, Any]", self.scope)[TRANSPORT] = self.transport
        super().on_headers_complete()


class SandboxServer:
    """A running sandbox; a context manager. `port` 0 takes a free one."""

    def __init__(self, crm: SandboxCrm, *, port: int = 0, tls: bool = False, folder: Path | None = None) -> None:
        self.crm = crm
        self.faults = Faults()
        self.requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self.ca_path: Path | None = None
        self._port, self._tls, self._folder = port, tls, folder
        self._stopped = threading.Event()
        self._resources = contextlib.ExitStack()

    @property
    def base_url(self) -> str:
        """Where it serves: scheme, host and port, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self._port}"

    def calls(self) -> int:
        """API calls as the vendor counts them."""
        return self.crm.calls()

    def __enter__(self) -> Self:
        # With the protocol named, asyncio turns Nagle off; otherwise every small answer waits 40 ms for an acknowledgement.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._resources.callback(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, self._port))
        except OSError as error:
            self._resources.close()
            raise ConfigError(f"Port {self._port} is taken: {error.strerror}", fix="Choose another with --port.") from error
        self._port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._in_front,
            http=_Protocol,
            interface="asgi3",
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
            date_header=False,  # a CRM whose clock is set tells its own
            **self._certificates(),
        )
        self._page, self._crm_app = Page(self.crm), with_faults(self._app, self.faults)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="sandbox", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise ConfigError("The sandbox did not start.", fix="Run it again with --debug.")
            time.sleep(0.005)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=5)
        self._stopped.set()
        self._resources.close()

    def wait(self) -> None:
        """Serves until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(timeout=0.5)

    def _serve(self, listener: socket.socket) -> None:
        asyncio.run(self._server.serve(sockets=[listener]))

    def _certificates(self) -> dict[str, Any]:
        if not self._tls:
            return {}
        folder = self._folder or Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="kamsync-tls-")))
        files = make_certificates(folder)
        self.ca_path = files.ca
        return {"ssl_certfile": str(files.certificate), "ssl_keyfile": str(files.key), "ssl_version": ssl.PROTOCOL_TLS_SERVER}

    async def _in_front(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page and the control of faults stand before the faults: one that hits every path could never be taken back."""
        path: str = scope.get("path", "")
        if scope["type"] == "http" and (path == "/" or path.startswith("/_sandbox/")):
            await self._own(path, scope, receive, _dated(send))
        else:
            await self._crm_app(scope, receive, _dated(send))

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        status = 0

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.crm.app(scope, receive, counting)
        finally:
            self.requests.append(Request(scope["method"], path, status))

    async def _own(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if path == "/_sandbox/faults":
            await self._faults(scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _faults(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST a rule (the fields of faults.Fault) or DELETE them all: for clients that are no Python."""
        status, answer = 200, "{}"
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if is_foreign(scope["method"], headers):
            status, answer = 403, json.dumps({"error": REFUSAL})
        elif scope["method"] == "DELETE":
            self.faults.clear()
        elif scope["method"] != "POST":
            status, answer = 405, json.dumps({"error": "POST a fault, or DELETE them all."})
        else:
            try:
                self.faults.add(**fault_from_json(await _body(receive, MOST_FAULT_BYTES)))
            except (ValueError, TypeError, RecursionError) as error:
                status, answer = 400, json.dumps({"error": str(error)})
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer.encode()})


async def _body(receive: Receive, most: int) -> bytes:
    """The request's body. Raises ValueError where it is longer than `most` bytes."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            raise ValueError(f"more than {most:,} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _dated(send: Send) -> Send:
    """Answers tell this machine's time where the CRM's app tells none."""

    async def dating(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers") or ())
            if not any(name.lower() == b"date" for name, _ in headers):
                headers.append((b"date", formatdate(usegmt=True).encode()))
            message = {**message, "headers": headers}
        await send(message)

    return dating
