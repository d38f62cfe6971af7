"""Keeps secrets out of whatever is printed, logged, stored or raised: by value, and by the forms in which machines echo a value.

By value, because no pattern knows what a vendor's next token looks like. Values that are too short to be told from ordinary
words are not remembered. Safe to use from several threads.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
SHORTEST_SECRET = 6  # shorter values would blot out ordinary words
SHORTEST_LINE = 16  # of a key of several lines: a shorter line is no secret by itself
BASE64_STEP = 3  # bytes that base64 takes together, so that a text inside a longer one has three forms


# People's addresses in a CRM's own words: an e-mail, and a number as it is written internationally.
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+\d(?:[ ()/.-]{0,2}\d){7,14}")


def redact_people(text: str) -> str:
    """The text without e-mail addresses and telephone numbers."""
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))


class Redactor:
    """Replaces known secret values in text."""

    def __init__(self, shortest: int = SHORTEST_SECRET) -> None:
        self._shortest = shortest
        self._values: tuple[str, ...] = ()
        self._known: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, value: str | None) -> None:
        """From now on `value` is secret, in every form of `forms_of`; too short ones are not remembered."""
        if not value or len(value.strip()) < self._shortest or value in self._known:
            return
        with self._lock:
            self._known |= {value}
            forms = {form for form in forms_of(value) if len(form) >= self._shortest}
            # Longest first, so that a secret that contains another is replaced whole.
            self._values = tuple(sorted({*self._values, *forms}, key=lambda item: (-len(item), item)))

    def __call__(self, text: str) -> str:
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        return text


def forms_of(value: str) -> Iterator[str]:
    """The value itself and what becomes of it in a URL, a form, a repr, JSON, XML, a Basic header; and its long lines."""
    stripped = value.strip()
    yield from (value, stripped)
    for text in {value, stripped}:
        raw = text.encode("utf-8", "surrogatepass")
        for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
            yield quoted
            yield _with_small_escapes(quoted)
        yield repr(text)[1:-1]
        yield from (_escaped(text, mark) for mark in "'\"")  # a repr of a repr
        yield repr(raw)[2:-1]
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield html.escape(text)
        yield from _base64_forms(raw)
    yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE and "-----" not in line)


def _with_small_escapes(quoted: str) -> str:
    """%2b for %2B: both are written."""
    first, *others = quoted.split("%")
    return first + "".join(f"%{other[:2].lower()}{other[2:]}" for other in others)


def _escaped(text: str, mark: str) -> str:
    return text.replace("\\", "\\\\").replace(mark, "\\" + mark)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """What base64 makes of the value wherever it stands in a longer text, without the characters that its neighbours decide."""
    for before in range(BASE64_STEP):
        padded = b"\0" * before + raw
        whole = len(padded) - len(padded) % BASE64_STEP
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded[:whole]).decode()[4 if before else 0 :]


# One for the process: what is secret to one connection is secret in every line, also those of libraries.
redact = Redactor()


def kept_words(text: str) -> str:
    """Words of the CRM as they are kept: without secrets, without addresses of the people whom it names, and with a question mark
    for what no database can hold (half of a surrogate pair)."""
    return redact_people(redact(text)).encode("utf-8", "replace").decode()
