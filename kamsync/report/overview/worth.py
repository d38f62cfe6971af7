"""What the accounts are worth: revenue by tier, concentration and its alarms, what the programme achieved, white space. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from kamsync.decide.program import NO_TIER
from kamsync.report.overview.sources import Account, Sources
from kamsync.report.overview.tables import Cell, Column, Note, Table, make_table

# When a portfolio hangs on few: a customer above 10 % of revenue is one that US-GAAP wants disclosed (ASC 280-10-50-42).
ONE_SHARE = 0.10
TEN_SHARE = 0.50
STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1_000)
MOST_SPACE = 60  # accounts on the white-space picture

_FIGURES = (
    Column("accounts", "count"),
    Column("revenue", "money"),
    Column("revenue_before", "money"),
    Column("growth", "share"),
    Column("kept_revenue", "share"),
    Column("kept_customers", "share"),
    Column("silent_days", "days"),
    Column("met", "share"),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What some accounts brought: this year, the year before, of that what stayed, and how they are looked after."""

    accounts: int
    revenue: float
    revenue_before: float | None
    growth: float | None
    kept_revenue: float | None
    kept_customers: float | None
    silent_days: float | None
    met: float | None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """In the order of the columns."""
        return (
            self.accounts, self.revenue, self.revenue_before, self.growth, self.kept_revenue, self.kept_customers,
            self.silent_days, self.met,
        )  # fmt: skip


def figures(accounts: Sequence[Account]) -> Figures:
    """Unknown where no account of them tells: a share over nothing is no share."""
    known = [one for one in accounts if one.revenue_before is not None]
    before = sum(one.revenue_before or 0.0 for one in known)
    customers = [one for one in known if one.revenue_before]
    silent = [one.silent_days for one in accounts if one.silent_days is not None]
    meetings = [one.meetings for one in accounts if one.meetings is not None]
    now = sum(one.revenue for one in accounts)
    return Figures(
        accounts=len(accounts),
        revenue=now,
        revenue_before=before if known else None,
        growth=now / before - 1 if before else None,
        kept_revenue=sum(min(one.revenue, one.revenue_before or 0.0) for one in customers) / before if before else None,
        kept_customers=sum(one.revenue > 0 for one in customers) / len(customers) if customers else None,
        silent_days=median(silent) if silent else None,
        met=sum(count > 0 for count in meetings) / len(meetings) if meetings else None,
    )


def revenue_by_tier(sources: Sources) -> Table:
    """Accounts and revenue of each tier, and their shares of all; without a tier the accounts that have revenue."""
    total = sum(one.revenue for one in sources.accounts)
    columns = (
        Column("tier", "tier"), Column("accounts", "count"), Column("revenue", "money"), Column("revenue_share", "share"),
        Column("pipeline", "money"),
    )  # fmt: skip
    rows = []
    for tier in (*sources.tiers, NO_TIER):
        inside = [one for one in sources.accounts if one.decision.tier == tier and (tier != NO_TIER or one.revenue)]
        revenue = sum(one.revenue for one in inside)
        open_ones = [one.pipeline for one in inside if one.pipeline is not None]
        rows.append((tier, len(inside), revenue, revenue / total if total else None, sum(open_ones) if open_ones else None))
    return make_table("revenue_by_tier", columns, rows, () if total else (Note("no_revenue"),))


def concentration(sources: Sources) -> Table:
    """What share of revenue the largest 1, 2, 3, 5, 10 … accounts bring."""
    ordered = sorted((one.revenue for one in sources.accounts if one.revenue > 0), reverse=True)
    total = sum(ordered)
    steps = [step for step in STEPS if step < len(ordered)] + ([len(ordered)] if ordered else [])
    rows = ((step, sum(ordered[:step]), sum(ordered[:step]) / total) for step in steps)
    columns = (Column("largest", "count"), Column("revenue", "money"), Column("revenue_share", "share"))
    return make_table("concentration", columns, rows, () if total else (Note("no_revenue"),))


def alarms(sources: Sources) -> tuple[Note, ...]:
    """Sentences on what a portfolio hangs on: one account, ten accounts, one owner."""
    paying = sorted((one for one in sources.accounts if one.revenue > 0), key=lambda one: (-one.revenue, one.id))
    total = sum(one.revenue for one in paying)
    if not total:
        return ()
    found = [Note("alarm_one", (one.name, one.revenue / total)) for one in paying if one.revenue / total > ONE_SHARE]
    ten = sum(one.revenue for one in paying[:10]) / total
    if len(paying) > 20 and ten > TEN_SHARE:
        found.append(Note("alarm_ten", (ten,)))
    red = [one for one in sources.key_accounts if one.decision.health == "red"]
    if red:
        found.append(Note("alarm_red", (len(red), sum(one.revenue for one in red) / total)))
    return tuple(found)


def achievements(sources: Sources) -> Table:
    """Key accounts beside all others, this year beside the year before."""
    others = [one for one in sources.accounts if not one.is_key and (one.revenue or one.revenue_before)]
    rows = [("key", *figures(sources.key_accounts).cells), ("rest", *figures(others).cells)]
    notes = [Note("chosen_today")]
    if all(one.silent_days is None for one in sources.accounts):
        notes.append(Note("activities_unknown"))
    return make_table("achievements", (Column("group", "group"), *_FIGURES), rows, notes)


def managers(sources: Sources) -> Table:
    """The same figures of each owner's key accounts, the largest revenue first."""
    found = [(owner, figures(inside)) for owner, inside in by_owner(sources.key_accounts)]
    found.sort(key=lambda one: (-one[1].revenue, one[0]))
    rows = [(owner, *one.cells) for owner, one in found]
    return make_table("managers", (Column("owner"), *_FIGURES), rows, (Note("no_key_accounts"),) if not rows else ())


def by_owner(accounts: Iterable[Account]) -> Iterator[tuple[str, list[Account]]]:
    """Owners' names, "" without one, each with the accounts."""
    found: dict[tuple[str, str], list[Account]] = {}
    for account in accounts:
        found.setdefault((account.owner, account.owner_id), []).append(account)
    yield from ((owner, inside) for (owner, _), inside in sorted(found.items()))


def white_space(sources: Sources) -> Table:
    """Key accounts × product families: which they bought, which anyone bought and they did not; the largest accounts first."""
    columns = (
        Column("account", "account"), Column("account_id", "id"), Column("tier", "tier"), Column("family"),
        Column("bought", "group"), Column("revenue", "money"),
    )  # fmt: skip
    if sources.bought is None or not sources.families:
        return make_table("white_space", columns, (), (Note("line_items_unknown"),))
    largest = sorted(sources.key_accounts, key=lambda one: (-one.revenue, one.id))
    bought = sources.bought
    rows = (
        (one.name, one.id, one.decision.tier, family, "yes" if family in bought.get(one.id, ()) else "no", one.revenue)
        for one in largest
        for family in sources.families
    )
    left_out = len(largest) - MOST_SPACE
    notes = (Note("space_left_out", (MOST_SPACE, left_out)),) if left_out > 0 else ()
    return make_table("white_space", columns, rows, notes)
