"""Tasks of the account plan: when, for whom, how often, and never twice (DECISIONS.md §8)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.assignees import Owner
from kamsync.decide.calendar import business_calendar
from kamsync.decide.closures import plan_attachments, plan_closes
from kamsync.decide.decided_names import DECIDED_NAMES, TEMPLATE_NAMES
from kamsync.decide.decision import Decision
from kamsync.decide.entries import keys_by_account
from kamsync.decide.fact import FactValue
from kamsync.decide.occurrences import parse_key, task_key
from kamsync.decide.plan import AttachTask, CloseTask, CreateTask, HeldBack
from kamsync.decide.playbooks import Playbooks, compile_playbooks, reads_the_move
from kamsync.decide.program import Expression, Place, Playbook, Program, TaskTemplate, Tier
from kamsync.decide.task_values import CreatedTask, ExistingTask, Firing, TaskPlan
from kamsync.decide.tasks import plan_tasks
from kamsync.errors import ConfigError
from kamsync.model import Kind

TODAY = date(2026, 11, 23)  # a Monday
FACTS: dict[str, Kind] = {
    "owner_id": "text",
    "sponsor_id": "text",
    "next_renewal_date": "date",
    "won_amount_12m": "number",
    "nps": "number",
}
ANA, BEN, EVA = Owner("u1", "Ana", "ana@acme.example", manager_id="u3"), Owner("u2", "Ben", is_active=False), Owner("u3", "Eva")
OWNERS = (ANA, BEN, EVA)
PLACE = Place("config.toml", 12, "playbooks.care")


def a_task(name: str = "call", **given: Any) -> TaskTemplate:
    values: dict[str, Any] = {"subject": {"en": "Call {{ name }}"}, "body": {"en": "Because."}, "due": "5", "place": PLACE}
    return TaskTemplate(name, **{**values, **given})


def a_playbook(*tasks: TaskTemplate, **given: Any) -> Playbook:
    values: dict[str, Any] = {"name": "care", "when": Expression("tier = 'A'"), "place": PLACE}
    return Playbook(tasks=tasks or (a_task(),), **{**values, **given})


def playbooks(*given: Playbook, **program: Any) -> Playbooks:
    values: dict[str, Any] = {
        "tiers": (Tier("A", 75, 68, label="Strategic"), Tier("B", 60, 55)),
        "criteria": (),
        "account_columns": {"sponsor_id": "text"},
    }
    return compile_playbooks(Program(playbooks=given or (a_playbook(),), **{**values, **program}), FACTS)


def a_firing(
    account_id: str = "001A",
    *,
    facts: Mapping[str, FactValue] | None = None,
    tier: str = "A",
    previous_tier: str = "A",
    since: date | None = date(2026, 10, 1),
    **given: Any,
) -> Firing:
    decision = Decision(
        account_id, tier, previous_tier, since, "score", True, 86.0, 80.0, 90.0, 75.0, 1.0, segment="key", health="green"
    )
    known: dict[str, FactValue] = {"owner_id": "u1", "sponsor_id": None, "next_renewal_date": None, "won_amount_12m": 1234567.5}
    values: dict[str, Any] = {"playbook": "care", "name": "Acme", "stay_began": since}
    return Firing(account_id=account_id, decision=decision, facts={**known, "tier": tier, **(facts or {})}, **{**values, **given})


def plan(books: Playbooks, *firings: Firing, existing: Collection[str] = frozenset(), as_of: date = TODAY) -> TaskPlan:
    return plan_tasks(books, firings or (a_firing(),), existing, OWNERS, as_of)


def the_task(result: TaskPlan) -> CreateTask:
    (create,) = result.creates
    assert not result.held_back
    return create


# --- texts ------


def test_a_task_says_which_values_made_its_playbook_fire() -> None:
    when = Expression("tier = 'A' AND (nps is null OR won_amount_12m > 100 OR tier = 'B')")

    create = the_task(plan(playbooks(a_playbook(when=when)), a_firing(facts={"nps": None})))

    assert create.reasons == ("care: tier A, nps unknown, won amount 12m 1234567.5",)


def test_a_task_says_what_for_whom_and_why() -> None:
    create = the_task(plan(playbooks(a_playbook(a_task(priority="high"), label={"en": "Care", "es": "Cuidado"}))))

    assert create == CreateTask(
        key="care:call:once:001A",
        account_id="001A",
        account_name="Acme",
        owner_id="u1",
        subject="Call Acme",
        body="Because.",
        due=date(2026, 11, 30),
        playbook="care",
        priority="high",
        reasons=("Care: tier A",),
    )


def test_texts_are_in_the_programmes_language_and_fall_back_to_english() -> None:
    task = a_task(subject={"en": "Call", "pt_BR": "Ligar: {{ won_amount_12m | number }}"}, body={"en": "{{ won_amount_12m }}"})

    create = the_task(plan(playbooks(a_playbook(task), language="pt_BR")))

    assert (create.subject, create.body) == ("Ligar: 1.234.568", "1.234.567,50")


def test_templates_know_labels_names_and_dates() -> None:
    text = "{{ tier_label }}|{{ segment_label }}|{{ owner_name }}|{{ next_renewal_date | day }}|{{ 0.256 | percent }}. {{ nps }}."
    firing = a_firing(facts={"next_renewal_date": "2027-02-01", "nps": None})

    create = the_task(plan(playbooks(a_playbook(a_task(body={"en": text})), language="en"), firing))

    assert create.body == "Strategic|Key|Ana|Feb 1, 2027|26%."


def test_templates_know_everything_that_was_decided() -> None:
    names: dict[str, FactValue] = {
        **dict.fromkeys(DECIDED_NAMES, 1),
        "tier": "A",
        "previous_tier": "B",
        "segment": "key",
        "health": "green",
    }
    text = "{{ tier }} {{ previous_tier }} {{ health_label }} {{ since }} {{ as_of }} {{ account_id }} {{ assignee_name }}"
    others = " ".join(f"{{{{ {name} }}}}" for name in sorted({*DECIDED_NAMES, *TEMPLATE_NAMES}))

    create = the_task(
        plan(playbooks(a_playbook(a_task(body={"en": f"{text} {{{{ program_name }}}}|{others}"}))), a_firing(facts=names))
    )

    assert create.body.startswith("A B Green 2026-10-01 2026-11-23 001A Ana Key accounts|")


def test_numbers_are_written_without_needless_decimals() -> None:
    text = (
        "{{ won_amount_12m }} {{ won_amount_12m | number(1) }} {{ 0.1234 | percent(1) }}! {{ nps | number }}! {{ nps | percent }}"
    )
    firing = a_firing(facts={"won_amount_12m": 12345.0, "nps": None})

    assert the_task(plan(playbooks(a_playbook(a_task(body={"en": text}))), firing)).body == "12,345 12,345.0 12.3%!"


def test_an_account_name_that_looks_like_a_template_is_only_a_name() -> None:
    create = the_task(plan(playbooks(), a_firing(name="{{ 7 * 7 }}\n{% for x in y %}")))

    assert create.subject == "Call {{ 7 * 7 }} {% for x in y %}"


def test_a_subject_fits_the_crms_field() -> None:
    create = the_task(plan(playbooks(), a_firing(name="Very " * 100)))

    assert len(create.subject) <= 255
    assert create.subject.endswith("Very…")


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 99999999 }}",
        "{{ name.__class__.__mro__ }}",
        "{{ 1 / (won_amount_12m - won_amount_12m) }}",
        "{{ nps + 1 }}",
    ],
)
def test_a_text_that_cannot_be_made_for_one_account_holds_that_task_back_only(text: str) -> None:
    books = playbooks(a_playbook(a_task("bad", body={"en": text}), a_task("good")))

    result = plan(books, a_firing(facts={"nps": None}))

    assert [create.key for create in result.creates] == ["care:good:once:001A"]
    (held,) = result.held_back
    assert held.what == "task care/bad"
    assert "its text cannot be made (config.toml:12" in held.reason


# --- mistakes in the configuration ------


@pytest.mark.parametrize(
    ("playbook", "message", "fix"),
    [
        (a_playbook(a_task(body={"en": "{{ name"})), "config.toml:12", "{{ name }}"),
        (a_playbook(a_task(body={"en": "ok", "es": "{% if %}"})), "config.toml:12", "{{ name }}"),
        (a_playbook(a_task(body={"en": "{{ name | nope }}"})), "nope", ""),
        (a_playbook(a_task(subject={"en": "{{ won_amount_13m }}"})), "won_amount_13m", "won_amount_12m"),
        (a_playbook(a_task(body={"en": "{{ lipsum() }}"})), "call is not allowed", "facts"),
        (a_playbook(a_task(body={"en": "{{ [1, 2] | random }}"})), "random", ""),
        (a_playbook(a_task(due="soon-ish")), "soon-ish", "business days"),
        (a_playbook(a_task(due="nps - 5 days")), "is no date", "facts"),
        (a_playbook(a_task(due="nsp - 5 days")), "is no fact", "facts"),
        (a_playbook(a_task(assignee="boss")), "boss", "owner.manager"),
        (a_playbook(a_task(assignee="role:nobody")), "nobody", "Map nobody"),
        (a_playbook(a_task(), a_task()), "two tasks alike", "Rename"),
        (a_playbook(name="a:b"), "a:b", "letters"),
        (a_playbook(a_task(subject={"pt_BR": " "})), "has no subject", "subject"),
        (a_playbook(name="x" * 61), "x" * 61, "up to 60"),
        (a_playbook(every="value:"), "value:", "quarter"),
        (a_playbook(every="week"), "week", "quarter"),
        (a_playbook(every="value:nothing"), "nothing", "facts"),
        (a_playbook(when=Expression("entered"), when_clear="close"), "one run only", "keep"),
    ],
)
def test_a_mistake_in_a_playbook_is_found_at_load_with_its_place_and_mend(playbook: Playbook, message: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(playbook)

    assert "config.toml:12" in caught.value.message
    assert message in caught.value.message
    assert fix in caught.value.fix


def test_a_word_in_quotes_is_no_fact() -> None:
    playbooks(a_playbook(when=Expression("name = 'left' and owner_id = 'it''s entered'"), when_clear="close"))


def test_a_country_without_a_holiday_calendar_is_found_at_load() -> None:
    with pytest.raises(ConfigError, match=r"program\.country.*Atlantis"):
        playbooks(country="Atlantis")


def test_two_playbooks_of_one_name_are_found_at_load() -> None:
    with pytest.raises(ConfigError, match="two playbooks 'care'"):
        playbooks(a_playbook(), a_playbook())


def test_a_playbook_tells_which_facts_its_texts_dates_and_assignees_read() -> None:
    task = a_task(due="renewal - 9 days", assignee="role:sponsor_id", body={"en": "{{ nps }} {{ tier }} {{ name }}"})

    books = playbooks(a_playbook(task, every="value:won_amount_12m"))

    assert books.facts_needed("care") == {"country", "nps", "next_renewal_date", "owner_id", "sponsor_id", "won_amount_12m"}


@pytest.mark.parametrize(
    ("task", "message", "fix"),
    [
        (
            a_task(due="tomorrow!"),
            "config.toml:12 (playbooks.care): due = 'tomorrow!' is no due date.",
            'Write it like "5 days", "10 business days" or "renewal - 90 days".',
        ),
        (
            a_task(assignee="boss"),
            "config.toml:12 (playbooks.care): assignee = 'boss' names nobody.",
            "Write one of: owner, owner.manager, role:<account field>, user:<id or e-mail>.",
        ),
        (
            a_task(subject={"en": "{{ npss }}"}),
            "config.toml:12 (playbooks.care): the template uses 'npss', which is no fact.",
            "Did you mean 'nps'?",
        ),
        (
            a_task(assignee="role:sponsor"),
            "config.toml:12 (playbooks.care): assignee = 'role:sponsor': 'sponsor' is not a mapped account field.",
            "Map sponsor under [account] in the mapping file to the CRM's field that holds the person.",
        ),
        (
            a_task(subject={"en": "{{ zzzzzz }}"}),
            "config.toml:12 (playbooks.care): the template uses 'zzzzzz', which is no fact.",
            "`kamsync facts` lists the names that templates can use.",
        ),
    ],
)
def test_the_words_of_an_error_name_the_thing_the_place_and_the_mend(task: TaskTemplate, message: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(a_playbook(task))

    assert (caught.value.message, caught.value.fix) == (message, fix)


@pytest.mark.parametrize(
    ("playbook", "message", "fix"),
    [
        (
            a_playbook(a_task(), a_task()),
            "config.toml:12 (playbooks.care): playbook 'care' names two tasks alike.",
            "Rename one of them.",
        ),
        (
            a_playbook(every="week"),
            "config.toml:12 (playbooks.care): every = 'week' is no occurrence.",
            "Write one of: once, entry, month, quarter, year, <N> days, <N> months, value:<fact>.",
        ),
        (
            a_playbook(name="a:b"),
            "config.toml:12 (playbooks.care): 'a:b' cannot be part of a task's key.",
            "Use up to 60 letters, digits, dots, hyphens and underscores.",
        ),
    ],
)
def test_the_words_of_a_playbooks_error(playbook: Playbook, message: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(playbook)

    assert (caught.value.message, caught.value.fix) == (message, fix)


def test_a_playbook_without_tasks_is_found_at_load() -> None:
    with pytest.raises(ConfigError, match="has no task"):
        playbooks(replace(a_playbook(), tasks=()))


# --- due ------


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ("0", date(2026, 11, 23)),
        ("5 days", date(2026, 11, 30)),
        ("1 day", date(2026, 11, 24)),
        ("5 business days", date(2026, 11, 30)),
        ("0 business days", date(2026, 11, 23)),
        ("renewal - 90 days", date(2026, 12, 28)),
        ("next_renewal_date - 10 business days", date(2027, 3, 15)),
        ("renewal", date(2027, 3, 29)),
        ("renewal + 3 days", date(2027, 3, 30)),
        ("renewal - 500 days", date(2026, 11, 23)),
    ],
)
def test_due_dates(due: str, expected: date) -> None:
    firing = a_firing(facts={"next_renewal_date": "2027-03-27"})

    assert the_task(plan(playbooks(a_playbook(a_task(due=due))), firing)).due == expected


def test_a_business_day_is_no_holiday_of_the_country() -> None:
    # 25 December 2026 is a Friday, a holiday in Brazil.
    books = playbooks(a_playbook(a_task(due="1 business day")), country="BR")

    assert the_task(plan(books, as_of=date(2026, 12, 24))).due == date(2026, 12, 28)


def test_a_part_of_a_country_has_its_own_holidays() -> None:
    # 9 July 2027, a Friday, is a holiday in the state of São Paulo only.
    def due(country: str) -> date:
        books = playbooks(a_playbook(a_task(due="1 business day")), country=country)
        return the_task(plan(books, as_of=date(2027, 7, 8))).due

    assert (due("BR"), due("br-sp")) == (date(2027, 7, 9), date(2027, 7, 12))


def test_a_past_date_in_business_days_moves_to_the_next_business_day_and_not_to_a_weekend() -> None:
    books = playbooks(a_playbook(a_task(due="renewal - 100 business days")))
    firing = a_firing(facts={"next_renewal_date": "2026-12-15"})

    assert the_task(plan(books, firing, as_of=date(2026, 11, 21))).due == date(2026, 11, 23)


@given(
    as_of=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    days=st.integers(0, 60),
    country=st.sampled_from(["", "BR", "US", "IL"]),
    renewal=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_a_due_date_in_business_days_is_never_free_and_never_past(as_of: date, days: int, country: str, renewal: date) -> None:
    tasks = (a_task("a", due=f"{days} business days"), a_task("b", due=f"renewal - {days} business days"))
    books = playbooks(a_playbook(*tasks), country=country)

    result = plan(books, a_firing(facts={"next_renewal_date": renewal.isoformat()}), as_of=as_of)

    assert len(result.creates) == 2
    assert all(task.due >= as_of and business_calendar(country).is_business_day(task.due) for task in result.creates)


def test_a_task_due_relative_to_an_unknown_date_is_held_back_with_the_reason() -> None:
    result = plan(playbooks(a_playbook(a_task(due="renewal - 9 days"))))

    assert not result.creates
    assert "next_renewal_date, which this account does not have" in result.held_back[0].reason


# --- assignee ------


@pytest.mark.parametrize(
    ("assignee", "facts", "expected"),
    [
        ("owner", {}, "u1"),
        ("owner.manager", {}, "u3"),
        ("role:sponsor_id", {"sponsor_id": "u3"}, "u3"),
        ("role:sponsor_id", {"sponsor_id": "ANA@acme.example"}, "u1"),
        ("user:u3", {}, "u3"),
        ("user:ana@acme.example", {}, "u1"),
    ],
)
def test_assignees(assignee: str, facts: dict[str, FactValue], expected: str) -> None:
    assert the_task(plan(playbooks(a_playbook(a_task(assignee=assignee))), a_firing(facts=facts))).owner_id == expected


@pytest.mark.parametrize(
    ("assignee", "facts", "why"),
    [
        ("owner", {"owner_id": "u2"}, "Ben is inactive"),
        ("owner", {"owner_id": None}, "it has no owner_id"),
        ("owner", {"owner_id": "gone"}, "names nobody"),
        ("owner.manager", {"owner_id": "u3"}, "Eva has no manager"),
        ("role:sponsor_id", {}, "it has no sponsor_id"),
        ("user:u9", {}, "u9 is unknown"),
    ],
)
def test_a_missing_or_inactive_assignee_is_replaced_or_the_task_is_held_back(
    assignee: str, facts: dict[str, FactValue], why: str
) -> None:
    playbook = a_playbook(a_task(assignee=assignee))

    replaced = plan(playbooks(playbook, fallback_owner="u3"), a_firing(facts=facts))
    held = plan(playbooks(playbook), a_firing(facts=facts))

    assert the_task(replaced).owner_id == "u3"
    assert not held.creates
    assert why in held.held_back[0].reason
    assert "fallback_owner is not set" in held.held_back[0].reason


@pytest.mark.parametrize(("fallback", "why"), [("u2", "inactive too"), ("u9", "unknown")])
def test_a_fallback_owner_who_cannot_take_it_is_told(fallback: str, why: str) -> None:
    result = plan(playbooks(fallback_owner=fallback), a_firing(facts={"owner_id": None}))

    assert why in result.held_back[0].reason


# --- occurrence and key ------


@pytest.mark.parametrize(
    ("every", "word"),
    [
        ("once", "once"),
        ("entry", "A-2026-10-01"),
        ("month", "2026-11"),
        ("quarter", "2026-Q4"),
        ("year", "2026"),
        ("value:next_renewal_date", "2027-03-27"),
        ("value:nps", "9"),
    ],
)
def test_occurrences(every: str, word: str) -> None:
    firing = a_firing(facts={"next_renewal_date": "2027-03-27", "nps": 9.0})

    assert the_task(plan(playbooks(a_playbook(every=every)), firing)).key == f"care:call:{word}:001A"


def test_no_value_is_no_occurrence() -> None:
    result = plan(playbooks(a_playbook(every="value:nps")), a_firing(facts={"nps": None}))

    assert not result.creates
    assert "nps, which this account does not have" in result.held_back[0].reason


def test_a_key_that_exists_is_never_made_again() -> None:
    result = plan(playbooks(), existing={"care:call:once:001A"})

    assert result == TaskPlan()


def test_a_task_that_exists_does_not_keep_the_others_of_its_playbook_from_being_made() -> None:
    result = plan(playbooks(a_playbook(a_task("one"), a_task("two"))), existing={"care:one:once:001A"})

    assert the_task(result).key == "care:two:once:001A"


def test_the_same_playbook_firing_twice_in_one_run_makes_one_task() -> None:
    assert len(plan(playbooks(), a_firing(), a_firing()).creates) == 1


@given(value=st.text(min_size=1, max_size=400).filter(lambda text: text.strip()))
def test_a_key_always_fits_and_different_values_have_different_keys(value: str) -> None:
    key = task_key("care", "call", value, "001A")

    assert len(key) <= 255
    assert key != task_key("care", "call", value + "!", "001A")
    parts = parse_key(key)
    assert parts is not None
    assert (parts.playbook, parts.task, parts.account_id) == ("care", "call", "001A")


@pytest.mark.parametrize(
    "text", ["", "care", "care:call", "care:call:001A", "care::once:001A", ":call:once:1", "care:call:once:"]
)
def test_text_that_is_no_key_is_recognised(text: str) -> None:
    assert parse_key(text) is None


def test_a_long_value_keeps_its_beginning_in_a_key_of_full_length() -> None:
    key = task_key("care", "call", "a very long value " * 30, "001A")

    assert len(key) == 255
    assert key.startswith("care:call:a very long value a very")
    assert key.endswith(":001A")
    assert task_key("care", "call", "v" * (255 - len("care:call::001A")), "001A") == f"care:call:{'v' * 240}:001A"


# --- entering a tier ------

ENTERED = a_playbook(when=Expression("entered"), every="entry")


def entering(day: date, stay_began: date | None) -> Firing:
    return a_firing(previous_tier="B", since=day, stay_began=stay_began, facts={"entered": 1})


def test_a_run_that_was_killed_before_it_wrote_the_tier_does_not_make_the_tasks_again_on_a_later_day() -> None:
    books = playbooks(ENTERED)
    first = the_task(plan(books, entering(TODAY, date(2026, 1, 1))))

    later = plan(
        books, entering(TODAY + timedelta(days=2), date(2026, 1, 1)), existing={first.key}, as_of=TODAY + timedelta(days=2)
    )

    assert first.key == "care:call:A-2026-11-23:001A"
    assert later == TaskPlan()


def test_a_lasting_condition_makes_no_second_tasks_after_a_killed_run_was_repeated_on_a_later_day() -> None:
    books = playbooks(a_playbook(every="entry"))
    existing = {the_task(plan(books, entering(TODAY, date(2026, 1, 1)))).key}
    repeated = TODAY + timedelta(days=2)

    assert plan(books, entering(repeated, date(2026, 1, 1)), existing=existing, as_of=repeated) == TaskPlan()
    settled = a_firing(since=repeated, stay_began=date(2026, 1, 1))
    assert plan(books, settled, existing=existing, as_of=repeated + timedelta(days=1)) == TaskPlan()


def test_an_account_in_a_dated_tier_gets_the_tasks_of_this_stay_whatever_an_earlier_stay_got() -> None:
    result = plan(playbooks(a_playbook(every="entry")), a_firing(), existing={"care:call:A-2025-01-01:001A"})

    assert the_task(result).key == "care:call:A-2026-10-01:001A"


def test_a_tier_without_a_date_that_gets_one_keeps_its_tasks() -> None:
    books = playbooks(a_playbook(every="entry"))
    first = the_task(plan(books, a_firing(since=TODAY, stay_began=None)))
    later = TODAY + timedelta(days=3)

    assert plan(books, a_firing(since=later, stay_began=None), existing={first.key}, as_of=later) == TaskPlan()


def test_entering_again_after_having_left_makes_the_tasks_again() -> None:
    result = plan(playbooks(ENTERED), entering(TODAY, date(2026, 6, 1)), existing={"care:call:A-2026-01-01:001A"})

    assert the_task(result).key == "care:call:A-2026-11-23:001A"


def test_an_undated_tier_tells_a_killed_run_from_an_entry_of_long_ago() -> None:
    books = playbooks(ENTERED)

    assert plan(books, entering(TODAY, None), existing={"care:call:A-2026-11-20:001A"}) == TaskPlan()
    assert plan(books, entering(TODAY, None), existing={"care:call:A-2025-11-20:001A"}).creates


def test_an_account_whose_tier_has_no_date_gets_the_tasks_of_an_entry_once() -> None:
    books = playbooks(a_playbook(every="entry"))
    first = the_task(plan(books, a_firing(since=None)))

    assert plan(books, a_firing(since=None), existing={first.key}, as_of=TODAY + timedelta(days=9)) == TaskPlan()


def test_a_condition_that_lasts_with_entry_fires_once_for_each_stay_in_the_tier() -> None:
    books = playbooks(a_playbook(every="entry"))
    first = the_task(plan(books, a_firing(previous_tier="B", since=TODAY, stay_began=date(2026, 1, 1))))

    settled = plan(books, a_firing(since=TODAY), existing={first.key}, as_of=TODAY + timedelta(days=1))

    assert settled == TaskPlan()


def moved(day: date, tier: str = "A", **facts: FactValue) -> Firing:
    """The account is where it was; that it moved there on `day` is replayed."""
    return a_firing(tier=tier, previous_tier=tier, since=day, moved_on=day, facts={"entered": 1, **facts})


def test_a_task_of_an_entry_that_had_to_wait_comes_with_the_next_run_under_the_same_key() -> None:
    held = plan(playbooks(ENTERED, max_new_tasks_per_owner_per_run=0), entering(TODAY, None)).held_back[0]

    later = plan(playbooks(ENTERED), moved(TODAY), as_of=TODAY + timedelta(days=1))

    assert held.waits
    assert the_task(later).key == held.key


def test_a_replayed_move_makes_nothing_that_exists() -> None:
    first = the_task(plan(playbooks(ENTERED), entering(TODAY, None)))

    assert plan(playbooks(ENTERED), moved(TODAY), existing={first.key}, as_of=TODAY + timedelta(days=9)) == TaskPlan()


def test_a_task_of_a_second_stay_that_had_to_wait_is_not_taken_for_that_of_the_first() -> None:
    # It entered in October, left, entered again on the 23rd; the limit let only one of the two tasks through.
    books = playbooks(a_playbook(a_task("one"), a_task("two"), when=Expression("entered"), every="entry"))
    existing = {"care:one:A-2026-10-20:001A", "care:two:A-2026-10-20:001A", f"care:one:A-{TODAY}:001A"}

    result = plan(books, moved(TODAY), existing=existing, as_of=TODAY + timedelta(days=1))

    assert the_task(result).key == f"care:two:A-{TODAY}:001A"


@pytest.mark.parametrize(("every", "word"), [("once", "once"), ("month", "2026-10"), ("quarter", "2026-Q4"), ("year", "2026")])
def test_the_period_of_a_replayed_move_is_that_of_its_day(every: str, word: str) -> None:
    books = playbooks(a_playbook(when=Expression("entered"), every=every))

    create = the_task(plan(books, moved(date(2026, 10, 30))))

    assert create.key == f"care:call:{word}:001A"
    assert create.due == date(2026, 11, 30)  # late, but not before today


def test_a_move_that_is_replayed_while_the_run_sees_the_next_one_makes_both_their_own_tasks() -> None:
    left = a_playbook(when=Expression("left"), every="month", name="goodbye")
    result = plan(
        playbooks(left),
        replace(a_firing(tier="B", previous_tier="A"), playbook="goodbye"),
        replace(moved(date(2026, 10, 30), "B"), playbook="goodbye"),
    )

    assert [create.key for create in result.creates] == ["goodbye:call:2026-10:001A", "goodbye:call:2026-11:001A"]


def test_a_text_that_names_the_tier_before_is_held_back_where_nobody_remembers_it() -> None:
    books = playbooks(a_playbook(a_task("told", subject={"en": "From {{ previous_tier }}"}), a_task("plain"), every="entry"))

    forgotten = plan(books, moved(TODAY, previous_tier=None))
    known = plan(books, moved(TODAY, previous_tier="B"))

    assert [create.key for create in forgotten.creates] == [f"care:plain:A-{TODAY}:001A"]
    (held,) = forgotten.held_back
    assert (held.what, held.key, held.waits) == ("task care/told", f"care:told:A-{TODAY}:001A", False)
    assert "nobody knows since the cache was rebuilt" in held.reason
    assert [create.subject for create in known.creates] == ["From B", "Call Acme"]


def test_a_text_that_can_do_without_the_tier_before_is_made_also_where_nobody_remembers_it() -> None:
    text = "Meet{% if previous_tier %}, so far {{ previous_tier }}{% endif %}"
    books = playbooks(a_playbook(a_task(subject={"en": text}), every="entry"))

    assert the_task(plan(books, moved(TODAY, previous_tier=None))).subject == "Meet"
    assert the_task(plan(books, moved(TODAY, previous_tier="B"))).subject == "Meet, so far B"


@pytest.mark.parametrize(
    ("when", "asks"),
    [
        ("entered", True),
        ("LEFT and tier_rank is null", True),
        ("previous_tier = 'A'", True),
        ("previous_health = 'green' and health = 'red'", True),
        ("tier = 'A' and health = 'red'", False),
        ("tier = 'entered'", False),
    ],
)
def test_a_playbook_that_asks_for_the_move_is_told_from_one_that_lasts(when: str, asks: bool) -> None:
    assert reads_the_move(a_playbook(when=Expression(when))) is asks


# --- keys that follow merges ------


def test_a_key_counts_also_for_the_account_that_its_task_belongs_to_now() -> None:
    found = keys_by_account([("care:call:once:lost", "001A"), ("care:mail:once:001A", "001A"), ("care:fax:a:b:lost", "001A")])

    assert found == {
        "care:call:once:lost",
        "care:call:once:001A",
        "care:mail:once:001A",
        "care:fax:a:b:lost",
        "care:fax:a:b:001A",
    }


def test_a_task_without_an_account_counts_for_the_one_in_its_key() -> None:
    assert keys_by_account([("care:call:once:001A", "")]) == {"care:call:once:001A"}


def test_the_whole_plan_of_a_merged_account_is_not_made_again() -> None:
    existing = keys_by_account([("care:call:once:lost", "001A")])

    assert plan(playbooks(), existing=existing) == TaskPlan()


# --- tasks that lost their account ------

LOOSE = ExistingTask("care:call:once:001A", "00T1", "", "u1", "Call Acme", date(2026, 11, 28), True)


def attachments(*tasks: ExistingTask, merged: Mapping[str, str] | None = None) -> TaskPlan:
    return plan_attachments(tasks, lambda account: (merged or {}).get(account, account), {"001A": "Acme"}, TODAY)


def test_a_task_that_hangs_on_no_account_is_attached_to_the_one_in_its_key() -> None:
    why = "the CRM lost the task's account when it was made"
    assert attachments(LOOSE) == TaskPlan(
        (AttachTask(LOOSE.key, "00T1", "001A", "Acme", "Call Acme", "u1", date(2026, 11, 28), (why,)),)
    )


def test_a_loose_task_of_a_merged_account_is_attached_to_the_one_that_lives_on() -> None:
    (attach,) = attachments(replace(LOOSE, key="care:call:once:lost"), merged={"lost": "001A"}).changes
    assert (attach.key, attach.account_id) == ("care:call:once:lost", "001A")


@pytest.mark.parametrize("key", ["care:call:once:gone", "call back", ""])
def test_a_loose_task_of_an_account_that_is_gone_or_of_no_key_stays(key: str) -> None:
    assert attachments(replace(LOOSE, key=key)) == TaskPlan()


def test_a_loose_task_without_a_date_is_asked_for_with_todays() -> None:
    (attach,) = attachments(replace(LOOSE, due=None)).changes
    assert isinstance(attach, AttachTask)
    assert attach.due == TODAY


# --- limit ------


def test_the_limit_lets_best_tier_and_nearest_due_date_first_and_tells_the_rest() -> None:
    books = playbooks(a_playbook(a_task("early", due="1"), a_task("late", due="9")), max_new_tasks_per_owner_per_run=3)
    firings = [a_firing("003"), a_firing("001", tier="B"), a_firing("002")]

    result = plan(books, *firings)

    assert [create.key for create in result.creates] == [
        "care:early:once:002",
        "care:early:once:003",
        "care:late:once:002",
    ]
    assert [held.key for held in result.held_back] == ["care:late:once:003", "care:early:once:001", "care:late:once:001"]
    assert all(held.waits and "waits for the next run" in held.reason for held in result.held_back)


def test_the_limit_is_each_persons_own() -> None:
    books = playbooks(max_new_tasks_per_owner_per_run=1)

    result = plan(books, a_firing("001"), a_firing("002", facts={"owner_id": "u3"}))

    assert len(result.creates) == 2


def test_run_after_run_the_limit_lets_everything_through_and_nothing_twice() -> None:
    books = playbooks(max_new_tasks_per_owner_per_run=2)
    made: list[str] = []
    for _ in range(3):
        made += [create.key for create in plan(books, *(a_firing(f"{n}") for n in range(5)), existing=set(made)).creates]

    assert sorted(made) == [f"care:call:once:{n}" for n in range(5)]


# --- closing ------

CLOSING = a_playbook(when_clear="close")
OPEN = ExistingTask("care:call:once:001A", "00T1", "001A", "u1", "Call Acme", date(2026, 11, 28), True)
AS_CREATED = {OPEN.key: CreatedTask("u1", "Call Acme", date(2026, 11, 28))}


def closes(playbook: Playbook, task: ExistingTask, firing: Collection[tuple[str, str]] = ()) -> TaskPlan:
    return plan_closes(playbooks(playbook), [task], firing, AS_CREATED, {"001A": "Acme"})


def test_an_untouched_open_task_is_closed_when_its_playbook_fires_no_longer() -> None:
    (close,) = closes(CLOSING, OPEN).closes

    assert (close.key, close.task_id, close.account_name) == (OPEN.key, "00T1", "Acme")
    assert "no longer fires" in close.reasons[0]


@pytest.mark.parametrize(
    "edit", [{"subject": "Call Ann"}, {"due": date(2026, 12, 1)}, {"owner_id": "u3"}, {"due": None}, {"is_open": False}]
)
def test_a_task_that_a_person_edited_reassigned_or_completed_is_theirs(edit: dict[str, Any]) -> None:
    assert closes(CLOSING, replace(OPEN, **edit)) == TaskPlan()


def test_tasks_that_stay_do_not_keep_others_open() -> None:
    completed = replace(OPEN, key="care:call:2025:001A", is_open=False)
    other = replace(OPEN, key="care:call:2026:001A", account_id="001B")

    result = plan_closes(playbooks(CLOSING), [completed, other, OPEN], {("care", "001B")}, AS_CREATED, {})

    assert [close.key for close in result.closes] == [OPEN.key]


def test_a_task_stays_while_its_playbook_fires() -> None:
    assert closes(CLOSING, OPEN, {("care", "001A")}) == TaskPlan()


def test_a_task_of_a_keeping_or_unknown_playbook_stays() -> None:
    assert closes(a_playbook(), OPEN) == TaskPlan()
    assert closes(CLOSING, replace(OPEN, key="gone:call:once:001A")) == TaskPlan()


def test_after_the_cache_was_rebuilt_a_task_is_not_closed_but_told() -> None:
    result = plan_closes(playbooks(CLOSING), [OPEN], (), {}, {})

    assert not result.closes
    assert "cannot be ruled out" in result.held_back[0].reason


def test_what_is_closed_and_what_is_held_back_says_which_task_of_whom() -> None:
    known = plan_closes(playbooks(CLOSING), [OPEN], (), AS_CREATED, {})
    unknown = plan_closes(playbooks(CLOSING), [OPEN], (), {}, {"001A": "Acme"})

    why = "playbook care no longer fires, and nobody touched the task"
    assert known.closes == (CloseTask(OPEN.key, "00T1", "001A", "001A", OPEN.subject, (why,), OPEN.owner_id, OPEN.due),)
    doubt = "this cache did not create it, so an edit by a person cannot be ruled out"
    assert unknown.held_back == (HeldBack("001A", "Acme", f'closing the task "{OPEN.subject}"', doubt, OPEN.key),)


def test_a_task_with_another_programmes_key_is_left_alone() -> None:
    assert closes(CLOSING, replace(OPEN, key="call back")) == TaskPlan()


def test_what_is_held_back_says_which_task_of_whom_and_whether_it_waits() -> None:
    late = plan(playbooks(a_playbook(a_task(due="renewal - 9 days"))))
    nobody = plan(playbooks(), a_firing(facts={"owner_id": None}))
    full = plan(playbooks(max_new_tasks_per_owner_per_run=0))

    reason = "it is due relative to next_renewal_date, which this account does not have"
    assert late.held_back == (HeldBack("001A", "Acme", "task care/call", reason, "care:call:once:001A"),)
    reason = "it has no owner_id, and [program] fallback_owner is not set"
    assert nobody.held_back == (HeldBack("001A", "Acme", "task care/call", reason, "care:call:once:001A", waits=True),)
    reason = "Ana gets 0 new tasks in this run already; it waits for the next run"
    assert full.held_back == (HeldBack("001A", "Acme", "task care/call", reason, "care:call:once:001A", waits=True),)


def test_a_whole_number_in_the_reason_of_a_task_has_no_decimals() -> None:
    when = Expression("won_amount_12m > nps")
    create = the_task(plan(playbooks(a_playbook(when=when)), a_firing(facts={"won_amount_12m": 250000.0, "nps": 7})))
    assert create.reasons == ("care: won amount 12m 250000, nps 7",)


def test_a_playbook_with_a_fixed_user_reads_no_field_of_that_name() -> None:
    books = playbooks(a_playbook(a_task(assignee="user:nps", subject={"en": "Call"}), every="month"))
    assert books.facts_needed("care") == {"country", "owner_id"}


def test_tasks_of_an_entry_on_the_first_day_of_the_stay_are_recognised() -> None:
    books = playbooks(a_playbook(every="entry", when=Expression("entered")))
    day = date(2026, 11, 20)
    firing = a_firing(tier="A", previous_tier="B", since=TODAY, stay_began=day)
    assert plan(books, firing, existing={f"care:call:A-{day}:001A"}) == TaskPlan()
    earlier = day - timedelta(days=1)
    assert the_task(plan(books, firing, existing={f"care:call:A-{earlier}:001A"})).key == f"care:call:A-{TODAY}:001A"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("c.toml", 3, "rules.0"), "c.toml:3 (rules.0)"),
        (Place("c.toml", 3), "c.toml:3"),
        (Place("c.toml", 0, "rules.0"), "c.toml (rules.0)"),
        (Place("c.toml"), "c.toml"),
        (Place(key="rules.0"), "rules.0"),
        (Place(), ""),
    ],
)
def test_a_place_says_what_is_known_of_it(place: Place, text: str) -> None:
    assert str(place) == text


def test_one_task_that_is_held_back_does_not_hold_the_next_one() -> None:
    tasks = (a_task("late", due="renewal - 9 days"), a_task("empty", subject={"en": "{{ nps or 'x' }}"}), a_task("call"))
    result = plan(playbooks(a_playbook(*tasks)), a_firing(facts={"nps": None}))
    assert [create.key for create in result.creates] == ["care:empty:once:001A", "care:call:once:001A"]
    assert [held.what for held in result.held_back] == ["task care/late"]


def test_a_task_without_an_occurrence_has_no_key_and_does_not_wait() -> None:
    result = plan(playbooks(a_playbook(every="value:nps")), a_firing(facts={"nps": None}))
    reason = "it is made once for each nps, which this account does not have"
    assert result == TaskPlan(held_back=(HeldBack("001A", "Acme", "task care/call", reason, key="", waits=False),))


def test_a_task_whose_subject_comes_out_empty_is_held_back_by_its_key() -> None:
    result = plan(playbooks(a_playbook(a_task(subject={"en": "{{ nps }}"}))), a_firing(facts={"nps": " "}))
    assert result == TaskPlan(
        held_back=(HeldBack("001A", "Acme", "task care/call", "its subject is empty", "care:call:once:001A"),)
    )


@pytest.mark.parametrize(
    ("tier", "text"), [("A", "Strategic|Key account|Green"), ("B", "B|Key account|Green"), ("none", "none|Key account|Green")]
)
def test_a_text_names_the_tier_also_where_the_account_has_just_lost_it(tier: str, text: str) -> None:
    task = a_task(body={"en": "{{ tier_label }}|{{ segment_label }}|{{ health_label }}"})
    books = playbooks(a_playbook(task, when=Expression("left")), segment_labels={"key": "Key account"})
    assert the_task(plan(books, a_firing(tier=tier, previous_tier="A"))).body == text


def test_sentences_on_what_is_not_known_are_left_out() -> None:
    task = a_task(
        body={"en": "Be kind. {{ segment_label }}. Health {{ health_label }}! {{ owner_name }} x.\nCall."},
        assignee="user:u1",
    )
    firing = a_firing(facts={"owner_id": None})
    unknown = replace(firing, decision=firing.decision._replace(segment=None, health=None))
    assert the_task(plan(playbooks(a_playbook(task)), unknown)).body == "Be kind.\nCall."


def test_tasks_of_accounts_without_a_tier_come_after_those_with_one() -> None:
    books = playbooks(a_playbook(when=Expression("true")), max_new_tasks_per_owner_per_run=2)
    result = plan(books, a_firing("1", tier="none"), a_firing("2", tier="B"), a_firing("3", tier="A"))
    assert [create.account_id for create in result.creates] == ["3", "2"]
    assert [held.reason for held in result.held_back] == ["Ana gets 2 new tasks in this run already; it waits for the next run"]


def test_a_condition_that_reads_no_fact_is_told_by_its_label_alone() -> None:
    create = the_task(plan(playbooks(a_playbook(when=Expression("true"), label={"en": "Everyone"}))))
    assert create.reasons == ("Everyone",)


def test_keys_of_other_programmes_among_the_existing_ones_are_no_entries() -> None:
    books = playbooks(a_playbook(every="entry"), a_playbook(name="other"))
    strange = {"call back", "other:call:A-2026-11-20:001A", "care:call:once:001A", "care:mail:A-2026-11-20:001A"}
    result = plan(books, a_firing(since=TODAY, stay_began=TODAY), existing=strange)
    assert the_task(result).key == f"care:call:A-{TODAY}:001A"


@pytest.mark.parametrize(
    ("playbook", "message", "fix"),
    [
        (replace(a_playbook(), tasks=()), "playbook 'care' has no task.", "Add a [[tasks]] table to it."),
        (a_playbook(a_task(subject={"en": " "})), "task 'call' has no subject.", 'Give it one: subject = { en = "…" }.'),
        (a_playbook(a_task(due="nps")), "due = 'nps': 'nps' is no date.", "`kamsync facts` lists the date facts."),
        (a_playbook(a_task(due="nsp")), "due = 'nsp': 'nsp' is no fact.", "`kamsync facts` lists the date facts."),
        (
            a_playbook(a_task(body={"en": "a\n{{ name"})),
            "line 2 of the template: unexpected end of template, expected 'end of print statement'.",
            "Write facts as {{ name }}; https://jinja.palletsprojects.com/templates/ has the rest.",
        ),
        (
            a_playbook(when=Expression("LEFT or entered"), when_clear="close"),
            "playbook 'care' has when_clear = \"close\" and fires on one run only, so the next run would close its tasks.",
            'Use when_clear = "keep", or a condition that lasts, such as tier = \'A\' with every = "entry".',
        ),
    ],
)
def test_a_playbook_that_cannot_work_is_refused_in_these_words(playbook: Playbook, message: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(playbook)
    assert (caught.value.message, caught.value.fix) == (f"config.toml:12 (playbooks.care): {message}", fix)


def test_of_two_playbooks_of_one_name_one_needs_another() -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(a_playbook(), a_playbook())
    assert caught.value.message == "config.toml:12 (playbooks.care): there are two playbooks 'care'."
    assert caught.value.fix == "Give one another name."


def test_a_country_that_is_unknown_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError) as caught:
        playbooks(country="Atlantis")
    assert caught.value.message == "program.country: No holiday calendar is known for country 'Atlantis'."
