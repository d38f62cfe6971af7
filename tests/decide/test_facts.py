"""The registry of facts: one definition each, and only what is read is computed (DECISIONS.md §2)."""

from __future__ import annotations

from datetime import date

from kamsync.decide.facts import FACTS, facts_from, known_columns, windows, with_what_they_need


def test_every_fact_has_one_name_and_a_definition() -> None:
    assert len({fact.name for fact in FACTS}) == len(FACTS) == 51
    assert all(fact.definition for fact in FACTS)


def test_a_fact_brings_what_it_is_computed_from() -> None:
    assert with_what_they_need(["growth_12m", "industry"]) == {"growth_12m", "won_amount_12m", "won_amount_prev_12m"}


def test_the_admins_fields_are_known_beside_the_facts() -> None:
    known = known_columns({"nps": "number"})
    assert (known["nps"], known["industry"], known["last_won_date"]) == ("number", "text", "date")


def test_windows_are_clamped_on_a_leap_day() -> None:
    assert windows(date(2024, 2, 29)) == {
        "as_of": "2024-02-29",
        "months_12": "2023-02-28",
        "months_24": "2022-02-28",
        "days_30": "2024-01-30",
        "days_90": "2023-12-01",
        "far_past": "1974-02-28",
        "far_future": "2074-02-28",
    }


def test_the_facts_of_a_source_come_in_the_registrys_order() -> None:
    wanted = ["last_activity_date", "meetings_90d", "open_count", "activities_90d"]
    assert [fact.name for fact in facts_from("activity", wanted)] == ["last_activity_date", "activities_90d", "meetings_90d"]
    assert [fact.name for fact in facts_from("opportunity", wanted)] == ["open_count"]
    assert facts_from("hierarchy", wanted) == ()
