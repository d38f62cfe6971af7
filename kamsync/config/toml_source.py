"""TOML with places: the parsed document, and the line on which a key stands.

tomllib gives no positions, so this reads the text once more for keys. It understands what people write in configurations:
tables, arrays of tables, dotted and quoted keys, inline tables on one line, multi-line arrays and strings.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from kamsync.decide.place import Place
from kamsync.errors import ConfigError
from kamsync.files import CONFIG_LIMIT_BYTES, read_text
from kamsync.printable import named, one_line

DEEPEST = 30
KeyPath = tuple[str | int, ...]
_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_INLINE_KEY = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+)\s*=""")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # Unicode's category Cc but for tab and line feed
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """A document, its file name for messages, and the lines of its keys (by path; array items by index).

    `base` is the file that it inherits from, where what the document has from there stands.
    """

    name: str
    document: Mapping[str, Any]
    lines: Mapping[KeyPath, int] = dataclass_field(default_factory=dict)
    base: TomlSource | None = None

    def place(self, path: Sequence[str | int]) -> Place:
        """The place of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            part = tuple(path[:length])
            for source in (self, self.base):
                if source is not None and part in source.lines:
                    return Place(source.name, source.lines[part], dotted(path))
        return Place(self.name, 0, dotted(path))


def dotted(path: Sequence[str | int]) -> str:
    """`criteria[2].scale` for ("criteria", 1, "scale"): items count from 1 for people."""
    text = ""
    for part in path:
        word = one_line(part) if isinstance(part, str) else ""
        text += f"[{part + 1}]" if isinstance(part, int) else f".{word}" if text else word
    return text


def read_toml(path: Path, what: str, *, missing_fix: str = "Check the path.") -> TomlSource:
    """The file as TOML; ConfigError where it is not there, unreadable, others' to change, or malformed. `what` names it."""
    try:
        text = read_text(path, what, limit_bytes=CONFIG_LIMIT_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"There is no {what} {path}.", fix=missing_fix) from None
    return parse_toml(text, str(path))


def parse_toml(text: str, name: str) -> TomlSource:
    """The text as TOML with the lines of its keys. Raises ConfigError with file and line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _malformed(str(error), text, name) from error
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError(f"{name}: a number is too long to be read.", fix="Write a number that means something.") from error
    except RecursionError as error:
        raise _too_deep(name) from error
    source = TomlSource(name, document, _locate(text))
    _check_values(source)
    return source


def _malformed(what: str, text: str, name: str) -> ConfigError:
    found = re.search(r"at line (\d+)", what)
    lines = text.split("\n")
    number = int(found[1]) if found else len(lines)
    odd = next((character for character in lines[min(number, len(lines)) - 1] if _is_odd(character)), "")
    hint = f"; the line holds {named(odd)}" if odd else ""
    return ConfigError(
        f"{name}:{number}: this is not valid TOML: {one_line(what)}{hint}", fix="Mend the line; https://toml.io shows the format."
    )


def _is_odd(character: str) -> bool:
    """What an editor or a web page slips in where TOML wants plain quotes and spaces."""
    return character in "“”„‘’«»" or not (character.isprintable() or character == "\t")


def _too_deep(name: str) -> ConfigError:
    return ConfigError(f"{name}: tables or lists are nested more than {DEEPEST} deep.", fix="Nothing here needs such depth.")


def _check_values(source: TomlSource) -> None:
    """Control characters written as escapes would end up in names, in SQL and in the CRM; depth would end in a crash."""
    level: list[tuple[KeyPath, Any]] = [((), source.document)]
    for _ in range(DEEPEST):
        following: list[tuple[KeyPath, Any]] = []
        for path, value in level:
            if isinstance(value, Mapping):
                following += [((*path, key), item) for key, item in value.items()]
            elif isinstance(value, list):
                following += [((*path, index), item) for index, item in enumerate(value)]
            odd = _control_in(value) or _control_in(path[-1] if path else "")
            if odd:
                raise ConfigError(f"{source.place(path)}: the text holds {named(odd)}.", fix="Take the character out.")
        if not following:
            return
        level = following
    raise _too_deep(source.name)


def _control_in(text: Any) -> str:
    """The first control character, "" where there is none; line ends and tabs are people's."""
    found = _CONTROL.search(text) if isinstance(text, str) else None
    return found[0] if found else ""


def _locate(text: str) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    items: Counter[KeyPath] = Counter()
    table: KeyPath = ()
    closing = ""
    # As tomllib counts: NEL and U+2028 end no line, though splitlines() says so.
    for number, line in enumerate(text.split("\n"), start=1):
        if closing:
            closing = "" if closing in line else closing
            continue
        header = _TABLE.match(line)
        if header:
            table = _resolve(tuple(_unquote(p) for p in _PART.findall(header[2])), items, is_item=header[1] == "[[")
            lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key:
            path = (*table, *(_unquote(p) for p in _PART.findall(key[1])))
            lines.setdefault(path, number)
            for inner in _INLINE_KEY.finditer(line, key.end()):
                lines.setdefault((*path, inner[1]), number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) == 1:
                closing = quotes
    return lines


def _resolve(names: tuple[str, ...], items: Counter[KeyPath], *, is_item: bool) -> KeyPath:
    """The path of a table header, with the index of each array of tables on the way."""
    path: KeyPath = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_item and position == len(names) - 1:
            items[path] += 1
        if items[path]:
            path = (*path, items[path] - 1)
    return path


def _unquote(part: str) -> str:
    return part[1:-1] if part[0] in "\"'" else part
