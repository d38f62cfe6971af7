"""What a CRM answers is not ours to trust: an answer that no code foresaw is its error, and none of this program's.

A connector reads answers at dozens of places. What one of them meets in a value of another shape than documented (a number for
a list, a missing key) would leave the connector as a TypeError or a KeyError, and tell people that kamsync met a bug. At the
connector's edge it becomes a BadAnswer, which keeps the cause for the log at debug level.
"""

from __future__ import annotations

import functools
import html
import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from kamsync.errors import BadAnswer
from kamsync.numerals import counted

MISREAD = (TypeError, LookupError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What reading a value of another shape raises. (UnicodeError and JSON's errors are ValueErrors.)"""


MOST_READ, MOST_WORDS = 20_000, 200  # characters: of a body, of what is said of it
_UNSEEN = re.compile(r"<!--.*?(?:-->|$)|<(script|style|template)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*(?:>|$)")


@dataclass
class Unread:
    """How many records of a stream could not be read, and what is known of the first. A connector notes, its last page tells."""

    count: int = 0
    first: str = ""

    def note(self, record_id: object, count: int = 1) -> None:
        """`count` more; `record_id` is the first one's, whatever stands there in place of one."""
        self.count += count
        self.first = self.first or str(record_id or "without an id")

    def told(self, stream: str) -> tuple[str, ...]:
        """For the admin; nothing where all were read."""
        if not self.count:
            return ()
        what, are = counted(self.count, "record"), "is" if self.count == 1 else "are"
        return (f"{what} of {stream} could not be read and {are} left out (the first: {self.first}).",)


def json_of(body: bytes | str) -> Any:
    """A JSON document as others write it: half of a surrogate pair, NaN and numbers without end are values in it, which are told
    where they are stored, and hide no other record of the same answer. Raises ValueError for what is none, or is too deep."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body, parse_constant=str)  # NaN as the word that it is: no number, which is told
        except RecursionError as error:
            raise ValueError("JSON of too many lists in lists") from error


def words_of(body: object) -> str:
    """What a body says to people that is no error in the CRM's own form: a page's visible text, or a text, cut short.

    "" where it says nothing: empty, `{}`, `[]`, `null`, any other JSON that is no text, bytes that are no text.
    `body`: bytes, text, or the JSON value that was read of it.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if not isinstance(text, str):
        return ""
    try:
        value = json_of(text)
    except ValueError:
        value = text
    if not isinstance(value, str):
        return ""
    seen = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", value[:MOST_READ])))
    return "" if "\ufffd" in seen or "\0" in seen else " ".join(seen.split())[:MOST_WORDS]


def answer_in_words(status: int, words: str) -> str:
    """What came in place of the CRM's own answer, by its HTTP status and what it says to people (`words_of`)."""
    return f"HTTP {status} “{words}”" if words else f"HTTP {status} without a word"


def mend_of_down(status_page: str, *, is_told: bool) -> str:
    """What to do where a service is not available. `is_told`: the service says so itself, and no proxy in its place."""
    beside = "" if is_told else ", and where it shows none, something in between answers: ask who runs the proxy"
    return f"Run again later; {status_page} shows disturbances{beside}."


C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_DOING = {
    "identity": "who we are",
    "pull": "the reading of records",
    "fetch_accounts": "the reading of accounts",
    "push_accounts": "the update of accounts",
    "create_tasks": "the creation of tasks",
    "fetch_tasks": "the reading of tasks",
    "close_tasks": "the closing of tasks",
    "reassign_tasks": "the handing over of tasks",
    "delete_tasks": "the deletion of tasks",
    "lacking_choices": "the choices of fields",
    "fetch_account_fields": "the fields of accounts",
    "setup": "the setup",
    "diagnose": "the examination",
    "fetch_people": "the reading of people",
    "fetch_goals": "the reading of goals",
    "fetch_notes": "the reading of notes",
    "write_notes": "the writing of notes",
    "delete_notes": "the deletion of notes",
    "take_lease": "the lease",
    "renew_lease": "the lease",
    "release_lease": "the lease",
}


GUARDED = frozenset(_DOING)
"""The methods of a connection that ask the CRM something."""


def understands(crm: str) -> Callable[[C], C]:
    """Class decorator for a connector's connection: what its methods misread leaves them as BadAnswer.

    `crm` is the name that people know. Methods that are generators raise it where they are read.
    """

    def decorate(connection: C) -> C:
        for name, doing in _DOING.items():
            method = connection.__dict__.get(name)
            if inspect.isfunction(method):
                setattr(connection, name, _guarded(method, crm, doing))
        return connection

    return decorate


def understands_sign_in(crm: str) -> Callable[[F], F]:
    """The same for the function that opens a connection."""
    return lambda opening: _guarded(opening, crm, "the sign-in")


def _guarded(call: F, crm: str, doing: str) -> F:
    @functools.wraps(call)
    def guarded(*arguments: Any, **named: Any) -> Any:
        try:
            answer = call(*arguments, **named)
        except MISREAD as error:
            raise misread(crm, doing, error) from error
        return _read_on(answer, crm, doing) if isinstance(answer, Iterator) else answer

    return guarded  # type: ignore[return-value]  # same signature, by functools.wraps


def _read_on(items: Iterator[Any], crm: str, doing: str) -> Iterator[Any]:
    try:
        yield from items
    except MISREAD as error:
        raise misread(crm, doing, error) from error


def misread(crm: str, doing: str, error: Exception) -> BadAnswer:
    """`error`, met while an answer was read, as the CRM's."""
    return BadAnswer(
        f"{crm} answered {doing} with something of another shape than its documentation says ({type(error).__name__}).",
        fix="Run again; a gateway may be answering in between. Where it stays, set [log] level to debug and report the log.",
    )
