"""What an overview is made of: every account with its decision, what history, the ledger and line items remember. Frozen values.

Money is in the programme's currency, shares are 0…1, days are calendar days of the programme. None is "nobody knows", never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from kamsync.decide.decision import Decision
from kamsync.decide.goals import GoalStanding
from kamsync.decide.influence import Influence
from kamsync.decide.program import NO_TIER, Program


class Account(NamedTuple):
    """One account as it was decided, with what the cache knows of it. `health_before`: what the CRM shows."""

    decision: Decision
    name: str
    owner_id: str
    owner: str
    revenue: float
    revenue_before: float | None = None
    pipeline: float | None = None
    renewal: date | None = None
    white_space: int | None = None
    silent_days: int | None = None
    meetings: int | None = None
    health_before: str | None = None

    @property
    def id(self) -> str:
        """The CRM's id of the account."""
        return self.decision.account_id

    @property
    def is_key(self) -> bool:
        """Whether it has a tier."""
        return self.decision.tier != NO_TIER


@dataclass(frozen=True, slots=True)
class Moment:
    """One remembered decision of an account. `receipt` is the JSON text that `explain` prints, "" where none was kept."""

    account_id: str
    name: str
    day: date
    tier: str
    tier_before: str
    code: str
    score: float | None
    health: str | None
    health_before: str | None
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class PlanTask:
    """A task of the account plans. `is_open` and `is_done` are both false where it is gone."""

    account_id: str
    owner_id: str
    playbook: str
    due: date | None
    is_open: bool
    is_done: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything about one org on one day. `accounts` by id; `history` oldest first; `owners`: names by id.

    `bought`: product families by account id; None where line items are not read, so that nobody knows.
    """

    program: Program
    as_of: date
    since: date
    accounts: tuple[Account, ...]
    history: tuple[Moment, ...] = ()
    tasks: tuple[PlanTask, ...] = ()
    influence: tuple[Influence, ...] = ()
    goals: tuple[GoalStanding, ...] = ()
    bought: Mapping[str, frozenset[str]] | None = None
    families: tuple[str, ...] = ()
    owners: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    org: str = ""
    problems: tuple[str, ...] = ()

    @property
    def tiers(self) -> tuple[str, ...]:
        """The programme's tiers, best first."""
        return tuple(tier.name for tier in self.program.tiers)

    @property
    def key_accounts(self) -> tuple[Account, ...]:
        """Those with a tier, by account id."""
        return tuple(account for account in self.accounts if account.is_key)
