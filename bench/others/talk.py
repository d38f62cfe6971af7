"""What owners write down of their talks: little or much, each in his own way, and more of it around a sale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

from bench.others.life import CONTENT, Life
from bench.others.spec import Spec
from kamsync.sandbox.company_records import ActivityKind

KINDS: tuple[ActivityKind, ...] = ("email", "call", "meeting", "note", "task")


class Talk(NamedTuple):
    """One thing that was logged; `incoming`: the customer began it."""

    day: date
    kind: ActivityKind
    incoming: bool


def talks_of(life: Life, spec: Spec, diligence: float, dice: Random, end: date) -> Iterator[Talk]:
    """`diligence`: the share that the account's owner logs, 0…1. Days are in no order."""
    if diligence == 0:
        return
    last = min(life.left or end, end)
    yield from _ordinary(life, spec, diligence, dice, last)
    for deal in life.deals:
        for _ in range(dice.randrange(0, 5)):
            day = deal.created + timedelta(days=dice.randrange(max((deal.closed - deal.created).days, 1)))
            if day < last and dice.random() < diligence:
                yield _one(life, day, dice)
    if life.left is not None and dice.random() < 0.6:
        for _ in range(dice.randrange(2, 9)):
            yield Talk(life.left - timedelta(days=dice.randrange(-30, 100)), "email", False)


def _ordinary(life: Life, spec: Spec, diligence: float, dice: Random, last: date) -> Iterator[Talk]:
    """Gaps with a long tail; who is discontented, or about to leave, answers less."""
    usual = spec.gap_days * dice.lognormvariate(0.0, 0.5) * (1.0 if life.is_customer else 3.0)
    day = life.joined - timedelta(days=40)
    while day < last:
        if dice.random() < diligence:
            yield _one(life, day, dice)
        cool = 1.0 + max(CONTENT - life.mood(day), 0.0) * 0.35
        if life.left is not None and (life.left - day).days < 140:
            cool *= 2.5
        day += timedelta(days=max(int(usual * cool * dice.lognormvariate(-0.3, 0.8)), 1))


def _one(life: Life, day: date, dice: Random) -> Talk:
    kind = dice.choices(KINDS, (0.42, 0.22, 0.2, 0.08, 0.08))[0]
    answers = min(max(0.45 + (life.mood(day) - CONTENT) * 0.06, 0.1), 0.8)
    return Talk(day, kind, kind in ("email", "call") and dice.random() < answers)
