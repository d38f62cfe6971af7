"""The open opportunities of one account, from the cache."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from kamsync.store.database import Cache


def open_opportunities(cache: Cache, account_id: str) -> Iterator[tuple[str, float | None, str, date | None, str]]:
    """Name, amount in its own currency, that currency, close date and stage, the nearest first."""
    rows = cache.connection.execute(
        "SELECT coalesce(name, id), amount, coalesce(currency, ''), close_date, coalesce(stage, '') FROM opportunities"
        " WHERE account_id = ? AND NOT is_closed ORDER BY close_date IS NULL, close_date, id",
        (account_id,),
    )
    for name, amount, currency, day, stage in rows:
        yield name, amount, currency, date.fromisoformat(day) if day else None, stage


def open_families(cache: Cache, account_id: str) -> frozenset[str]:
    """Product families in the account's open opportunities."""
    rows = cache.connection.execute(
        "SELECT DISTINCT l.product_family FROM opportunities o JOIN line_items l ON l.opportunity_id = o.id"
        " WHERE o.account_id = ? AND NOT o.is_closed AND l.product_family IS NOT NULL",
        (account_id,),
    )
    return frozenset(family for (family,) in rows)
