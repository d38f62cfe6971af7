"""Subjects and bodies of tasks: sandboxed templates over the facts of one account.

Templates come from the admin and are compiled once, so that a mistake is a ConfigError with its place. Facts and account names
are only ever values: text from the CRM is never compiled. A template that fails for one account raises `NotRendered`, which
holds that task back and nothing else. Output is plain text; a connector whose CRM shows HTML escapes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Set
from datetime import date
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kamsync.decide.program import TaskTemplate
from kamsync.decide.reasons import cut_at_word
from kamsync.decide.texts import Language, in_language, language
from kamsync.errors import ConfigError

SUBJECT_LENGTH = 255  # Salesforce Task.Subject, the shorter of the CRMs' fields
BODY_LENGTH = 30_000  # Salesforce Task.Description holds 32,000
NOTHING = "—"
# What Python's own operations and methods raise where a text uses them on a value that does not bear it.
_FAILURES_OF_A_TEXT = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


class NotRendered(ValueError):
    """A template could not be filled in for one account; the text says why, for people."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Also refuses to repeat text: `"x" * 10**9` would be the one way left to fill the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"{operator} works on numbers only here, and ** not at all")
        return super().call_binop(context, operator, left, right)


class CompiledTask:
    """The subject and body of one task in one language, ready for any account."""

    def __init__(self, task: TaskTemplate, language_name: str) -> None:
        words = language(language_name)
        self._sandbox = _sandbox(words)
        self._place = task.place
        subject, body = in_language(task.subject, language_name), in_language(task.body, language_name)
        # Every language is compiled, so that a broken translation is found before somebody chooses it.
        read = {text: self._read(text) for text in (*task.subject.values(), *task.body.values(), subject, body)}
        self.names = frozenset().union(*(names for names, _ in read.values()))
        self._subject, self._body = read[subject][1], read[body][1]

    def render(self, values: Mapping[str, object]) -> tuple[str, str]:
        """Subject (one line) and body for the account with these facts."""
        try:
            subject, body = self._subject.render(values), self._body.render(values)
        except (TemplateError, *_FAILURES_OF_A_TEXT) as error:
            raise NotRendered(f"its text cannot be made ({str(self._place) or 'template'}): {error}") from error
        return cut_at_word(" ".join(subject.split()), SUBJECT_LENGTH), body.strip()[:BODY_LENGTH]

    def check_names(self, known: Collection[str]) -> None:
        """Refuses a name that no account has a value for, naming the nearest one."""
        for name in sorted(self.names - set(known)):
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{self._place}: the template uses {name!r}, which is no fact.",
                fix=f"Did you mean {near[0]!r}?" if near else "`kamsync facts` lists the names that templates can use.",
            )

    def _read(self, text: str) -> tuple[Set[str], Template]:
        """The names that a text uses, and the text ready to be rendered; parsed once, which takes longest."""
        try:
            parsed = self._sandbox.parse(text)
            names = meta.find_undeclared_variables(parsed)
            return names, self._sandbox.from_string(parsed)
        except TemplateSyntaxError as error:
            raise ConfigError(
                f"{self._place}: line {error.lineno} of the template: {error.message}",
                fix="Write facts as {{ name }}; https://jinja.palletsprojects.com/templates/ has the rest.",
            ) from error
        except TemplateError as error:
            raise ConfigError(f"{self._place}: {error}", fix="Templates can use facts, filters, if and for.") from error
        except (RecursionError, MemoryError, SyntaxError) as error:  # jinja2's parser, then Python's
            raise ConfigError(f"{self._place}: the template is nested too deeply.", fix="Write it in simpler parts.") from error


def _sandbox(words: Language) -> _Sandbox:
    sandbox = _Sandbox(undefined=StrictUndefined, finalize=lambda value: _plain(value, words), autoescape=False)
    # Jinja's own globals are no facts, and two of its functions are dice: the same account must always get the same text.
    sandbox.globals.clear()
    del sandbox.filters["random"]
    sandbox.filters["number"] = lambda value, decimals=0: _number(value, words, decimals)
    sandbox.filters["percent"] = lambda value, decimals=0: _percent(value, words, decimals)
    sandbox.filters["day"] = lambda value: _day(value, words)
    return sandbox


def _plain(value: object, words: Language) -> object:
    """Null is a dash, and a number is written as people of that language write it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return words.number(value, 0 if float(value).is_integer() else 2)


def _number(value: object, words: Language, decimals: int) -> str:
    return NOTHING if value is None else words.number(float(str(value)), decimals)


def _percent(value: object, words: Language, decimals: int) -> str:
    """A share (0.25) as "25 %"."""
    return NOTHING if value is None else f"{words.number(100 * float(str(value)), decimals)} %"


def _day(value: object, words: Language) -> str:
    """A date fact, which is ISO text, as people of that language write it."""
    if value is None:
        return NOTHING
    return words.day(value if isinstance(value, date) else date.fromisoformat(str(value)[:10]))
