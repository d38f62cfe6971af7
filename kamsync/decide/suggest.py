"""Which preset fits an org, from what its cache shows and what an admin wants: one sentence a reason. Pure.

What the org is decides before what is wanted: a company of seven months has no tenure to keep, and a customer that buys through
twenty branches is no twenty customers. Thresholds are judgements, each said in the sentence that follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from kamsync.numerals import counted

Wanted = Literal["everything", "retention", "expansion", "authority"]
YOUNG_MONTHS = 18
MUCH = 0.5  # of customers under contract
RENEWED = 0.3  # of won opportunities: first contracts and additions are among them, and three years pass between some
GROUPED = 0.3  # of the revenue of a year
FEW_CUSTOMERS = 60
LOGGED = 0.25  # of the active customers, within 90 days
ONE_LARGE, TEN_LARGE = 0.2, 0.8


@dataclass(frozen=True, slots=True)
class Places:
    """How many a preset chooses for its best tier: of the active (0…100), and at most; None where it sets no such limit."""

    top_percent: float | None = None
    max_accounts: int | None = None

    def of(self, active: int) -> float:
        """Of so many that are active, all where there is no limit."""
        share = active if self.top_percent is None else active * self.top_percent / 100
        return share if self.max_accounts is None else min(share, self.max_accounts)


@dataclass(frozen=True, slots=True)
class Org:
    """What the cache shows. Shares are 0…1, None where nothing can be said.

    `customers` ever bought, `active` ones within 12 months or under a contract. `renewed`: of the won opportunities of 24 months,
    those of a renewal type. `contracted`: of the active customers, those under a contract, None where contracts are not mapped.
    `grouped`: of the revenue of 12 months, that of groups with two buying members or more. `logged`: of the active customers,
    those with an activity within 90 days. `largest`, `ten_largest`: their share of the revenue of 12 months.
    """

    customers: int
    active: int
    owners: int
    history_months: int
    renewed: float | None
    contracted: float | None
    grouped: float | None
    logged: float | None
    logs_losses: bool
    has_products: bool
    largest: float | None
    ten_largest: float | None
    mapped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an admin answers; None where they did not. `strategic_field`: the CRM's field that marks strategic accounts."""

    wanted: Wanted | None = None
    owners: int | None = None
    per_owner: int | None = None
    recurring: bool | None = None
    strategic_field: str | None = None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The preset, why (a sentence each), which parts of it have no data here, and what to beware of.

    `most`: how many key accounts the owners can carry, None where nobody said how many one carries.
    """

    preset: str
    reasons: tuple[str, ...]
    dropped: tuple[str, ...]
    warnings: tuple[str, ...]
    most: int | None = None


def suggest(org: Org | None, wishes: Wishes, places: Mapping[str, Places] = MappingProxyType({})) -> Suggestion:
    """`org` None: nothing was pulled yet, and the answers alone decide. `places`: those of each preset, by its name."""
    preset, why = next(_candidates(org, wishes))
    owners = wishes.owners or (org.owners if org else None)
    most = owners * wishes.per_owner if owners and wishes.per_owner else None
    dropped = () if org is None else tuple(_dropped(org, preset))
    # A preset for groups chooses among groups, and how many of those there are is not known here.
    chosen = None if org is None or preset == "groups" else places.get(preset, Places()).of(org.active)
    warnings = tuple(_warnings(org, wishes, chosen, most))
    return Suggestion(preset, (why, *_besides(org, wishes, preset)), dropped, warnings, most)


def _candidates(org: Org | None, wishes: Wishes) -> Iterator[tuple[str, str]]:
    """Presets that fit, with the sentence why; the first is meant."""
    if org is not None and org.history_months < YOUNG_MONTHS:
        since = f"The first customer came less than {counted(org.history_months + 1, 'month')} ago"
        yield "startups", f"{since if org.customers else 'Nobody has bought yet'}: growth and tenure say nothing yet."
    if org is not None and org.grouped is not None and org.grouped >= GROUPED:
        yield "groups", f"{org.grouped:.0%} of a year's revenue comes from groups of which several members buy."
    if wishes.wanted == "authority":
        yield "authority", "Key accounts shall open doors: places are kept for who does, by dated evidence."
    contracts = _contracts(org)
    if wishes.recurring or (wishes.recurring is None and contracts):
        yield "subscription", contracts or "You say that business recurs: a customer is worth what its contracts bring a year."
    if wishes.wanted == "retention":
        yield "retention", "Key accounts shall be kept: value and the years together make the score."
    if wishes.wanted == "expansion":
        yield "expansion", "Key accounts shall grow: room to grow and signs of growth make most of the score."
    if org is not None and org.customers < FEW_CUSTOMERS and not _is_logged(org):
        yield "smb", f"There are {org.customers} customers and little beside opportunities: few criteria say more than many."
    yield (
        "balanced",
        "Nothing speaks for one goal alone: half of the score is value, half what could come and how well we know them.",
    )


def _contracts(org: Org | None) -> str:
    if org is None:
        return ""
    if org.contracted is not None and org.contracted >= MUCH:
        return f"{org.contracted:.0%} of the active customers are under a contract."
    if org.renewed is not None and org.renewed >= RENEWED:
        return f"{org.renewed:.0%} of what was won in two years renewed something."
    return ""


def _besides(org: Org | None, wishes: Wishes, preset: str) -> Iterator[str]:
    """What else was wanted, or seen, and how the preset answers it."""
    goal = {"retention": "retention", "expansion": "expansion", "authority": "authority"}.get(wishes.wanted or "")
    if goal and goal != preset:
        yield f"You want {goal}: try `kamsync simulate --criteria {goal}` beside it, whose weights say so."
    if preset == "subscription" and (org is None or org.mapped.isdisjoint(("contract_months", "contract_end"))):
        yield "Map contract_months or contract_end of opportunities: until then it reads what was bought in two years."
    if wishes.strategic_field:
        yield f"Map strategic_market to {wishes.strategic_field}, and the date of the evidence to authority_evidence_date."
    elif wishes.wanted == "authority" and (org is None or "authority_evidence_date" not in org.mapped):
        yield "Map authority_evidence_date and strategic_market: without them no place is kept for anybody."


def _dropped(org: Org, preset: str) -> Iterator[str]:
    if not _is_logged(org):
        share = "no" if not org.logged else f"{org.logged:.0%} of the"
        yield f"Engagement and health: {share} active customers have an activity within 90 days; what is unknown is never red."
    if org.history_months < 24 and preset in ("balanced", "expansion"):
        yield "Growth: it compares two years, and there are not two yet."
    if preset == "expansion" and not org.has_products:
        yield "White space: no line items with a product family have been pulled so far."
    for name, what in (("nps", "Satisfaction"), ("authority_evidence_date", "Places for who opens a market")):
        if name not in org.mapped:
            yield f"{what}: {name} is not mapped."


def _warnings(org: Org | None, wishes: Wishes, chosen: float | None, most: int | None) -> Iterable[str]:
    """`chosen`: how many the preset chooses, None unknown; `most`: how many the owners carry."""
    if org is None:
        yield "Nothing was pulled yet. After `kamsync pull`, `kamsync criteria suggest` looks at the org itself."
        return
    if org.largest is not None and org.largest >= ONE_LARGE:
        yield f"One customer brings {org.largest:.0%} of a year's revenue: losing it is the risk, whatever its tier."
    if org.ten_largest is not None and org.ten_largest >= TEN_LARGE and org.active > 10:
        yield f"Ten customers bring {org.ten_largest:.0%} of a year's revenue: whoever is chosen by worth is among them."
    if most is not None and chosen is not None and most < chosen:
        yield f"Your owners carry {most} accounts; the preset would choose more: set max_accounts = {most} in a copy of it."
    if wishes.recurring is False and _contracts(org):
        yield f"You say that business does not recur, but: {_contracts(org)}"


def _is_logged(org: Org) -> bool:
    return org.logged is not None and org.logged >= LOGGED
