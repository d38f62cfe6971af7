"""Subjects and bodies of tasks: sandboxed templates over the facts of one account.

Templates come from the admin and are read before anything else happens, so that a mistake is a ConfigError with its place. Facts
and account names are only ever values: text from the CRM is never compiled. A sentence (or line) that names a value which is not
known is left out: nobody reads a dash or a zero for something that nobody knows. A template that fails for one account raises
`NotRendered`, which holds that task back and nothing else. Output is plain text; a connector whose CRM shows HTML escapes it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import cached_property, lru_cache

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes

from kamsync.decide.place import Place
from kamsync.decide.program import TaskTemplate
from kamsync.decide.reader import Reader, reader_for
from kamsync.decide.reasons import cut_at_word
from kamsync.decide.template_limits import (
    at_most,
    bounded_join,
    cut_off,
    in_order,
    turns,
    without_repeats,
    writable,
)
from kamsync.decide.template_rules import ALLOWED, FILTERS, Sandbox, read
from kamsync.decide.texts import in_language
from kamsync.errors import ConfigError

SUBJECT_LENGTH = 255  # Salesforce Task.Subject, the shorter of the CRMs' fields
BODY_LENGTH = 30_000  # Salesforce Task.Description holds 32,000
MOST_DIGITS = 15  # of a fraction, or before the point: what a float tells
# Private-use characters, which no CRM text needs: an unknown value, and what ends a sentence when it stands inside a value.
_UNKNOWN = "\ue000"
_INSIDE = str.maketrans({".": "\ue001", "!": "\ue002", "?": "\ue003", "…": "\ue004", "\n": "\ue005", "\r": " ", _UNKNOWN: ""})
_OUTSIDE = str.maketrans({"\ue001": ".", "\ue002": "!", "\ue003": "?", "\ue004": "…", "\ue005": "\n"})
_SENTENCES = re.compile(r"((?<=[.!?…])[ \t]+|\n+)")
# What Python's own operations and methods raise where a text uses them on a value that does not bear it; NameError comes of a
# number without end (1e400), which Jinja writes into its code as a name, AssertionError of its own filters' arguments.
_FAILURES_OF_A_TEXT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    RecursionError,
    TypeError,
    ValueError,
)


class NotRendered(ValueError):
    """A template could not be filled in for one account; the text says why, for people."""


class CompiledTask:
    """The subject and body of one task in one language, ready for any account."""

    def __init__(self, task: TaskTemplate, language_name: str, *, currency: str = "", country: str = "") -> None:
        """`currency`: ISO code of the programme's amounts, "" none. `country`: whose way of writing amounts, "" none."""
        self._place = task.place
        self._texts = in_language(task.subject, language_name), in_language(task.body, language_name)
        self._reader = language_name, country, currency
        self.names = names_of(task) | self._names(self._texts)

    def render(self, values: Mapping[str, object]) -> tuple[str, str]:
        """Subject (one line) and body for the account with these facts, without the sentences whose values are not known."""
        try:
            subject, body = (writable(_known_only(cut_off(template.generate(values)))) for template in self._templates)
        except (TemplateError, *_FAILURES_OF_A_TEXT) as error:
            raise NotRendered(f"its text cannot be made ({str(self._place) or 'template'}): {error}") from error
        return cut_at_word(" ".join(subject.split()), SUBJECT_LENGTH), body.strip()[:BODY_LENGTH]

    def check_names(self, known: Collection[str]) -> None:
        """Refuses, with ConfigError, a name that no account has a value for, naming the nearest one."""
        for name in sorted(self.names - set(known)):
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{self._place}: the template uses {name!r}, which is no fact.",
                fix=f"Did you mean {near[0]!r}?" if near else "`kamsync facts` lists the names that templates can use.",
            )

    def _names(self, texts: Collection[str]) -> frozenset[str]:
        return frozenset().union(*(_names_of_text(text, self._place) for text in texts))

    @cached_property
    def _templates(self) -> tuple[Template, ...]:
        """Of the subject and the body. Made for the first account that needs them: most commands write no task."""
        sandbox = _sandbox(*self._reader)
        return tuple(sandbox.from_string(_saying_parts(sandbox.parse(text))) for text in self._texts)


def names_of(task: TaskTemplate) -> frozenset[str]:
    """What the texts of a task read, in whatever language. Raises ConfigError, with its place, where one cannot be used.

    Every language is looked at, so that a broken translation is found before somebody chooses it.
    """
    texts = {*task.subject.values(), *task.body.values()}
    return frozenset().union(*(_names_of_text(text, task.place) for text in texts))


def _names_of_text(text: str, place: Place) -> frozenset[str]:
    try:
        return read(text)
    except TemplateSyntaxError as error:
        raise ConfigError(
            f"{place}: line {error.lineno} of the template: {error.message}",
            fix="Write facts as {{ name }}; https://jinja.palletsprojects.com/templates/ has the rest.",
        ) from error
    except TemplateError as error:
        raise ConfigError(f"{place}: {error}", fix=ALLOWED) from error
    except (RecursionError, MemoryError) as error:
        raise ConfigError(f"{place}: the template is nested too deeply.", fix="Write it in simpler parts.") from error
    except ValueError as error:
        raise ConfigError(f"{place}: the template writes a number that is none: {error}", fix="Write it shorter.") from error


def _saying_parts(parsed: nodes.Template) -> nodes.Template:
    """Makes `a ~ b` say its parts as the text itself would: what is unknown stays unknown, and is not the word None.

    And holds each loop to what it may go through.
    """
    for concat in parsed.find_all(nodes.Concat):
        concat.nodes = [_filtered(nodes.List(concat.nodes, lineno=concat.lineno), "said_together")]
    for loop in parsed.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, "turns")
    return parsed


def _filtered(value: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


def _known_only(text: str) -> str:
    """Without the sentences and lines that name an unknown value; values are whole, whatever stands in them."""
    pieces = _SENTENCES.split(text)
    kept = []
    for piece, gap in zip(pieces[::2], [*pieces[1::2], ""], strict=True):
        if _UNKNOWN not in piece:
            kept.append(piece + gap)
        elif gap.startswith("\n") and kept and not kept[-1].endswith("\n"):
            kept[-1] = kept[-1].rstrip() + gap  # it ends the line of the sentences before it
    return "".join(kept).translate(_OUTSIDE)


@lru_cache(maxsize=16)
def _sandbox(language_name: str, country: str, currency: str) -> Sandbox:
    reader = reader_for(language_name, country, currency)
    sandbox = Sandbox(undefined=StrictUndefined, finalize=lambda value: _plain(value, reader), autoescape=False)
    # Jinja's own globals are no facts, and two of its functions are dice: the same account must always get the same text.
    sandbox.globals.clear()
    rounded = sandbox.filters["round"]
    sandbox.filters["round"] = lambda value, precision=0, method="common": rounded(value, _digits(precision), method)
    sandbox.filters["number"] = lambda value, decimals=0: _number(value, reader, _digits(decimals))
    sandbox.filters["percent"] = lambda value, decimals=0: _percent(value, reader, _digits(decimals))
    sandbox.filters["day"] = lambda value: _day(value, reader)
    sandbox.filters["money"] = lambda value: _UNKNOWN if value is None else reader.money(float(str(value)))
    sandbox.filters |= {"sort": in_order, "unique": without_repeats}
    sandbox.filters["join"] = lambda value, separator="": _together(at_most(value), str(separator), reader)
    own = {"said_together": lambda parts: _together(parts, "", reader), "turns": turns}
    for name in {*sandbox.filters} - FILTERS:
        del sandbox.filters[name]
    sandbox.filters |= own
    return sandbox


def _plain(value: object, reader: Reader) -> object:
    """Null is unknown, and a number is written as people of that language write it."""
    if value is None:
        return _UNKNOWN
    if isinstance(value, str):
        return value if value == _UNKNOWN else value.translate(_INSIDE)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return reader.number(value, 0 if float(value).is_integer() else 2)


def _together(parts: Iterable[object], separator: str, reader: Reader) -> str:
    """The parts in one text, which is unknown where one of them is."""
    said = [str(_plain(part, reader)) for part in parts]
    return _UNKNOWN if _UNKNOWN in said else bounded_join(said, separator)


def _digits(count: int) -> int:
    """Python would make a number of so many digits, and take the machine with it."""
    if abs(count) > MOST_DIGITS:
        raise ValueError(f"numbers are rounded to at most {MOST_DIGITS} digits")
    return count


def _number(value: object, reader: Reader, decimals: int) -> str:
    return _UNKNOWN if value is None else reader.number(float(str(value)), decimals)


def _percent(value: object, reader: Reader, decimals: int) -> str:
    """A share (0.25) as "25%"."""
    return _UNKNOWN if value is None else reader.percent(float(str(value)), decimals)


def _day(value: object, reader: Reader) -> str:
    """A date fact, which is ISO text, as people of that language write it."""
    if value is None:
        return _UNKNOWN
    return reader.day(value if isinstance(value, date) else date.fromisoformat(str(value)[:10]))
