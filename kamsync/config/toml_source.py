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

from kamsync.decide.program import Place
from kamsync.errors import ConfigError

Path_ = tuple[str | int, ...]
_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_INLINE_KEY = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True, slots=True)
class TomlSource:
    """A document, its file name for messages, and the lines of its keys (by path; array items by index)."""

    name: str
    document: Mapping[str, Any]
    lines: Mapping[Path_, int] = dataclass_field(default_factory=dict)

    def place(self, path: Sequence[str | int]) -> Place:
        """The place of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(tuple(path[:length]))
            if line:
                return Place(self.name, line, dotted(path))
        return Place(self.name, 0, dotted(path))


def dotted(path: Sequence[str | int]) -> str:
    """`criteria[2].scale` for ("criteria", 1, "scale"): items count from 1 for people."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_toml(path: Path, what: str) -> TomlSource:
    """The file as TOML; ConfigError where it is not there, unreadable or malformed. `what` names it for people."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no {what} {path}.", fix="Make one with `kamsync init`, or name it with --config.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The {what} {path} cannot be read: {error}", fix="Check its permissions; it must be UTF-8.") from error
    return parse_toml(text, str(path))


def parse_toml(text: str, name: str) -> TomlSource:
    """The text as TOML with the lines of its keys."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        place = f"{name}:{found[1]}" if found else name
        raise ConfigError(
            f"{place}: this is not valid TOML: {error}", fix="Mend the line; https://toml.io shows the format."
        ) from error
    return TomlSource(name, document, _locate(text))


def _locate(text: str) -> dict[Path_, int]:
    lines: dict[Path_, int] = {}
    items: Counter[Path_] = Counter()
    table: Path_ = ()
    closing = ""
    for number, line in enumerate(text.splitlines(), start=1):
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


def _resolve(names: tuple[str, ...], items: Counter[Path_], *, is_item: bool) -> Path_:
    """The path of a table header, with the index of each array of tables on the way."""
    path: Path_ = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_item and position == len(names) - 1:
            items[path] += 1
        if items[path]:
            path = (*path, items[path] - 1)
    return path


def _unquote(part: str) -> str:
    return part[1:-1] if part[0] in "\"'" else part
