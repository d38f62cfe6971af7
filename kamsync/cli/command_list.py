"""The commands there are, each a module of `cli/commands` with a function of its name, and what each does in one sentence.

Nothing of a command is imported for that: its sentence is read out of its compiled code, so that `kamsync --help` does not
load every library of every command.
"""

from __future__ import annotations

import pkgutil
from importlib.util import find_spec
from inspect import cleandoc
from types import CodeType
from typing import Any

import kamsync.cli.commands as folder

# In the order in which a person meets them, and `kamsync --help` shows them; what is not named here follows, by its name.
ORDER = (
    "demo", "init", "doctor", "mapping", "setup", "pull", "plan", "apply", "sync", "run", "explain", "account-plan", "accounts",
    "digest", "report", "console", "status", "history", "runs", "undo", "forget", "service", "simulate", "backtest",
    "calibrate", "facts", "criteria", "playbooks", "sandbox", "fleet",
)  # fmt: skip
GROUP = "_group"  # the function of a command that has commands of its own


def commands() -> tuple[str, ...]:
    """The names of all commands, in the order in which they are shown."""
    found = {module.name.replace("_", "-") for module in pkgutil.iter_modules(folder.__path__)}
    return (*(name for name in ORDER if name in found), *sorted(found - set(ORDER)))


def module_of(command: str) -> str:
    """The full name of the module that a command lives in."""
    return f"{folder.__name__}.{command.replace('-', '_')}"


def help_of(command: str) -> str:
    """The command's docstring, "" where Python was told to drop them (-OO)."""
    loader: Any = getattr(find_spec(module_of(command)), "loader", None)
    code = loader.get_code(module_of(command)) if hasattr(loader, "get_code") else None
    functions = {one.co_name: one for one in code.co_consts if isinstance(one, CodeType)} if code else {}
    wanted = functions.get(command.replace("-", "_")) or functions.get(GROUP)
    # https://docs.python.org/3/reference/datamodel.html#codeobject.co_consts: a function's docstring is the first of them.
    first = wanted.co_consts[0] if wanted and wanted.co_consts else None
    return cleandoc(first) if isinstance(first, str) else ""
