"""Shipped presets, playbooks and mappings on the command line: listed with what each is for, shown, copied for editing."""

from __future__ import annotations

import os
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from kamsync.cli.console import out, show, show_json
from kamsync.config.shipped import read_shipped, shipped_names, shipped_purpose
from kamsync.config.toml_source import read_toml
from kamsync.errors import ConfigError
from kamsync.files import write_private
from kamsync.report.text_width import pad, widest, wrap

TargetArgument = Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def list_shipped(folder: str, *, used: frozenset[str], json: bool) -> None:
    """Each shipped file of a folder with one line of what it is for; `used` ones are marked."""
    rows = [{"name": name, "purpose": shipped_purpose(name, folder), "used": name in used} for name in shipped_names(folder)]
    if json:
        show_json(rows)
        return
    names = widest([str(row["name"]) for row in rows], 40)
    for row in rows:
        lead = f"{'*' if row['used'] else ' '} {pad(str(row['name']), names)}  "
        first, *more = wrap(str(row["purpose"]), out.width - len(lead)) or ("",)
        show(lead + first)
        for line in more:
            show(" " * len(lead) + line)
    if used:
        show("* used by this configuration")


def shipped_text(name: str, folder: str, what: str) -> str:
    """The text of a shipped file; ConfigError with the nearest name where there is none."""
    text = read_shipped(name, folder)
    if text is None:
        names = shipped_names(folder)
        near = get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"There is no shipped {what} {name!r}.", fix=f"{hint}There are: {', '.join(names)}.")
    return text


def write_copy(text: str, file: Path, *, force: bool) -> None:
    """Writes a copy; ConfigError where the file is there already and `force` does not say so, or cannot be written."""
    check_free(file, force=force)
    write_private(file, text, "copy")


def check_free(file: Path, *, force: bool) -> None:
    """Raises ConfigError where the file is there already and `force` does not say so."""
    if not force and os.path.lexists(file):
        raise ConfigError(f"{file} is there already.", fix="Name another file, or overwrite it with --force.")


def document_of(config: Path) -> dict[str, Any]:
    """The configuration as plain tables, without resolving a secret; empty where there is no such file."""
    return dict(read_toml(config, "configuration file").document) if config.exists() else {}


def parsed_playbook(name: str) -> dict[str, Any]:
    """A shipped playbook as plain tables; ConfigError where there is none."""
    return tomllib.loads(shipped_text(name, "playbooks", "playbook"))
