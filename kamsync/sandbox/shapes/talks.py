"""How people talk with an account: in its own rhythm, both ways; before it leaves, ever less, while we chase it by e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from kamsync.sandbox.company_records import ActivityKind
from kamsync.sandbox.shapes.shape import Shape
from kamsync.sandbox.shapes.traits import Span, Traits

QUIET_DAYS = 180  # how long before it goes a customer that warns answers less
FADING = 6.0
CHASING_DAYS = 110
HOLIDAYS = (8, 12)


class Talk(NamedTuple):
    """Something that was logged on an account, by key; `incoming`: it came from the customer."""

    account: int
    day: date
    kind: ActivityKind
    incoming: bool


def talks_of(traits: Traits, shape: Shape, left: date | None, dice: Random, span: Span, until: date) -> Iterator[Talk]:
    """What was logged from sixty days before the account joined to the day `until`, not in order of days; of an account that
    leaves to the span's end."""
    if shape.logged == 0:
        return
    day = traits.joined - timedelta(days=60)
    # What comes after depends on the dice that fell before: only where nothing comes after can it end with the day.
    last = min(until + timedelta(days=1) if left is None else left, span.end)
    while day < last:
        if dice.random() < shape.logged:
            yield _spoken(traits, day, dice)
        day += timedelta(days=max(round(dice.gammavariate(2.0, _gap(traits, left, day) / 2)), 1))
    if left is not None:
        yield from _chasing(traits, left, dice, span)


def _gap(traits: Traits, left: date | None, day: date) -> float:
    """Days to the next contact, on average."""
    gap = traits.gap_days * (2.5 if traits.kind == "prospect" else 1.0)
    if left is not None and traits.warns and (left - day).days < QUIET_DAYS:
        gap *= FADING
    if traits.rising(day, ahead_days=90):
        gap *= 0.6
    return gap * (1.8 if day.month in HOLIDAYS else 1.0)


def _spoken(traits: Traits, day: date, dice: Random) -> Talk:
    luck = dice.random()
    if luck < 0.45:
        return Talk(traits.key, day, "email", dice.random() < 0.5)
    if luck < 0.68:
        return Talk(traits.key, day, "call", dice.random() < 0.3)
    if luck < 0.84:
        return Talk(traits.key, day, "meeting", False)
    return Talk(traits.key, day, "task" if luck < 0.93 else "note", False)


def _chasing(traits: Traits, left: date, dice: Random, span: Span) -> Iterator[Talk]:
    """E-mails that nobody answers."""
    if dice.random() < 0.3:
        return
    day = left - timedelta(days=CHASING_DAYS)
    while day < min(left + timedelta(days=60), span.end):
        if day > traits.joined:
            yield Talk(traits.key, day, "email", False)
        day += timedelta(days=6 + dice.randrange(10))
