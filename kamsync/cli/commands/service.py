"""`kamsync service systemd|docker|kubernetes|cron|windows`: the service file for this configuration, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

import typer

from kamsync import __version__
from kamsync.cli.console import show
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption
from kamsync.cli.shipped_files import document_of
from kamsync.errors import ConfigError
from kamsync.files import path_of
from kamsync.printable import one_line
from kamsync.report.installation import Installation
from kamsync.report.service_files import SERVICES


def service(
    kind: Annotated[Literal["systemd", "docker", "kubernetes", "cron", "windows"], typer.Argument(help="What keeps it going.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the file that keeps `kamsync run` going on a machine.

    As it fits this configuration. Needs no secret, and writes nothing.
    """
    document = document_of(config)
    if not document:
        raise ConfigError(f"There is no configuration file {config}.", fix="Make one with `kamsync init`, or name one.")
    at = _installation(config.absolute(), document)
    _check_lines(at)
    show(SERVICES[kind](at).rstrip())


def _installation(config: Path, document: Mapping[str, Any]) -> Installation:
    schedule, log, cache, program, serve = (_table(document, name) for name in ("schedule", "log", "cache", "program", "serve"))
    references = list(_references(document))
    return Installation(
        program=_program(),
        config=config,
        environment=tuple(sorted({value for kind, value in references if kind == "env"})),
        secret_files=tuple(sorted({value for kind, value in references if kind == "file"})),
        cache_folder=_folder(str(cache.get("path", "")), config, bare=None),
        log_folder=_folder(str(log["file"]), config, bare=config.parent) if log.get("file") else None,
        timezone=str(program.get("timezone", "UTC")),
        sync=str(schedule.get("sync", "")),
        port=port if isinstance(port := serve.get("port", 0), int) else 0,
        version=__version__,
        beside=tuple(sorted(_beside(document, config.parent))),
    )


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One table of a configuration that nothing has checked yet; what is no table says nothing."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _check_lines(at: Installation) -> None:
    """A line break in a path would begin another line of the file, and nobody would see it there."""
    paths = (*at.program, at.config, *at.secret_files, at.cache_folder, at.log_folder, *at.beside)
    for text in map(str, (*paths, *at.environment, at.sync, at.timezone)):
        if not text.isprintable():
            raise ConfigError(
                f"No service file can name {one_line(text)!r}: it holds a line break or the like.", fix="Rename it."
            )


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Every secret that the configuration refers to, as (kind, name): `{ env = … }`, `{ file = … }`."""
    if isinstance(value, Mapping):
        if len(value) == 1 and value.keys() <= {"env", "file"}:
            ((kind, name),) = value.items()
            if isinstance(name, str):
                yield kind, name
            return
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _beside(value: Any, folder: Path) -> Iterator[str]:
    """The names of files in the configuration's folder that it refers to by name alone; secrets are none of them."""
    if isinstance(value, Mapping):
        if not (len(value) == 1 and value.keys() <= {"env", "file", "keyring"}):
            for name, item in value.items():
                yield from () if name in ("cache", "log") else _beside(item, folder)
    elif isinstance(value, list):
        for item in value:
            yield from _beside(item, folder)
    elif isinstance(value, str) and value.endswith(".toml") and "/" not in value and (folder / value).is_file():
        yield value


def _folder(written: str, config: Path, *, bare: Path | None) -> PurePath | None:
    """The folder of a path in the configuration; `bare` for a file name alone, None for what the service's state folder holds."""
    path = path_of(written)
    if path.parent == Path() and not path.is_absolute():
        return bare
    return (config.parent / path).parent


def _program() -> tuple[str, ...]:
    """The installed command; through the interpreter where it is not installed."""
    command = Path(sys.executable).parent / ("kamsync.exe" if sys.platform == "win32" else "kamsync")
    return (str(command),) if command.exists() else (sys.executable, "-m", "kamsync")
