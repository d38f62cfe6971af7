"""Documents with accidents in them: values of other kinds, odd characters, huge numbers, depth, cuts, other encodings."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from hypothesis import strategies as st

ODD = (
    "\0", "\x1b[2J", "\r\n", "\n", "\u200b", "\ufeff", "\u202e", "\u2028", "\x85", "\x9b", "'", '"', "\\", "{{ 1/0 }}", "{% x",
    "%s", "[/closed]", "; DROP TABLE accounts", "🦄", "ł" * 300, "x" * 5_000, "(" * 200, "../../etc/passwd", "\U000e0001",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2**31, 2**63, 10**30, 10**400, 1e-320, 1e300, -1e300, math.inf, -math.inf, math.nan, 0.1, True, False)
TEXTS = (
    "", " ", "none", "A", "tier", "won_amount_12m", "won_amount_12m / 0", "entry", "value:name", "owner", "0 0 * * *", "1 * 1",
    "case",
)  # fmt: skip
LOCAL = (date(2024, 1, 1), datetime(2024, 1, 1), time(1, 2))  # noqa: DTZ001 - TOML's local time has no zone
OTHERS: tuple[Any, ...] = ([], {}, [[]], [{}], {"a": 1}, {"en": 5}, [1, "a"], *LOCAL)
BYTES = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe9", b"\r", b"\r\n", b"\x85", b"\xc2\x85", b"\x1b", b'"', b"'''", b'"""', b"[",
    b"[[", b"{", b"=", b"#", b"[" * 3_000, b"9" * 5_000, b"\xed\xa0\x80",
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig", "cp037")


@st.composite
def mutated(draw: st.DrawFn, document: Any, *, others: tuple[Any, ...] = OTHERS) -> Any:
    """The document with one to three accidents."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        changed = _accident(draw, changed, others)
    return changed


def _accident(draw: st.DrawFn, document: Any, others: tuple[Any, ...]) -> Any:
    places = list(_places(document))
    if not places:
        return document
    holder, key = places[draw(st.integers(0, len(places) - 1))]
    value = holder[key]
    match draw(st.sampled_from(("other", "number", "text", "odd", "delete", "rename", "nest", "copy", "deep"))):
        case "other":
            holder[key] = copy.deepcopy(draw(st.sampled_from(others)))
        case "number":
            holder[key] = draw(st.sampled_from(NUMBERS))
        case "text":
            holder[key] = draw(st.sampled_from(TEXTS))
        case "odd" if isinstance(value, str):
            at = draw(st.integers(0, len(value)))
            holder[key] = value[:at] + draw(st.sampled_from(ODD)) + value[at:]
        case "delete":
            del holder[key]
        case "rename" if isinstance(holder, dict):
            holder[f"{key}{draw(st.sampled_from(ODD))[:40]}"] = holder.pop(key)
        case "nest":
            holder[key] = draw(st.sampled_from(([value], {"x": value}, [value, value])))
        case "copy":
            other_holder, other_key = places[draw(st.integers(0, len(places) - 1))]
            holder[key] = copy.deepcopy(other_holder[other_key])
        case "deep":
            for _ in range(draw(st.sampled_from((5, 29, 40, 500)))):
                value = [value]
            holder[key] = value
    return document


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in list(value.items()):
            yield value, key
            yield from _places(item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from _places(item)


@st.composite
def garbled(draw: st.DrawFn, text: str) -> bytes:
    """The text as bytes with one to three accidents."""
    data = text.encode()
    for _ in range(draw(st.integers(1, 3))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        match draw(st.sampled_from(("cut", "insert", "flip", "drop", "double", "encode"))):
            case "cut":
                data = data[:at]
            case "insert":
                data = data[:at] + draw(st.sampled_from(BYTES)) + data[at:]
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
            case "drop":
                data = data[:at] + data[end:]
            case "double":
                data = data[:end] + data[at:]
            case "encode":
                data = data.decode("utf-8", "replace").encode(draw(st.sampled_from(ENCODINGS)), "replace")
    return data


def as_toml(document: Mapping[str, Any]) -> str:
    """A TOML document, a line a top-level key. Lone surrogates have no place in TOML."""
    return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in document.items())


def _toml(value: Any) -> str:
    opened: list[str] = []
    while isinstance(value, list) and len(value) == 1:  # depth without recursion
        opened.append("[")
        value = value[0]
    text = _plain(value)
    return "".join(opened) + text + "]" * len(opened)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value)


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007f")
