"""Where the accounts stand: the matrix, health by tier, what is known, exceptions that people made. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from kamsync.decide.goals import GoalStanding
from kamsync.decide.program import NO_TIER
from kamsync.flags import LIGHTS
from kamsync.report.overview.sources import Account, Sources
from kamsync.report.overview.tables import Column, Figure, Note, Table, make_table

MOST_POINTS = 1_200  # more points than that on one picture are a cloud; the others are counted in cells
NEARLY_KEY = 200  # of those without a tier, so many of the largest are points too
CELL = 10  # points of the score along each side of a cell
UNKNOWN = "unknown"
MET = {True: "target_met", False: "target_missed", None: UNKNOWN}
AHEAD_DAYS = 180

_MATRIX = (
    Column("account", "account"),
    Column("account_id", "id"),
    Column("tier", "tier"),
    Column("owner"),
    Column("attractiveness", "score"),
    Column("strength", "score"),
    Column("score", "score"),
    Column("segment", "segment"),
    Column("health", "health"),
    Column("revenue", "money"),
)


def matrix(sources: Sources) -> Table:
    """Every account that has a place: best tier first, the largest first inside it, those without a tier last."""
    order = {tier: place for place, tier in enumerate((*sources.tiers, NO_TIER))}
    placed = [one for one in sources.accounts if one.decision.segment is not None]
    placed.sort(key=lambda one: (order.get(one.decision.tier, 0), -one.revenue, one.id))
    key = sum(one.is_key for one in placed)
    left_out = (("key_left_out", key - MOST_POINTS), ("others_in_cells", len(placed) - key - NEARLY_KEY))
    unplaced = sum(one.decision.segment is None for one in sources.key_accounts)
    notes = [Note(what, (count,)) for what, count in (*left_out, ("no_place", unplaced)) if count > 0]
    return make_table("matrix", _MATRIX, (_point(one) for one in placed), notes)


def drawn(table: Table) -> Table:
    """The rows of the matrix that become points; the others are in its ground."""
    tiers = table.cells("tier")
    key = next((place for place, tier in enumerate(tiers) if tier == NO_TIER), len(tiers))
    return replace(table, rows=(*table.rows[: min(key, MOST_POINTS)], *table.rows[key : key + NEARLY_KEY]))


def _point(account: Account) -> tuple[str | float | None, ...]:
    d = account.decision
    return (
        account.name, account.id, d.tier, account.owner, d.attractiveness, d.strength, d.score, d.segment, d.health or UNKNOWN,
        account.revenue,
    )  # fmt: skip


def matrix_cells(sources: Sources) -> Table:
    """How many accounts without a tier lie in each cell of the matrix: the ground under the points."""
    found: Counter[tuple[int, int]] = Counter()
    for account in sources.accounts:
        d = account.decision
        if not account.is_key and d.attractiveness is not None and d.strength is not None:
            found[_cell(d.strength), _cell(d.attractiveness)] += 1
    columns = (Column("strength", "score"), Column("attractiveness", "score"), Column("accounts", "count"))
    return make_table("matrix_cells", columns, ((x, y, count) for (x, y), count in sorted(found.items())))


def _cell(score: float) -> int:
    return min(int(score // CELL), 100 // CELL - 1) * CELL


def goals(sources: Sources) -> Table:
    """Each goal with its figure, the target, the median of the key accounts now and at the start, and who has reached it."""
    columns = (
        Column("goal", "group"), Column("kpi", "group"), Column("target", "figure"), Column("median", "figure"),
        Column("before", "figure"), Column("is_met", "group"), Column("reached", "count"), Column("known_of", "count"),
    )  # fmt: skip
    rows = (
        (one.goal, one.kpi, *(_figure(value, one) for value in (one.target, one.now, one.before)), MET[one.is_met],
         one.reached, one.accounts)
        for one in sources.goals
    )  # fmt: skip
    return make_table("goals", columns, rows, () if sources.goals else (Note("no_goals"),))


def _figure(value: float | None, one: GoalStanding) -> Figure | None:
    return None if value is None else Figure(value, one.unit)


def health_by_tier(sources: Sources) -> Table:
    """Each tier's accounts by their health now and as it was on the first day of the period (None: nobody knows)."""
    before = _health_on(sources)
    now: Counter[tuple[str, str]] = Counter()
    then: Counter[tuple[str, str]] = Counter()
    for account in sources.key_accounts:
        tier, health = account.decision.tier, account.decision.health or UNKNOWN
        now[tier, health] += 1
        then[tier, before.get(account.id, health) or UNKNOWN] += 1
    knows = any(moment.day <= sources.since for moment in sources.history)
    columns = (Column("tier", "tier"), Column("health", "health"), Column("accounts", "count"), Column("before", "count"))
    rows = (
        (tier, health, now[tier, health], then[tier, health] if knows else None)
        for tier in sources.tiers
        for health in (*LIGHTS, UNKNOWN)
        if now[tier, health] or then[tier, health]
    )
    notes = () if knows else (Note("no_history_since", (sources.since,)),)
    return make_table("health_by_tier", columns, rows, notes)


def _health_on(sources: Sources) -> dict[str, str | None]:
    """Health of the accounts that changed it since: what each had before its first change in the period."""
    found: dict[str, str | None] = {}
    for moment in sources.history:
        if moment.day > sources.since and moment.health != moment.health_before:
            found.setdefault(moment.account_id, moment.health_before)
    return found


def coverage(sources: Sources) -> Table:
    """By criterion: for how many of the accounts that are scored its value is known, and how much it moves the ranking."""
    labels = {one.name: one.label or one.name for one in sources.program.criteria}
    axes = {one.name: one.axis for one in sources.program.criteria}
    columns = (
        Column("criterion"), Column("axis", "group"), Column("known", "share"), Column("unknown", "count"),
        Column("moves", "share"),
    )  # fmt: skip
    rows = [
        (labels[one.criterion], axes[one.criterion], one.known / one.scored, one.scored - one.known, one.moves)
        for one in sources.influence
        if one.scored
    ]
    return make_table("coverage", columns, sorted(rows, key=lambda row: (row[2], row[0])))


def overrides(sources: Sources) -> Table:
    """Tiers that people set, those that end first first; one without an end last."""
    held = [one for one in sources.accounts if one.decision.code == "override"]
    columns = (
        Column("account", "account"), Column("account_id", "id"), Column("owner"), Column("tier", "tier"),
        Column("until", "date"), Column("left_days", "days"), Column("score", "score"),
    )  # fmt: skip
    ordered = sorted(held, key=lambda one: (one.decision.until or date.max, one.name.casefold(), one.id))
    rows = ((one.name, one.id, one.owner, one.decision.tier, one.decision.until, _left(one, sources.as_of), one.decision.score)
            for one in ordered)  # fmt: skip
    return make_table("overrides", columns, rows, (Note("no_overrides"),) if not held else ())


def _left(account: Account, as_of: date) -> int | None:
    until = account.decision.until
    return None if until is None else (until - as_of).days


def renewals(sources: Sources) -> Table:
    """Renewals of key accounts within half a year, the nearest first; those that are past and still stand come first."""
    last = sources.as_of + timedelta(days=AHEAD_DAYS)
    ahead = [one for one in sources.key_accounts if one.renewal is not None and one.renewal <= last]
    ahead.sort(key=lambda one: (one.renewal or last, one.id))
    columns = (
        Column("account", "account"), Column("account_id", "id"), Column("owner"), Column("tier", "tier"),
        Column("renewal", "date"), Column("left_days", "days"), Column("health", "health"), Column("revenue", "money"),
    )  # fmt: skip
    rows = (
        (one.name, one.id, one.owner, one.decision.tier, one.renewal, _until(one.renewal, sources.as_of),
         one.decision.health or UNKNOWN, one.revenue)
        for one in ahead
    )  # fmt: skip
    return make_table("renewals", columns, rows, _unknown_renewals(sources.key_accounts))


def _until(day: date | None, as_of: date) -> int | None:
    return None if day is None else (day - as_of).days


def _unknown_renewals(accounts: Sequence[Account]) -> tuple[Note, ...]:
    unknown = sum(one.renewal is None for one in accounts)
    return (Note("renewal_unknown", (unknown, len(accounts))),) if unknown else ()
