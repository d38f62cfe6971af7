"""The scales: each is one class with its rule, its shape in TOML, its line in the documentation and its column arithmetic.

DECISIONS.md §4. A new scale is a class here, entered in SCALES, and its row in docs/decisions.md; everything else derives. Pure.
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, ClassVar, Self

from kamsync.decide.fact import FactValue
from kamsync.decide.place import Expression, Place
from kamsync.model import Kind

Scaler = Callable[[FactValue], float | None]
LEAST, MOST = 0.0, 100.0


class ScaleRefused(ValueError):
    """A scale's table that says nothing sound; the text says what is wrong, for people."""


@dataclass(frozen=True, slots=True)
class Scale(ABC):
    """From a value to 0…100.

    `key` names the scale in TOML, `options` the keys that may stand beside it. `shape` and `rule` are its row in the
    documentation. `kinds`: of the values that it can tell apart.
    """

    key: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()
    shape: ClassVar[str]
    rule: ClassVar[str]
    kinds: ClassVar[tuple[Kind, ...]] = ("number", "boolean", "text")  # a text may hold a number

    @classmethod
    @abstractmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        """The scale from its TOML table, whose keys are known. Raises ScaleRefused."""

    @abstractmethod
    def table(self) -> Mapping[str, Any]:
        """The TOML table that `read` makes this of."""

    @abstractmethod
    def scaler(self) -> Scaler:
        """A function from a value to 0…100, made once for a criterion; None where the value is none for this scale.

        A scale that compares accounts (see `among`) is given what `among` made of the value.
        """

    def expressions(self) -> tuple[Expression, ...]:
        """The expressions that it reads beside the criterion's value."""
        return ()

    def among(self, values: Sequence[FactValue], groups: Sequence[FactValue] | None) -> list[float | None] | None:
        """Each of all accounts' values (None: not eligible, or unknown) seen among the others; None where that plays no part."""
        return None

    @property
    def compares(self) -> bool:
        """Whether an account's score depends on the other accounts."""
        return type(self).among is not Scale.among

    def for_kind(self, kind: Kind | None) -> Scale:
        """The scale for values of this kind. Raises ScaleRefused where it can say nothing of them."""
        if kind is not None and kind not in self.kinds:
            raise ScaleRefused(f"{self.key} scales numbers, and this value is a {kind}")
        return self


def _by_number(of_number: Callable[[float], float]) -> Scaler:
    """The rule for numbers, applied to whatever is one; unknown where it is none, or has no end."""

    def scaled(value: FactValue) -> float | None:
        kind = type(value)
        if kind is not float and kind is not int:
            value = _number(value)
        return None if value is None or value - value != 0 else of_number(value)  # type: ignore[operator,arg-type]  # a number

    return scaled


@dataclass(frozen=True, slots=True)
class Linear(Scale):
    """Straight between two values, one of them 0 and the other 100."""

    low: float
    high: float

    key = "linear"
    shape = "`linear = [lo, hi]`"
    rule = "0 at lo, 100 at hi, straight between, never outside; lo > hi inverts"

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        low, high = _two_numbers(table["linear"], cls.shape)
        if low == high:
            raise ScaleRefused("linear = [lo, hi]: the two must differ")
        return cls(low, high)

    def table(self) -> Mapping[str, Any]:
        return {self.key: [self.low, self.high]}

    def scaler(self) -> Scaler:
        low, width = self.low, self.high - self.low
        return _by_number(lambda number: _clamp(100 * (number - low) / width))


@dataclass(frozen=True, slots=True)
class Log(Scale):
    """Straight between two values on a scale of magnitudes."""

    low: float
    high: float

    key = "log"
    shape = "`log = [lo, hi]`"
    rule = "the same on orders of magnitude"

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        low, high = _two_numbers(table["log"], cls.shape)
        if not 0 < low < high:
            raise ScaleRefused("log = [lo, hi] needs 0 < lo < hi")
        return cls(low, high)

    def table(self) -> Mapping[str, Any]:
        return {self.key: [self.low, self.high]}

    def scaler(self) -> Scaler:
        low, width = self.low, math.log(self.high / self.low)
        return _by_number(lambda number: 0.0 if number <= low else _clamp(100 * math.log(number / low) / width))


@dataclass(frozen=True, slots=True)
class Bands(Scale):
    """Steps: one score from each threshold on."""

    steps: tuple[tuple[float, float], ...]  # (threshold, score), thresholds ascending

    key = "bands"
    shape = "`bands = [[t, s], …]`"
    rule = "the s of the last band with t ≤ v"

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        given = table["bands"]
        if not isinstance(given, list):
            raise ScaleRefused("bands = [[threshold, score], …] is a list of pairs")
        steps = tuple(_two_numbers(step, "bands = [[threshold, score], …]") for step in given)
        if not steps or any(b[0] <= a[0] for a, b in itertools.pairwise(steps)):
            raise ScaleRefused("bands = [[threshold, score], …]: at least one, thresholds ascending")
        for _, score in steps:
            _points(score, "bands")
        return cls(steps)

    def table(self) -> Mapping[str, Any]:
        return {self.key: [list(step) for step in self.steps]}

    def scaler(self) -> Scaler:
        thresholds, scores = [threshold for threshold, _ in self.steps], [0.0, *(score for _, score in self.steps)]
        return _by_number(lambda number: scores[bisect_right(thresholds, number)])


@dataclass(frozen=True, slots=True)
class Percentile(Scale):
    """The rank among all that are eligible, or within a group of them."""

    within: Expression | None = None

    key = "percentile"
    options = ("within",)
    shape = "`percentile = true`"
    rule = 'its rank among the eligible accounts that have a value; `within = "industry"` ranks inside each group'
    kinds = ("number", "boolean", "text", "date", "instant")

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        _only_true(table["percentile"], cls.key)
        within = table.get("within")
        if within is not None and (not isinstance(within, str) or not within.strip()):
            raise ScaleRefused('within is an expression in quotes, such as "industry"')
        return cls(None if within is None else Expression(within, place))

    def table(self) -> Mapping[str, Any]:
        return {self.key: True} if self.within is None else {self.key: True, "within": self.within.text}

    def scaler(self) -> Scaler:
        return _by_number(lambda rank: 100 * rank)

    def expressions(self) -> tuple[Expression, ...]:
        return () if self.within is None else (self.within,)

    def among(self, values: Sequence[FactValue], groups: Sequence[FactValue] | None) -> list[float | None] | None:
        return percent_ranks(values, groups)


@dataclass(frozen=True, slots=True)
class Share(Scale):
    """The part, in per cent, that the value is of everybody's sum."""

    low: float
    high: float

    key = "share"
    shape = "`share = [lo, hi]`"
    rule = "the same on v's share, in per cent, of the sum of all positive v: concentration, which ranks hide"

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        low, high = _two_numbers(table["share"], cls.shape)
        if low == high:
            raise ScaleRefused("share = [lo, hi]: the two must differ")
        return cls(low, high)

    def table(self) -> Mapping[str, Any]:
        return {self.key: [self.low, self.high]}

    def scaler(self) -> Scaler:
        return Linear(self.low, self.high).scaler()

    def among(self, values: Sequence[FactValue], groups: Sequence[FactValue] | None) -> list[float | None] | None:
        numbers = [_number(value) for value in values]
        whole = math.fsum(number for number in numbers if number is not None and number > 0)
        return [None if number is None else 100 * number / whole if whole else 0.0 for number in numbers]


@dataclass(frozen=True, slots=True)
class Values(Scale):
    """A score for each value that is named."""

    scores: Mapping[str, float]
    otherwise: float = 0.0

    key = "values"
    options = ("else",)
    shape = "`values = { x = s }`, `else = s`"
    rule = "the s of the value that it equals"
    kinds = ("number", "boolean", "text", "date", "instant")

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        scores, otherwise = table["values"], table.get("else", 0.0)
        if not isinstance(scores, Mapping) or not scores:
            raise ScaleRefused("values = { value = score, … }: at least one")
        for score in (*scores.values(), otherwise):
            _points(score, "values")
        return cls(MappingProxyType({str(value): float(score) for value, score in scores.items()}), float(otherwise))

    def table(self) -> Mapping[str, Any]:
        return {self.key: dict(self.scores), "else": self.otherwise}

    def scaler(self) -> Scaler:
        scores, otherwise = self.scores, self.otherwise
        return lambda value: None if value is None else scores.get(_text(value), otherwise)

    def for_kind(self, kind: Kind | None) -> Scale:
        """true and false are 1 and 0 in the cache; numbers are written in one way only."""
        if kind == "boolean":
            return self._renamed(_BOOLEANS, "values of true or false are true and false")
        if kind == "number":
            return self._renamed({}, "values of a number are numbers", otherwise=_number_text)
        return self

    def _renamed(self, names: Mapping[str, str], refusal: str, otherwise: Callable[[str], str | None] = lambda _: None) -> Scale:
        renamed = {value: names.get(value.strip().lower()) or otherwise(value) for value in self.scores}
        wrong = [value for value, name in renamed.items() if name is None]
        if wrong:
            raise ScaleRefused(f"{refusal}, and {wrong[0]!r} is none")
        return Values(MappingProxyType({str(renamed[value]): score for value, score in self.scores.items()}), self.otherwise)


@dataclass(frozen=True, slots=True)
class FlagScale(Scale):
    """All or nothing, by whether the expression is true."""

    key = "flag"
    shape = "`flag = true`"
    rule = "100 where the expression is true, else 0"
    kinds = ("number", "boolean", "text", "date", "instant")

    @classmethod
    def read(cls, table: Mapping[str, Any], place: Place) -> Self:
        _only_true(table["flag"], cls.key)
        return cls()

    def table(self) -> Mapping[str, Any]:
        return {self.key: True}

    def scaler(self) -> Scaler:
        number = _by_number(lambda value: 100.0 if value else 0.0)

        def scaled(value: FactValue) -> float | None:
            found = number(value)
            return 100.0 if found is None and isinstance(value, str) and value else found

        return scaled


SCALES: Mapping[str, type[Scale]] = MappingProxyType(
    {scale.key: scale for scale in (Linear, Log, Bands, Percentile, Share, Values, FlagScale)}
)
_BOOLEANS = {"true": "1", "yes": "1", "1": "1", "false": "0", "no": "0", "0": "0"}


def read_scale(table: Mapping[str, Any], place: Place) -> Scale:
    """The scale that a criterion's table describes. Raises ScaleRefused where it is none, or two."""
    known = scale_keys()
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise ScaleRefused(f"unknown key {key!r} in a scale; {hint}")
    given = [key for key in SCALES if key in table]
    if len(given) != 1:
        raise ScaleRefused(f"a scale is exactly one of {', '.join(SCALES)}")
    scale = SCALES[given[0]]
    for key in table:
        if key not in (scale.key, *scale.options):
            owner = next(other for other in SCALES.values() if key in other.options)
            raise ScaleRefused(f"{key} belongs to {owner.key}")
    return scale.read(table, place)


def scale_keys() -> tuple[str, ...]:
    """Every key that may stand in a scale's table."""
    return tuple(dict.fromkeys((*SCALES, *(option for scale in SCALES.values() for option in scale.options))))


def percent_ranks(values: Sequence[FactValue], groups: Sequence[FactValue] | None = None) -> list[float | None]:
    """PERCENT_RANK, 0…1 ascending, of each value among those that are not None, within its group; ties share the lowest rank.

    Numbers come before texts, texts in the order of their code points, as in SQLite. A value alone in its group has rank 0.
    """
    if groups is None:
        return _ranked(values)
    members: dict[FactValue, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    found: list[float | None] = [None] * len(values)
    for positions in members.values():
        for position, rank in zip(positions, _ranked([values[i] for i in positions]), strict=True):
            found[position] = rank
    return found


def _ranked(values: Sequence[FactValue]) -> list[float | None]:
    ordered = sorted((value for value in values if value is not None), key=_numbers_first)
    lowest: dict[FactValue, int] = {}
    for place, value in enumerate(ordered):
        lowest.setdefault(value, place)
    above = max(len(ordered) - 1, 1)
    return [None if value is None else lowest[value] / above for value in values]


def _numbers_first(value: FactValue) -> tuple[bool, FactValue]:
    return isinstance(value, str), value


def _two_numbers(given: Any, shape: str) -> tuple[float, float]:
    if not isinstance(given, list) or len(given) != 2 or not all(_is_number(one) for one in given):
        raise ScaleRefused(f"{shape.strip('`')} takes two numbers")
    return float(given[0]), float(given[1])


def _points(given: Any, key: str) -> None:
    if not _is_number(given) or not LEAST <= given <= MOST:
        raise ScaleRefused(f"{key}: {given!r} is no score from 0 to 100")


def _is_number(given: Any) -> bool:
    """A number that arithmetic keeps finite, whatever is divided by it."""
    return isinstance(given, int | float) and not isinstance(given, bool) and (given == 0 or 1e-100 <= abs(given) <= 1e100)


def _only_true(given: Any, key: str) -> None:
    if given is not True:
        raise ScaleRefused(f"{key} takes true and nothing else")


def _number(value: FactValue) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number_text(text: str) -> str | None:
    number = _number(text)
    return None if number is None else _text(number)


def _text(value: str | float | int) -> str:
    """How a value is written in a configuration: 3 for 3.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _clamp(value: float) -> float:
    return min(max(value, LEAST), MOST)
