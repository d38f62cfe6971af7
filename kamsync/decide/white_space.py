"""What an account does not buy and accounts like it do: of each product family how many of them, and for how much. Pure.

Like it are the customers of its industry, where there are enough of them to compare with, else all customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

LEAST_PEERS = 5  # fewer accounts of an industry say nothing of the next one


@dataclass(frozen=True, slots=True)
class FamilyAmount:
    """What one account bought of one product family in 24 months, in the programme's currency."""

    account_id: str
    family: str
    amount: float


@dataclass(frozen=True, slots=True)
class Habits:
    """What the customers of one industry, or all, buy: how many they are, and the amounts by family, one for each buyer."""

    customers: int
    amounts: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Usual:
    """Of `peers` accounts so many are `buyers` of the family; `typical` is the median of what they spend in 24 months."""

    buyers: int
    peers: int
    typical: float


def habits_of(bought: Iterable[FamilyAmount], industries: Mapping[str, str]) -> dict[str, Habits]:
    """By industry; "" stands for all customers. `industries`: by account id, an account without one counts among all only."""
    customers: dict[str, set[str]] = {"": set()}
    amounts: dict[str, dict[str, list[float]]] = {"": {}}
    for one in bought:
        for group in {"", industries.get(one.account_id, "")}:
            customers.setdefault(group, set()).add(one.account_id)
            amounts.setdefault(group, {}).setdefault(one.family, []).append(one.amount)
    return {
        group: Habits(len(there), {family: tuple(values) for family, values in amounts[group].items()})
        for group, there in customers.items()
    }


def usual_of(family: str, industry: str, habits: Mapping[str, Habits]) -> Usual | None:
    """What accounts like one of that industry do with the family; None where nobody buys it."""
    own = habits.get(industry)
    group = own if own is not None and own.customers >= LEAST_PEERS else habits.get("")
    amounts = group.amounts.get(family, ()) if group is not None else ()
    return Usual(len(amounts), group.customers, median(amounts)) if group is not None and amounts else None
