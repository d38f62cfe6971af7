"""The stream of exchange rates: few, and always read whole."""

from __future__ import annotations

from typing import Any

from kamsync.contract import Page, PullRequest
from kamsync.model import Stream
from kamsync_salesforce.api.org import CURRENCIES, DATED_RATES, Org

OPTIONAL = (CURRENCIES, DATED_RATES)  # of what an org may refuse to tell


def rates_page(org: Org, request: PullRequest) -> Page:
    """One page. An org with one currency needs no rates: its rate to itself is 1. Dated rates only where they hold."""
    found: list[tuple[Any, Any, Any]] = [(entry["IsoCode"], None, entry["ConversionRate"]) for entry in org.currency_types]
    found += [(entry["IsoCode"], entry["StartDate"], entry["ConversionRate"]) for entry in org.dated_rates.rates]
    problems: list[str] = []
    if not found and org.base_currency:
        found = [(org.base_currency, None, 1)]
    elif not found:
        problems.append("This org has one currency and does not tell which: amounts are taken to be in the programme's currency.")
    problems += [f"Exchange rates are not complete: {said}" for what, said in org.refused.items() if what in OPTIONAL]
    named = [dict(zip(("currency", "valid_from", "rate"), entry, strict=True)) for entry in found]
    rows = [[entry.get(column.name) for column in request.columns] for entry in named]
    return Page(Stream.RATES, rows=rows, last=True, full=True, problems=tuple(problems))
