"""Conversion by current and dated rates (DECISIONS.md §1)."""

from __future__ import annotations

import pytest

from kamsync.decide.money import Rates

RATES = [("EUR", None, 0.8), ("BRL", None, 6.0), ("BRL", "2024-01-01", 4.0), ("BRL", "2025-01-01", 5.0), ("ZZZ", None, 0.0)]


@pytest.mark.parametrize(
    ("target", "currency", "day", "factor"),
    [
        ("USD", "USD", "2025-01-01", 1),
        ("USD", "EUR", "2025-01-01", 1.25),
        ("EUR", "USD", "2025-01-01", 0.8),
        ("USD", None, None, 1),
        ("EUR", None, None, 0.8),
        ("", "EUR", None, 1.25),
        ("USD", "BRL", "2023-12-31", 1 / 6),
        ("USD", "BRL", "2024-01-01", 0.25),
        ("USD", "BRL", "2024-12-31", 0.25),
        ("USD", "BRL", "2025-01-01", 0.2),
        ("USD", "BRL", None, 1 / 6),
        ("BRL", "EUR", "2025-06-01", 6.25),
        ("USD", "ZZZ", None, None),
        ("USD", "XXX", None, None),
        ("XXX", "USD", None, None),
        ("XXX", "XXX", None, 1),
    ],
)
def test_an_amount_is_multiplied_by(target: str, currency: str | None, day: str | None, factor: float | None) -> None:
    assert Rates(RATES, "USD", target).factor(currency, day) == (None if factor is None else pytest.approx(factor))


def test_without_any_currency_amounts_are_as_they_stand() -> None:
    assert Rates([], "", "").factor(None, "2025-01-01") == 1


@pytest.mark.parametrize(("target", "currency", "constant"), [("USD", "EUR", 1.25), ("USD", "USD", 1), ("USD", "BRL", None)])
def test_a_factor_is_constant_where_no_dated_rate_takes_part(target: str, currency: str, constant: float | None) -> None:
    assert Rates(RATES, "USD", target).constant(currency) == constant
    assert Rates(RATES, "USD", "BRL").constant("EUR") is None
