"""The four questions behind a suggested preset, and how the suggestion is shown: `kamsync criteria suggest`, `kamsync init`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar, cast, get_args

import typer

from kamsync.cli.console import say
from kamsync.config.answers import check_choice
from kamsync.decide.suggest import Suggestion, Wanted, Wishes
from kamsync.errors import ConfigError

T = TypeVar("T")
WANTED = get_args(Wanted)
_FIELD = re.compile(r"[A-Za-z0-9_.]+|-?")
RECURS = {"yes": True, "no": False, "unknown": None}


def check_wanted(text: str) -> Wanted:
    """One of WANTED, whatever its case. Raises ConfigError."""
    return cast(Wanted, check_choice(text, WANTED, "goal of key accounts"))


def ask_wishes(given: Wishes) -> Wishes:
    """Asks what was not given; Enter leaves a question open."""
    wanted = given.wanted or _asked("What should key accounts bring? " + ", ".join(WANTED), "everything", check_wanted)
    recurring = given.recurring
    if recurring is None:
        recurring = RECURS[_asked("Is most business recurring, under contracts? yes, no, unknown", "unknown", _recurs)]
    owners = given.owners or _asked("How many owners look after accounts? 0 takes what the CRM says", "0", _count)
    per_owner = given.per_owner or _asked("How many key accounts can one of them carry?", "10", _count)
    field = given.strategic_field
    if field is None:
        field = _asked("Which field of the CRM marks strategic accounts? none where there is none", "none", field_name)
    named = None if field.casefold() in ("none", "-", "") else field
    return Wishes(wanted, owners or None, per_owner or None, recurring, named)


def suggestion_lines(found: Suggestion) -> Iterator[str]:
    """The preset, and a line a reason, a thing without data and a warning."""
    yield f"Suggested: {found.preset}"
    yield from (f"  {reason}" for reason in found.reasons)
    if found.most is not None:
        yield f"  Your owners carry {found.most} key accounts between them."
    yield from (f"  Left out for want of data. {what}" for what in found.dropped)
    yield from (f"! {warning}" for warning in found.warnings)


def _asked(question: str, default: str, check: Callable[[str], T]) -> T:
    while True:
        try:
            return check(typer.prompt(question, default=default, err=True))
        except ConfigError as error:
            say(error.message, "yellow")
            say(f"  {error.fix}")


def _count(text: str) -> int:
    if not text.strip().isdecimal():
        raise ConfigError(f"{text.strip()!r} is no number.", fix="Write it in figures, such as 8.")
    return int(text)


def field_name(text: str) -> str:
    """The API name of a CRM's field, or a word for none. Raises ConfigError."""
    if not _FIELD.fullmatch(text.strip()):
        raise ConfigError(f"{text.strip()!r} is no name of a field.", fix="Write its API name, such as Strategic__c, or none.")
    return text.strip()


def _recurs(text: str) -> str:
    return check_choice(text, tuple(RECURS), "answer")
