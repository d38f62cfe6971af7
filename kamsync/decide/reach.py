"""Finds conditions that hold for no account whatever it is like, and occurrences that come again while their trigger lasts. Pure.

`tier_rank = 1 and tier_rank = 2` passes as SQL and never fires, and nobody would know. What is found is certain: a condition that
is too wide to be looked through (`MOST_BRANCHES`), or whose parts say more than a fact against a value, may hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf
from types import MappingProxyType

from sqlglot import exp

from kamsync.decide.expressions import read_condition, refused_at
from kamsync.decide.facts import unit_of
from kamsync.decide.place import Expression, Place
from kamsync.errors import ConfigError
from kamsync.flags import LIGHTS, SEGMENTS
from kamsync.model import Kind

MOST_BRANCHES = 64
PERIOD_DAYS: Mapping[str, int] = MappingProxyType({"month": 31, "quarter": 92, "year": 366})
# What can be other tomorrow though nothing happened: named as an occurrence it would make a task every day or so.
_MOVE_BY_THEMSELVES = frozenset(("days", "percent"))
_OPPOSITE: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE, exp.EQ: exp.EQ, exp.NEQ: exp.NEQ,
}  # fmt: skip


@dataclass(slots=True)
class _Range:
    """What a fact may still be: a number between two ends (which belong to it unless open), one of some words; null, or not."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False
    words: frozenset[str] | None = None
    not_words: set[str] = field(default_factory=set)
    null: bool | None = None

    @property
    def is_empty(self) -> bool:
        if self.null:
            return self.null is True and self.is_bound
        if self.words is not None and not self.words - self.not_words:
            return True
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    is_bound: bool = False  # compared with something, so that it cannot be null

    def at_least(self, value: float, *, is_open: bool) -> None:
        if value > self.low or (value == self.low and is_open):
            self.low, self.low_open = value, is_open

    def at_most(self, value: float, *, is_open: bool) -> None:
        if value < self.high or (value == self.high and is_open):
            self.high, self.high_open = value, is_open

    def one_of(self, words: frozenset[str]) -> None:
        self.words = words if self.words is None else self.words & words


def never_holds(condition: Expression, columns: Mapping[str, Kind], tiers: int) -> bool:
    """Whether it is certain that the condition holds for no account of a programme with so many tiers."""
    return _contradiction(condition, columns, tiers) is not None


def _contradiction(condition: Expression, columns: Mapping[str, Kind], tiers: int) -> tuple[exp.Expr, str] | None:
    """The first part that makes it so, and why; None where it may hold."""
    failing = [_first_contradiction(branch, tiers) for branch in _branches(read_condition(condition, columns))]
    found = [one for one in failing if one is not None]
    return found[0] if found and len(found) == len(failing) else None


def check_reachable(condition: Expression, columns: Mapping[str, Kind], tiers: int) -> None:
    """Raises ConfigError, with a caret, for a condition that holds for no account of a programme with so many tiers."""
    found = _contradiction(condition, columns, tiers)
    if found is not None:
        node, what = found
        raise refused_at(
            condition,
            node,
            columns,
            f"this never holds: {what}",
            "Mend the condition: the playbook would never fire.",
        )


def check_occurrence(every: str, condition: Expression, columns: Mapping[str, Kind], place: Place) -> None:
    """Raises ConfigError where one trigger makes several occurrences: a value that moves by itself, too short a period."""
    fact = every.partition(":")[2]
    if fact and unit_of(fact) in _MOVE_BY_THEMSELVES:
        raise ConfigError(
            f"{place}: every = {every!r}: {fact} is another one tomorrow, so that each day would bring the tasks again.",
            fix=f'Name what it is counted from, such as value:{_stands_for(fact)}, or a period such as every = "quarter".',
        )
    period = PERIOD_DAYS.get(every)
    if period is None:
        return
    for branch in _branches(read_condition(condition, columns)):
        for name, one in _ranges(branch, 0)[0].items():
            if unit_of(name) == "days" and -inf < one.low and one.high - one.low > period and one.high < inf:
                raise ConfigError(
                    f"{place}: every = {every!r}, and the playbook fires for {one.high - one.low:.0f} days on end ({name} from"
                    f" {one.low:.0f} to {one.high:.0f}), so that the same {_stands_for(name)} would bring the tasks again.",
                    fix=f'Write every = "value:{_stands_for(name)}": once for each.',
                )


def _stands_for(name: str) -> str:
    """The date that a number of days is counted from."""
    if name == "days_to_renewal":
        return "next_renewal_date"
    rest = name.removeprefix("days_since_")
    return f"{rest}_date" if rest.startswith("last_") else "next_renewal_date"


def _branches(tree: exp.Expr) -> Iterator[tuple[exp.Expr, ...]]:
    """The ways in which the condition may hold, each a list of parts that all have to; none where there are too many."""
    found = _alternatives(tree)
    return iter(found if found is not None else ())


def _alternatives(tree: exp.Expr) -> list[tuple[exp.Expr, ...]] | None:
    tree = tree.unnest()
    if isinstance(tree, exp.And | exp.Or):
        left, right = _alternatives(tree.this), _alternatives(tree.expression)
        if left is None or right is None:
            return None
        both = [*left, *right] if isinstance(tree, exp.Or) else [(*one, *other) for one, other in product(left, right)]
        return both if len(both) <= MOST_BRANCHES else None
    return [(tree,)]


def _first_contradiction(parts: Sequence[exp.Expr], tiers: int) -> tuple[exp.Expr, str] | None:
    ranges, failed = _ranges(parts, tiers)
    if failed is not None:
        return failed, _said(failed, tiers)
    true = {part.name: part for part in parts if isinstance(part, exp.Column)}
    rank = ranges.get("tier_rank")
    if {"entered", "left"} <= true.keys():
        return true["left"], "an account does not enter a tier and leave one on the same run"
    if "left" in true and rank is not None and rank.high < 2:
        return true["left"], "nobody falls into the best tier"
    if "entered" in true and rank is not None and rank.null:
        return true["entered"], "whoever enters a tier has one"
    return None


def _ranges(parts: Sequence[exp.Expr], tiers: int) -> tuple[dict[str, _Range], exp.Expr | None]:
    """What the parts leave of each fact, and the part that leaves nothing."""
    ranges: dict[str, _Range] = {}
    for part in parts:
        for name in {column.name for column in part.find_all(exp.Column)}:
            ranges.setdefault(name, _of_all(name, tiers))
        _narrow(ranges, part)
        if any(one.is_empty for one in ranges.values()):
            return ranges, part
    return ranges, None


def _of_all(name: str, tiers: int) -> _Range:
    """What a fact can be at all."""
    if name == "tier_rank":
        return _Range(1, tiers or inf)
    if name in ("score", "score_30d_ago", "score_90d_ago"):
        return _Range(0, 100)
    if name in ("health", "previous_health"):
        return _Range(words=frozenset(LIGHTS))
    if name == "segment":
        return _Range(words=frozenset(SEGMENTS))
    if name.startswith("days_since_") or unit_of(name) in ("count", "months"):
        return _Range(0)
    return _Range()


def _narrow(ranges: Mapping[str, _Range], part: exp.Expr) -> None:
    if isinstance(part, exp.Is) and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Null):
        ranges[part.this.name].null = True
    elif isinstance(part, exp.Between) and isinstance(part.this, exp.Column):
        low, high = _number(part.args["low"]), _number(part.args["high"])
        if low is not None and high is not None:
            _bound(ranges[part.this.name]).at_least(low, is_open=False)
            ranges[part.this.name].at_most(high, is_open=False)
    elif isinstance(part, exp.In) and isinstance(part.this, exp.Column):
        words = [one.name for one in part.expressions if one.is_string]
        if len(words) == len(part.expressions):
            _bound(ranges[part.this.name]).one_of(frozenset(words))
    elif isinstance(part, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
        _compare(ranges, part)


def _compare(ranges: Mapping[str, _Range], part: exp.Expr) -> None:
    left, right, kind = part.this.unnest(), part.expression.unnest(), type(part)
    if isinstance(right, exp.Column) and not isinstance(left, exp.Column):
        left, right, kind = right, left, _OPPOSITE[kind]
    if not isinstance(left, exp.Column):
        return
    one = ranges[left.name]
    if isinstance(right, exp.Literal) and right.is_string:
        if kind is exp.EQ:
            _bound(one).one_of(frozenset((right.name,)))
        elif kind is exp.NEQ:
            _bound(one).not_words.add(right.name)
        return
    value = _number(right)
    if value is None:
        return
    _bound(one)
    if kind in (exp.EQ, exp.GT, exp.GTE):
        one.at_least(value, is_open=kind is exp.GT)
    if kind in (exp.EQ, exp.LT, exp.LTE):
        one.at_most(value, is_open=kind is exp.LT)


def _bound(one: _Range) -> _Range:
    one.is_bound = True
    return one


def _number(node: exp.Expr) -> float | None:
    node = node.unnest()
    if isinstance(node, exp.Neg):
        inner = _number(node.this)
        return None if inner is None else -inner
    return float(node.name) if isinstance(node, exp.Literal) and not node.is_string else None


def _said(part: exp.Expr, tiers: int) -> str:
    names = sorted({column.name for column in part.find_all(exp.Column)})
    name = names[0] if names else "it"
    if name == "tier_rank" and tiers:
        return f"tier_rank is {'1' if tiers == 1 else f'1 to {tiers}'} in this programme, one at a time, or null"
    if name in ("health", "previous_health"):
        return f"{name} is one of {', '.join(sorted(LIGHTS))}, and only one at a time"
    if name == "segment":
        return f"segment is one of {', '.join(sorted(SEGMENTS))}, and only one at a time"
    return f"{name} cannot be all that is asked of it"
