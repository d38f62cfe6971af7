"""Values of the command line that need no check: taken as they are, where Typer would load pydantic to take them as they are.

Whatever might be refused, converted or completed is left to Typer, so that every value and every error stays Typer's own.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

MOST_DIGITS = 9


class NotPlain(Exception):
    """Only Typer can tell what becomes of the value."""


def take_plain_values(command: Any) -> None:
    """From now on the parameters of the command, and of the commands in it, ask Typer about nothing that is plain.

    `command`: a group or a command of Typer's (typer.core). A version of Typer whose parameters say nothing of their types
    loads no pydantic either: there nothing changes.
    """
    command.get_params = partial(_parameters, command.get_params)  # Click adds --help there, when it is asked for them
    for inner in getattr(command, "commands", {}).values():
        take_plain_values(inner)


def _parameters(by_typer: Any, context: Any) -> Any:
    found = by_typer(context)
    for parameter in found:
        if hasattr(parameter, "type_descriptor") and "process_value" not in vars(parameter):
            parameter.process_value = partial(_process, parameter, parameter.process_value)
    return found


def _process(parameter: Any, by_typer: Any, context: Any, value: Any) -> Any:
    try:
        taken = plain_value(parameter, value)
    except NotPlain:
        return by_typer(context, value)
    return taken if parameter.callback is None else parameter.callback(context, parameter, taken)


def plain_value(parameter: Any, value: Any) -> Any:
    """What Typer would make of the value. Raises NotPlain where that takes a check. `value`: None where none was given."""
    wanted = parameter.type_descriptor.annotation
    many = parameter.multiple or parameter.nargs == -1
    if value is None:
        if parameter.required:
            raise NotPlain
        return () if many else None
    if many:
        if get_origin(wanted) is not list or not isinstance(value, list | tuple) or (parameter.required and not value):
            raise NotPlain
        return [_one(get_args(wanted)[0], parameter.type_descriptor.parameter_info, item) for item in value]
    return _one(wanted, parameter.type_descriptor.parameter_info, value)


def _one(wanted: Any, asked: Any, value: Any) -> Any:
    """`asked`: the option or argument as its command describes it (typer.models.ParameterInfo)."""
    if asked.parser is not None:
        raise NotPlain
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted is Path and _any_path_will_do(asked) and (isinstance(value, Path) or (_is_text(value) and "\0" not in value)):
        return Path(value)
    if wanted is str and _is_text(value):
        return value
    if wanted is int and not asked.clamp:
        return _whole_number(asked, value)
    if get_origin(wanted) is Literal and asked.case_sensitive and type(value) is str and value in get_args(wanted):
        return value
    raise NotPlain


def _whole_number(asked: Any, value: Any) -> int:
    if type(value) is not int and not (type(value) is str and _is_whole(value)):
        raise NotPlain
    number = int(value)
    if (asked.min is not None and number < asked.min) or (asked.max is not None and number > asked.max):
        raise NotPlain
    return number


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS


def _any_path_will_do(asked: Any) -> bool:
    """Whether nothing is asked of the path but to be one."""
    checked = asked.exists or asked.readable or asked.writable or asked.resolve_path or asked.path_type is not None
    return not checked and asked.file_okay and asked.dir_okay


def _is_text(value: Any) -> bool:
    """Whether it is a string of whole characters: what no encoding has, Typer refuses."""
    return type(value) is str and not any("\ud800" <= character <= "\udfff" for character in value)
