"""What becomes of an account month by month: contentment and our share of its wallet wander, orders come in clusters, it may go.

Nothing here is shared with kamsync.sandbox.shapes but the records that a truth is made of.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from bench.others.spec import Spec
from kamsync.sandbox.company_records import OpportunityType
from kamsync.sandbox.shapes.deals import Deal, Renewal, months_later

STEP = 1.6  # by how much the logit of our share rises once
CONTENT = 7.5
SEASONS = (
    (0.7, 0.8, 1.3, 0.8, 0.9, 1.4, 0.7, 0.5, 1.2, 1.0, 1.1, 1.6),  # by quarter
    (1.0, 1.0, 1.1, 1.1, 1.1, 1.0, 0.8, 0.7, 1.0, 1.1, 1.1, 1.0),  # even, but for summer
    (0.6, 0.7, 1.1, 1.4, 1.5, 1.4, 1.2, 1.0, 0.9, 0.8, 0.7, 0.7),  # spring
)


@dataclass(frozen=True, slots=True)
class Life:
    """An account from its first day. `moods` by month since it joined: contentment, about 0…10. `left`: when it was gone."""

    key: int
    owner: int
    parent: int | None
    wallet: float
    joined: date
    is_customer: bool
    moods: tuple[float, ...]
    deals: tuple[Deal, ...]
    renewals: tuple[Renewal, ...] = ()
    left: date | None = None
    marked: bool = False
    evidence: tuple[date, ...] = field(default=())

    def mood(self, day: date) -> float:
        month = (day - self.joined).days // 30
        return self.moods[min(max(month, 0), len(self.moods) - 1)]


@dataclass(frozen=True, slots=True)
class Birth:
    """What an account is born with."""

    key: int
    owner: int
    parent: int | None
    wallet: float
    joined: date


def live(birth: Birth, spec: Spec, dice: Random, end: date) -> Life:
    """The account's whole life until `end`."""
    is_customer = dice.random() >= spec.prospects
    months = max((end - birth.joined).days // 30, 1) + 1
    moods = _moods(months, dice)
    if not is_customer:
        return Life(*_of(birth), False, moods, tuple(_offers(birth, spec, dice, end)))
    shares = _shares(months, spec, dice)
    if dice.random() < spec.contracts:
        deals, renewals, left = _under_contract(birth, spec, dice, moods, shares, end)
        return Life(*_of(birth), True, moods, tuple(deals), tuple(renewals), left)
    left = _gone(birth, spec, moods, dice, end)
    return Life(*_of(birth), True, moods, tuple(_orders(birth, spec, dice, shares, left, end)), (), left)


def _of(birth: Birth) -> tuple[int, int, int | None, float, date]:
    return birth.key, birth.owner, birth.parent, birth.wallet, birth.joined


def _moods(months: int, dice: Random) -> tuple[float, ...]:
    """An autoregression around a level of its own."""
    level = CONTENT + dice.gauss(0.0, 0.8)
    mood, found = level + dice.gauss(0.0, 1.0), []
    for _ in range(months):
        found.append(min(max(mood, 0.0), 10.0))
        mood = level + 0.85 * (mood - level) + dice.gauss(0.0, 0.75)
    return tuple(found)


def _shares(months: int, spec: Spec, dice: Random) -> tuple[float, ...]:
    """Our share of the wallet: its logit is an autoregression, and for some its level steps up one day."""
    level = dice.gauss(-0.9, 0.7)
    at = dice.randrange(4, max(months, 5)) if dice.random() < spec.steps else months
    logit, found = level + dice.gauss(0.0, 0.3), []
    for month in range(months):
        aim = level + (STEP if month >= at else 0.0)
        logit = aim + 0.92 * (logit - aim) + dice.gauss(0.0, spec.wander)
        found.append(1 / (1 + math.exp(-logit)))
    return tuple(found)


def _gone(birth: Birth, spec: Spec, moods: tuple[float, ...], dice: Random, end: date) -> date | None:
    """Month by month, who is discontented is likelier to go: by a half for each point; some go whatever they think of us."""
    for month, mood in enumerate(moods[2:], start=2):
        if dice.random() < spec.hazard / 12 * (0.4 + math.exp((CONTENT - mood) * 0.55)) / 1.6:
            left = birth.joined + timedelta(days=30 * month + dice.randrange(30))
            return left if left < end else None
    return None


def _orders(birth: Birth, spec: Spec, dice: Random, shares: tuple[float, ...], left: date | None, end: date) -> Iterator[Deal]:
    season = SEASONS[dice.randrange(len(SEASONS))]
    rate = spec.orders * min(max((birth.wallet / spec.wallet) ** 0.25, 0.5), 2.5)
    win = min(max(dice.betavariate(5, 5), 0.15), 0.9)
    fades, kind = dice.random() < 0.5, "new"
    for month, share in enumerate(shares):
        begin = birth.joined + timedelta(days=30 * month)
        if begin >= (left or end):
            return
        lull = 0.35 if fades and left is not None and (left - begin).days < 150 else 1.0
        wave = season[begin.month - 1] * lull
        for _ in range(max(_clustered(rate / 12 * wave, spec.burst, dice), int(month == 0))):
            day = begin + timedelta(days=0 if kind == "new" else dice.randrange(30))
            if day >= (left or end):
                break
            amount = birth.wallet * share / rate * _size(dice)
            yield _sale(birth, day, dice, True, amount, "new" if kind == "new" else "expansion")
            kind = "expansion"
            while spec.logs_losses and dice.random() > win:
                yield _sale(birth, day + timedelta(days=dice.randrange(1, 90)), dice, False, amount * _size(dice), "expansion")


def _clustered(mean: float, burst: float, dice: Random) -> int:
    """A negative binomial: Poisson with a mean that is gamma."""
    heat = dice.gammavariate(mean / burst, burst) if mean > 0 else 0.0
    limit, count, product = math.exp(-heat), 0, dice.random()
    while product > limit:
        count, product = count + 1, product * dice.random()
    return count


def _size(dice: Random) -> float:
    """Mostly ordinary orders, now and then a project; one on average."""
    if dice.random() < 0.12:
        return dice.lognormvariate(0.75, 0.7)
    return dice.gammavariate(2.2, 0.72 / 2.2)


def _offers(birth: Birth, spec: Spec, dice: Random, end: date) -> Iterator[Deal]:
    """To somebody who never buys."""
    day = birth.joined + timedelta(days=dice.randrange(30, 250))
    while day < end and spec.logs_losses:
        yield _sale(birth, day, dice, False, birth.wallet * 0.1 * _size(dice), "new")
        day += timedelta(days=int(dice.weibullvariate(330, 1.5)) + 40)


def _under_contract(
    birth: Birth, spec: Spec, dice: Random, moods: tuple[float, ...], shares: tuple[float, ...], end: date
) -> tuple[list[Deal], list[Renewal], date | None]:
    """Terms of one, two or three years; at each end it stays or goes, by its contentment then."""
    months = dice.choices((12, 24, 36), (0.6, 0.12, 0.28))[0]
    start, signed, deals, renewals = birth.joined, birth.joined, list[Deal](), list[Renewal]()
    kind: OpportunityType = "new"
    while start < end:
        month = min((start - birth.joined).days // 30, len(shares) - 1)
        yearly, over = birth.wallet * shares[month], months_later(start, months)
        offered = min(start, signed) - timedelta(days=40 + int(dice.gammavariate(2.0, 30)))
        deals.append(Deal(birth.key, offered, signed, True, yearly * months / 12, kind, start, months))
        deals += _more(birth, spec, dice, yearly, start, over)
        if over > end:
            break
        mood = moods[min((over - birth.joined).days // 30, len(moods) - 1)]
        kept = dice.random() > min(spec.hazard * months / 12 * math.exp((CONTENT - mood) * 0.5), 0.95)
        signed = over + timedelta(days=_lateness(dice))
        renewals.append(Renewal(birth.key, over, signed, kept, months))
        if not kept:
            deals.append(Deal(birth.key, over - timedelta(days=90), signed, False, yearly * months / 12, "renewal", None, None))
            return deals, renewals, over
        start, kind = over, "renewal"
    return deals, renewals, None


def _more(birth: Birth, spec: Spec, dice: Random, yearly: float, start: date, over: date) -> Iterator[Deal]:
    day = start + timedelta(days=int(dice.expovariate(spec.orders / 365)) + 45)
    while (over - day).days > 90:
        months = max(round((over - day).days / 30.4), 1)
        won = dice.random() < 0.55
        amount = yearly * dice.betavariate(2, 6) * months / 12
        created = day - timedelta(days=15 + int(dice.gammavariate(2.0, 20)))
        yield Deal(birth.key, created, day, won, amount, "expansion", day if won else None, months if won else None)
        day += timedelta(days=int(dice.expovariate(spec.orders / 365)) + 45)


def _lateness(dice: Random) -> int:
    return min(int(dice.expovariate(1 / 18)) + 1, 60) if dice.random() < 0.4 else -dice.randrange(50)


def _sale(birth: Birth, closed: date, dice: Random, won: bool, amount: float, kind: OpportunityType) -> Deal:
    lead = int(dice.gammavariate(2.0, 35.0)) + 5
    return Deal(birth.key, closed - timedelta(days=lead), closed, won, amount, kind, None, None)
