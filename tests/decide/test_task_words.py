"""Keys, due dates, calendars, people and texts of tasks, each by itself (DECISIONS.md §8)."""

from __future__ import annotations

import hashlib
import re
import warnings
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.assignees import Assignees, NoAssignee, Owner, check_assignee
from kamsync.decide.calendar import BusinessCalendar, check_country
from kamsync.decide.due import Due, NoDate, parse_due
from kamsync.decide.fact import FactValue
from kamsync.decide.occurrences import Key, NoOccurrence, check_every, entry_of, occurrence_word, parse_key, task_key
from kamsync.decide.playbooks import fires_for_one_run_only, names_read
from kamsync.decide.program import Expression, Place, Playbook, TaskTemplate
from kamsync.decide.templates import CompiledTask, NotRendered
from kamsync.decide.texts import in_language, language
from kamsync.errors import ConfigError

PLACE = Place("c.toml", 3, "playbooks.care")
OCCURRENCES = "Write one of: once, entry, month, quarter, year, <N> days, <N> months, value:<fact>."
MONDAY = date(2026, 11, 23)
WEEKENDS = BusinessCalendar()


# --- occurrences ------


@pytest.mark.parametrize(("month", "quarter"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (12, 4)])
def test_quarters_begin_in_january_april_july_and_october(month: int, quarter: int) -> None:
    assert occurrence_word("quarter", date(2026, month, 1), "A", MONDAY, {}) == f"2026-Q{quarter}"


@pytest.mark.parametrize(
    ("every", "word"),
    [
        ("once", "once"),
        ("entry", "A-2026-11-20"),
        ("month", "2026-11"),
        ("year", "2026"),
        ("value:count", "3"),
        ("value:amount", "1234567.5"),
        ("value:whole", "250000"),
        ("value:name", "Big Deal: 2"),
    ],
)
def test_an_occurrence_is_this_word(every: str, word: str) -> None:
    facts: dict[str, FactValue] = {"count": 3, "amount": 1234567.5, "whole": 250000.0, "name": "  Big \n Deal: 2 "}
    assert occurrence_word(every, MONDAY, "A", date(2026, 11, 20), facts) == word


def test_a_fact_that_is_not_known_makes_no_occurrence() -> None:
    with pytest.raises(NoOccurrence) as caught:
        occurrence_word("value:renewed_on", MONDAY, "A", MONDAY, {"renewed_on": None})
    assert str(caught.value) == "it is made once for each renewed_on, which this account does not have"


@pytest.mark.parametrize(
    ("word", "entry"),
    [
        ("A-2026-11-20", ("A", date(2026, 11, 20))),
        ("Top-10-2026-11-20", ("Top-10", date(2026, 11, 20))),
        ("once", None),
        ("2026-11", None),
    ],
)
def test_an_entry_is_read_back_from_its_word(word: str, entry: tuple[str, date] | None) -> None:
    assert entry_of(word) == entry


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("care:call:once:001A", Key("care", "call", "once", "001A")),
        ("care:call:12:30:001A", Key("care", "call", "12:30", "001A")),
        ("care:call:once:", None),
        ("care:call:001A", None),
        (":call:once:001A", None),
        ("care::once:001A", None),
        ("call the customer", None),
    ],
)
def test_a_key_is_taken_apart_and_other_texts_are_no_keys(key: str, parts: Key | None) -> None:
    assert parse_key(key) == parts


def test_a_key_of_255_characters_stays_and_a_longer_one_ends_with_its_hash() -> None:
    fits = "x" * (255 - len("care:call::001A"))
    assert task_key("care", "call", fits, "001A") == f"care:call:{fits}:001A"

    longer = fits + "y"
    digest = hashlib.sha256(longer.encode()).hexdigest()[:32]
    shortened = task_key("care", "call", longer, "001A")
    assert shortened == f"care:call:{fits[:-33]}~{digest}:001A"
    assert len(shortened) == 255


@pytest.mark.parametrize(
    ("every", "message", "fix"),
    [
        (
            "weekly",
            "every = 'weekly' is no occurrence.",
            OCCURRENCES,
        ),
        (
            "value:",
            "every = 'value:' is no occurrence.",
            OCCURRENCES,
        ),
        ("value:zork", "every = 'value:zork': 'zork' is no fact.", "`kamsync facts` lists the facts."),
    ],
)
def test_an_every_that_is_none_is_refused(every: str, message: str, fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_every(every, {"nps": "number"}, PLACE)
    assert (caught.value.message, caught.value.fix) == (f"c.toml:3 (playbooks.care): {message}", fix)


@pytest.mark.parametrize("every", ["once", "entry", "month", "quarter", "year", "value:nps"])
def test_every_other_is_accepted(every: str) -> None:
    check_every(every, {"nps": "number"}, PLACE)


@pytest.mark.parametrize(
    ("when", "once"),
    [("entered", True), ("LEFT", True), ("tier = 'left'", False), ("left_on is null", False), ("nps > 1", False)],
)
def test_what_was_entered_or_left_is_seen_by_one_run_only(when: str, once: bool) -> None:
    assert fires_for_one_run_only(Playbook("care", Expression(when), ())) is once


# --- due ------


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("5", Due(5)),
        (" 5 days ", Due(5)),
        ("1 day", Due(1)),
        ("10 business days", Due(10, business=True)),
        ("1 business day", Due(1, business=True)),
        ("renewal", Due(0, fact="next_renewal_date")),
        ("renewal - 90 days", Due(-90, fact="next_renewal_date")),
        ("renewal − 90 days", Due(-90, fact="next_renewal_date")),
        ("reviewed_on+2 business days", Due(2, business=True, fact="reviewed_on")),
    ],
)
def test_a_due_date_is_read_like_this(text: str, due: Due) -> None:
    assert parse_due(text, PLACE) == due


@pytest.mark.parametrize("text", ["", " ", "-5", "5 weeks", "renewal 90", "renewal -", "99999", "renewal * 2 days", "5 5"])
def test_what_is_no_due_date_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^c\.toml:3 \(playbooks\.care\): due = .* is no due date\.$"):
        parse_due(text, PLACE)


@pytest.mark.parametrize(
    ("due", "facts", "day"),
    [
        (Due(0), {}, MONDAY),
        (Due(-1, fact="on"), {"on": "2026-11-24T23:00:00Z"}, MONDAY),
        (Due(-2, fact="on"), {"on": "2026-11-24"}, MONDAY),
        (Due(5, business=True), {}, date(2026, 11, 30)),
        (Due(-1, business=True, fact="on"), {"on": "2026-11-24"}, MONDAY),
        (Due(-2, business=True, fact="on"), {"on": "2026-11-24"}, MONDAY),
        (Due(0, business=True, fact="on"), {"on": "2026-11-28"}, date(2026, 11, 30)),
    ],
)
def test_a_task_is_due_on_this_day_and_never_before_the_run(due: Due, facts: dict[str, FactValue], day: date) -> None:
    assert due.on(MONDAY, facts, WEEKENDS) == day


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, "it is due relative to on, which this account does not have"),
        ({"on": None}, "it is due relative to on, which this account does not have"),
        ({"on": "soon"}, "it is due relative to on, whose value 'soon' is no date"),
    ],
)
def test_a_date_that_is_not_there_is_said(facts: dict[str, FactValue], why: str) -> None:
    with pytest.raises(NoDate) as caught:
        Due(3, fact="on").on(MONDAY, facts, WEEKENDS)
    assert str(caught.value) == why


# --- business days ------


@pytest.mark.parametrize(
    ("country", "day", "works"),
    [
        ("", date(2026, 12, 25), True),
        ("", date(2026, 11, 28), False),
        ("BR", date(2026, 12, 25), False),
        ("br", date(2027, 7, 9), True),
        ("br-sp", date(2027, 7, 9), False),
        ("US", date(2026, 11, 26), False),
        ("IL", date(2026, 11, 27), False),
        ("IL", date(2026, 11, 29), True),
    ],
)
def test_a_country_has_its_own_holidays_and_weekends(country: str, day: date, works: bool) -> None:
    assert BusinessCalendar(country).is_business_day(day) is works


def test_business_days_are_counted_over_holidays_and_weekends() -> None:
    brazil = BusinessCalendar("BR")
    assert brazil.shift(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert brazil.shift(date(2026, 12, 28), -1) == date(2026, 12, 24)
    assert brazil.shift(date(2026, 12, 25), 0) == date(2026, 12, 28)


@pytest.mark.parametrize("country", ["Atlantis", "BR-XX"])
def test_a_country_that_nobody_knows_is_refused_with_its_place(country: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_country(country, Place("c.toml", 9))
    assert caught.value.message == f"c.toml:9: No holiday calendar is known for country {country!r}."
    assert caught.value.fix == (
        "Give an ISO 3166 code such as BR, MX, US or BR-SP in [program] country, or leave it out to know weekends only."
    )


def test_a_country_may_be_left_out() -> None:
    check_country("", PLACE)


# --- people ------

ANA, BEN, EVA = Owner("u1", "Ana", "ana@acme.example", manager_id="u3"), Owner("u2", "Ben", is_active=False), Owner("u3", "Eva")
NAMELESS = Owner("u4", "", "old@acme.example", is_active=False)
SUCCESSOR = Owner("u5", "Ida", "OLD@acme.example")
PEOPLE = (ANA, BEN, EVA, SUCCESSOR, NAMELESS)


def nobody(rule: str, facts: dict[str, FactValue], fallback: str = "") -> str:
    with pytest.raises(NoAssignee) as caught:
        Assignees(PEOPLE, fallback).assign(rule, facts)
    return str(caught.value)


@pytest.mark.parametrize(
    ("rule", "facts", "fallback", "why"),
    [
        ("owner", {"owner_id": "u2"}, "", "Ben is inactive, and [program] fallback_owner is not set"),
        ("owner", {"owner_id": "u4"}, "", "u4 is inactive, and [program] fallback_owner is not set"),
        ("owner", {}, "", "it has no owner_id, and [program] fallback_owner is not set"),
        ("owner", {"owner_id": ""}, "u9", "it has no owner_id, and the fallback owner u9 is unknown to the CRM"),
        (
            "owner",
            {"owner_id": "u8"},
            "u2",
            "its owner_id names nobody whom the CRM knows, and the fallback owner u2 is inactive too",
        ),
        ("role:lead", {"owner_id": "u1"}, "", "it has no lead, and [program] fallback_owner is not set"),
        ("user:x:y", {}, "", "the user x:y is unknown to the CRM, and [program] fallback_owner is not set"),
        ("owner.manager", {"owner_id": "u3"}, "", "Eva has no manager in the CRM, and [program] fallback_owner is not set"),
        ("owner.manager", {"owner_id": "u4"}, "", "u4 has no manager in the CRM, and [program] fallback_owner is not set"),
    ],
)
def test_why_nobody_can_be_given_the_task(rule: str, facts: dict[str, FactValue], fallback: str, why: str) -> None:
    assert nobody(rule, facts, fallback) == why


@pytest.mark.parametrize(
    ("rule", "facts", "person"),
    [
        ("owner", {"owner_id": "u1"}, ANA),
        ("owner.manager", {"owner_id": "u1"}, EVA),
        ("role:lead", {"lead": " Ana@Acme.example "}, ANA),
        ("user:u3", {}, EVA),
        ("user:old@acme.example", {}, SUCCESSOR),
        ("owner", {"owner_id": "u2"}, EVA),
        ("owner", {}, EVA),
    ],
)
def test_the_person_or_the_stand_in_is_found(rule: str, facts: dict[str, FactValue], person: Owner) -> None:
    assert Assignees(PEOPLE, "u3").assign(rule, facts) == person
    assert Assignees(tuple(reversed(PEOPLE)), "u3").assign(rule, facts) == person


def test_an_unknown_person_has_no_name() -> None:
    people = Assignees(PEOPLE)
    assert (people.name_of("u1"), people.name_of("u9"), people.name_of(None)) == ("Ana", "", "")


def test_a_renewal_that_never_comes_has_no_business_day_after_it_and_no_far_year_warns_anybody() -> None:
    never: dict[str, FactValue] = {"next_renewal_date": "9999-12-31"}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(NoDate, match="the calendar ends before 5 business days from 9999-12-31"):
            Due(5, business=True, fact="next_renewal_date").on(date(2026, 1, 1), never, BusinessCalendar("IN"))
        early = Due(-90, fact="next_renewal_date").on(date(2026, 1, 1), never, BusinessCalendar("IN"))
        late = Due(5, business=True, fact="next_renewal_date")
        far = late.on(date(2026, 1, 1), {"next_renewal_date": "2040-06-05"}, BusinessCalendar("IN"))  # known until 2035
    assert (early, far) == (date(9999, 10, 4), date(2040, 6, 12)) and not told


@pytest.mark.parametrize("rule", ["owner", "owner.manager", "user:u1", "user:a:b", "role:lead"])
def test_a_rule_that_some_account_can_follow_is_accepted(rule: str) -> None:
    check_assignee(rule, ["lead"], PLACE)


@pytest.mark.parametrize("rule", ["", "boss", "user:", "role:", "team:lead", "owner:lead", "manager"])
def test_a_rule_that_names_nobody_is_refused(rule: str) -> None:
    with pytest.raises(ConfigError, match="names nobody") as caught:
        check_assignee(rule, ["lead"], PLACE)
    assert caught.value.fix == "Write one of: owner, owner.manager, role:<account field>, user:<id or e-mail>."


# --- texts ------


def rendered(body: str, **values: object) -> str:
    task = TaskTemplate("call", {"en": "Call"}, {"en": body}, "5", place=PLACE)
    return CompiledTask(task, "en").render(values)[1]


def test_text_of_the_crm_stays_as_it_is() -> None:
    assert rendered("{{ name }} <{{ 'b' }}>", name="Smith & <Sons>") == "Smith & <Sons> <b>"


def test_numbers_may_be_multiplied_and_written_in_templates() -> None:
    assert rendered("{{ n * 2 }} {{ n * 0.5 }} {{ n | number }} {{ n | number(2) }}", n=3) == "6 1.50 3 3.00"


@pytest.mark.parametrize("text", ["{{ 'x' * n }}", "{{ n * 'x' }}", "{{ n ** 2 }}", "{{ 2 ** n }}", "{{ [1] * n }}"])
def test_nothing_is_repeated_or_raised_to_a_power(text: str) -> None:
    with pytest.raises(NotRendered, match=r"\*\*? works on numbers only here, and \*\* not at all$"):
        rendered(text, n=3)


@pytest.mark.parametrize(
    "text", ["n|round(-999999999)", "n|round(999999999, 'ceil')", "n|number(999999999)", "n|percent(9999999)"]
)
def test_no_number_is_made_of_more_digits_than_a_number_has(text: str) -> None:
    with pytest.raises(NotRendered, match=r"at most 15 digits$"):
        rendered(f"{{{{ {text} }}}}", n=3)
    assert rendered("{{ n|round(-1)|int }} {{ n|round(1) }}", n=31.26) == "30 31.30"


@pytest.mark.parametrize(
    "text",
    [
        "{{ name|join(name)|join(name)|join(name)|length }}",
        "{{ ([name] + [name])|join(name|join(name))|join(name) }}",
        "{{ (name ~ name)|join(name ~ name)|join(name ~ name) }}",
        "{{ (name|join(name) + name|join(name)) + name|join(name) }}",
        "{% for one in name|join(name) %}{{ name|join(name) }}{% endfor %}",
        "{{ name|join(name)|sort|join(name)|wordcount }}",
    ],
)
def test_steps_that_multiply_are_held_to_what_a_text_may_be(text: str) -> None:
    with pytest.raises(NotRendered, match=r"are the most|adds up to more"):
        rendered(text, name="N" * 255)


def test_a_loop_that_writes_more_than_a_task_holds_is_cut_off() -> None:
    assert len(rendered("{% for one in name %}{{ name|join(name) }}{% endfor %}", name="N" * 255)) == 30_000


@pytest.mark.parametrize("text", ["{{ name.upper }}", "{{ n.real }}", "{{ name|truncate(-5) }}", "{{ name|join('', 'upper') }}"])
def test_what_python_knows_of_a_value_and_filters_that_fail_hold_the_task_back(text: str) -> None:
    with pytest.raises(NotRendered):
        rendered(text, name="Smith", n=3)


def test_a_number_of_more_digits_than_python_reads_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"^c\.toml:3 .*writes a number that is none"):
        rendered("{{ " + "9" * 5_000 + " }}")


def test_no_text_carries_what_neither_a_crm_nor_a_file_takes() -> None:
    assert rendered(r"{{ 'a\x00b' }}{{ '\ud800' }}") == "ab?"


def test_parts_of_which_one_is_unknown_are_unknown_together() -> None:
    assert rendered("Call {{ name ~ ', ' ~ phone }}. Then write.", name="Smith", phone=None) == "Then write."
    assert rendered("Ask {{ [name, phone]|join(', ') }}. Then write.", name="Smith", phone=None) == "Then write."


@pytest.mark.parametrize("text", ["{{ n.x.y }}", "{{ 1e400|int }}", "{% if n < 1e308 * 10 %}x{% endif %}{{ -1e400 + n }}"])
def test_whatever_a_text_does_only_its_task_is_held_back(text: str) -> None:
    with pytest.raises(NotRendered, match="its text cannot be made"):
        rendered(text, n=3)


@pytest.mark.parametrize("text", ["{{ '{a}'.format() }}", "{{ '{0}'.format() }}", "{{ '%d' | format('a') }}"])
def test_calls_and_filters_that_pad_are_refused_when_the_text_is_read(text: str) -> None:
    with pytest.raises(ConfigError, match=r"not allowed|no filter 'format'"):
        rendered(text, n=3)


@pytest.mark.parametrize("text", ["{{ name.street }}", "{{ other }}"])
def test_what_is_not_there_is_no_empty_text(text: str) -> None:
    with pytest.raises(
        NotRendered, match=r"^its text cannot be made \(c\.toml:3 \(playbooks\.care\)\): .*undefined|no attribute"
    ):
        rendered(text, name="Acme")


@pytest.mark.parametrize(
    ("value", "text"),
    [(date(2026, 2, 1), "Feb 1, 2026"), ("2026-02-01T22:00:00Z", "Feb 1, 2026"), ("2026-02-01", "Feb 1, 2026"), (None, "")],
)
def test_a_day_is_written_without_its_hours(value: object, text: str) -> None:
    assert rendered("{{ d | day }}", d=value) == text


@pytest.mark.parametrize(
    ("name", "text"), [("pt_BR", "01/02/2026 1.234,50"), ("en", "Feb 1, 2026 1,234.50"), ("fr", "Feb 1, 2026 1,234.50")]
)
def test_days_and_numbers_are_those_of_the_language(name: str, text: str) -> None:
    task = TaskTemplate("call", {"en": "x"}, {"en": "{{ d | day }} {{ n }}"}, "5", place=PLACE)
    assert CompiledTask(task, name).render({"d": "2026-02-01", "n": 1234.5})[1] == text


def test_a_body_fits_the_crms_field_and_a_subject_is_one_line() -> None:
    task = TaskTemplate("call", {"en": " Call\n{{ name }} "}, {"en": "  {{ name }}" + "x" * 40_000}, "5", place=PLACE)
    subject, body = CompiledTask(task, "en").render({"name": "Acme  Ltd"})
    assert subject == "Call Acme Ltd"
    assert body == "Acme  Ltd" + "x" * 29_991


@pytest.mark.parametrize(
    ("texts", "name", "text"),
    [
        ({"en": "Call", "es": "Llamar"}, "es", "Llamar"),
        ({"en": "Call", "es": "Llamar"}, "es_MX", "Llamar"),
        ({"en": "Call", "es_MX": "Marcar", "es": "Llamar"}, "es_MX", "Marcar"),
        ({"en": "Call", "pt_BR": "Ligar"}, "pt-br", "Ligar"),
        ({"es": "", "en": "Call"}, "es", "Call"),
        ({"de": "Anrufen"}, "es", "Anrufen"),
        ({}, "es", ""),
    ],
)
def test_a_text_is_chosen_by_language_with_english_behind(texts: dict[str, str], name: str, text: str) -> None:
    assert in_language(texts, name) == text


@pytest.mark.parametrize(
    ("name", "known"), [("pt-BR", "pt_BR"), ("PT", "pt_BR"), ("es_MX", "es"), ("en-GB", "en"), ("fr", "en"), ("", "en")]
)
def test_a_language_is_known_by_its_first_part(name: str, known: str) -> None:
    assert language(name).name == known


def test_the_words_of_segments_and_health_are_translated() -> None:
    assert dict(language("es").health) == {"green": "Verde", "amber": "Ámbar", "red": "Rojo"}
    assert language("pt_BR").segments["development"] == "Desenvolvimento"


@given(st.text(min_size=1, max_size=400), st.text(alphabet="abc012", min_size=1, max_size=18))
def test_every_key_fits_and_names_its_account(occurrence: str, account_id: str) -> None:
    key = task_key("care", "call", occurrence, account_id)
    parsed = parse_key(key)
    assert len(key) <= 255
    assert parsed is not None
    assert (parsed.playbook, parsed.task, parsed.account_id) == ("care", "call", account_id)


def test_a_country_without_a_place_is_told_all_the_same() -> None:
    with pytest.raises(ConfigError, match=r"^No holiday calendar is known for country 'Atlantis'\.$"):
        check_country("Atlantis", Place())


def test_a_template_of_nowhere_fails_as_a_template() -> None:
    task = TaskTemplate("call", {"en": "Call"}, {"en": "{{ n + 1 }}"}, "5")
    with pytest.raises(NotRendered, match=r"^its text cannot be made \(template\): "):
        CompiledTask(task, "en").render({"n": None})


def test_a_condition_without_spaces_around_its_texts_is_read_word_by_word() -> None:
    assert names_read("tier='A'and nps>1 or tier in('x''y','entered')") == ("tier", "and", "nps", "or", "in")


@pytest.mark.parametrize("named", ["001A000010khO8J", "001A000010khO8JIAU", "ANA@acme.com", "ana@acme.com.invalid"])
def test_a_person_may_be_named_as_the_crm_shows_people(named: str) -> None:
    people = (Owner("001A000010khO8JIAU", "Ana", "ana@acme.com.invalid"), Owner("001A000010khO8jAAA", "Ben", "ben@acme.com"))

    assert Assignees(people).assign(f"user:{named}", {}).name == "Ana"
    assert Assignees(people, named).assign("owner", {"owner_id": "gone"}).name == "Ana"
    assert Assignees(people).assign("role:sponsor", {"sponsor": named}).name == "Ana"


def test_what_a_loop_names_is_no_fact_and_what_stands_beside_it_is() -> None:
    text = "{% for one in open_names if one %}{{ loop.index }} {{ one }} {{ name }}{% else %}{{ one }}{% endfor %}"
    task = TaskTemplate("t", {"en": "x"}, {"en": text, "es": "{{ solo_aqui }}"}, "5")
    assert CompiledTask(task, "en").names == {"open_names", "name", "one", "solo_aqui"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ 1 if n is evne }}", "there is no test 'evne'; did you mean 'even'?"),
        ("{% for loop in names %}{{ loop }}{% endfor %}", "loop cannot be a name of one's own"),
        ("{% if n %}" * 80 + "{% endif %}" * 80, "nested too deeply"),
    ],
)
def test_what_could_not_be_made_ready_for_any_account_is_refused_when_it_is_read(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        CompiledTask(TaskTemplate("t", {"en": "x"}, {"en": "", "es": text}, "5"), "en")
