"""One of the other companies on a day, as a cache is filled from it, and its truth. A pure function of spec, seed and day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Self

from bench.others.life import Birth, Life, live
from bench.others.spec import Spec
from bench.others.talk import talks_of
from kamsync.sandbox.company import catalogue
from kamsync.sandbox.company_records import Account, Activity, LineItem, Opportunity, OpportunityStage, Product
from kamsync.sandbox.shapes import Truth
from kamsync.sandbox.shapes.deals import Deal, months_later

TRUTH_MONTHS = 26
LARGEST_GROUP = 40
EVIDENCE_DAYS = 540  # how old a confirmation may be in the presets
STAGES: tuple[tuple[OpportunityStage, float], ...] = (("qualification", 0.2), ("proposal", 0.45), ("negotiation", 0.7))
CENT = Decimal("0.01")


class OtherCompany:
    """What `bench.shape_cache` reads of a company, and `truth` for whoever judges."""

    home_currency = "EUR"

    def __init__(self, spec: Spec, *, today: date, seed: int) -> None:
        self.spec, self.today, self._seed = spec, today, seed
        self._first, self._end = months_later(today, -spec.history_months), months_later(today, TRUTH_MONTHS)
        births = list(_births(spec, Random(f"others:{seed}:{spec.name}"), self._first, today))
        lives = [live(birth, spec, self._dice("life", birth.key), self._end) for birth in births]
        self._lives = _with_doors(spec, lives, self._dice("doors", 0), today, self._end)
        self.truth = _truth(self._lives, months_later(today, 12))

    def at(self, day: date) -> Self:
        later = copy(self)
        later.today = day
        return later

    def products(self) -> Iterator[Product]:
        return iter(catalogue())

    def accounts(self) -> Iterator[Account]:
        return self.accounts_on(self.today)

    def accounts_on(self, day: date) -> Iterator[Account]:
        for life in self._lives:
            dice = self._dice("account", life.key)
            employees = int(life.wallet / 2_500 * dice.lognormvariate(0.0, 0.6)) + 2
            is_customer = any(deal.won and deal.closed <= day for deal in life.deals)
            yield Account(
                key=life.key, name=f"Account {life.key}", owner=life.owner, parent=life.parent,
                type="Customer" if is_customer else "Prospect", industry="", country="Germany", city="",
                employees=employees if dice.random() < 0.85 else None, annual_revenue=None, currency="EUR", website="",
                created=_moment(max(life.joined - timedelta(days=90), self._first)), nps=self._nps(life, day),
                authority_evidence_date=max((one for one in life.evidence if one <= day), default=None),
                strategic_market=life.marked, next_renewal_date=None,
            )  # fmt: skip

    def opportunities(self) -> Iterator[Opportunity]:
        for key, deal in enumerate(self._seen(), start=1):
            yield self._opportunity(key, deal)

    def line_items(self) -> Iterator[LineItem]:
        products = catalogue()
        for key, deal in enumerate(self._seen(), start=1):
            dice = self._dice(f"item:{deal.created}:{deal.amount}", deal.account)
            product = products[min(int(dice.expovariate(0.35)) + deal.account % 3, len(products) - 1)]
            yield LineItem(key, key, product.key, 1, product.price)

    def activities(self) -> Iterator[Activity]:
        key = 0
        for life in self._lives:
            diligence = self._diligence(life.owner)
            for talk in talks_of(life, self.spec, diligence, self._dice("talk", life.key), self._end):
                if self._first <= talk.day <= self.today:
                    key += 1
                    start = _moment(talk.day)
                    yield Activity(key, talk.kind, life.key, life.owner, "", start, 30, None, None, talk.incoming)

    def _diligence(self, owner: int) -> float:
        """Some owners log nearly everything, some nearly nothing."""
        if self.spec.logged == 0:
            return 0.0
        return self._dice("owner", owner).betavariate(4 * self.spec.logged, 4 * (1 - self.spec.logged))

    def _nps(self, life: Life, day: date) -> int | None:
        """Asked each spring; two in five answer, as the mood is then."""
        asked = date(day.year if day.month > 3 else day.year - 1, 3, 15)
        dice = self._dice(f"nps:{asked.year}", life.key)
        if not life.is_customer or asked < life.joined or dice.random() > 0.4:
            return None
        return min(max(round(dice.gauss(life.mood(asked), 1.2)), 0), 10)

    def _seen(self) -> list[Deal]:
        known = (
            deal._replace(created=max(deal.created, self._first))
            for life in self._lives
            for deal in life.deals
            if deal.closed >= self._first and deal.created <= self.today
        )
        return sorted(known, key=lambda deal: (deal.created, deal.account, deal.closed, deal.amount))

    def _opportunity(self, key: int, deal: Deal) -> Opportunity:
        closed = deal.closed <= self.today
        stage: OpportunityStage = "won" if deal.won else "lost"
        probability, close = float(deal.won), deal.closed
        if not closed:
            done = (self.today - deal.created).days / max((deal.closed - deal.created).days, 1)
            stage, probability = STAGES[min(int(done * 3), 2)]
            close = months_later(deal.closed.replace(day=28), self._dice("close", key).randrange(-1, 2))
        under_contract = closed and deal.won
        return Opportunity(
            key, deal.account, f"Deal {key}", Decimal(deal.amount).quantize(CENT), "EUR", close, stage, probability, deal.type,
            self._lives[deal.account - 1].owner, _moment(deal.created),
            deal.contract_start if under_contract else None, deal.contract_months if under_contract else None,
        )  # fmt: skip

    def _dice(self, what: str, key: int) -> Random:
        return Random(f"others:{self._seed}:{self.spec.name}:{what}:{key}")


def _births(spec: Spec, dice: Random, first: date, today: date) -> Iterator[Birth]:
    """A third was there before; since then more come every year. A new account joins a group the likelier the larger it is."""
    members: list[int] = []  # the group of each account that has room for more: a larger one is drawn the oftener
    heads: dict[int, list[int]] = {}
    scale: dict[int, float] = {}
    days = (today - first).days
    for key in range(1, spec.accounts + 1):
        old = dice.random() < 0.33 and spec.history_months > 12
        joined = first + timedelta(days=dice.randrange(120) if old else int((days + 150) * dice.random() ** 0.75))
        parent, owner, wallet = None, 1 + dice.randrange(spec.owners), spec.draw_wallet(dice)
        if members and dice.random() < spec.kin:
            head = members[dice.randrange(len(members))]
            parent = dice.choice(heads[head]) if dice.random() < 0.25 else head
            wallet *= scale[head]
        else:
            head = key
            heads[head], scale[head] = [], dice.lognormvariate(0.0, 0.6)
        heads[head].append(key)
        if len(heads[head]) < LARGEST_GROUP:
            members.append(head)
        elif head in members:
            members = [one for one in members if one != head]
        yield Birth(key, owner, parent, wallet, joined)


def _with_doors(spec: Spec, lives: Sequence[Life], dice: Random, today: date, end: date) -> list[Life]:
    """Some small customers are marked; of some of them somebody confirms again and again that they open doors."""
    customers = sorted((life for life in lives if life.is_customer), key=lambda life: life.wallet)
    lasting = [life for life in customers[: len(customers) // 2] if life.left is None and life.joined < today]
    chosen = dice.sample(lasting, min(spec.strategic, len(lasting)))
    rest = [life for life in customers if life not in chosen]
    changed = {life.key: replace(life, marked=True, evidence=_confirmed(life, dice, end)) for life in chosen}
    for place, life in enumerate(dice.sample(rest, min(spec.pretenders, len(rest)))):
        stale = months_later(today, 12) - timedelta(days=EVIDENCE_DAYS + dice.randrange(30, 300))
        changed[life.key] = replace(life, marked=True, evidence=(stale,) if place % 3 == 0 and stale > life.joined else ())
    return [changed.get(life.key, life) for life in lives]


def _confirmed(life: Life, dice: Random, end: date) -> tuple[date, ...]:
    days, day = [], life.joined + timedelta(days=dice.randrange(20, 150))
    while day < end:
        days.append(day)
        day += timedelta(days=min(int(dice.gammavariate(5.0, 60.0)) + 30, EVIDENCE_DAYS - 20))
    return tuple(days)


def _truth(lives: Sequence[Life], last: date) -> Truth:
    """Strategic by evidence that is fresh on the last decided day."""
    fresh = {
        life.key
        for life in lives
        if life.marked and any(last - timedelta(days=EVIDENCE_DAYS) <= day <= last for day in life.evidence)
    }
    return Truth(
        strategic=frozenset(fresh),
        pretenders=frozenset(life.key for life in lives if life.marked and life.key not in fresh),
        left={life.key: life.left for life in lives if life.left is not None},
        renewals=tuple(renewal for life in lives for renewal in life.renewals),
        groups=_groups(lives),
        won={life.key: [deal for deal in life.deals if deal.won] for life in lives},
    )


def _groups(lives: Sequence[Life]) -> dict[int, tuple[int, ...]]:
    head: dict[int, int] = {}
    for life in lives:  # parents come before their children
        head[life.key] = life.key if life.parent is None else head[life.parent]
    groups: dict[int, list[int]] = {}
    for key, above in head.items():
        groups.setdefault(above, []).append(key)
    return {above: tuple(keys) for above, keys in groups.items() if len(keys) > 1}


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, 0, tzinfo=UTC)
