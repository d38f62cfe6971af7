"""Keeps secrets out of whatever is printed, logged, stored or raised: by value, and by the forms in which machines echo a value.

By value, because no pattern knows what a vendor's next token looks like. Values that are too short to be told from ordinary
words are not remembered. A value is found in whole forms (base64, hexadecimal), and in messages also where each character is
escaped in its own way, as often as somebody has escaped it, where a line ends between any two, and where it was cut short.
Safe to use from several threads.
"""

from __future__ import annotations

import base64
import html
import html.entities
import itertools
import json
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import AnyStr, Generic
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
SHORTEST_SECRET = 6  # shorter values would blot out ordinary words
SHORTEST_LINE = 16  # of a key of several lines: a shorter line is no secret by itself
PIECE = 16  # bytes of a secret that tell too much of it. Salesforce's tokens begin with the org's id, of fifteen, which is none
STEP = 4  # at which pieces are looked for first: what is longer by so much is found in any case
LONGEST_MESSAGE = 65_536  # characters of a text in which escapes are undone: a document of data is no echo of a request
BASE64_STEP = 3  # bytes that base64 takes together, so that a text inside a longer one has three forms


# People's addresses in a CRM's own words: an e-mail, and a number as it is written internationally.
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+\d(?:[ ()/.-]{0,2}\d){7,14}")


def redact_people(text: str) -> str:
    """The text without e-mail addresses and telephone numbers."""
    return _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))


class _Words(Generic[AnyStr]):
    """Words to look for, in a time that does not grow with their number: a schedule's process knows the tokens of a year.

    A long word has a piece that begins at one of its first STEP characters and at a place in the text at which one is looked
    for; only short ones are looked for one by one.
    """

    def __init__(self) -> None:
        self._short: frozenset[AnyStr] = frozenset()
        self._long: dict[AnyStr, frozenset[AnyStr]] = {}  # by each of the pieces that one of them may be met by

    def add(self, words: Iterable[AnyStr]) -> None:
        for word in words:
            if len(word) < PIECE + STEP - 1:
                self._short |= {word}
                continue
            for piece in [word[at : at + PIECE] for at in range(STEP)]:
                self._long[piece] = self._long.get(piece, frozenset()) | {word}

    def standing_in(self, text: AnyStr) -> set[AnyStr]:
        """Those of the words that the text has."""
        long = (self._long.get(text[at : at + PIECE], ()) for at in range(0, len(text) - PIECE + 1, STEP))
        return {word for word in itertools.chain(self._short, *long) if word in text}


class Redactor:
    """Replaces known secret values in text."""

    def __init__(self, shortest: int = SHORTEST_SECRET) -> None:
        self._shortest = shortest
        self._known: set[str] = set()
        self._values = _Words[str]()
        self._plain = _Words[bytes]()
        self._pieces: set[bytes] = set()
        self._lock = threading.Lock()

    def add(self, value: str | None) -> None:
        """From now on `value` is secret, in every form of `forms_of`; too short ones are not remembered."""
        if not value or len(value.strip()) < self._shortest or value in self._known:
            return
        with self._lock:
            self._values.add({form for form in forms_of(value) if len(form) >= self._shortest})
            plain = {_plainly(form) for form in (value.strip(), *_base64_forms(_raw(value)))}
            self._plain.add(form for form in plain if len(form) >= self._shortest)
            self._pieces.update(_pieces_of(_plainly(value.strip())))
            self._known.add(value)

    def __call__(self, text: str) -> str:
        # Longest first, so that a secret that contains another is replaced whole.
        for value in sorted(self._values.standing_in(text), key=lambda item: (-len(item), item)):
            text = text.replace(value, REDACTED)
        if len(text) > LONGEST_MESSAGE or not self._known:
            return text
        plain = _plainly(text)
        found = self._plain.standing_in(plain)
        if not self._pieces.isdisjoint(plain[at : at + PIECE] for at in range(0, len(plain) - PIECE + 1, STEP)):
            found |= self._pieces.intersection(_pieces_of(plain))
        return _without(text, found) if found else text


# What stands for a character, as URLs, Python, JSON and XML write it, escaped again or not; and white space, for none.
# How often a thing is repeated is bounded: a text of nothing else must not be gone through again from each of its characters.
_ESCAPE = re.compile(
    r"%(?:25){0,8}(?:u(?P<percent_four>[0-9a-fA-F]{4})|(?P<percent>[0-9a-fA-F]{2}))"
    r"|=(?P<quoted>[0-9A-F]{2})"  # quoted-printable
    r"|(?P<mark>['\"])(?P=mark)"  # as SQL, CSV and YAML write one
    r"|\\{1,8}(?:(?:u\{(?P<braced>[0-9a-fA-F]{1,6})\}|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})|x(?P<two>[0-9a-fA-F]{2})|(?P<octal>[0-7]{3})|[nrt])?)"
    r"|&(?:amp;){0,8}(?:#(?P<decimal>[0-9]{1,7})|#[xX](?P<hexadecimal>[0-9a-fA-F]{1,6})|(?P<name>[A-Za-z]{2,8}));"
    r"|\s+"
)


def _plainly(text: str) -> bytes:
    """The text without escapes and white space: what is equal in this form is the same secret."""
    if not _SIGN.search(text):
        return _raw("".join(text.split()))
    return b"".join(plain for plain, _, _ in _pieces(text))


_SIGN = re.compile(r"[%\\&]|=[0-9A-F]{2}|''|\"\"")


def _pieces(text: str) -> Iterator[tuple[bytes, int, int]]:
    """What the text's parts say, each with its place: an escape is one part, what stands between two of them another."""
    last = 0
    for found in _ESCAPE.finditer(text):
        if found.start() > last:
            yield _raw(text[last : found.start()]), last, found.start()
        yield _said(found), found.start(), found.end()
        last = found.end()
    if last < len(text):
        yield _raw(text[last:]), last, len(text)


def _said(escape: re.Match[str]) -> bytes:
    match escape.lastgroup:
        case None:
            return b""
        case "mark":
            return _raw(escape["mark"])
        case "percent" | "two" | "quoted" as kind:
            return bytes.fromhex(escape[kind])
        case "name":
            code = html.entities.name2codepoint.get(escape["name"])
            return _raw(escape[0] if code is None else chr(code))
        case kind:
            code = int(escape[kind], {"octal": 8, "decimal": 10}.get(kind, 16))
            return _raw(chr(code)) if code <= sys.maxunicode else b""


def _pieces_of(plain: bytes) -> Iterator[bytes]:
    """Every PIECE of it; the frame of a key (-----BEGIN …) is none."""
    pieces = (plain[at : at + PIECE] for at in range(len(plain) - PIECE + 1))
    return (piece for piece in pieces if b"----" not in piece)


def _without(text: str, forms: set[bytes]) -> str:
    """The text without whatever says one of the forms, with the escapes and the ends of lines in it."""
    plain, starts, ends = bytearray(), list[int](), list[int]()
    for said, start, end in _pieces(text):
        whole = said == _raw(text[start:end])  # each character has a place of its own
        for at, character in enumerate(text[start:end] if whole else [""]):
            raw = _raw(character) if whole else said
            plain += raw
            starts += [start + at] * len(raw)
            ends += [start + at + 1 if whole else end] * len(raw)
    hidden = bytearray(len(text))
    for form in forms:
        at = plain.find(form)
        while at >= 0:
            first, last = starts[at], ends[at + len(form) - 1]
            hidden[first:last] = b"\1" * (last - first)
            at = plain.find(form, at + 1)
    shown = (text[start:end] if not is_hidden else REDACTED for is_hidden, start, end in _runs(hidden))
    return "".join(shown)


def _runs(hidden: bytearray) -> Iterator[tuple[bool, int, int]]:
    place = 0
    for is_hidden, run in itertools.groupby(hidden):
        length = sum(1 for _ in run)
        yield bool(is_hidden), place, place + length
        place += length


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


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
        yield from (raw.hex(), raw.hex().upper(), base64.b32encode(raw).decode().rstrip("="))
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
