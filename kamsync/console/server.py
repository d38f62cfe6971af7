"""Serves the console until Ctrl-C or SIGTERM; a batch that is being written is finished first."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from kamsync.console.app import build_app
from kamsync.console.site import Site
from kamsync.errors import ConfigError


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """An open port. Raises ConfigError where it is taken or the address is none of this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle off; otherwise every small answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen()  # who opens the address at once waits, and is not refused
        except OSError as error:
            raise ConfigError(f"{host}:{port} cannot be served: {error.strerror}.", fix="Choose another with --port.") from error
        yield listener
    finally:
        listener.close()


def serve(site: Site, listener: socket.socket, public_url: str = "") -> None:
    """Until a signal ends it."""
    config = uvicorn.Config(
        build_app(site, public_url),
        interface="asgi3",
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listener])
