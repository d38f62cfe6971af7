"""`kamsync explain` in the reader's units."""

from __future__ import annotations

import re

import pytest

from kamsync.decide.fact_words import say_fact
from kamsync.decide.facts import FACTS
from kamsync.decide.program import Program
from kamsync.decide.reader import reader_of
from tests.journeys.conftest import Opener


def programme(language: str, country: str, currency: str) -> Program:
    return Program(tiers=(), criteria=(), language=language, country=country, currency=currency)


@pytest.mark.parametrize(
    ("language", "country", "fact", "value", "said"),
    [
        ("en", "", "won_amount_12m", 238_400.0, "USD 238K won in 12 months"),
        ("en", "", "won_amount_12m", 9_321.4, "USD 9,321 won in 12 months"),
        ("en", "", "won_amount_12m", 1_234_567.0, "USD 1.2M won in 12 months"),
        ("es", "MX", "won_amount_12m", 9_321.0, "USD 9,321 ganados en 12 meses"),
        ("pt_BR", "BR-SP", "won_amount_12m", 9_321.0, "USD 9.321 ganhos em 12 meses"),
        ("en", "", "growth_12m", 0.98, "+98% on the year before"),
        ("en", "", "growth_12m", -0.2, "-20% on the year before"),
        ("en", "", "days_since_last_activity", 1, "last activity 1 day ago"),
        ("en", "", "customer_months", 31, "a customer for 31 months"),
        ("en", "", "meetings_90d", 1, "1 meeting in 90 days"),
        ("en", "", "meetings_90d", 0, "0 meetings in 90 days"),
        ("pt_BR", "BR", "meetings_90d", 1.0, "1 reunião em 90 dias"),
        ("es", "MX", "contacts_count", 1, "1 persona conocida"),
        ("es", "MX", "contacts_count", 2, "2 personas conocidas"),
        ("en", "", "silence_ratio", 1.0, "silent as long as usual"),
        ("en", "", "won_amount_12m", 1.0, "USD 1 won in 12 months"),
        ("en", "", "next_renewal_date", "2027-03-01", "renewal on Mar 1, 2027"),
        ("en", "", "nps", None, "nps unknown"),
        ("en", "", "my_field", "Gold\n", "my field Gold"),
    ],
)
def test_a_fact_is_said_in_the_units_of_the_reader(language: str, country: str, fact: str, value: object, said: str) -> None:
    assert say_fact(fact, value, reader_of(programme(language, country, "USD"))) == said  # type: ignore[arg-type]


def test_every_fact_is_said_without_its_code_name() -> None:
    reader = reader_of(programme("en", "", "EUR"))
    assert [fact.name for fact in FACTS if "_" in say_fact(fact.name, "2026-01-31" if fact.kind == "date" else 2.0, reader)] == []


def test_explain_says_what_is_known_what_would_raise_it_and_what_would_lose_it(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=120, opportunities=1500)
    desk.begin("setup", "pull")
    scored = desk.look("accounts", "--json").json
    best = max((account for account in scored if account["tier"] == "A"), key=lambda account: account["score"])
    least = min((one for one in scored if one["tier"] is None and one["eligible"]), key=lambda account: account["score"])
    text = desk.look("explain", best["id"]).out
    assert re.search(r"EUR [\d.,]+[KM]?, better than \d+ % of( accounts)?", " ".join(text.split()))
    assert re.search(r"EUR [\d.,]+[KM]?, [\d.]+ % (or more )?of all accounts together", " ".join(text.split()))
    assert "It keeps A down to a score of" in text
    below = desk.look("explain", least["id"]).out
    assert "points short of C: the nearest way that somebody can act on is" in below and "is Tenure" not in below


def test_a_past_day_is_not_compared_with_a_later_decision(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=60, opportunities=400)
    desk.begin("setup", "apply --yes")
    account = desk.look("accounts", "--json").json[0]
    document = desk.look("explain", account["id"], "--json").json
    assert "changed_since" in document
    past = "2025-01-31"
    assert "changed_since" not in desk.look("explain", account["id"], "--as-of", past, "--json").json
