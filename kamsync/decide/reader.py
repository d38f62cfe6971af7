"""How numbers, money and dates look to the readers of a programme: the words' language as written in their country, by Babel.

A programme in Spanish writes 187.050,00 in Spain and 187,050.00 in Mexico. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import NumberPattern, format_compact_decimal, format_currency, format_decimal, format_percent, parse_pattern

from kamsync.decide.program import Program
from kamsync.decide.texts import Language, language

COMPACT_FROM = 10_000  # below that a compact amount is said in full
MOST_DECIMALS = 6
# CLDR sets a space between letters and figures ("USD 187,050"), by a rule that Babel does not know.
# https://www.unicode.org/reports/tr35/tr35-numbers.html#Currencies
_CODE_BEFORE_FIGURES = re.compile(r"(?<=[^\W\d_])(?=\d)")


@dataclass(frozen=True, slots=True)
class Reader:
    """`words`: the language that texts are written in. `currency`: ISO code of the programme's amounts, "" unknown."""

    words: Language
    locale: Locale
    currency: str = ""

    def number(self, value: float, decimals: int = 0) -> str:
        """`value` with so many decimals (0 to `MOST_DECIMALS`): "1,234.50"."""
        return format_decimal(value, _pattern(self.locale, "0" * min(max(decimals, 0), MOST_DECIMALS)), locale=self.locale)

    def short_number(self, value: float) -> str:
        """`value` with two decimals at most, and none that are zero: "1,234.5"."""
        return format_decimal(value, _pattern(self.locale, "##"), locale=self.locale)

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share (0.25) as "25%", as its language sets the sign."""
        places = "." + "0" * min(decimals, MOST_DECIMALS) if decimals > 0 else ""
        pattern = str(self.locale.percent_formats[None].pattern).replace("0", f"0{places}", 1)
        return format_percent(share, pattern, locale=self.locale)

    def money(self, amount: float) -> str:
        """A whole amount with its currency ("R$ 187.050"); the number alone where nobody knows the currency."""
        if not self.currency:
            return self.number(amount)
        pattern = re.sub(r"\.0+", "", self.locale.currency_formats["standard"].pattern)
        said = format_currency(round(amount), self.currency, pattern, locale=self.locale, currency_digits=False)
        return _CODE_BEFORE_FIGURES.sub("\N{NO-BREAK SPACE}", said)

    def compact_money(self, amount: float) -> str:
        """An amount rounded to what a person compares, behind its currency's code: "USD 238K", "BRL 1,2 mi"."""
        if abs(amount) < COMPACT_FROM:
            said = self.number(amount)
        else:
            said = format_compact_decimal(amount, locale=self.locale, fraction_digits=1 if abs(amount) >= 1_000_000 else 0)
        return f"{self.currency} {said}".strip()

    def day(self, value: date) -> str:
        """A date in figures, day and month as its country orders them; in English, where nobody can tell the order, by name."""
        if self.locale.language == "en":
            return format_date(value, "medium", locale=self.locale)
        return format_skeleton("yMd", value, locale=self.locale)


@cache
def _pattern(locale: Locale, decimals: str) -> NumberPattern:
    """The locale's own grouping with these decimals ("00" always two, "##" two at most, "" none), read once."""
    whole = str(locale.decimal_formats[None].pattern).partition(".")[0]
    return parse_pattern(f"{whole}.{decimals}" if decimals else whole)


def reader_of(program: Program) -> Reader:
    """The reader of what the programme writes into the CRM."""
    return reader_for(program.language, program.country, program.currency)


@cache
def reader_for(language_name: str, country: str = "", currency: str = "") -> Reader:
    """`country`: an ISO code, also with a region ("BR-SP"), "" none; where its pair with the language is unknown, the language's.

    Texts in a language that the program does not write are English, and so are their numbers.
    """
    words = language(language_name)
    spoken = words.name.partition("_")[0]
    region = language_name.replace("-", "_").partition("_")[2]
    for name in (f"{spoken}_{country.partition('-')[0].upper()}", f"{spoken}_{region.upper()}", words.name):
        try:
            return Reader(words, Locale.parse(name), currency)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError(f"Babel does not know the program's own language {words.name}")
