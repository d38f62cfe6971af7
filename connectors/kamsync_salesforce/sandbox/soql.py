"""SOQL: text → tree. A real lexer and recursive-descent parser of the part that ordinary clients use (SOQL and SOSL Reference)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .problems import ApiProblem, malformed
from .soql_dates import DATE_FUNCTIONS

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_][\w.]*(?::\d+)?)
    |(?P<operator><=|>=|!=|<>|=|<|>|\(|\)|,))""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})
_FUNCTIONS = {*AGGREGATES, *DATE_FUNCTIONS, "convertcurrency", "tolabel", "format", "day_only"}
_RESERVED = {"from", "where", "group", "order", "limit", "offset", "having", "all", "for", "using", "with"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. `position` counts from 0, as messages say where an error is."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class Constant:
    """kind: text | number | date | datetime | boolean | null | named (TODAY, LAST_N_DAYS:30)."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Item:
    """One thing selected: a path, perhaps inside a function; FIELDS(x) has function "fields"."""

    path: str
    function: str = ""
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition on a field."""

    item: Item
    operator: str  # = != < <= > >= like in not_in
    value: Any  # Constant, a tuple of them, or a Query


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions of which all (`and`) or one (`or`) must hold: Comparison, Junction or Negation."""

    word: Literal["and", "or"]
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """A condition that must not hold."""

    part: Any


@dataclass(frozen=True, slots=True)
class Order:
    """One term of ORDER BY; nulls come first where nothing else is said."""

    item: Item
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT; child subqueries are among its `items`. `where` and `having` are conditions, None for none."""

    items: tuple[Item | Query, ...]
    sobject: str
    where: Any = None
    group_by: tuple[Item, ...] = ()
    having: Any = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
    text: str = ""


def parse(text: str) -> Query:
    """The query's tree; ApiProblem MALFORMED_QUERY where it cannot be read."""
    parser = _Parser(text)
    query = parser.query()
    if parser.peek() is not None:
        raise parser.unexpected()
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def peek(self, ahead: int = 0) -> Token | None:
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def unexpected(self) -> ApiProblem:
        token = self.peek()
        if token is None:
            return malformed(
                f"\n{self._text}\n{' ' * len(self._text)}^\nERROR at Row:1:Column:{len(self._text)}\nunexpected end of query"
            )
        caret = " " * token.position + "^"
        return malformed(f"\n{self._text}\n{caret}\nERROR at Row:1:Column:{token.position + 1}\nunexpected token: '{token.text}'")

    def _word(self, *words: str) -> bool:
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or token.text.lower() != word:
                return False
        self._at += len(words)
        return True

    def _need(self, word: str) -> None:
        if not self._word(word):
            raise self.unexpected()

    def _name(self) -> str:
        token = self.peek()
        if token is None or token.kind != "name":
            raise self.unexpected()
        self._at += 1
        return token.text

    def query(self) -> Query:
        self._need("select")
        items: list[Item | Query] = [self._selected()]
        while self._word(","):
            items.append(self._selected())
        self._need("from")
        sobject = self._name()
        alias = ""
        token = self.peek()
        if token is not None and token.kind == "name" and token.text.lower() not in _RESERVED:
            alias = self._name()
        parts: dict[str, Any] = {}
        if self._word("using", "scope"):
            self._name()
        if self._word("where"):
            parts["where"] = self._condition()
        if self._word("group", "by"):
            grouped = [self._item()]
            while self._word(","):
                grouped.append(self._item())
            parts["group_by"] = tuple(grouped)
        if self._word("having"):
            parts["having"] = self._condition()
        if self._word("order", "by"):
            orders = [self._order()]
            while self._word(","):
                orders.append(self._order())
            parts["order_by"] = tuple(orders)
        if self._word("limit"):
            parts["limit"] = self._whole()
        if self._word("offset"):
            parts["offset"] = self._whole()
        if self._word("all", "rows"):
            parts["all_rows"] = True
        self._word("for", "view") or self._word("for", "reference")
        query = Query(tuple(items), sobject, text=self._text, **parts)
        return _without_alias(query, alias) if alias else query

    def _whole(self) -> int:
        token = self.peek()
        if token is None or token.kind != "number" or not token.text.isdigit():
            raise self.unexpected()
        self._at += 1
        return int(token.text)

    def _selected(self) -> Item | Query:
        if self._word("("):
            inner = self.query()
            self._need(")")
            return inner
        item = self._item()
        token = self.peek()
        if token is not None and token.kind == "name" and token.text.lower() not in _RESERVED:
            return Item(item.path, item.function, self._name())
        return item

    def _item(self) -> Item:
        name = self._name()
        if not self._word("("):
            return Item(name)
        function = name.lower()
        if function == "fields":
            inner = self._name()
            self._need(")")
            return Item(inner.lower(), "fields")
        if function not in _FUNCTIONS:
            raise malformed(f"Unknown function: {name}")
        if self._word(")"):
            if function != "count":
                raise self.unexpected()
            return Item("", "count")
        path = self._name()
        self._need(")")
        return Item(path, function)

    def _order(self) -> Order:
        item = self._item()
        descending = self._word("desc")
        if not descending:
            self._word("asc")
        nulls_last = False
        if self._word("nulls", "last"):
            nulls_last = True
        elif self._word("nulls", "first"):
            nulls_last = False
        return Order(item, descending, nulls_last)

    def _condition(self) -> Any:
        first = self._unit()
        parts, word = [first], ""
        while True:
            token = self.peek()
            found = token.text.lower() if token is not None and token.kind == "name" else ""
            if found not in ("and", "or"):
                break
            if word and found != word:
                raise self.unexpected()  # AND and OR must not be mixed without parentheses
            word = found
            self._at += 1
            parts.append(self._unit())
        if not word:
            return first
        return Junction("and" if word == "and" else "or", tuple(parts))

    def _unit(self) -> Any:
        if self._word("not"):
            return Negation(self._unit())
        if self._word("("):
            inner = self._condition()
            self._need(")")
            return inner
        item = self._item()
        if self._word("like"):
            return Comparison(item, "like", self._literal())
        if self._word("not", "in"):
            return Comparison(item, "not_in", self._list())
        if self._word("in"):
            return Comparison(item, "in", self._list())
        token = self.peek()
        if token is None or token.text not in ("=", "!=", "<>", "<", "<=", ">", ">="):
            raise self.unexpected()
        self._at += 1
        return Comparison(item, "!=" if token.text == "<>" else token.text, self._literal())

    def _list(self) -> Any:
        self._need("(")
        token = self.peek()
        if token is not None and token.text.lower() == "select":
            inner = self.query()
            self._need(")")
            return inner
        values = [self._literal()]
        while self._word(","):
            values.append(self._literal())
        self._need(")")
        return tuple(values)

    def _literal(self) -> Constant:
        token = self.peek()
        if token is None:
            raise self.unexpected()
        self._at += 1
        if token.kind == "text":
            return Constant("text", re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), token.text[1:-1]))
        if token.kind == "number":
            return Constant("number", float(token.text) if re.search(r"[.eE]", token.text) else int(token.text))
        if token.kind in ("date", "datetime"):
            try:
                datetime.fromisoformat(token.text.replace("Z", "+00:00"))
            except ValueError:
                raise malformed(f"Invalid {token.kind}: {token.text}") from None
            return Constant(token.kind, token.text)
        word = token.text.lower()
        if word in ("true", "false"):
            return Constant("boolean", word == "true")
        if word == "null":
            return Constant("null", None)
        if token.kind == "name" and "." not in token.text:
            return Constant("named", token.text.upper())
        self._at -= 1
        raise self.unexpected()


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    stripped = text.rstrip()
    while at < len(stripped):
        match = _TOKEN.match(stripped, at)
        if match is None or match.end() == at:
            found = stripped[at:].lstrip()
            place = len(stripped) - len(found)
            said = "Bind variables only allowed in Apex code" if found.startswith(":") else f"unexpected token: '{found[:1]}'"
            raise malformed(f"\n{text}\n{' ' * place}^\nERROR at Row:1:Column:{place + 1}\n{said}")
        kind = str(match.lastgroup)
        tokens.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return tokens


def _without_alias(query: Query, alias: str) -> Query:
    """`SELECT a.Id FROM Account a` says the same without the alias."""
    prefix = alias.lower() + "."

    def item(one: Item) -> Item:
        path = one.path[len(prefix) :] if one.path.lower().startswith(prefix) else one.path
        return Item(path, one.function, one.alias)

    def condition(one: Any) -> Any:
        match one:
            case Comparison(inner, operator, value):
                return Comparison(item(inner), operator, value)
            case Junction(word, parts):
                return Junction(word, tuple(condition(part) for part in parts))
            case Negation(part):
                return Negation(condition(part))
        return one

    return Query(
        tuple(item(one) if isinstance(one, Item) else one for one in query.items),
        query.sobject,
        condition(query.where),
        tuple(item(one) for one in query.group_by),
        condition(query.having),
        tuple(Order(item(order.item), order.descending, order.nulls_last) for order in query.order_by),
        query.limit,
        query.offset,
        query.all_rows,
        query.text,
    )
