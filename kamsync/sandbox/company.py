"""The sample company, in no vendor's words: what both sandbox CRMs serve.

A pure function of size, seed and day. Records come as iterators, so that a hundred thousand accounts need no more memory
than four hundred. Keys are whole numbers from 1 in creation order; sandboxes turn them into ids that sort the same way, so
that ties break alike on every CRM. Moments are UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

OpportunityStage = Literal["prospecting", "qualification", "proposal", "negotiation", "won", "lost"]
OpportunityType = Literal["new", "expansion", "renewal"]
ActivityKind = Literal["task", "meeting", "call", "email", "note"]


class Owner(NamedTuple):
    key: int
    first_name: str
    last_name: str
    email: str
    is_active: bool
    manager: int | None
    country: str


class Account(NamedTuple):
    key: int
    name: str
    owner: int
    parent: int | None
    type: str  # "Customer", "Prospect", "Partner", "" (unknown)
    industry: str  # neutral English name: "Banking", "Manufacturing", …; "" unknown
    country: str  # English name; "" unknown
    country_code: str  # ISO 3166 alpha-2
    city: str
    employees: int | None
    annual_revenue: Decimal | None  # in `currency`
    currency: str
    website: str
    created: datetime
    nps: int | None
    authority_evidence_date: date | None  # when somebody last confirmed that it lends us authority (a public reference)
    strategic_market: bool
    next_renewal_date: date | None


class Product(NamedTuple):
    key: int
    name: str
    family: str
    price: Decimal


class Opportunity(NamedTuple):
    key: int
    account: int | None
    name: str
    amount: Decimal | None  # in `currency`
    currency: str
    close_date: date
    stage: OpportunityStage
    probability: float  # 0…1
    type: OpportunityType
    owner: int
    created: datetime


class LineItem(NamedTuple):
    key: int
    opportunity: int
    product: int
    quantity: int
    unit_price: Decimal


class Activity(NamedTuple):
    """A task has `due` (a date) and `completed_at`; the others have `start` and `minutes`."""

    key: int
    kind: ActivityKind
    account: int
    owner: int
    subject: str
    start: datetime
    minutes: int
    due: date | None
    completed_at: datetime | None


class Contact(NamedTuple):
    key: int
    account: int
    first_name: str
    last_name: str
    email: str
    title: str


class Rate(NamedTuple):
    """Units of `currency` for one unit of the company's currency; `valid_from` None is today's rate."""

    currency: str
    valid_from: date | None
    rate: Decimal


class Company:
    """Sizes and seed of one sample company; every method returns a fresh, identical iterator.

    `Company()` is the demo's: 400 accounts, 3,000 opportunities. `Company(accounts=100_000, opportunities=500_000, …)` is for
    benchmarks.
    """
