"""A past day as it was known then: temporary tables that stand before the cache's own, so that every fact sees the past.

What was created later is not there; what was closed later is open, with no stage and no probability of its own, because those of
today tell how it ended. An account field that is a date after the day was not known yet. What the cache holds in one state only
(amounts, owners, the hierarchy, other account fields) is as it is today: `decide.replay` says which criteria that leaves out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from datetime import date

from kamsync.decide.months import months_before
from kamsync.store.database import Cache

# Each column as it was on the day, where that is not what the cache holds.
_OPPORTUNITY = {
    "is_closed": "is_closed AND close_date <= :as_of",
    "is_won": "is_won AND close_date <= :as_of",
    "stage": "CASE WHEN is_closed AND close_date <= :as_of THEN stage END",
    "probability": "CASE WHEN is_closed AND close_date <= :as_of THEN probability ELSE :win_rate END",
}
_WIN_RATE = (
    "SELECT CAST(sum(is_won) AS REAL) / count(*) FROM main.opportunities"
    " WHERE is_closed AND close_date > :from_day AND close_date <= :as_of"
)


def show_the_past(db: sqlite3.Connection, as_of: date, dates: Collection[str]) -> None:
    """Hides from this connection what nobody knew on `as_of`. `dates`: the mapped account fields that are dates.

    What is open then is weighed by the share of opportunities won in the 24 months before: no stage of the past is kept.
    """
    parameters: dict[str, str | float | None] = {"as_of": as_of.isoformat(), "from_day": months_before(as_of, 24).isoformat()}
    parameters["win_rate"] = db.execute(_WIN_RATE, parameters).fetchone()[0] or 0.0
    _stand_before(db, "opportunities", _OPPORTUNITY, parameters)
    known = {name: f'CASE WHEN "{name}" <= :as_of THEN "{name}" END' for name in dates}
    _stand_before(db, "accounts", known, parameters)


def first_activity_day(cache: Cache) -> date | None:
    """The earliest activity that the cache holds, None where it holds none: days before it cannot be judged by activities."""
    found = cache.connection.execute("SELECT min(activity_date) FROM activities").fetchone()[0]
    return None if found is None else date.fromisoformat(found)


def first_opportunity_day(cache: Cache) -> date | None:
    """Since when opportunities are known: the first one's creation, its close where nobody says; None without any."""
    found = cache.connection.execute("SELECT min(coalesce(created_date, close_date)) FROM opportunities").fetchone()[0]
    return None if found is None else date.fromisoformat(found[:10])


def entered_late(cache: Cache) -> int:
    """How many opportunities the CRM came to know more than 30 days after they had closed: by an import, most likely."""
    sql = "SELECT count(*) FROM opportunities WHERE is_closed AND julianday(created_date) - julianday(close_date) > 30"
    return int(cache.connection.execute(sql).fetchone()[0])


def _stand_before(
    db: sqlite3.Connection, table: str, changed: Mapping[str, str], parameters: Mapping[str, str | float | None]
) -> None:
    """A table of the same name without what was created later, the `changed` columns as they were."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    seen = ", ".join(f'{changed[name]} AS "{name}"' if name in changed else f'"{name}"' for name in columns)
    condition = "created_date IS NULL OR created_date <= :as_of" if "created_date" in columns else "1"
    db.execute(f"CREATE TEMP TABLE {table} AS SELECT {seen} FROM main.{table} WHERE {condition}", parameters)
