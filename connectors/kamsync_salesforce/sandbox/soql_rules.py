"""What SOQL refuses although it can be read: selected twice, neither grouped nor aggregated, an alias without an aggregate.

Source: SOQL and SOSL Reference ("GROUP BY", "COUNT()", "Using Aliases with GROUP BY"); the words are the service's.
"""

from __future__ import annotations

import re
from collections import Counter

from .problems import ApiProblem, malformed
from .schema import Field
from .soql import AGGREGATES, Item, Query

_SUMMED = ("double", "currency", "percent", "int")


def check_selection(query: Query) -> None:
    """ApiProblem MALFORMED_QUERY where what is selected contradicts itself or the grouping."""
    items = [item for item in query.items if isinstance(item, Item) and item.function != "fields"]
    aggregated = any(item.function in AGGREGATES for item in items)
    if any(item.function == "count" and not item.path for item in items) and (len(query.items) > 1 or query.group_by):
        raise _at(query, "count", "unexpected token: 'COUNT'")
    for path, times in Counter(item.path.lower() for item in items if not item.function).items():
        if times > 1:
            raise _at(query, path, f"duplicate field selected: {_spelled(items, path)}", times=2)
    if aggregated or query.group_by:
        grouped = {(item.function, item.path.lower()) for item in query.group_by}
        for item in items:
            if item.function not in AGGREGATES and (item.function, item.path.lower()) not in grouped:
                raise _at(query, item.path, f"Field must be grouped or aggregated: {item.path}")
        return
    for item in items:
        if item.alias and not item.function:
            raise _at(query, item.alias, "only aggregate expressions use field aliasing")


def check_aggregate(function: str, field: Field) -> None:
    """ApiProblem MALFORMED_QUERY where the field's type has no such aggregate."""
    if function in ("sum", "avg") and field.type not in _SUMMED:
        raise malformed(f"field {field.name} does not support aggregate operator {function.upper()}")


def _spelled(items: list[Item], path: str) -> str:
    return next(item.path for item in items if item.path.lower() == path)


def _at(query: Query, word: str, message: str, *, times: int = 1) -> ApiProblem:
    """The refusal with the place of the word, or of its second time."""
    places = [found.start() for found in re.finditer(rf"(?<![\w.]){re.escape(word)}(?![\w.])", query.text, re.IGNORECASE)]
    place = places[min(times, len(places)) - 1] if places else 0
    return malformed(f"\n{query.text}\n{' ' * place}^\nERROR at Row:1:Column:{place + 1}\n{message}")
