"""Expressions over facts: parsed, checked against a closed list, compiled to SQLite (DECISIONS.md §3).

Nothing but the named columns, the listed operators and functions passes, so an expression cannot reach a file, the network or
another table. A mistake is a ConfigError with its place, a caret under it, and the nearest known name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from kamsync.decide.kinds import HAS, KindMismatch, check_condition, kind_of, sqlite
from kamsync.decide.place import Expression
from kamsync.errors import ConfigError
from kamsync.model import Kind

FUNCTIONS = (
    "coalesce", "nullif", "iif", "abs", "round", "min", "max", "lower", "upper", "trim", "length", "substr",
    HAS,
)  # fmt: skip
_OPERATORS: tuple[type[exp.Expr], ...] = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Paren,
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.And, exp.Or, exp.Not,
    exp.Is, exp.In, exp.Between, exp.Like, exp.Case, exp.If,
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null,
)  # fmt: skip
# How sqlglot names the functions above, with the numbers of arguments that they take.
_FUNCTION_NODES: Mapping[type[exp.Expr], tuple[str, int, int]] = {
    exp.Coalesce: ("coalesce", 2, 100),
    exp.Nullif: ("nullif", 2, 2),
    exp.Abs: ("abs", 1, 1),
    exp.Round: ("round", 1, 2),
    exp.Min: ("min", 2, 100),
    exp.Max: ("max", 2, 100),
    exp.Least: ("min", 2, 100),
    exp.Greatest: ("max", 2, 100),
    exp.Lower: ("lower", 1, 1),
    exp.Upper: ("upper", 1, 1),
    exp.Trim: ("trim", 1, 2),
    exp.Length: ("length", 1, 1),
    exp.Substring: ("substr", 2, 3),
}
_TOKENS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\d[\d.]*(?:[eE][+-]?\d+)?|[A-Za-z_]\w*")
_KEYWORDS = frozenset(
    ("and", "or", "not", "is", "null", "in", "between", "like", "case", "when", "then", "else", "end", "true", "false")
)
MAX_LENGTH = 4_000
MAX_DEPTH = 100  # SQLite refuses an expression of depth 1000; nobody can read one of 100


# What an expression stands for: a condition is true or false; a criterion's value may be anything.
Role = Literal["value", "condition"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL over the facts table, the columns that it reads in the order of their first appearance, and its value's kind.

    `kind` is None where the value is always null.
    """

    sql: str
    columns: tuple[str, ...]
    kind: Kind | None = None


def compile_expression(expression: Expression, columns: Mapping[str, Kind], role: Role = "value") -> Compiled:
    """The expression as SQLite SQL over `columns` (name → kind).

    Raises ConfigError with place, caret, mend and the nearest name where it is refused.
    """
    try:
        return _compile_text(expression.text, frozenset(columns.items()), role)
    except ConfigError:
        return _compile(expression, columns, role)  # says where


# A programme is tried again and again with another weight (the console's lab), and reads what it read before.
@lru_cache(maxsize=2_048)
def _compile_text(text: str, columns: frozenset[tuple[str, Kind]], role: Role) -> Compiled:
    return _compile(Expression(text), dict(columns), role)


def _compile(expression: Expression, columns: Mapping[str, Kind], role: Role) -> Compiled:
    text = expression.text
    if len(text) > MAX_LENGTH:
        raise _refused(expression, 0, f"it is longer than {MAX_LENGTH} characters", "Split it into several criteria or rules.")
    bare = _TOKENS.sub(lambda match: " " * len(match[0]), text)
    signs = [at for sign in (";", "--", "/*") if (at := bare.find(sign)) >= 0]
    if signs:
        raise _refused(expression, min(signs), "statements and comments are not allowed", "Write one expression over facts.")
    _check_names(expression, columns)
    tree = _parse(expression, columns)
    _check_nodes(expression, tree, columns)
    kind = _check_kinds(expression, tree, columns, role)
    names = dict.fromkeys(column.name for column in tree.find_all(exp.Column, bfs=False))
    return Compiled(_with_real_division(_with_lists_searched(tree)).sql(dialect=sqlite()), tuple(names), kind)


def read_condition(condition: Expression, columns: Mapping[str, Kind]) -> exp.Expr:
    """The tree of a condition that `compile_expression` has passed."""
    return _parse(condition, columns)


def refused_at(expression: Expression, node: exp.Expr, columns: Mapping[str, Kind], what: str, fix: str) -> ConfigError:
    """The error for a part of an expression's tree, with its place, the line and a caret under it."""
    return _refused(expression, _position(expression, node, columns), what, fix)


def parts_of(condition: Expression, columns: Mapping[str, Kind]) -> tuple[Expression, ...]:
    """The conditions that must all hold for this one to hold, each by itself; the whole where it is not joined by `and`."""
    trees, parts = [_parse(condition, columns)], []
    while trees:
        tree = trees.pop()
        if isinstance(tree, exp.Paren) and isinstance(tree.this, exp.And | exp.Paren):
            trees.append(tree.this)
        elif isinstance(tree, exp.And):
            trees += [tree.expression, tree.this]
        else:
            parts.append(Expression(_text_of(tree), condition.place))
    return tuple(parts)


def names_in(text: str) -> tuple[str, ...]:
    """The words of an expression that are neither text, keyword nor function call."""
    found = []
    for match in _TOKENS.finditer(text):
        word = match[0]
        if not _is_word(word) or _is_call(text, match.end()):
            continue
        found.append(word.strip('"'))
    return tuple(dict.fromkeys(found))


def _check_names(expression: Expression, columns: Collection[str]) -> None:
    for match in _TOKENS.finditer(expression.text):
        word = match[0]
        if not _is_word(word):
            continue
        if _is_call(expression.text, match.end()):
            if word.lower() not in FUNCTIONS:
                raise _unknown(expression, match.start(), "function", word, FUNCTIONS)
        elif word.strip('"') not in columns:
            raise _unknown(expression, match.start(), "name", word.strip('"'), columns)


def _is_word(token: str) -> bool:
    """A name or a function: no text, no number, no keyword."""
    return token[0] != "'" and not token[0].isdigit() and token.lower() not in _KEYWORDS


def _is_call(text: str, end: int) -> bool:
    return text[end:].lstrip().startswith("(")


def _parse(expression: Expression, columns: Collection[str]) -> exp.Expr:
    """Known names are quoted first: `left`, `type` and `values` are facts here, whatever SQL makes of them."""
    quoted_at: list[int] = []

    def quote(match: re.Match[str]) -> str:
        word = match[0]
        if word in columns and not _is_call(expression.text, match.end()):
            quoted_at.append(match.start() + 2 * len(quoted_at))
            return f'"{word}"'
        return word

    quoted = _TOKENS.sub(quote, expression.text)
    try:
        trees = sqlglot.parse(quoted, dialect=sqlite())
    except RecursionError as error:
        raise _too_deep(expression) from error
    except SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        lines_before = quoted.split("\n")[: int(details[0].get("line") or 1) - 1]
        in_line = int(details[0].get("col") or 1) - len(str(details[0].get("highlight") or ""))
        at = sum(len(line) + 1 for line in lines_before) + max(in_line, 0)
        at -= 2 * sum(start < at for start in quoted_at)
        what = str(details[0].get("description") or "it cannot be read").rstrip(".")
        if "<class" in what:  # the parser's own words are about its classes
            what = "something is missing here"
        raise _refused(expression, max(at, 0), what, "See docs/decisions.md for what an expression may say.") from error
    if len(trees) != 1 or trees[0] is None:
        raise _refused(expression, 0, "it is not one expression", "Write one expression over facts.")
    return trees[0]


def _check_nodes(expression: Expression, tree: exp.Expr, columns: Collection[str]) -> None:
    if _depth(tree) > MAX_DEPTH:
        raise _too_deep(expression)
    for node in tree.walk():
        allowed = _FUNCTION_NODES.get(type(node))
        if isinstance(node, exp.Anonymous) and node.name.lower() == HAS:
            allowed = (HAS, 2, 2)
        if allowed is not None:
            name, least, most = allowed
            count = sum(len(v) if isinstance(v, list) else isinstance(v, exp.Expr) for v in node.args.values())
            if not least <= count <= most:
                wanted = f"{least} argument{'s' if least > 1 else ''}" if least == most else f"{least} arguments or more"
                raise _refused(expression, _find(expression, name), f"{name}() takes {wanted}", "Mend the call.")
        elif not isinstance(node, _OPERATORS) or (isinstance(node, exp.In) and node.args.get("query") is not None):
            what = node.sql(dialect=sqlite())[:40]
            raise _refused(
                expression, _find(expression, what), f"{what!r} is not allowed here", f"Functions: {', '.join(FUNCTIONS)}."
            )
        if isinstance(node, exp.If) and not isinstance(node.parent, exp.Case) and node.args.get("false") is None:
            raise _refused(expression, _find(expression, "iif"), "iif() takes 3 arguments", "Mend the call.")
        # [industry] would pass as the text "industry": only a name of the list, as we quoted it, is a fact.
        if isinstance(node, exp.Column) and (node.table or not node.this.quoted or node.name not in columns):
            name = node.name.strip('"')
            what = f"{name!r} stands alone, without brackets or dots" if name in columns else f"{name!r} is no fact"
            raise _refused(expression, _find(expression, name), what, "`kamsync facts` lists the names as they are written.")


def _check_kinds(expression: Expression, tree: exp.Expr, columns: Mapping[str, Kind], role: Role) -> Kind | None:
    try:
        if role == "condition":
            check_condition(tree, columns)
        return kind_of(tree, columns)
    except KindMismatch as mismatch:
        raise _refused(expression, _position(expression, mismatch.node, columns), mismatch.what, mismatch.fix) from mismatch


def _position(expression: Expression, node: exp.Expr, columns: Collection[str]) -> int:
    """Where the node begins in the text as it was written: the parser saw two quotes more for each known name before it."""
    starts = [int(leaf.meta["start"]) for leaf in node.walk() if "start" in leaf.meta]
    if not starts:
        return _find(expression, _text_of(node))
    at = min(starts)
    for match in _TOKENS.finditer(expression.text):
        if match.start() >= at:
            break
        if match[0] in columns and not _is_call(expression.text, match.end()):
            at -= 2
    return max(at, 0)


def _text_of(node: exp.Expr) -> str:
    return node.sql(dialect=sqlite()).replace('"', "")


def _depth(tree: exp.Expr) -> int:
    """Levels of the tree, without recursion."""
    deepest, level = 0, [tree]
    while level:
        deepest, level = deepest + 1, [child for node in level for child in node.iter_expressions()]
    return deepest


def _too_deep(expression: Expression) -> ConfigError:
    return _refused(expression, 0, "it is nested too deeply", "Split it into several criteria or rules.")


def _with_lists_searched(tree: exp.Expr) -> exp.Expr:
    """has(list, 'v') as a search for `;v;` between the list's separators: both CRMs store a multi-select as `a;b;c`."""
    for node in list(tree.find_all(exp.Anonymous, bfs=False)):
        wanted, value = node.expressions
        bare = exp.Anonymous(this="replace", expressions=[wanted.copy(), exp.Literal.string("; "), exp.Literal.string(";")])
        separator = exp.Literal.string(";")
        whole = exp.DPipe(this=exp.DPipe(this=separator, expression=bare), expression=separator.copy())
        needle = exp.Literal.string(f";{value.unnest().name.strip()};")
        found = exp.Paren(
            this=exp.GT(this=exp.Anonymous(this="instr", expressions=[whole, needle]), expression=exp.Literal.number(0))
        )
        if node is tree:
            return found
        node.replace(found)
    return tree


def _with_real_division(tree: exp.Expr) -> exp.Expr:
    """`/` is real division, and by zero it is null. Innermost first, so that a / b / c is real all through."""
    for node in reversed(list(tree.find_all(exp.Div, bfs=False))):
        left = exp.Cast(this=node.this.copy(), to=exp.DataType.build("REAL", dialect=sqlite()))
        right = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
        real = exp.Paren(this=exp.Div(this=left, expression=right, typed=True))
        if node is tree:
            return real
        node.replace(real)
    return tree


def _find(expression: Expression, what: str) -> int:
    return max(expression.text.lower().find(what.lower()), 0)


def _unknown(expression: Expression, at: int, kind: str, word: str, known: Collection[str]) -> ConfigError:
    near = get_close_matches(word.lower(), known, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    where = (
        "`kamsync facts` lists them; a field of your own must be mapped first."
        if kind == "name"
        else f"Functions: {', '.join(known)}."
    )
    return _refused(expression, at, f"unknown {kind} {word!r}", hint + where)


def _refused(expression: Expression, at: int, what: str, fix: str) -> ConfigError:
    """The message shows the line of the expression with a caret under the place."""
    line_start = expression.text.rfind("\n", 0, at) + 1
    line = expression.text[line_start:].split("\n", 1)[0]
    caret = " " * (at - line_start) + "^"
    place = f"{expression.place}: " if str(expression.place) else ""
    return ConfigError(f"{place}{what}\n    {line}\n    {caret}", fix=fix)
