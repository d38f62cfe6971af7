"""What the portfolio's tables say of a small portfolio whose answers one can reckon by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from kamsync.decide.decision import Code, Decision
from kamsync.decide.program import NO_TIER, Program, Tier
from kamsync.report.overview.cells import words_of
from kamsync.report.overview.overview import SECTIONS, make_overview
from kamsync.report.overview.sources import Account, Moment, PlanTask, Sources
from kamsync.report.overview.tables import Cell, Note, Table

TODAY = date(2026, 6, 30)
SINCE = date(2026, 4, 1)
PROGRAM = Program(tiers=(Tier("A", 75, 70), Tier("B", 50, 45)), criteria=(), currency="EUR")
LANGUAGES = ("en", "pt_BR", "es")


def an_account(
    name: str, tier: str = NO_TIER, *, revenue: float = 0.0, health: str | None = None, code: Code = "score",
    until: date | None = None, before: float | None = None, renewal: date | None = None, owner: str = "Ana",
) -> Account:  # fmt: skip
    decision = Decision(
        account_id=f"id-{name}", tier=tier, previous_tier=tier, since=TODAY, code=code, eligible=True, score=60.0,
        attractiveness=60.0, strength=60.0, health_score=None, coverage=1.0, segment="key", health=health, until=until,
    )  # fmt: skip
    return Account(decision, name, f"id-{owner}" if owner else "", owner, revenue, before, renewal=renewal)


def a_moment(name: str, day: date, before: str, tier: str, **points: float) -> Moment:
    receipt = {
        "contributions": [
            {"criterion": key, "label": key.title(), "axis": "strength", "points": value} for key, value in points.items()
        ]
    }
    return Moment(f"id-{name}", name, day, tier, before, "score", 60.0, None, None, json.dumps(receipt))


def a_portfolio(*accounts: Account, **more: object) -> Sources:
    return replace(Sources(PROGRAM, TODAY, SINCE, tuple(accounts)), **more)  # type: ignore[arg-type]  # fields by name


def table(sources: Sources, name: str) -> Table:
    return make_overview(sources).sections[name]


def rows(sources: Sources, name: str, *columns: str) -> list[tuple[Cell, ...]]:
    found = table(sources, name)
    return list(zip(*(found.cells(column) for column in columns), strict=True))


def test_moves_since_a_day_say_who_which_way_and_what_moved_most() -> None:
    history = (
        a_moment("Acme", date(2026, 1, 5), NO_TIER, "B", growth=10, revenue=20),
        a_moment("Acme", date(2026, 5, 5), "B", "A", growth=31, revenue=18),
        a_moment("Bolt", date(2026, 5, 6), "B", NO_TIER, growth=3),
    )
    sources = a_portfolio(an_account("Acme", "A"), an_account("Bolt"), history=history)
    assert rows(sources, "moves", "account", "move", "tier_before", "tier", "why") == [
        ("Bolt", "left", "B", NO_TIER, "Growth 3.0"),
        ("Acme", "rose", "B", "A", "Growth +21.0, Revenue -2.0"),
    ]


def test_a_history_that_begins_later_is_said_and_not_taken_for_peace() -> None:
    assert table(a_portfolio(), "moves").notes == (Note("no_history"),)
    late = a_portfolio(history=(a_moment("Acme", date(2026, 5, 5), NO_TIER, "B"),))
    assert Note("history_begins", (date(2026, 5, 5),)) in table(late, "moves").notes


def test_tiers_over_time_count_what_stood_at_each_months_end() -> None:
    history = (
        a_moment("Acme", date(2026, 4, 10), NO_TIER, "B"),
        a_moment("Bolt", date(2026, 5, 10), NO_TIER, "B"),
        a_moment("Acme", date(2026, 5, 20), "B", "A"),
    )
    counts = {
        (day, tier): count for day, tier, count in rows(a_portfolio(history=history), "over_time", "day", "tier", "accounts")
    }
    assert (counts[date(2026, 4, 30), "B"], counts[date(2026, 5, 31), "A"], counts[date(2026, 5, 31), "B"]) == (1, 1, 1)


def test_revenue_of_a_tier_is_a_share_of_everybodys() -> None:
    sources = a_portfolio(an_account("Acme", "A", revenue=75), an_account("Bolt", revenue=25), an_account("Quiet"))
    assert rows(sources, "revenue_by_tier", "tier", "accounts", "revenue_share") == [
        ("A", 1, 0.75),
        ("B", 0, 0.0),
        (NO_TIER, 1, 0.25),
    ]


def test_an_account_above_a_tenth_of_revenue_is_an_alarm() -> None:
    few = a_portfolio(an_account("Acme", "A", revenue=11), *(an_account(f"n{i}", revenue=1) for i in range(89)))
    assert make_overview(few).alarms == (Note("alarm_one", ("Acme", 0.11)),)
    assert make_overview(a_portfolio(*(an_account(f"n{i}", revenue=1) for i in range(90)))).alarms == ()


def test_achievements_set_key_accounts_beside_the_rest_and_leave_unknown_what_is_unknown() -> None:
    sources = a_portfolio(
        an_account("Acme", "A", revenue=120, before=100),
        an_account("Bolt", "B", revenue=0, before=100),
        an_account("Rest", revenue=50, before=None),
    )
    key, rest = rows(sources, "achievements", "group", "growth", "kept_revenue", "kept_customers", "silent_days")
    assert key[0] == "key" and key[1] == pytest.approx(-0.4) and key[2:] == (0.5, 0.5, None)
    assert rest == ("rest", None, None, None, None)
    assert Note("activities_unknown") in table(sources, "achievements").notes


def test_health_by_tier_remembers_what_it_was_when_the_period_began() -> None:
    was = replace(a_moment("Acme", date(2026, 1, 1), NO_TIER, "A"), health="green")
    now = replace(a_moment("Acme", date(2026, 5, 1), "A", "A"), health="red", health_before="green")
    sources = a_portfolio(an_account("Acme", "A", health="red"), history=(was, now))
    assert rows(sources, "health_by_tier", "tier", "health", "accounts", "before") == [("A", "green", 0, 1), ("A", "red", 1, 0)]


def test_renewals_come_nearest_first_and_unknown_ones_are_counted() -> None:
    sources = a_portfolio(
        an_account("Later", "A", renewal=date(2026, 9, 1)),
        an_account("Soon", "B", renewal=date(2026, 7, 10)),
        an_account("Far", "B", renewal=date(2027, 9, 1)),
        an_account("Unknown", "B"),
    )
    assert rows(sources, "renewals", "account", "left_days") == [("Soon", 10), ("Later", 63)]
    assert table(sources, "renewals").notes == (Note("renewal_unknown", (1, 4)),)


def test_tasks_are_told_apart_by_what_has_to_be_done_about_them() -> None:
    def a_task(due: date | None, *, is_open: bool = True, is_done: bool = False) -> PlanTask:
        return PlanTask("id-Acme", "id-Ana", "onboarding", due, is_open, is_done)

    found = (
        a_task(date(2026, 6, 29)), a_task(date(2026, 6, 30)), a_task(date(2026, 7, 30)), a_task(date(2026, 8, 1)), a_task(None),
        a_task(date(2026, 1, 1), is_open=False, is_done=True), a_task(date(2026, 1, 1), is_open=False),
    )  # fmt: skip
    sources = a_portfolio(tasks=found, owners={"id-Ana": "Ana"})
    assert rows(sources, "tasks", "owner", "overdue", "soon", "later", "done") == [("Ana", 1, 2, 2, 1)]


def test_white_space_is_unknown_where_no_line_items_are_read() -> None:
    acme = an_account("Acme", "A")
    assert table(a_portfolio(acme), "white_space").notes == (Note("line_items_unknown"),)
    sources = a_portfolio(acme, bought={"id-Acme": frozenset({"Core"})}, families=("Core", "Plus"))
    assert rows(sources, "white_space", "family", "bought") == [("Core", "yes"), ("Plus", "no")]


def test_overrides_are_listed_with_their_end_and_those_without_one_last() -> None:
    sources = a_portfolio(
        an_account("Forever", "A", code="override"), an_account("Ends", "B", code="override", until=date(2026, 7, 5))
    )
    assert rows(sources, "overrides", "account", "left_days") == [("Ends", 5), ("Forever", None)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_column_and_note_has_words_in_every_language(language: str) -> None:
    words = words_of(PROGRAM, language)
    overview = make_overview(a_portfolio(an_account("Acme", "A", revenue=5)))
    for name, found in overview.sections.items():
        assert words.say(name) != name and words.say(f"{name}_help") != f"{name} help"
        for column in found.columns:
            assert words.column(column.name) not in {"", "moves"}
        for note in found.notes:
            assert "{" not in words.note(note)
    assert set(SECTIONS) == set(overview.sections)


def test_a_share_money_and_a_day_read_as_in_the_readers_country() -> None:
    english, spanish = words_of(PROGRAM, "en"), words_of(PROGRAM, "es")
    assert (english.cell(0.125, "share"), spanish.cell(0.085, "share")) == ("12%", "8,5\u00a0%")
    assert english.cell(None, "money") == "—"
    assert spanish.cell(date(2026, 6, 30), "date") == "30/6/2026"
