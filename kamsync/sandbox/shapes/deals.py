"""What an account buys over its life: orders that come as they come, or contracts with renewals, some of them late.

Every deal is known to its end, also those that the CRM still shows as open: the company decides what of them the CRM sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from kamsync.sandbox.company_records import OpportunityType
from kamsync.sandbox.shapes.shape import Shape
from kamsync.sandbox.shapes.traits import YEAR_DAYS, Span, Traits

MONTH_DAYS = 365.25 / 12
_FIRST: OpportunityType = "new"
_AGAIN: OpportunityType = "renewal"
NOTICE_DAYS = 180  # how long before it goes a customer buys less


class Deal(NamedTuple):
    """One settled sale: `account` by key, `amount` in the home currency, `contract_months` None where it is an order."""

    account: int
    created: date
    closed: date
    won: bool
    amount: float
    type: OpportunityType
    contract_start: date | None
    contract_months: int | None


class Renewal(NamedTuple):
    """What became of a contract's end: `due` its last day, `settled` when the renewal was won or lost."""

    account: int
    due: date
    settled: date
    kept: bool
    months: int


@dataclass(frozen=True, slots=True)
class Trade:
    """`left`: when the customer was gone, None while it stays."""

    deals: tuple[Deal, ...]
    renewals: tuple[Renewal, ...] = ()
    left: date | None = None


def trade_of(traits: Traits, shape: Shape, dice: Random, span: Span) -> Trade:
    """The account's whole trade until the span's end."""
    match traits.kind:
        case "head":
            return Trade(())
        case "prospect":
            return Trade(tuple(_courted(traits, shape, dice, span)))
        case "orders":
            return Trade(tuple(_orders(traits, shape, dice, span)), left=_within(traits.leaves, span))
    return _contracts(traits, shape, dice, span)


def months_later(day: date, months: int) -> date:
    """Calendar months, a day of the month that every month has."""
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, min(day.day, 28))


def _courted(traits: Traits, shape: Shape, dice: Random, span: Span) -> Iterator[Deal]:
    """A prospect: offers that come to nothing, or are still open."""
    day = traits.joined + _days(dice.expovariate(1 / 150))
    while day < span.end:
        if shape.logs_losses:
            yield _deal(traits, day, dice, won=False, amount=shape.spend / 3, kind="new")
        day += _days(dice.expovariate(1 / 300) + 60)


def _orders(traits: Traits, shape: Shape, dice: Random, span: Span) -> Iterator[Deal]:
    """Won and lost orders: larger customers order more often, one that leaves orders less and less."""
    day, first = traits.joined, True
    while day < span.end and (traits.leaves is None or day < traits.leaves):
        rate = shape.orders * min(max((traits.spend_at(day) / shape.spend) ** 0.3, 0.4), 3.0)
        worth = traits.spend_at(day) / rate * math.exp(dice.gauss(-0.125, 0.5))
        kind: OpportunityType = "new" if first else "expansion"
        yield _deal(traits, day, dice, won=True, amount=worth, kind=kind)
        for _ in range(_losses(shape, traits, day, dice)):
            lost = day + _days(dice.random() * YEAR_DAYS / rate)
            yield _deal(traits, lost, dice, won=False, amount=worth * (0.5 + dice.random()), kind="expansion")
        fading = 3.0 if traits.leaves is not None and (traits.leaves - day).days < NOTICE_DAYS else 1.0
        day, first = day + _days(dice.expovariate(rate / YEAR_DAYS / fading)), False


def _losses(shape: Shape, traits: Traits, day: date, dice: Random) -> int:
    """How many are lost beside one that is won; fewer of those who like us, more before a departure."""
    if not shape.logs_losses:
        return 0
    leaving = traits.leaves is not None and (traits.leaves - day).days < 2 * NOTICE_DAYS
    win = min(max(shape.win + (traits.mood - 7.5) * 0.03 - (0.15 if leaving else 0.0), 0.1), 0.9)
    count = 0
    while count < 6 and dice.random() > win:
        count += 1
    return count


def _contracts(traits: Traits, shape: Shape, dice: Random, span: Span) -> Trade:
    """A first contract, renewed until it is not; additions in between end with it."""
    months = 36 if traits.kind == "three_years" else 12
    start, signed, kind = traits.joined, traits.joined, _FIRST
    deals: list[Deal] = []
    renewals: list[Renewal] = []
    while start < span.end:
        end, yearly = months_later(start, months), traits.spend_at(start)
        worth = yearly * months / 12
        offered = min(start, signed) - timedelta(days=60 + dice.randrange(60))
        deals.append(Deal(traits.key, offered, signed, True, worth, kind, start, months))
        deals += _additions(traits, yearly, start, end, dice)
        if end > span.end:
            break
        kept = traits.leaves is None or traits.leaves > end
        signed = end + timedelta(days=dice.randint(3, 45) if dice.random() < shape.late else -dice.randrange(45))
        renewals.append(Renewal(traits.key, end, signed, kept, months))
        if not kept:
            offered = min(end, signed) - timedelta(days=60 + dice.randrange(60))
            if shape.logs_losses:
                deals.append(Deal(traits.key, offered, signed, False, worth, _AGAIN, None, None))
            return Trade(tuple(deals), tuple(renewals), end)
        start, kind = end, _AGAIN
    return Trade(tuple(deals), tuple(renewals))


def _additions(traits: Traits, yearly: float, start: date, end: date, dice: Random) -> Iterator[Deal]:
    """More seats in the middle of a term: often from those who rise, seldom from the rest, some offers declined."""
    day = start + _days(60 + dice.expovariate(1 / 400))
    while (end - day).days > 60:
        rising = traits.rising(day, ahead_days=30)
        months = max(round((end - day).days / MONTH_DAYS), 1)
        worth = yearly * (0.4 if rising else 0.15) * (0.5 + dice.random()) * months / 12
        won = dice.random() < (0.8 if rising else 0.45)
        created = day - _days(20 + dice.random() * 60)
        yield Deal(traits.key, created, day, won, worth, "expansion", day if won else None, months if won else None)
        day += _days(60 + dice.expovariate(1 / (120 if rising else 450)))


def _deal(traits: Traits, closed: date, dice: Random, *, won: bool, amount: float, kind: OpportunityType) -> Deal:
    lead = min(20 + dice.expovariate(1 / 60), 300) * (1.3 if not won else 1.0)
    return Deal(traits.key, closed - _days(lead), closed, won, amount, kind, None, None)


def _within(day: date | None, span: Span) -> date | None:
    return day if day is not None and day < span.end else None


def _days(days: float) -> timedelta:
    return timedelta(days=int(days) + 1)
