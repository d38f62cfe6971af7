"""The kinds of the values in an expression: what can be compared with what, and what can be a condition (DECISIONS.md §3).

SQLite compares anything with anything and answers something; here an expression that cannot mean what it says is found before
anything is decided by it. Pure: a parsed tree in, its kind out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache

from sqlglot import Dialect, exp

from kamsync.model import Kind

HAS = "has"
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_NUMERIC: tuple[Kind | None, ...] = ("number", "boolean", None)
_TEXTUAL: tuple[Kind | None, ...] = ("text", "date", "instant", None)
_BARE_DATE = re.compile(r"(\d{4})\s*([-/])\s*(\d{1,2})\s*\2\s*(\d{1,2})")
_NAMES: Mapping[Kind | None, str] = {
    "number": "a number", "boolean": "true or false", "text": "a text", "date": "a date", "instant": "a moment", None: "nothing"
}  # fmt: skip


class KindMismatch(Exception):
    """What cannot be meant: the node at fault, a sentence, and its mend. Internal to `decide.expressions`."""

    def __init__(self, node: exp.Expr, what: str, fix: str) -> None:
        super().__init__(what)
        self.node, self.what, self.fix = node, what, fix


@cache
def sqlite() -> Dialect:
    """SQLite's way of writing SQL; made once, because sqlglot makes another for each use of the name."""
    return Dialect.get_or_raise("sqlite")


def kind_of(tree: exp.Expr, columns: Mapping[str, Kind]) -> Kind | None:
    """The kind of the expression's value, None where it is always null. Raises KindMismatch.

    `columns`: every name that the tree reads, with its kind.
    """
    return _Kinds(columns).of(tree)


def check_condition(tree: exp.Expr, columns: Mapping[str, Kind]) -> None:
    """Refuses what is no condition, or is the same for every account. A bare `true` or `false` says so itself, and passes."""
    inner = tree.unnest()
    if isinstance(inner, exp.Boolean):
        return
    _Kinds(columns).condition(tree)
    if tree.find(exp.Column) is None:
        raise KindMismatch(tree, "this is the same for every account", "Compare a fact, or write true.")


class _Kinds:
    """One walk over a tree, each node asked once."""

    def __init__(self, columns: Mapping[str, Kind]) -> None:
        self._columns = columns

    def of(self, node: exp.Expr) -> Kind | None:
        for types, rule in _RULES:
            if isinstance(node, types):
                return rule(self, node)
        raise AssertionError(f"{type(node).__name__} passed the list of allowed nodes and has no kind")

    # -- leaves --------------------------------------------------------------------------------------------------------------

    def column(self, node: exp.Expr) -> Kind | None:
        return self._columns[node.name]

    def literal(self, node: exp.Expr) -> Kind | None:
        return "text" if node.is_string else "number"

    def boolean(self, node: exp.Expr) -> Kind | None:
        return "boolean"

    def null(self, node: exp.Expr) -> Kind | None:
        return None

    def inner(self, node: exp.Expr) -> Kind | None:
        return self.of(node.this)

    # -- numbers and texts ---------------------------------------------------------------------------------------------------

    def arithmetic(self, node: exp.Expr) -> Kind | None:
        bare = _BARE_DATE.fullmatch(node.sql(dialect=sqlite()))
        if bare and isinstance(node, exp.Sub | exp.Div):
            raise _bare_date(node, bare)
        for side in (node.this, node.expression):
            self.number(side)
        return "number"

    def number(self, node: exp.Expr) -> None:
        kind = self.of(node)
        if kind in _NUMERIC:
            return
        mend = (
            "Dates have no arithmetic: use a fact in days, such as days_since_last_won, or compare with a date in quotes."
            if kind in ("date", "instant")
            else f'Map {_shown(node)} with type = "number" if it is one.'
        )
        raise KindMismatch(node, f"{_shown(node)} is {_NAMES[kind]}, no number", mend)

    def numeric(self, node: exp.Expr) -> Kind | None:
        for argument in _arguments(node):
            self.number(argument)
        return "number"

    def text(self, node: exp.Expr) -> None:
        kind = self.of(node)
        if kind not in _TEXTUAL:
            raise KindMismatch(node, f"{_shown(node)} is {_NAMES[kind]}, no text", "Compare it with a number instead.")

    def of_text(self, node: exp.Expr) -> Kind | None:
        self.text(node.this)
        return "text"

    def trim(self, node: exp.Expr) -> Kind | None:
        for argument in _arguments(node):
            self.text(argument)
        return "text"

    def substring(self, node: exp.Expr) -> Kind | None:
        first, *positions = _arguments(node)
        self.text(first)
        for position in positions:
            self.number(position)
        return "text"

    def length(self, node: exp.Expr) -> Kind | None:
        self.text(node.this)
        return "number"

    def alike(self, node: exp.Expr) -> Kind | None:
        return self._one_kind(_arguments(node))

    # -- conditions ----------------------------------------------------------------------------------------------------------

    def condition(self, node: exp.Expr) -> None:
        """Refuses what SQLite would turn into a number to see whether it is true."""
        kind = self.of(node)
        if kind in ("number", "boolean"):
            return
        mend = (
            "Compare it with a value in quotes." if kind == "text" else "Write IS NOT NULL, or compare it with a date in quotes."
        )
        what = f"{_shown(node)} is {_NAMES[kind]}" if kind else f"{_shown(node)} is never true"
        raise KindMismatch(node, f"{what}, no condition", mend)

    def logic(self, node: exp.Expr) -> Kind | None:
        sides = [side for side in (node.this, node.args.get("expression")) if side is not None]
        for side in sides:
            if isinstance(side.unnest(), exp.Boolean):
                raise KindMismatch(side, f"{_shown(side)} is the same for every account", "Leave it out.")
            self.condition(side)
        return "boolean"

    def comparison(self, node: exp.Expr) -> Kind | None:
        sides = [node.this, node.expression]
        self._one_kind(sides)
        for side in sides:
            if isinstance(side.unnest(), exp.Null):
                raise KindMismatch(node, "a comparison with null is never true", "Write IS NULL or IS NOT NULL.")
        self._differs(node, sides)
        return "boolean"

    def is_(self, node: exp.Expr) -> Kind | None:
        left, right = node.this, node.expression
        if isinstance(right.unnest(), exp.Null):
            self.of(left)
        elif isinstance(right.unnest(), exp.Boolean):
            self.condition(left)
        else:
            self._one_kind([left, right])
        self._differs(node, [left, right])
        return "boolean"

    def in_(self, node: exp.Expr) -> Kind | None:
        for value in node.expressions:
            self._one_kind([node.this, value])
        self._differs(node, [node.this, *node.expressions])
        return "boolean"

    def between(self, node: exp.Expr) -> Kind | None:
        bounds = [node.args["low"], node.args["high"]]
        for bound in bounds:
            self._one_kind([node.this, bound])
        self._differs(node, [node.this, *bounds])
        return "boolean"

    def like(self, node: exp.Expr) -> Kind | None:
        self.text(node.this)
        self.text(node.expression)
        self._differs(node, [node.this, node.expression])
        return "boolean"

    def has(self, node: exp.Expr) -> Kind | None:
        wanted, value = node.expressions
        if self.of(wanted) not in ("text", None):
            raise KindMismatch(wanted, f"{_shown(wanted)} is no list of texts", "has() asks a multi-select field for one value.")
        literal = value.unnest()
        if not (isinstance(literal, exp.Literal) and literal.is_string and literal.name.strip() and ";" not in literal.name):
            raise KindMismatch(value, "has() wants one value in quotes", "Write it like has(segments, 'ent').")
        self._differs(node, [wanted, value])
        return "boolean"

    def case(self, node: exp.Expr) -> Kind | None:
        results = []
        for branch in node.args["ifs"]:
            if node.this is None:
                self._decides(branch.this)
            else:
                self._one_kind([node.this, branch.this])
            results.append(branch.args["true"])
        if node.args.get("default") is not None:
            results.append(node.args["default"])
        return self._one_kind(results)

    def iif(self, node: exp.Expr) -> Kind | None:
        self._decides(node.this)
        return self._one_kind([node.args["true"], node.args["false"]])

    # -- helpers of the rules ------------------------------------------------------------------------------------------------

    def _decides(self, condition: exp.Expr) -> None:
        self.condition(condition)
        if condition.find(exp.Column) is None:
            raise KindMismatch(condition, "this is the same for every account", "Compare a fact here.")

    def _differs(self, node: exp.Expr, sides: Sequence[exp.Expr]) -> None:
        """A comparison that reads no fact, or compares a thing with itself, is the same for every account."""
        first, *others = sides
        if node.find(exp.Column) is None or any(first == other for other in others):
            raise KindMismatch(node, f"{_shown(node)} is the same for every account", "Compare a fact with another value.")

    def _one_kind(self, nodes: Sequence[exp.Expr]) -> Kind | None:
        """The kind that all of them have; a text in quotes is a date beside dates."""
        found: Kind | None = None
        holder: exp.Expr | None = None
        kinds = [(node, self.of(node)) for node in nodes]
        for node, kind in sorted(kinds, key=lambda one: _is_text_literal(one[0])):  # facts first, then texts in quotes
            if kind is None:
                continue
            if holder is None or found == kind:
                found, holder = kind, holder or node
            elif {found, kind} == {"number", "boolean"}:
                found = "number"
            elif not (found in ("date", "instant") and _is_text_literal(node)):
                raise _across(holder, found, node, kind)
            elif not _is_moment(node.unnest().name, found):
                raise KindMismatch(node, f"{_shown(node)} is no date", "Write it as 'YYYY-MM-DD'.")
        return found


def _across(left: exp.Expr, left_kind: Kind | None, right: exp.Expr, right_kind: Kind | None) -> KindMismatch:
    what = f"{_shown(left)} is {_NAMES[left_kind]}, {_shown(right)} is {_NAMES[right_kind]}"
    by_kind = {left_kind: left, right_kind: right}
    if "date" in by_kind or "instant" in by_kind:
        number = by_kind.get("number")
        mend = (
            "Write the date in quotes: '2024-01-31'."
            if number is not None
            else "Compare a date with a date in quotes: '2024-01-31'."
        )
    elif "boolean" in by_kind:
        mend = "Compare it with true or false."
    elif _is_text_literal(by_kind["text"]):
        mend = "Write the number without quotes."
    else:
        mend = f'Map {_shown(by_kind["text"])} with type = "number" if it is one, or write the value in quotes.'
    return KindMismatch(right, what, mend)


def _bare_date(node: exp.Expr, bare: re.Match[str]) -> KindMismatch:
    year, sign, month, day = bare.groups()
    does = "a subtraction" if sign == "-" else "a division"
    return KindMismatch(
        node,
        f"{year}{sign}{month}{sign}{day} is {does}, no date",
        f"Write the date in quotes: '{year}-{int(month):02d}-{int(day):02d}'.",
    )


def _shown(node: exp.Expr) -> str:
    return node.name if isinstance(node, exp.Column) else node.sql(dialect=sqlite())[:60].replace('"', "")


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    for value in node.args.values():
        found += value if isinstance(value, list) else [value] if isinstance(value, exp.Expr) else []
    return found


def _is_text_literal(node: exp.Expr) -> bool:
    inner = node.unnest()
    return isinstance(inner, exp.Literal) and bool(inner.is_string)


def _is_moment(text: str, kind: Kind) -> bool:
    try:
        if len(text) == 10:  # not 2024-W01-1, which Python reads too
            return text[4] == "-" and date.fromisoformat(text).isoformat() == text
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return kind == "instant" and len(text) > 10


_Rule = Callable[[_Kinds, exp.Expr], Kind | None]
_RULES: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], _Rule], ...] = (
    (exp.Column, _Kinds.column),
    (exp.Literal, _Kinds.literal),
    (exp.Boolean, _Kinds.boolean),
    (exp.Null, _Kinds.null),
    (exp.Paren, _Kinds.inner),
    (exp.Neg, _Kinds.numeric),
    (_ARITHMETIC, _Kinds.arithmetic),
    (_COMPARISONS, _Kinds.comparison),
    ((exp.And, exp.Or, exp.Not), _Kinds.logic),
    (exp.Is, _Kinds.is_),
    (exp.In, _Kinds.in_),
    (exp.Between, _Kinds.between),
    (exp.Like, _Kinds.like),
    (exp.Case, _Kinds.case),
    (exp.If, _Kinds.iif),
    ((exp.Coalesce, exp.Nullif, exp.Min, exp.Max, exp.Least, exp.Greatest), _Kinds.alike),
    ((exp.Abs, exp.Round), _Kinds.numeric),
    ((exp.Lower, exp.Upper), _Kinds.of_text),
    (exp.Trim, _Kinds.trim),
    (exp.Length, _Kinds.length),
    (exp.Substring, _Kinds.substring),
    (exp.Anonymous, _Kinds.has),
)
