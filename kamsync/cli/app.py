"""The command line's root. Each command lives in a module of its own, which is loaded only when the command is asked for."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from kamsync.cli.command_list import commands, help_of, module_of
from kamsync.cli.plain_values import take_plain_values


class _Commands(TyperGroup):
    """The group of all commands: lists them without loading any, and loads the one that is run."""

    def __init__(self, **settings: Any) -> None:
        # Bare names in place of the commands: Typer suggests the nearest of them for a slip.
        super().__init__(**{**settings, "commands": {name: TyperCommand(name) for name in commands()}})
        take_plain_values(self)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command to run, loaded now; None where there is none of that name."""
        return load_command(cmd_name) if cmd_name in self.commands else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in the help, without loading a command."""
        names = list(self.commands)
        limit = formatter.width - 6 - max(map(len, names))  # as Click reckons it
        with formatter.section("Commands"):
            formatter.write_dl([(name, TyperCommand(name, help=help_of(name)).get_short_help_str(limit)) for name in names])


def build_app() -> typer.Typer:
    """The command line; `_Commands` finds the commands."""
    made = typer.Typer(
        name="kamsync",
        cls=_Commands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="Finds your key accounts in Salesforce or HubSpot, says why, and keeps their tiers and account-plan tasks current.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held back by a guard. --debug shows tracebacks.",
    )
    made.callback()(_common)
    return made


@cache
def load_command(name: str) -> Any:
    """The command as Typer runs it. Raises ModuleNotFoundError for a name that is no command."""
    module = import_module(module_of(name))
    _look_for_cycles()
    made = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    made.callback()(lambda: None)  # with one command alone Typer would make no group, which `commands` is read from
    if hasattr(module, "app"):
        made.add_typer(module.app, name=name)
    else:
        made.command(name)(getattr(module, name.replace("-", "_")))
    found = cast(TyperGroup, get_command(made)).commands[name]
    take_plain_values(found)
    return found


def _look_for_cycles() -> None:
    """From now on, where the program's start has put it off (kamsync.__main__): among new objects, for what is loaded stays."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _show_version(wanted: bool) -> None:
    if wanted:
        from kamsync import __version__  # asks the installation
        from kamsync.cli.console import show

        show(f"kamsync {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text at a terminal too.")] = False,
) -> None:
    from kamsync.cli.console import configure

    configure(colour=not no_color)
