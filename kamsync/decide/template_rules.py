"""What the templates of tasks may say: read, checked and named, before any account is there. Pure.

Nothing that defines, calls, assigns or loads; and what Python would do with a value, held to what a task carries.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kamsync.decide.template_limits import check_sum

MAX_DEPTH = 60  # levels of a text's tree; Python reads no more than 100 of its own
# Nothing that defines, calls, assigns or loads: every text is at most as long as its facts and its own words make it.
_NODES = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Concat,
    nodes.Filter,
    nodes.Test,
    nodes.Getattr,
    nodes.List,
    nodes.Tuple,
    nodes.Keyword,
)
FILTERS = frozenset(
    ("abs", "capitalize", "d", "default", "first", "float", "int", "join", "last", "length", "lower", "round", "sort", "title")
) | frozenset(("trim", "truncate", "unique", "upper", "wordcount", "number", "percent", "day", "money"))


class Sandbox(ImmutableSandboxedEnvironment):
    """Also refuses to repeat or to pad text, and to add up to more of it than a task could carry."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The operation. Raises SecurityError where it would repeat, ValueError where it adds up to too much."""
        if operator == "+":
            check_sum(left, right)
        elif operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            raise SecurityError(f"{operator} works on numbers only here, and ** not at all")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Only a loop has parts. Those of other values are Python's own, which say something else in each run."""
        found = super().getattr(obj, attribute)
        is_part = isinstance(found, Undefined) or (isinstance(obj, LoopContext) and not callable(found))
        return found if is_part else self.undefined(obj=obj, name=attribute)


@lru_cache(maxsize=4_096)
def read(text: str) -> frozenset[str]:
    """The names that a text reads. Raises TemplateError where it cannot be used, RecursionError where it is nested too deeply."""
    parsed = _PARSER.parse(text)
    _check_depth(parsed)
    _check_nodes(parsed)
    return frozenset(_names(parsed, frozenset()))


_PARSER = Sandbox(autoescape=False)
ALLOWED = "Templates can use facts, if, one for at a time, and the filters " + ", ".join(sorted(FILTERS)) + "."


def _check_depth(parsed: nodes.Template) -> None:
    """Raises RecursionError where neither Python nor we could follow."""
    depth, level = 0, [parsed]
    while level:
        depth, level = depth + 1, [child for node in level for child in node.iter_child_nodes()]  # type: ignore[misc]  # nodes
        if depth > MAX_DEPTH:
            raise RecursionError


def _check_nodes(parsed: nodes.Template) -> None:
    """Refuses what could make a text without end, or run long: calls, definitions, loops in loops, filters that pad."""
    for node in parsed.find_all(nodes.Node):
        what = ""
        if not isinstance(node, _NODES):
            what = f"{type(node).__name__.lower()} is not allowed"
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            what = f"there is no filter {node.name!r}{_nearest(node.name, FILTERS)}"
        elif isinstance(node, nodes.Test) and node.name not in _PARSER.tests:
            what = f"there is no test {node.name!r}{_nearest(node.name, _PARSER.tests)}"
        elif isinstance(node, nodes.For) and (node.recursive or any(node.find_all(nodes.For))):
            what = "a for stands inside another"
        elif isinstance(node, nodes.For) and "loop" in _targets(node):
            what = "loop cannot be a name of one's own"
        if what:
            raise TemplateError(f"line {node.lineno} of the template: {what}")


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _targets(loop: nodes.For) -> frozenset[str]:
    """The names that a loop gives to what it goes through."""
    return frozenset(one.name for one in (loop.target, *loop.target.find_all(nodes.Name)) if isinstance(one, nodes.Name))


def _names(node: nodes.Node, bound: frozenset[str]) -> Iterator[str]:
    """The names that are read here and that no loop around it has given."""
    if isinstance(node, nodes.Name):
        if node.name not in bound:
            yield node.name
    elif isinstance(node, nodes.For):
        inside = bound | _targets(node)
        parts = [(node.iter, bound), *((part, bound) for part in node.else_), *((part, inside | {"loop"}) for part in node.body)]
        parts += [] if node.test is None else [(node.test, inside)]
        for part, names in parts:
            yield from _names(part, names)
    else:
        for child in node.iter_child_nodes():
            yield from _names(child, bound)
