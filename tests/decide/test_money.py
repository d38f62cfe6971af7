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


@pytest.mark.parametrize("useless", [0.0, -2.0, None])
def test_a_rate_that_is_none_is_passed_over_and_hides_no_other(useless: float | None) -> None:
    rates = Rates([("EUR", None, useless), ("BRL", None, 5.0)], "USD", "USD")  # type: ignore[list-item]  # null in the CRM
    assert rates.factor("EUR", None) is None
    assert rates.factor("BRL", None) == 0.2


def test_a_rate_below_one_is_a_rate() -> None:
    assert Rates([("GBP", None, 0.5)], "USD", "USD").factor("GBP", None) == 2


def test_without_a_target_everything_is_in_the_base_currency() -> None:
    rates = Rates(RATES, "USD", "")
    assert rates.target == "USD"
    assert (rates.factor(None, None), rates.constant(None), rates.constant("EUR")) == (1, 1, 1.25)


def test_an_amount_without_a_currency_is_in_the_base_and_without_a_base_in_the_target() -> None:
    assert Rates(RATES, "USD", "EUR").constant(None) == 0.8
    assert Rates([], "", "EUR").constant(None) == 1
    assert Rates([], "", "EUR").factor(None, None) == 1


def test_the_base_currencys_own_rate_counts_where_the_crm_lists_one() -> None:
    assert Rates([("USD", None, 2.0), ("EUR", None, 1.0)], "USD", "EUR").factor("USD", None) == 0.5


def test_the_last_of_several_rates_of_one_day_holds() -> None:
    assert Rates([("BRL", "2024-01-01", 5.0), ("BRL", "2024-01-01", 4.0)], "USD", "USD").factor("BRL", "2024-01-01") == 0.2
