"""Names that a mapping may not give to a field of its own: what expressions and texts say would mean two things."""

from __future__ import annotations

from collections.abc import Collection

from kamsync.decide.decided_names import DECIDED_NAMES, TEMPLATE_NAMES
from kamsync.decide.facts import FACTS
from kamsync.flags import FLAG_PREFIX
from kamsync.model import STREAMS, Stream

# What DECISIONS.md §3 lets an expression say, what templates say besides, and what SQLite calls the number of a row.
_WORDS = frozenset(
    {"and", "or", "not", "is", "in", "between", "like", "glob", "case", "when", "then", "else", "end", "null", "true", "false"}
    | {"as", "cast", "distinct", "escape", "collate", "isnull", "notnull", "if", "none"}
)
_OF_A_ROW = frozenset(("rowid", "oid"))
_FACTS = frozenset(fact.name for fact in FACTS if not fact.mapped_first)
_DECIDED = frozenset((*DECIDED_NAMES, *TEMPLATE_NAMES))


def taken_by(name: str, stream: Stream) -> str:
    """What has the name already, completing "…, which is …"; "" where it is free, as is what is there to be mapped."""
    if name in STREAMS[stream].kinds:
        return ""
    if name in _WORDS:
        return "a word of expressions"
    if name in _OF_A_ROW or name.startswith(FLAG_PREFIX):
        return "a name of the cache's own"
    if stream is Stream.ACCOUNTS and name in _FACTS:
        return "a fact that this program computes"
    if stream is Stream.ACCOUNTS and name in _DECIDED:
        return "what this program decides"
    return ""


def free_name(name: str, stream: Stream, mapped: Collection[str]) -> str:
    """The nearest name that nothing has."""
    found = f"own_{name}"
    while taken_by(found, stream) or found in mapped:
        found = f"own_{found}"
    return found
