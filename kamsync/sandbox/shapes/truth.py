"""What is really so with the accounts of a shape: never in the CRM, for whoever judges a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from kamsync.sandbox.shapes.deals import Deal, Renewal, months_later


@dataclass(frozen=True, slots=True)
class Truth:
    """By account key. `left`: when a customer was gone. `groups`: each group's head with all its members, itself included.

    `strategic` customers open doors, and somebody confirms it; `pretenders` are only said to.
    """

    strategic: frozenset[int]
    pretenders: frozenset[int]
    left: Mapping[int, date]
    renewals: tuple[Renewal, ...]
    groups: Mapping[int, tuple[int, ...]]
    won: Mapping[int, Sequence[Deal]]

    def revenue(self, account: int, after: date, until: date) -> float:
        """EUR earned in (after, until]: orders on their day, contracts day by day."""
        return sum(_earned(deal, after, until) for deal in self.won.get(account, ()))

    def live_yearly(self, account: int, day: date) -> float:
        """EUR a year under the contracts that run on the day. One whose renewal is signed late is in force from its start."""
        return sum(
            deal.amount * 12 / deal.contract_months
            for deal in self.won.get(account, ())
            if deal.contract_start is not None
            and deal.contract_months is not None
            and deal.contract_start <= day < months_later(deal.contract_start, deal.contract_months)
        )


def _earned(deal: Deal, after: date, until: date) -> float:
    if deal.contract_start is None or deal.contract_months is None:
        return deal.amount if after < deal.closed <= until else 0.0
    end = months_later(deal.contract_start, deal.contract_months)
    days = (min(end, until) - max(deal.contract_start, after)).days
    return deal.amount * max(days, 0) / max((end - deal.contract_start).days, 1)
