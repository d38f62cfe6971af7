"""What a receipt reads of an account's facts. Nothing here parses an expression, so that explaining one account loads little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kamsync.decide.decision import Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.program import Criterion
from kamsync.decide.receipts import Receipt, make_receipt
from kamsync.decide.scoring import Scored


class Readings:
    """The criteria's values, then every fact that they are made of. `columns`: the facts that each criterion's value reads."""

    def __init__(self, criteria: Sequence[Criterion], columns: Sequence[Sequence[str]]) -> None:
        self._criteria, self._columns = criteria, columns
        self.names = sorted({name for read in columns for name in read})

    def receipt(self, decision: Decision, scored: Sequence[Scored], row: Sequence[Any]) -> Receipt:
        """The receipt from the criteria's values and the facts by `names`, in one row."""
        count, row = len(self._columns), [_finite(value) for value in row]
        facts = dict(zip(self.names, row[count:], strict=True))
        brought = [{name: facts[name] for name in read} for read in self._columns]
        return make_receipt(decision, self._criteria, scored, row[:count], brought)


def _finite(value: FactValue) -> FactValue:
    """A number without end is no value: neither a score nor JSON could be made of it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
