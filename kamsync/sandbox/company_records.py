"""The records of a sample company, in no vendor's words, and what a sandbox CRM reads of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

OpportunityStage = Literal["prospecting", "qualification", "proposal", "negotiation", "won", "lost"]
OpportunityType = Literal["new", "expansion", "renewal"]
ActivityKind = Literal["task", "meeting", "call", "email", "note"]
ContactRole = Literal["", "sponsor", "decision_maker", "champion", "influencer", "user"]


class Owner(NamedTuple):
    """Somebody who owns accounts; `manager` the key of another owner, `country` where they sell."""

    key: int
    first_name: str
    last_name: str
    email: str
    is_active: bool
    manager: int | None
    country: str


class Account(NamedTuple):
    """A company that is sold to. `owner` and `parent` are keys."""

    key: int
    name: str
    owner: int
    parent: int | None
    type: str  # "Customer", "Prospect", "Partner", "" (unknown)
    industry: str  # neutral English name: "Banking", "Manufacturing", …; "" unknown
    country: str  # English name; "" unknown
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
    """What is sold; `price` in the company's own currency."""

    key: int
    name: str
    family: str
    price: Decimal


class Opportunity(NamedTuple):
    """A sale, open or settled. `account` is None where it hangs on none."""

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
    contract_start: date | None = None
    contract_months: int | None = None  # None: an order, no contract


class LineItem(NamedTuple):
    """One product of an opportunity, by their keys; `unit_price` in the opportunity's currency."""

    key: int
    opportunity: int
    product: int
    quantity: int
    unit_price: Decimal


class Activity(NamedTuple):
    """A task has `due` (a date) and `completed_at`; the others have `start` and `minutes`.

    `incoming`: an e-mail or a call that came from the customer.
    """

    key: int
    kind: ActivityKind
    account: int
    owner: int
    subject: str
    start: datetime
    minutes: int
    due: date | None
    completed_at: datetime | None
    incoming: bool = False


class Contact(NamedTuple):
    """A person of an account. `role` "" where nobody noted one; `left`: the day on which it was known that they are gone."""

    key: int
    account: int
    first_name: str
    last_name: str
    email: str
    title: str
    role: ContactRole = ""
    last_activity: date | None = None
    left: date | None = None


class Rate(NamedTuple):
    """Units of `currency` for one unit of the company's currency; `valid_from` None is today's rate."""

    currency: str
    valid_from: date | None
    rate: Decimal


class SampleCompany(Protocol):
    """What both sandbox CRMs serve. Every method returns a fresh, identical iterator, by key."""

    home_currency: str

    def owners(self) -> Iterator[Owner]:
        """Everybody who owns something, also those who have left."""
        ...

    def rates(self) -> Iterator[Rate]:
        """Exchange rates of every currency but the home currency."""
        ...

    def accounts(self) -> Iterator[Account]:
        """Parents before their children."""
        ...

    def products(self) -> Iterator[Product]:
        """All that can stand in a line item."""
        ...

    def opportunities(self) -> Iterator[Opportunity]:
        """Open and settled ones, of every account and of none."""
        ...

    def line_items(self) -> Iterator[LineItem]:
        """Those of all opportunities that have any."""
        ...

    def activities(self) -> Iterator[Activity]:
        """What was logged, our own tasks not among it."""
        ...

    def contacts(self) -> Iterator[Contact]:
        """The people at the accounts."""
        ...
