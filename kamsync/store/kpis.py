"""Key figures over time: of each account what changed, and on which day. Figures are those of decide.kpis.

`kpi_now` holds the last known values of an account, `kpi_history` a row for each change: some fifteen bytes, so that a hundred
thousand accounts over years stay small. Comparing runs as SQL; only what changed comes to Python.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import NamedTuple

from kamsync.decide.fact import FactValue
from kamsync.decide.kpis import KPIS, Kpi
from kamsync.store.database import ACCOUNTS_AT_ONCE, Cache, without_waiting

_NAMES = ", ".join(KPIS)
_MARKS = ", ".join("?" * (len(KPIS) + 1))
_UPSERT = (
    f"INSERT INTO kpi_now (account_id, {_NAMES}) VALUES ({_MARKS}) ON CONFLICT (account_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in KPIS)
    + " RETURNING number"
)


class Figures(NamedTuple):
    """An account's key figures now and as they were last kept, both in the order of KPIS."""

    account_id: str
    now: tuple[FactValue, ...]
    kept: tuple[FactValue, ...]


@dataclass(frozen=True, slots=True)
class KpiChange:
    """One figure from that day on; None where it became unknown."""

    kpi: Kpi
    day: date
    value: FactValue


def changed_figures(db: sqlite3.Connection, facts: Iterable[str]) -> Iterator[Figures]:
    """Accounts whose figures differ from what is kept. `facts`: the columns of temp.facts, beside which temp.decided stands.

    What the programme does not compute stays as it was kept: that nobody asked is no change.
    """
    there = set(facts)
    now = [_expression(kpi, there) for kpi in KPIS.values()]
    differs = " OR ".join(f"({value}) IS NOT n.{name}" for name, value in zip(KPIS, now, strict=True))
    kept = ", ".join(f"n.{name}" for name in KPIS)
    rows = db.execute(
        f"SELECT f.id, {', '.join(now)}, {kept} FROM temp.facts f JOIN temp.decided d ON d.fact = f.rowid"
        f" LEFT JOIN kpi_now n ON n.account_id = f.id WHERE {differs}"
    )
    for row in rows:
        yield Figures(row[0], row[1 : 1 + len(KPIS)], row[1 + len(KPIS) :])


def keep_figures(cache: Cache, figures: Iterable[Figures], day: date) -> int:
    """Keeps what changed as of that day; how many accounts. A second time on one day only the last counts."""
    count, source = 0, iter(figures)
    while some := list(islice(source, ACCOUNTS_AT_ONCE)):
        with cache.transaction() as connection:
            for one in some:
                (number,) = connection.execute(_UPSERT, (one.account_id, *one.now)).fetchone()
                connection.executemany(
                    "INSERT OR REPLACE INTO kpi_history (account, kpi, day, value) VALUES (?, ?, ?, ?)",
                    [
                        (number, kpi.number, day.toordinal(), now)
                        for kpi, now, kept in zip(KPIS.values(), one.now, one.kept, strict=True)
                        if now != kept
                    ],
                )
        count += len(some)
    return count


def keep_figures_if_free(cache: Cache, figures: Iterable[Figures], day: date) -> None:
    """The same where the run does not depend on it: a cache that another process writes to, or a full disk, stops nothing."""
    with without_waiting(cache):
        keep_figures(cache, figures, day)


def trend_of(cache: Cache, account_id: str) -> list[KpiChange]:
    """The account's figures as they changed, oldest first."""
    by_number = {kpi.number: kpi for kpi in KPIS.values()}
    rows = cache.connection.execute(
        "SELECT kpi, day, value FROM kpi_history WHERE account = (SELECT number FROM kpi_now WHERE account_id = ?)"
        " ORDER BY day, kpi",
        (account_id,),
    )
    return [KpiChange(by_number[kpi], date.fromordinal(day), value) for kpi, day, value in rows if kpi in by_number]


def figures_on(cache: Cache, kpi: Kpi, day: date) -> dict[str, FactValue]:
    """What the figure of every account was on that day, by account id; an account that was not known then is missing."""
    rows = cache.connection.execute(
        "SELECT n.account_id, h.value, max(h.day) FROM kpi_history h JOIN kpi_now n ON n.number = h.account"
        " WHERE h.kpi = ? AND h.day <= ? GROUP BY h.account",  # SQLite: bare columns are those of the row with the maximum
        (kpi.number, day.toordinal()),
    )
    return {account_id: value for account_id, value, _ in rows}


def forget_older(connection: sqlite3.Connection, before: date) -> int:
    """Deletes changes from before that day, but for the last of each figure, which still held on it."""
    sql = (
        "DELETE FROM kpi_history AS old WHERE day < ?1 AND EXISTS (SELECT 1 FROM kpi_history AS later WHERE"
        " later.account = old.account AND later.kpi = old.kpi AND later.day > old.day AND later.day <= ?1)"
    )
    return max(connection.execute(sql, (before.toordinal(),)).rowcount, 0)


def _expression(kpi: Kpi, there: set[str]) -> str:
    if kpi.origin == "decided":
        value = f'd."{kpi.source}"'
    elif kpi.source in there:
        value = f'f."{kpi.source}"'
    else:
        return f"n.{kpi.name}"
    return value if kpi.digits is None else f"round({value}, {kpi.digits})"
