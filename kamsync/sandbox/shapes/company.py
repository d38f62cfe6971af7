"""A company of one shape as the sandbox CRMs serve it: the history of all accounts up to today, and nothing that comes later.

A pure function of shape, size, seed and day. What is hidden from the CRM is in `truth`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Self

from kamsync.sandbox.company import OPEN_PROBABILITIES, OPEN_STAGES, catalogue, people, todays_rates
from kamsync.sandbox.company_records import (
    Account,
    Activity,
    Contact,
    LineItem,
    Opportunity,
    OpportunityStage,
    Owner,
    Product,
    Rate,
)
from kamsync.sandbox.contacts import people_of
from kamsync.sandbox.shapes.deals import Deal, Trade, months_later, trade_of
from kamsync.sandbox.shapes.shape import Shape
from kamsync.sandbox.shapes.talks import talks_of
from kamsync.sandbox.shapes.traits import Span, Traits, draw_traits
from kamsync.sandbox.shapes.truth import Truth
from kamsync.sandbox.words import COUNTRIES, FIRM_FIELDS, FIRM_STEMS, SUBJECTS

TRUTH_MONTHS = 26  # truth reaches so far beyond today: a year to decide month by month, and the year after each month
CENT = Decimal("0.01")
EMPLOYEE_EUR = 1_500  # what a customer of middling potential spends a year for each of its employees


class ShapedCompany:
    """One company. `kamsync.sandbox.company_records.SampleCompany` for the CRMs, `truth` for whoever judges."""

    home_currency = "EUR"

    def __init__(self, shape: Shape, *, today: date, seed: int = 7, accounts: int | None = None) -> None:
        self.shape, self.today, self._seed = shape, today, seed
        self.span = Span(months_later(today, -shape.history_months), today, months_later(today, TRUTH_MONTHS))
        self._traits = draw_traits(shape, shape.accounts if accounts is None else accounts, seed, self.span)
        self._trades = [trade_of(traits, shape, self._dice("trade", traits.key), self.span) for traits in self._traits]

    def at(self, day: date) -> Self:
        """The same company on another day, at most TRUTH_MONTHS later: what its CRM will show then."""
        later = copy(self)
        later.today = day
        return later

    def owners(self) -> Iterator[Owner]:
        return people(self.shape.owners)

    def rates(self) -> Iterator[Rate]:
        return todays_rates()

    def products(self) -> Iterator[Product]:
        return iter(catalogue())

    def contacts(self) -> Iterator[Contact]:
        return people_of(len(self._traits), self.today)

    def accounts(self) -> Iterator[Account]:
        return self.accounts_on(self.today)

    def accounts_on(self, day: date) -> Iterator[Account]:
        """Every account as its record stood on the day, also those that came later."""
        for traits, trade in zip(self._traits, self._trades, strict=True):
            yield self._account(traits, trade, day)

    def opportunities(self) -> Iterator[Opportunity]:
        for key, deal in enumerate(self._seen, start=1):
            yield self._opportunity(key, deal)

    def line_items(self) -> Iterator[LineItem]:
        """One or two families a deal; who has bought for longer, or rises, buys more of them."""
        products, key = catalogue(), 0
        for opportunity, deal in enumerate(self._seen, start=1):
            dice = Random(f"{self._seed}:items:{deal.account}:{deal.created}:{deal.amount}")
            traits = self._traits[deal.account - 1]
            years = max((deal.closed - traits.joined).days, 0) / 365
            reach = min(3 + int(years * 3) + (6 if traits.rising(deal.closed, ahead_days=60) else 0), len(products))
            for _ in range(1 + (dice.random() < 0.35)):
                key += 1
                product = products[(traits.key * 5 + dice.randrange(reach)) % len(products)]
                yield LineItem(key, opportunity, product.key, 1 + dice.randrange(5), product.price)

    def activities(self) -> Iterator[Activity]:
        talks = sorted(
            talk
            for traits, trade in zip(self._traits, self._trades, strict=True)
            for talk in talks_of(traits, self.shape, trade.left, self._dice("talks", traits.key), self.span, self.today)
            if self.span.first <= talk.day <= self.today
        )
        for key, talk in enumerate(talks, start=1):
            start = _moment(talk.day) + timedelta(minutes=key * 7 % 420)
            is_task = talk.kind == "task"
            yield Activity(
                key=key,
                kind=talk.kind,
                account=talk.account,
                owner=self._traits[talk.account - 1].owner,
                subject=SUBJECTS[talk.kind][key % 3],
                start=start,
                minutes=0 if is_task else 30,
                due=talk.day if is_task else None,
                completed_at=start if is_task else None,
                incoming=talk.incoming,
            )

    @cached_property
    def truth(self) -> Truth:
        """What no CRM shows."""
        return Truth(
            strategic=frozenset(t.key for t in self._traits if t.marked and len(t.evidence) > 1),
            pretenders=frozenset(t.key for t in self._traits if t.marked and len(t.evidence) <= 1),
            left={t.key: trade.left for t, trade in zip(self._traits, self._trades, strict=True) if trade.left is not None},
            renewals=tuple(renewal for trade in self._trades for renewal in trade.renewals),
            groups=self._groups(),
            won={t.key: [d for d in trade.deals if d.won] for t, trade in zip(self._traits, self._trades, strict=True)},
        )

    @property
    def _seen(self) -> Sequence[Deal]:
        """What the CRM knows of, in the order of creation; what was under way before its first day came on that day."""
        first = self.span.first
        known = (
            deal._replace(created=max(deal.created, first))
            for trade in self._trades
            for deal in trade.deals
            if deal.closed >= first and deal.created <= self.today
        )
        return sorted(known, key=lambda deal: (deal.created, deal.account, deal.closed, deal.amount))

    def _account(self, traits: Traits, trade: Trade, day: date) -> Account:
        dice = self._dice("account", traits.key)
        country = COUNTRIES[int(dice.random() ** 1.6 * len(COUNTRIES))]
        industry = sorted(FIRM_FIELDS)[dice.randrange(len(FIRM_FIELDS))]
        city = country.cities[dice.randrange(len(country.cities))]
        stem, field = FIRM_STEMS[dice.randrange(len(FIRM_STEMS))], FIRM_FIELDS[industry][dice.randrange(3)]
        suffix = country.suffixes[dice.randrange(len(country.suffixes))]
        room = dice.lognormvariate(0.0, 0.7) * (2.5 if traits.rises is not None else 1.0)
        employees = int((traits.spend or self.shape.spend) * room / EMPLOYEE_EUR * 20) + 3
        knows_size, knows_revenue = dice.random() < 0.88, dice.random() < 0.8
        is_customer = any(deal.won and deal.closed <= day for deal in trade.deals)
        return Account(
            key=traits.key,
            name=f"{stem} {field} {city} {suffix}",
            owner=traits.owner,
            parent=traits.parent,
            type="Customer" if is_customer else "Prospect",
            industry=industry,
            country=country.name,
            city=city,
            employees=employees if knows_size else None,
            annual_revenue=Decimal(employees * 120_000) if knows_revenue else None,
            currency=country.currency,
            website=f"https://www.{country.code.lower()}{traits.key}.example.com",
            created=_moment(max(traits.joined - timedelta(days=150), self.span.first)),
            nps=self._nps(traits, trade, day),
            authority_evidence_date=max((one for one in traits.evidence if one <= day), default=None),
            strategic_market=traits.marked,
            next_renewal_date=_next_end(trade, day),
        )

    def _nps(self, traits: Traits, trade: Trade, day: date) -> int | None:
        """The last yearly survey's answer, 0…10; unhappy in the eight months before it leaves."""
        asked = (day - traits.joined).days // 365
        if not traits.answers or asked < 1 or traits.kind in ("prospect", "head"):
            return None
        survey = traits.joined + timedelta(days=365 * asked)
        leaving = trade.left is not None and 0 <= (trade.left - survey).days < 240
        dice = Random(f"{self._seed}:nps:{traits.key}:{asked}")
        return min(max(round(dice.gauss(traits.mood, 1.0) - (3.0 if leaving else 0.0)), 0), 10)

    def _opportunity(self, key: int, deal: Deal) -> Opportunity:
        closed = deal.closed <= self.today
        stage: OpportunityStage = "won" if deal.won else "lost"
        close = deal.closed
        if not closed:
            waited = (self.today - deal.created).days / max((deal.closed - deal.created).days, 1)
            stage = OPEN_STAGES[min(int(waited * 4), 3)]
            # Nobody knows the day beforehand: what is promised for a round date slips, or is overdue already.
            close = deal.closed + timedelta(days=Random(f"{self._seed}:close:{key}").randrange(-30, 31))
        contract = closed and deal.won
        return Opportunity(
            key=key,
            account=deal.account,
            name=f"{deal.type.capitalize()} {close.year}-{key}",
            amount=Decimal(deal.amount).quantize(CENT),
            currency=self.home_currency,
            close_date=close,
            stage=stage,
            probability=OPEN_PROBABILITIES.get(stage, 1.0 if stage == "won" else 0.0),
            type=deal.type,
            owner=self._traits[deal.account - 1].owner,
            created=_moment(deal.created),
            contract_start=deal.contract_start if contract else None,
            contract_months=deal.contract_months if contract else None,
        )

    def _groups(self) -> dict[int, tuple[int, ...]]:
        parent = {traits.key: traits.parent for traits in self._traits}
        groups: dict[int, list[int]] = {}
        for key in parent:
            head = key
            while (above := parent[head]) is not None:
                head = above
            groups.setdefault(head, []).append(key)
        return {head: tuple(members) for head, members in groups.items() if len(members) > 1}

    def _dice(self, what: str, key: int) -> Random:
        return Random(f"{self._seed}:{self.shape.name}:{what}:{key}")


def _next_end(trade: Trade, day: date) -> date | None:
    """The next end of a contract that runs on the day; additions end with it."""
    ends = [
        months_later(deal.contract_start, deal.contract_months)
        for deal in trade.deals
        if deal.won
        and deal.contract_start is not None
        and deal.contract_months is not None
        and deal.contract_start <= day
        and deal.type != "expansion"
    ]
    return min((end for end in ends if end >= day), default=None)


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, 30, tzinfo=UTC)
