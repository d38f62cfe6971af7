"""The reasons that people read in the CRM (DECISIONS.md §7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.decision import Capacity, Code, Contribution, Decision
from kamsync.decide.fact_words import say_fact
from kamsync.decide.facts import FACTS
from kamsync.decide.program import Program, Tier
from kamsync.decide.reader import reader_for
from kamsync.decide.reasons import because, cut_at_word, reasons_text, says_the_same_cause
from kamsync.decide.texts import LANGUAGES, language


def a_program(name: str = "en") -> Program:
    return Program(tiers=(Tier("A", 80, 70), Tier("B", 60, 55)), criteria=(), language=name)


def a_contribution(label: str, points: float, axis: Any = "strength") -> Contribution:
    return Contribution(label.lower(), label, axis, "retention", 1.0, 1, True, points, points, {})


def a_decision(code: Code = "score", **given: Any) -> Decision:
    values: dict[str, Any] = {
        "account_id": "1",
        "tier": "A",
        "previous_tier": "A",
        "since": None,
        "code": code,
        "eligible": True,
        "score": 86.4,
        "attractiveness": None,
        "strength": None,
        "health_score": None,
        "coverage": 0.4,
        "segment": None,
        "health": None,
    }
    return Decision(**{**values, **given})


SCORED = "By score (score 86, A from 80)"
FOUR = [a_contribution("Tenure", 4.5), a_contribution("Revenue", 40), a_contribution("Growth", 31.26), a_contribution("NPS", 15)]


def test_the_three_largest_contributions_are_told_largest_first() -> None:
    assert reasons_text(a_decision(), FOUR, a_program(), 255) == f"{SCORED}: Revenue, Growth, NPS"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pt_BR", "Pela pontuação (pontuação 86; A a partir de 80): Revenue; Growth; NPS"),
        ("es", "Por puntuación (puntuación 86; A desde 80): Revenue; Growth; NPS"),
        ("fr", f"{SCORED}: Revenue, Growth, NPS"),
    ],
)
def test_reasons_speak_the_programmes_language_with_its_numbers(name: str, text: str) -> None:
    assert reasons_text(a_decision(), FOUR, a_program(name), 255) == text


def test_health_and_criteria_that_brought_nothing_are_no_reasons() -> None:
    told = [a_contribution("Health", 90, "health"), a_contribution("Zero", 0), a_contribution("Revenue", 12)]

    assert reasons_text(a_decision(), told, a_program(), 255) == f"{SCORED}: Revenue"


@pytest.mark.parametrize(
    ("decision", "head"),
    [
        (a_decision("override", until=date(2026, 12, 31)), "Set by a person until Dec 31, 2026"),
        (
            a_decision("override", until=date(2026, 12, 31), drifted=True, writes_override=True),
            "Set by a person until Dec 31, 2026",
        ),
        (a_decision("floor", fired=("Strategic market", "")), "Raised by a rule (Strategic market)"),
        (
            a_decision("capacity", capacity=Capacity("A", 51, 50, "max_accounts")),
            "A better tier is full (A: rank 51, for 50 places, score 86, A from 80)",
        ),
        (
            a_decision("capacity", capacity=Capacity("A", 2, 1, "max_accounts")),
            "A better tier is full (A: rank 2, for one place, score 86, A from 80)",
        ),
        (a_decision("low_coverage"), "Kept: too little data to move it (40 % known, score 86, A from 80)"),
        (a_decision("low_coverage", coverage=1.0), "Kept: too little data to move it (100 % known, score 86, A from 80)"),
    ],
)
def test_the_code_says_what_settled_the_tier(decision: Decision, head: str) -> None:
    assert reasons_text(decision, [], a_program(), 255) in (head, f"{head} (score 86, A from 80)")


def test_what_does_not_fit_is_left_out_from_the_smallest_on() -> None:
    assert reasons_text(a_decision(), FOUR, a_program(), 50) == f"{SCORED}: Revenue, Growth"
    assert reasons_text(a_decision(), FOUR, a_program(), 35) == SCORED
    assert reasons_text(a_decision(), FOUR, a_program(), 6) == "By…"


@given(
    labels=st.lists(st.text(min_size=1, max_size=80), max_size=5),
    rule=st.text(max_size=300),
    name=st.sampled_from(sorted(LANGUAGES)),
    length=st.integers(1, 300),
)
def test_reasons_always_fit_and_end_with_a_whole_word(labels: list[str], rule: str, name: str, length: int) -> None:
    decision = a_decision("floor", fired=(rule,))
    told = [a_contribution(label, 10.0 + at) for at, label in enumerate(labels)]
    whole = reasons_text(decision, told, a_program(name), 100_000)

    text = reasons_text(decision, told, a_program(name), length)

    assert len(text) <= length
    words = text.removesuffix("…").rstrip(" ,;:(").split()
    assert [word.strip(",;:(") for word in words] == [word.strip(",;:(") for word in whole.split()[: len(words)]]


def test_a_text_with_emoji_fits_a_field_that_counts_utf16_units() -> None:
    assert cut_at_word("🚀🚀 🚀🚀", 9) == "🚀🚀 🚀🚀"
    assert cut_at_word("🚀🚀 🚀🚀", 8) == "🚀🚀…"


@pytest.mark.parametrize("name", sorted(LANGUAGES))
@pytest.mark.parametrize("code", get_args(Code))
def test_a_text_is_recognised_by_its_own_cause_and_by_no_other(name: str, code: Code) -> None:
    text = reasons_text(a_decision(code), FOUR, a_program(name), 255)

    assert {other for other in get_args(Code) if says_the_same_cause(text, a_decision(other), a_program(name))} == {code}


def test_rank_and_coverage_that_move_by_themselves_are_the_same_cause() -> None:
    full = a_decision("capacity", capacity=Capacity("A", 51, 50, "max_accounts"))
    later = a_decision("capacity", capacity=Capacity("A", 53, 50, "max_accounts"))

    assert says_the_same_cause(reasons_text(full, FOUR, a_program(), 255), later, a_program())


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (a_decision(), "score 86.4 ≥ 80: Revenue 40, Growth 31.3, NPS 15"),
        (a_decision("hysteresis", score=72.0), "kept: score 72, A is left below 70: Revenue 40, Growth 31.3, NPS 15"),
        (a_decision(tier="none", score=12.0), "score 12 < 60 (B): Revenue 40, Growth 31.3, NPS 15"),
        (a_decision("score", tier="none", score=None), "no score: Revenue 40"),
        (a_decision("score", tier="Gone"), "score 86.4: Revenue 40"),
        (a_decision("not_eligible", tier="none", score=None), "Not eligible: Revenue 40"),
        (a_decision("floor", fired=(" ",)), "Raised by a rule, score 86.4: Revenue 40"),
        (a_decision("excluded", tier="none", fired=("Bad payer",)), "Excluded by a rule (Bad payer), score 86.4"),
    ],
)
def test_the_plan_says_the_cause_with_its_numbers(decision: Decision, text: str) -> None:
    assert because(decision, FOUR, a_program("pt_BR")).startswith(text)


@pytest.mark.parametrize(("asked", "found"), [("pt-br", "pt_BR"), ("pt", "pt_BR"), ("es_MX", "es"), ("de", "en"), ("", "en")])
def test_a_regional_language_reads_its_own_tongue_and_an_unknown_one_english(asked: str, found: str) -> None:
    assert language(asked).name == found


@pytest.mark.parametrize(
    ("text", "length", "cut"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("one, (two three", 9, "one…"),
        ("one, ( two", 7, "one…"),
        ("XX; two three", 12, "XX; two…"),
        ("one XX: three", 9, "one XX…"),
        ("three", 4, "…"),
        ("three", 1, "…"),
        ("three", 0, ""),
        ("", 0, ""),
        ("( one two", 7, "( one…"),
    ],
)
def test_a_text_is_cut_after_a_whole_word_and_leaves_no_loose_sign(text: str, length: int, cut: str) -> None:
    assert cut_at_word(text, length) == cut


def test_reasons_may_fill_their_field_to_the_last_character() -> None:
    text = f"{SCORED}: Revenue, Growth"
    assert reasons_text(a_decision(), FOUR, a_program(), len(text)) == text
    assert reasons_text(a_decision(), FOUR, a_program(), len(text) - 1) == f"{SCORED}: Revenue"


def test_a_tenth_of_a_point_is_a_reason_and_nothing_at_all_is_none() -> None:
    assert reasons_text(a_decision(), [a_contribution("Small", 0.5)], a_program(), 255) == f"{SCORED}: Small"
    assert because(a_decision(), [a_contribution("Zero", 0.0)], a_program()) == "score 86.4 ≥ 80"


def test_equal_contributions_come_in_the_order_of_their_names() -> None:
    told = [a_contribution("Beta", 9), a_contribution("Alpha", 9), a_contribution("Delta", 9), a_contribution("Gamma", 9)]
    assert because(a_decision(), told, a_program()) == "score 86.4 ≥ 80: Alpha 9, Beta 9, Delta 9"


def test_the_cause_is_told_where_tiers_are_unknown_or_none() -> None:
    empty = Program(tiers=(), criteria=())
    three = Program(tiers=(Tier("A", 80, 70), Tier("B", 60, 55), Tier("C", 30, 25)), criteria=())

    assert because(a_decision(tier="none", score=12.0), [], empty) == "score 12"
    assert because(a_decision(tier="none", score=12.0), [], three) == "score 12 < 30 (C)"
    assert because(a_decision("hysteresis", tier="Gone", score=72.0), [], empty) == "kept: score 72"
    assert because(a_decision("score", tier="none", score=None), [], empty) == "no score"


def test_a_persons_choice_without_an_end_names_none() -> None:
    text = reasons_text(a_decision("override", score=None), [], a_program(), 255)
    assert text == "Set by a person"
    assert not says_the_same_cause(text, a_decision("override", until=date(2026, 12, 31)), a_program())


def test_the_plan_names_a_tier_that_was_changed_by_hand_and_until_when_it_stays() -> None:
    changed = a_decision("override", until=date(2026, 12, 31), drifted=True, writes_override=True)
    reclaimed = a_decision("score", drifted=True)

    assert because(changed, [], a_program()) == "changed by hand, so kept as an override until Dec 31, 2026"
    assert because(changed, FOUR, a_program()).endswith("until Dec 31, 2026: Revenue 40, Growth 31.3, NPS 15")
    assert because(reclaimed, [], a_program()) == "score 86.4 ≥ 80"


def test_the_text_in_the_crm_stays_when_the_override_of_a_changed_tier_is_there() -> None:
    changed = a_decision("override", until=date(2026, 12, 31), drifted=True, writes_override=True)
    text = reasons_text(changed, FOUR, a_program(), 255)
    assert says_the_same_cause(text, a_decision("override", until=date(2026, 12, 31)), a_program())


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("By score", True),
        ("By score: x", True),
        ("By score (x)", True),
        ("By score, x", False),
        ("By scores", False),
        ("", False),
    ],
)
def test_a_cause_is_recognised_by_its_whole_head(text: str, same: bool) -> None:
    assert says_the_same_cause(text, a_decision(), a_program()) is same


VALUES = [
    a_contribution("Customer value", 30)._replace(value=238_000.0, unit="money", facts={"won_amount_12m": 300_000.0}),
    a_contribution("Share", 20)._replace(value=238_000.0, unit="money", facts={"won_amount_12m": 300_000.0}),
    a_contribution("Growth", 12)._replace(
        value=0.98, unit="percent", facts={"won_count_total": 9, "growth_12m": 0.98}, axis="attractiveness"
    ),
    a_contribution("Pipeline", 11, "attractiveness")._replace(value=None, known=False, facts={"weighted_pipeline": None}),
    a_contribution("Contact", 9)._replace(value=91, unit="days", facts={"days_since_last_contact": 91}),
    a_contribution("Engagement", 8)._replace(value=9, facts={"activities_90d": 5, "meetings_90d": 2}),
]


@pytest.mark.parametrize(
    ("name", "country", "text"),
    [
        ("en", "US", "Customer value USD 238K, +98% on the year before, last contact 91 days ago"),
        ("pt_BR", "BR", "Customer value USD 238 mil; +98% sobre o ano anterior; último contato há 91 dias"),
        ("es", "MX", "Customer value USD 238 k; +98% sobre el año anterior; último contacto hace 91 días"),
    ],
)
def test_reasons_say_values_in_the_readers_units_and_never_points(name: str, country: str, text: str) -> None:
    """What two criteria read of the same is said once; what is unknown is left out."""
    program = replace(a_program(name), country=country, currency="USD")
    said = reasons_text(a_decision(tier="B", next_tier="A", points_missing=4.2, score=75.8), VALUES, program, 255)
    assert said.replace("\N{NO-BREAK SPACE}", " ").partition(": ")[2] == text


def test_reasons_say_how_far_it_is_to_the_next_tier() -> None:
    text = reasons_text(a_decision(tier="B", next_tier="A", points_missing=4.2, score=75.8), [], a_program(), 255)
    assert text == "By score (score 76, B from 60, 4.2 short of A)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value": 9, "facts": {"activities_90d": 5, "meetings_90d": 2}}, "5 activities in 90 days, 2 meetings in 90 days"),
        ({"value": 1, "facts": {"authority_evidence_date": "2026-03-05"}}, "Proof (Mar 5, 2026)"),
        ({"value": 1, "facts": {"strategic_market": 1}}, "Proof"),
        ({"value": 9, "facts": {"nps": 9}}, "Proof 9"),
        ({"value": "gold", "facts": {"type": "gold"}}, "Proof gold"),
    ],
)
def test_a_value_without_a_unit_is_said_by_what_was_read(given: dict[str, Any], said: str) -> None:
    told = [a_contribution("Proof", 9)._replace(**given)]
    assert reasons_text(a_decision(), told, a_program(), 255) == f"{SCORED}: {said}"


def test_every_fact_that_has_words_has_them_in_every_language() -> None:
    for fact in FACTS:
        if fact.words:
            said = {name: say_fact(fact.name, 1, reader_for(name)) for name in LANGUAGES}
            assert len(set(said.values())) == len(LANGUAGES), fact.name
