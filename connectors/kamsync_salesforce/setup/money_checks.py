"""Doctor's check of money: which currencies there are, and which exchange rates hold, with an example."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kamsync.contract import Finding
from kamsync_salesforce.api.org import Org

SAMPLE_AMOUNT = 1_000


def currency_findings(org: Org) -> Iterator[Finding]:
    """Findings on the org's currencies and rates. Raises PlanRefused and TryLater."""
    types = org.currency_types
    dated = org.dated_rates
    for what, said in org.refused.items():
        mend = "Give our user 'View Setup and Configuration'."
        yield Finding("currencies", "warning", f"Salesforce does not tell our user {what}: {said}", mend)
    if types:
        names = ", ".join(sorted(str(entry["IsoCode"]) for entry in types))
        yield Finding("currencies", "ok", f"{names}; rates refer to {org.base_currency}.")
        yield Finding("exchange rates", "ok", _which_hold(org, dated.hold))
    elif org.base_currency:
        yield Finding("currencies", "ok", f"One currency: {org.base_currency}.")
    elif not org.refused:
        yield Finding(
            "currencies",
            "warning",
            "The org has one currency and does not tell which.",
            "Make sure that [program] currency is the org's currency (Setup → Company Information).",
        )


def _which_hold(org: Org, are_dated: bool) -> str:
    base = org.base_currency
    current = {str(entry["IsoCode"]): entry["ConversionRate"] for entry in org.currency_types}
    if are_dated and org.dated_rates.rates:
        last = org.dated_rates.rates[-1]
        example = _example(str(last["IsoCode"]), last["ConversionRate"], base)
        return f"Advanced currency management is on: the rate of the close date holds; from {last['StartDate']}, {example}."
    other = next((code for code in sorted(current) if code != base), base)
    kind = "Advanced currency management is on, without dated rates" if are_dated else "Advanced currency management is off"
    return f"{kind}: the current rate holds for every date; {_example(other, current.get(other, 1), base)}."


def _example(currency: str, rate: Any, base: str) -> str:
    """`rate`: units of `currency` for one of `base`."""
    converted = Decimal(SAMPLE_AMOUNT) / Decimal(str(rate)) if rate else Decimal(0)
    return f"{SAMPLE_AMOUNT:,} {currency} are {converted:,.2f} {base}"
