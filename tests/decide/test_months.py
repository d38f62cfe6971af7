"""Calendar arithmetic, clamped to the month's end (DECISIONS.md §1)."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.months import add_months, days_after, days_before, months_before, term_months, whole_months

DAYS = st.dates(date(1990, 1, 1), date(2090, 1, 1))


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2025, 1, 15), 1, date(2024, 12, 15)),
        (date(2025, 6, 30), 24, date(2023, 6, 30)),
        (date(2025, 12, 31), 0, date(2025, 12, 31)),
    ],
)
def test_months_before_are_clamped_to_the_months_end(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


def test_days_before_are_days() -> None:
    assert days_before(date(2025, 3, 1), 90) == date(2024, 12, 1)


def test_the_calendar_ends_where_days_would_go_on() -> None:
    assert days_after(date(9999, 12, 1), 90) == date.max
    assert days_before(date(1, 1, 31), 90) == date.min
    assert term_months(date(2020, 1, 1), date.max) == 12 * 7980 - 1


@given(DAYS, DAYS)
def test_whole_months_is_the_greatest_number_that_fits(first: date, until: date) -> None:
    months = whole_months(first, until)
    if first > until:
        assert months is None
    else:
        assert months is not None
        assert add_months(first, months) <= until < add_months(first, months + 1)


@given(DAYS, st.integers(0, 200))
def test_months_before_never_skip_a_month(day: date, months: int) -> None:
    before = months_before(day, months)
    assert (day.year - before.year) * 12 + day.month - before.month == months
    assert before.day <= day.day
