"""Salesforce ids: three characters for the object, twelve for the record, three that make case survive (15 → 18 characters)."""

from __future__ import annotations

import re
from functools import lru_cache

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in ASCII order, so ids sort by number
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Z0-5]{3})?")


@lru_cache(maxsize=65_536)
def make_id(prefix: str, number: int) -> str:
    """The 18-character id of a record."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return with_check(prefix + digits.rjust(12, _ALPHABET[0]))


def with_check(short: str) -> str:
    """15 characters with the three that encode which of them are capitals (Object Reference, "ID Field Type")."""
    return short + _check(short[:5]) + _check(short[5:10]) + _check(short[10:])


@lru_cache(maxsize=65_536)
def _check(five: str) -> str:
    return _CHECK[sum(1 << i for i, letter in enumerate(five) if "A" <= letter <= "Z")]


def normal_id(text: object) -> str | None:
    """The 18-character form of a 15- or 18-character id; None for what is no id."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        return None
    return with_check(text[:15])
