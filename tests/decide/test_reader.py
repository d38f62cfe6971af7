"""How numbers, money and dates look to a programme's readers: by language and country."""

from __future__ import annotations

from datetime import date

import pytest

from kamsync.decide.program import Program
from kamsync.decide.reader import reader_for, reader_of

DAY = date(2026, 3, 5)


def plain(text: str) -> str:
    """With spaces that break: which of its blanks do not is a matter of each CLDR release."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("language", "country", "number", "share", "money", "compact", "day"),
    [
        ("en", "", "187,050.00", "25.3%", "$187,050", "USD 238K", "Mar 5, 2026"),
        ("en", "US", "187,050.00", "25.3%", "$187,050", "USD 238K", "Mar 5, 2026"),
        ("en", "GB", "187,050.00", "25.3%", "US$187,050", "USD 238K", "5 Mar 2026"),
        ("en", "IN", "1,87,050.00", "25.3%", "$1,87,050", "USD 2L", "5 Mar 2026"),
        ("pt_BR", "", "187.050,00", "25,3%", "US$ 187.050", "USD 238 mil", "05/03/2026"),
        ("pt_BR", "BR-SP", "187.050,00", "25,3%", "US$ 187.050", "USD 238 mil", "05/03/2026"),
        ("es", "", "187.050,00", "25,3 %", "187.050 US$", "USD 238 mil", "5/3/2026"),
        ("es", "ES", "187.050,00", "25,3 %", "187.050 US$", "USD 238 mil", "5/3/2026"),
        ("es", "MX", "187,050.00", "25.3%", "USD 187,050", "USD 238 k", "5/3/2026"),
        ("es", "CL", "187.050,00", "25,3%", "US$187.050", "USD 238 k", "05-03-2026"),
    ],
)
def test_numbers_money_and_dates_are_those_of_the_country(
    language: str, country: str, number: str, share: str, money: str, compact: str, day: str
) -> None:
    reader = reader_of(Program((), (), language=language, country=country, currency="USD"))

    assert reader.number(187050, 2) == number
    assert plain(reader.percent(0.2534, 1)) == share
    assert plain(reader.money(187050.4)) == money
    assert plain(reader.compact_money(238_400)) == compact
    assert reader.day(DAY) == day


@pytest.mark.parametrize(("asked", "country"), [("es_MX", ""), ("es-mx", ""), ("es", "mx"), ("es_ES", "MX")])
def test_a_country_may_stand_in_the_language_and_one_of_its_own_goes_before(asked: str, country: str) -> None:
    assert reader_for(asked, country).number(1234.5, 1) == "1,234.5"


@pytest.mark.parametrize(("language", "country"), [("en", "BR"), ("en", "ZZ"), ("en", "not a country"), ("xx", "BR"), ("", "")])
def test_a_country_where_nobody_writes_that_language_changes_nothing(language: str, country: str) -> None:
    assert reader_for(language, country).number(1234.5, 1) == "1,234.5"


def test_amounts_of_an_unknown_currency_are_numbers() -> None:
    assert (reader_for("pt_BR").money(1234.5), reader_for("pt_BR").compact_money(9999)) == ("1.234", "9.999")


@pytest.mark.parametrize(("decimals", "text"), [(-1, "1,234"), (0, "1,234"), (2, "1,234.40"), (900, "1,234.400000")])
def test_decimals_are_those_asked_for_within_reason(decimals: int, text: str) -> None:
    assert reader_for("en").number(1234.4, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), (1234.5, "1,234.5"), (0.125, "0.12")])
def test_a_short_number_has_no_zeros_behind_it(value: float, text: str) -> None:
    assert reader_for("en").short_number(value) == text
