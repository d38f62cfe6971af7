"""The list of commands. Each lives in a module of its own, which is loaded only when the command is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from kamsync.cli.console import configure, show

# In the order in which `kamsync --help` shows them.
COMMANDS = (
    "demo", "init", "doctor", "mapping", "setup", "pull", "plan", "apply", "sync", "run", "explain", "accounts", "status",
    "history", "runs", "undo", "simulate", "backtest", "facts", "criteria", "playbooks", "sandbox",
)  # fmt: skip
GROUPS = {
    "criteria": "Show the shipped criteria, and check a file of your own.",
    "mapping": "Show which CRM field each name stands for, or copy the shipped mapping to change it.",
    "playbooks": "Show the shipped playbooks, and copy one to change it.",
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line with the command that `arguments` name; with all of them where they name none (for the help)."""
    made = typer.Typer(
        name="kamsync",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Finds your key accounts in Salesforce or HubSpot, says why, and keeps their tiers and account-plan tasks current.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held back by a guard. --debug shows tracebacks.",
    )
    made.callback()(_common)
    named = next((one for one in arguments if not one.startswith("-")), "")
    for name in (named,) if named in COMMANDS else COMMANDS:
        module = import_module(f"kamsync.cli.commands.{name}")
        if name in GROUPS:
            made.add_typer(module.app, name=name, help=GROUPS[name])
        else:
            made.command(name)(getattr(module, name))
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        from kamsync import __version__

        show(f"kamsync {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text at a terminal too.")] = False,
) -> None:
    configure(colour=not no_color)
