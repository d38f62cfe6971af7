"""`kamsync console`: the portfolio live in a browser on this machine, and the work: plan, undo, doctor, a lab for criteria."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from kamsync.cli.commands.doctor import findings_of_configuration
from kamsync.cli.console import say, show
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption
from kamsync.cli.session import Session, open_session
from kamsync.console.doors import Doors
from kamsync.console.gate import TOKEN, Keys
from kamsync.console.server import listening, serve
from kamsync.console.site import Site
from kamsync.console.words import TEXTS
from kamsync.errors import ConfigError
from kamsync.glossary import LanguageName
from kamsync.http import is_loopback
from kamsync.report.overview.cells import words_of
from kamsync.run.shell import Shell
from kamsync.run.stop_signal import Stopping
from kamsync.store.runs import RunKind

if TYPE_CHECKING:
    from kamsync.fleet.status import FleetStatus

LOOPBACK = "127.0.0.1"


def console(
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="The port to serve on; 0 takes a free one.", min=0, max=65_535)] = 0,
    host: Annotated[str, typer.Option(help="The address to listen on. Another than this machine needs --public-url.")] = LOOPBACK,
    public_url: Annotated[str, typer.Option(help="This console's address behind a reverse proxy that signs people in.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, write nothing to the CRM.")] = False,
    language: Annotated[LanguageName | None, typer.Option(help="The pages' language, instead of the programme's.")] = None,
    fleet: Annotated[Path | None, typer.Option(help="A fleet's file or folder, for a page of it.", readable=False)] = None,
) -> None:
    """Open the portfolio and its work in a browser.

    Charts, accounts, plans, undo, a criteria lab. Ctrl-C ends it.
    """
    session = open_session(config)
    _check(host, public_url)
    with session.cache(must_exist=True):
        pass  # brings an older cache to this version's schema before it is read
    keys, words = Keys(), words_of(session.config.program, language, TEXTS)
    site = Site(_doors(replace(session, talks=False)), keys, words, read_only, None if fleet is None else _status_of(fleet))
    with listening(host, port) as listener:
        at = listener.getsockname()[1]
        address = public_url.rstrip("/") or f"http://{LOOPBACK if host == LOOPBACK else host}:{at}"
        show(f"{address}/?{TOKEN}={keys.token}")
        say("Open this address: it holds the key, so do not pass it on. Ctrl-C ends the console.", "dim")
        serve(site, listener, public_url)


def _check(host: str, public_url: str) -> None:
    """Raises ConfigError where others could reach the console, and nobody has said how."""
    found = urlsplit(public_url)
    if public_url and (found.scheme not in ("http", "https") or not found.netloc or found.path.strip("/")):
        raise ConfigError(
            f"--public-url {public_url!r} is no address of a site.", fix="Write it like https://accounts.example.com"
        )
    if not is_loopback(host) and not public_url:
        raise ConfigError(
            f"--host {host} would let others reach this console.",
            fix="Put a reverse proxy with its own sign-in before it and name its address with --public-url (docs/console.md).",
        )


def _status_of(path: Path) -> Callable[[], FleetStatus]:
    """Asks the fleet's database each time the page is opened. Raises ConfigError where there is no such fleet."""
    from kamsync.cli.commands.fleet import check_installed
    from kamsync.config.fleet import load_fleet

    check_installed()
    from kamsync.fleet.status import fleet_status
    from kamsync.fleet.tables import Tables

    tables = Tables(load_fleet(path).database)
    return lambda: fleet_status(tables)


def _doors(session: Session) -> Doors:
    @contextmanager
    def shell(kind: RunKind | None, stopping: Stopping) -> Iterator[Shell]:
        with session.shell(kind, stopping=stopping) as opened:
            yield opened

    return Doors(
        config=session.config,
        shell=shell,
        cache=session.cache,
        connection=session.connection,
        doctor_request=session.doctor_request,
        configured=lambda: findings_of_configuration(session),
    )
