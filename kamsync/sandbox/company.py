"""The sample company, in no vendor's words: what both sandbox CRMs serve.

A pure function of size, seed and day. Records come as iterators, so that a hundred thousand accounts need no more memory
than four hundred. Keys are whole numbers from 1 in creation order; sandboxes turn them into ids that sort the same way, so
that ties break alike on every CRM. Moments are UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from kamsync.sandbox.company_records import (
    Account,
    Activity,
    ActivityKind,
    Contact,
    LineItem,
    Opportunity,
    OpportunityStage,
    OpportunityType,
    Owner,
    Product,
    Rate,
)
from kamsync.sandbox.contacts import people_of
from kamsync.sandbox.words import COUNTRIES, FAMILIES, FIRM_FIELDS, FIRM_STEMS, SUBJECTS

ACTIVITY_KINDS: tuple[ActivityKind, ...] = ("call", "email", "task", "note", "meeting")
OPEN_STAGES: tuple[OpportunityStage, ...] = ("prospecting", "qualification", "proposal", "negotiation")
OPEN_PROBABILITIES: Mapping[OpportunityStage, float] = {
    "prospecting": 0.1,
    "qualification": 0.3,
    "proposal": 0.6,
    "negotiation": 0.9,
}
CURRENCIES = ("BRL", "USD", "GBP", "MXN", "JPY")
CENT = Decimal("0.01")
BASE_RATES = {"EUR": "1", "BRL": "6.10", "USD": "1.08", "GBP": "0.86", "MXN": "20.40", "JPY": "168.00"}
ORPHAN_EVERY = 211  # one opportunity in so many names no account
LARGE = 20_000  # above so many accounts, line items and activities come only when asked for


def catalogue() -> tuple[Product, ...]:
    """Everything that the sample company sells."""
    named = ((family, name) for family, names in FAMILIES.items() for name in names)
    return tuple(Product(key, name, family, Decimal(490 + key * 310)) for key, (family, name) in enumerate(named, start=1))


def people(count: int) -> Iterator[Owner]:
    """Every eighth has left; the first leads, each sixth leads the five after it."""
    for key in range(1, count + 1):
        country = COUNTRIES[key % len(COUNTRIES)]
        first = country.first_names[key // 2 % len(country.first_names)]
        last = country.last_names[key // 3 % len(country.last_names)]
        leader = None if key == 1 else 1 if key % 6 == 1 else key - (key - 1) % 6
        yield Owner(key, first, last, f"owner{key}@kamsync.example", key % 8 != 0, leader, country.name)


def todays_rates() -> Iterator[Rate]:
    """Today's rates; the company's own currency is 1."""
    for currency, rate in BASE_RATES.items():
        yield Rate(currency, None, Decimal(rate))


class _Profile(NamedTuple):
    """What kind of customer an account is; drawn from its key alone, so that every stream agrees on it."""

    size: float  # a multiple of the typical amount; skewed: a few large, many small
    trend: float  # yearly growth factor
    wins: float  # share of opportunities that are won; 0 is a prospect
    silent: bool  # nobody has spoken with it for months
    engaged: bool


class Company:
    """Sizes and seed of one sample company; every method returns a fresh, identical iterator.

    `Company()` is the demo's: 400 accounts, 3,000 opportunities. `Company(accounts=100_000, opportunities=500_000)` is for
    benchmarks; there, line items and activities are none unless their numbers are given.
    """

    home_currency = "EUR"

    def __init__(
        self,
        accounts: int = 400,
        opportunities: int = 3000,
        *,
        today: date = date(2026, 11, 23),
        seed: int = 7,
        line_items: int | None = None,
        activities: int | None = None,
        owners: int = 24,
    ) -> None:
        self.today = today
        self._seed = seed
        self._accounts, self._opportunities, self._owners = accounts, opportunities, owners
        ordinary = accounts <= LARGE
        self._line_items = opportunities if line_items is None and ordinary else line_items or 0
        self._activities = accounts * 15 if activities is None and ordinary else activities or 0
        self._products = catalogue()

    def owners(self) -> Iterator[Owner]:
        return people(self._owners)

    def accounts(self) -> Iterator[Account]:
        dice = Random(f"{self._seed}:accounts")
        industries = tuple(FIRM_FIELDS)
        for key in range(1, self._accounts + 1):
            profile = self._profile(key)
            country = COUNTRIES[int(dice.random() ** 1.6 * len(COUNTRIES))]
            industry = industries[dice.randrange(len(industries))]
            city = country.cities[dice.randrange(len(country.cities))]
            stem = FIRM_STEMS[dice.randrange(len(FIRM_STEMS))]
            field = FIRM_FIELDS[industry][dice.randrange(3)]
            suffix = country.suffixes[dice.randrange(len(country.suffixes))]
            luck = dice.random()
            customer = profile.wins > 0
            employees = int(20 * profile.size**1.3 * (0.5 + luck)) + 3
            yield Account(
                key=key,
                name=f"{stem} {field} {city} {suffix}",
                owner=1 + (key * 5 + key // 7) % self._owners,
                parent=self._parent(key),
                type="Customer" if customer else "Partner" if key % 37 == 0 else "Prospect" if key % 5 else "",
                industry=industry if luck > 0.05 else "",
                country=country.name if key % 41 else "",
                city=city,
                employees=employees if luck > 0.12 else None,
                annual_revenue=Decimal(employees * (90_000 + int(luck * 80_000))) if luck > 0.2 else None,
                currency=country.currency,
                website=f"https://www.{country.code.lower()}{key}.example.com",
                created=self._moment(self.today - timedelta(days=200 + int(dice.random() * 1100))),
                nps=None if luck < 0.4 else max(0, min(10, int(10 * luck) - (4 if profile.silent else 0))),
                authority_evidence_date=self.today - timedelta(days=30 + key % 400) if key % 13 == 0 else None,
                strategic_market=key % 11 == 0,
                next_renewal_date=self.today + timedelta(days=(key * 7) % 400 - 20) if customer and key % 3 == 0 else None,
            )

    def opportunities(self) -> Iterator[Opportunity]:
        dice = Random(f"{self._seed}:opportunities")
        weights = self._cumulative_activity()
        for key in range(1, self._opportunities + 1):
            account = 1 + bisect_right(weights, dice.random() * weights[-1]) if weights else 1
            profile = self._profile(account)
            yield self._opportunity(key, account, profile, dice)

    def products(self) -> Iterator[Product]:
        return iter(self._products)

    def line_items(self) -> Iterator[LineItem]:
        dice = Random(f"{self._seed}:line_items")
        for key in range(1, self._line_items + 1):
            opportunity = 1 + (key - 1) % self._opportunities
            product = self._products[int(dice.random() ** 2 * len(self._products))]
            yield LineItem(key, opportunity, product.key, 1 + int(dice.random() * 8), product.price)

    def activities(self) -> Iterator[Activity]:
        dice = Random(f"{self._seed}:activities")
        for key in range(1, self._activities + 1):
            account = 1 + int(dice.random() * self._accounts)
            profile = self._profile(account)
            kind: ActivityKind = ACTIVITY_KINDS[int(dice.random() * (5 if profile.engaged else 4.2)) % 5]
            spread, least = (690, 130) if profile.silent else (400, -5)
            day = self.today - timedelta(days=least + int(dice.random() ** (2.2 if profile.engaged else 1.2) * spread))
            start = self._moment(day) + timedelta(minutes=int(dice.random() * 480))
            past = day <= self.today
            subject = SUBJECTS[kind][dice.randrange(3)]
            task = kind == "task"
            yield Activity(
                key=key,
                kind=kind,
                account=account,
                owner=1 + (account * 5 + account // 7) % self._owners,
                subject=subject,
                start=start,
                minutes=0 if task else 30,
                due=day if task and key % 9 else None,
                completed_at=start + timedelta(hours=3) if task and past and key % 10 else None,
            )

    def contacts(self) -> Iterator[Contact]:
        return people_of(min(self._accounts, LARGE), self.today)

    def rates(self) -> Iterator[Rate]:
        return todays_rates()

    def _profile(self, account: int) -> _Profile:
        """From the key alone: a hash spreads it, no state is kept."""
        mixed = (account * 2654435761 + self._seed * 97) & 0xFFFFFFFF
        a, b, c = (mixed & 0x3FF) / 1024, (mixed >> 10 & 0x3FF) / 1024, (mixed >> 20 & 0x3FF) / 1024
        size = 0.25 + (1 / (1.02 - a)) ** 0.9
        wins = 0.0 if b > 0.78 else 0.35 + 0.5 * c
        return _Profile(size, 0.55 + 1.1 * c, wins, silent=0.3 < a < 0.42, engaged=c > 0.7)

    def _cumulative_activity(self) -> list[float]:
        """Large and winning accounts have more opportunities."""
        total, weights = 0.0, []
        for account in range(1, self._accounts + 1):
            profile = self._profile(account)
            total += min(profile.size, 12.0) ** 0.5 * (1.6 if profile.wins else 0.5)
            weights.append(total)
        return weights

    def _opportunity(self, key: int, account: int, profile: _Profile, dice: Random) -> Opportunity:
        age = int(dice.random() * 1250) - 150  # three years back, five months ahead
        close = self.today - timedelta(days=age)
        luck = dice.random()
        if age <= 0:
            stage: OpportunityStage = OPEN_STAGES[int(luck * 4)]
            probability = OPEN_PROBABILITIES[stage]
        else:
            stage = "won" if luck < profile.wins else "lost" if luck < 0.97 or not profile.wins else "negotiation"
            probability = 1.0 if stage == "won" else 0.0 if stage == "lost" else 0.9
        kind: OpportunityType = "new" if luck < 0.3 else "renewal" if luck > 0.72 else "expansion"
        amount = 4_000 * profile.size * (0.4 + dice.random() * 1.4) * profile.trend ** (-age / 365)
        currency = CURRENCIES[account % len(CURRENCIES)] if dice.random() < 0.45 else self.home_currency
        missing = key % 97 == 0
        return Opportunity(
            key=key,
            account=None if key % ORPHAN_EVERY == 0 else account,
            name=f"{kind.capitalize()} {close.year}-{key}",
            amount=None if missing else (Decimal(int(amount * 100)) / 100 * Decimal(BASE_RATES[currency])).quantize(CENT),
            currency=currency,
            close_date=close,
            stage=stage,
            probability=probability,
            type=kind,
            owner=1 + (account * 5 + account // 7) % self._owners,
            created=self._moment(min(close, self.today) - timedelta(days=30 + int(luck * 90))),  # nothing was made tomorrow
        )

    def _parent(self, key: int) -> int | None:
        """Groups of three levels: each twentieth account leads two subsidiaries, and one of those leads another."""
        place = key % 20
        if key < 21 or place not in (1, 2, 3):
            return None
        return key - 1 if place == 3 else key - place

    @staticmethod
    def _moment(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, 8, 30, tzinfo=UTC)
