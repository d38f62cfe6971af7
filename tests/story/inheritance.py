"""Which override of a lost account may count for the one that lives on: what a computer had seen of it before the merge.

The CRM shows a merged account no more, so the cache is the only memory. Where a run was cut short, or the index lagged, nobody
can tell how much of the present it saw: then several answers are possible, otherwise there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import product

Choice = tuple[str, date | None]  # an override ("" none) and its last day
NOTHING: Choice = ("", None)


class Sight:
    """What one computer may have seen: of each living account, and of those that were lost, by the id that lives on."""

    def __init__(self) -> None:
        self._seen: dict[str, set[Choice]] = {}
        self._lost: dict[str, dict[str, set[Choice]]] = {}

    def forget(self) -> None:
        """The cache is deleted."""
        self._seen, self._lost = {}, {}

    def look(self, shown: Mapping[str, Choice]) -> None:
        """A whole look at the present. An account that shows an override has no need of another's."""
        self._seen = {account_id: {choice} for account_id, choice in shown.items()}
        self._lost = {one: lost for one, lost in self._lost.items() if not shown.get(one, NOTHING)[0]}

    def glimpse(self, *views: Mapping[str, Choice]) -> None:
        """A look of which nobody knows whether it was one, or at which of the views."""
        for shown in views:
            for account_id in self._seen.keys() | shown.keys():
                self._seen.setdefault(account_id, {NOTHING}).add(shown.get(account_id, NOTHING))
            for account_id, lost in self._lost.items():
                if shown.get(account_id, NOTHING)[0]:
                    for choices in lost.values():
                        choices.add(NOTHING)

    def merge(self, old_ids: Iterable[str], survivor: str) -> None:
        """What was seen of the accounts that are lost, and what these had taken from others, follows."""
        mine: dict[str, set[Choice]] = {}
        for old in old_ids:
            mine |= self._lost.pop(old, {})
            if old != survivor:
                mine[old] = self._seen.pop(old, {NOTHING})
        self._lost[survivor] = mine

    def inherited(self, account_id: str) -> set[Choice]:
        """The overrides of lost accounts that may count: of several the one that holds longest."""
        lost = self._lost.get(account_id, {})
        named = [[(old, choice) for choice in choices] for old, choices in sorted(lost.items())]
        return {_longest(some) for some in product(*named)} or {NOTHING}


def _longest(choices: Iterable[tuple[str, Choice]]) -> Choice:
    there = [(old, choice) for old, choice in choices if choice[0]]
    if not there:
        return NOTHING
    return min(there, key=lambda one: (one[1][1] is not None, -(one[1][1] or date.min).toordinal(), one[0]))[1]
