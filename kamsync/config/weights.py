"""A criteria file's text with other weights: only the numbers change, and what has none any more goes, with its comments.

Reads lines, as people write them: `[[criteria]]` tables with a line for `name` and one for `weight`. A comment that begins with
the weight (`# 30: …`) says the new one. Whoever calls loads the result, and sees whether the text was of this form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff

_HEADER = re.compile(r"^\s*\[\[?\s*[A-Za-z_]")
_TABLE = re.compile(r"^\s*\[\[\s*criteria\s*\]\]")
_PART = re.compile(r"^\s*\[\[?\s*criteria\s*\.")
_NAME = re.compile(r"""^\s*name\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_WEIGHT = re.compile(r"^(\s*weight\s*=\s*)([0-9][0-9_.eE+-]*)")


def reweighted(text: str, weights: Mapping[str, float]) -> str:
    """`weights` by criterion; 0 takes the criterion out. What is not named stays as it is."""
    return "".join(line for block in _blocks(text.splitlines(keepends=True)) for line in _changed(block, weights))


def weights_diff(old: str, new: str, name: str) -> str:
    """What `patch` applies to a file of that name; "" where nothing changes."""
    return "".join(unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, name))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Each `[[criteria]]` table as a block, with the comments right above it; all else between them."""
    block: list[str] = []
    for line in lines:
        if _HEADER.match(line) and not _PART.match(line) and block:
            above = len(block)
            while above and block[above - 1].lstrip().startswith("#"):
                above -= 1
            yield block[:above]
            block = block[above:]
        block.append(line)
    yield block


def _changed(block: Sequence[str], weights: Mapping[str, float]) -> Sequence[str]:
    name = next((str(found[1] or found[2]) for line in block if (found := _NAME.match(line))), "")
    if name not in weights or not any(map(_TABLE.match, block)):
        return block
    if not weights[name]:
        return []
    new = f"{weights[name]:g}"
    old = next((found[2] for line in block if (found := _WEIGHT.match(line))), "")
    said = re.compile(rf"^(\s*#\s*){re.escape(old)}(?=:)")
    return [said.sub(rf"\g<1>{new}", _WEIGHT.sub(rf"\g<1>{new}", line)) for line in block]
