"""What moved: who entered and left since a day and why, tiers and score month by month. Pure; from what history remembers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER
from kamsync.report.overview.sources import Moment, Sources
from kamsync.report.overview.tables import Cell, Column, Note, Table, make_table

MOST_MONTHS = 36
WHYS = 2  # criteria that moved most, of each account

_MOVES = (
    Column("day", "date"),
    Column("move", "group"),
    Column("account", "account"),
    Column("account_id", "id"),
    Column("owner"),
    Column("tier_before", "tier"),
    Column("tier", "tier"),
    Column("score", "score"),
    Column("code", "code"),
    Column("why"),
)


def moves(sources: Sources) -> Table:
    """Every change of tier since the first day of the period, the newest first, with what settled it and what moved most."""
    owners = {one.id: one.owner for one in sources.accounts}
    rank = _ranks(sources)
    rows: list[tuple[Cell, ...]] = []
    last: dict[str, Moment] = {}
    for moment in sources.history:
        before, last[moment.account_id] = last.get(moment.account_id), moment
        if moment.day <= sources.since or moment.tier == moment.tier_before:
            continue
        rows.append(
            (
                moment.day, _way(moment, rank), moment.name, moment.account_id, owners.get(moment.account_id, ""),
                moment.tier_before, moment.tier, moment.score, moment.code, _why(moment, before),
            )
        )  # fmt: skip
    rows.reverse()
    return make_table("moves", _MOVES, rows, _notes(sources, bool(rows)))


def _notes(sources: Sources, any_moves: bool) -> Iterator[Note]:
    first = sources.history[0].day if sources.history else None
    if first is None:
        yield Note("no_history")
    elif first > sources.since:
        yield Note("history_begins", (first,))
    elif not any_moves:
        yield Note("no_moves", (sources.since,))


def _ranks(sources: Sources) -> Mapping[str, int]:
    return {tier: place for place, tier in enumerate((*sources.tiers, NO_TIER))}


def _way(moment: Moment, rank: Mapping[str, int]) -> str:
    if moment.tier_before == NO_TIER:
        return "entered"
    if moment.tier == NO_TIER:
        return "left"
    return "rose" if rank.get(moment.tier, 0) < rank.get(moment.tier_before, 0) else "fell"


def _why(now: Moment, before: Moment | None) -> str:
    """The criteria whose points moved most since the decision before; without one, those that bring most."""
    points, labels = _points(now)
    earlier, _ = _points(before) if before is not None else ({}, {})
    moved = {name: round(value - earlier.get(name, 0.0), 1) for name, value in points.items()}
    largest = sorted((name for name in moved if abs(moved[name]) >= 0.1), key=lambda name: (-abs(moved[name]), name))[:WHYS]
    sign = "+" if before is not None else ""
    return ", ".join(f"{labels[name]} {moved[name]:{sign}.1f}" for name in largest)


def _points(moment: Moment) -> tuple[dict[str, float], dict[str, str]]:
    if not moment.receipt:
        return {}, {}
    rows: Sequence[Mapping[str, Any]] = json.loads(moment.receipt)["contributions"]
    counted = [row for row in rows if row["axis"] != "health"]
    return (
        {row["criterion"]: float(row["points"]) for row in counted},
        {row["criterion"]: str(row["label"] or row["criterion"]) for row in counted},
    )


def over_time(sources: Sources) -> Table:
    """At each month's end and today: accounts of each tier, and the mean of the scores that they had last."""
    columns = (Column("day", "date"), Column("tier", "tier"), Column("accounts", "count"), Column("score", "score"))
    days = _days(sources)
    if not days:
        return make_table("over_time", columns, (), (Note("no_history"),))
    rows: list[tuple[Cell, ...]] = []
    standing: dict[str, Moment] = {}
    waiting = iter([*sources.history])
    moment = next(waiting, None)
    for day in days:
        while moment is not None and moment.day <= day:
            standing[moment.account_id] = moment
            moment = next(waiting, None)
        rows += _on(day, standing, sources.tiers)
    notes = (Note("history_begins", (sources.history[0].day,)),) if len(days) < 3 else ()
    return make_table("over_time", columns, rows, notes)


def _on(day: date, standing: Mapping[str, Moment], tiers: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    counts = Counter(one.tier for one in standing.values())
    for tier in tiers:
        scores = [one.score for one in standing.values() if one.tier == tier and one.score is not None]
        yield day, tier, counts[tier], sum(scores) / len(scores) if scores else None


def _days(sources: Sources) -> list[date]:
    """The first day that history knows, the ends of the months after it, today."""
    if not sources.history:
        return []
    first = max(sources.history[0].day, add_months(sources.as_of, -MOST_MONTHS))
    ends, month = [], first.replace(day=1)
    while (following := add_months(month, 1)) <= sources.as_of:
        ends.append(following - timedelta(days=1))
        month = following
    return sorted({first, *(end for end in ends if end >= first), sources.as_of})
