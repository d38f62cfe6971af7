"""Calendar arithmetic of DECISIONS.md §1: months clamped to the month's end, half-open windows. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection
from datetime import date
from itertools import pairwise

LEAST_DATES = 5  # of a rhythm


def add_months(day: date, months: int) -> date:
    """`months` later (or earlier), clamped: 2024-02-29 minus 12 months is 2023-02-28."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier (negative: later), or the month's last where it has no such day."""
    return add_months(day, -months)


def days_before(day: date, days: int) -> date:
    """The day so many days earlier."""
    return days_after(day, -days)


def days_after(day: date, days: int) -> date:
    """The day so many days later (negative: earlier); the calendar's last or first where it ends before that.

    People write 9999-12-31 for "never".
    """
    return date.fromordinal(min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal()))


def whole_months(first: date, until: date) -> int | None:
    """The greatest n ≥ 0 such that `first` plus n months (clamped) ≤ `until`; None where `first` is later."""
    if first > until:
        return None
    months = (until.year - first.year) * 12 + until.month - first.month
    return months if add_months(first, months) <= until else months - 1


def term_months(first: date, last: date) -> int | None:
    """Whole months of a term from `first` to its last day, at least 1; None where it ends before it begins.

    A year is 12 whether people write its last day or the day after it.
    """
    if last < first:
        return None
    return max(whole_months(first, days_after(last, 1)) or 0, 1)


def usual_gap(days: Collection[date]) -> float | None:
    """The median number of days between distinct days; None where there are too few for a rhythm."""
    from statistics import median  # whoever explains one account reckons with months only

    ordered = sorted(day.toordinal() for day in set(days))
    if len(ordered) < LEAST_DATES:
        return None
    return float(median(later - earlier for earlier, later in pairwise(ordered)))
