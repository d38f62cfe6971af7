"""What is written to the CRM: only the differences, and nothing the second time (DECISIONS.md §9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.decision import Code, Contribution, Decision
from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.decide.program import Program, Tier
from kamsync.decide.reasons import reasons_text
from kamsync.decide.updates import Writing, assemble_plan, plan_account, summarise
from kamsync.flags import FLAGS
from kamsync.model import Value

NOW = datetime(2026, 11, 23, 6, 0, 30, 123456, tzinfo=UTC)
WRITING = Writing(NOW)
PROGRAM = Program(tiers=(Tier("A", 75, 68), Tier("B", 60, 55)), criteria=())


def a_contribution(points: float, label: str = "Revenue", **given: Any) -> Contribution:
    values: dict[str, Any] = {
        "criterion": label.lower(),
        "label": label,
        "axis": "attractiveness",
        "goal": "retention",
        "weight": 10.0,
        "value": 1.0,
        "known": True,
        "scaled": 50.0,
        "points": points,
        "facts": {},
    }
    return Contribution(**{**values, **given})


CONTRIBUTIONS = (a_contribution(40), a_contribution(31, "Growth"), a_contribution(15, "Support"))


def a_decision(**given: Any) -> Decision:
    values: dict[str, Any] = {
        "account_id": "001A",
        "tier": "A",
        "previous_tier": "A",
        "since": date(2026, 1, 5),
        "code": "score",
        "eligible": True,
        "score": 86.0,
        "attractiveness": 80.0,
        "strength": 90.0,
        "health_score": 75.0,
        "coverage": 1.0,
        "segment": "key",
        "health": "green",
    }
    return Decision(**{**values, **given})


def as_shown(decision: Decision, **given: Value) -> dict[str, Value]:
    """What a CRM shows that already says `decision`."""
    shown: dict[str, Value] = {
        "tier": None if decision.tier == "none" else decision.tier,
        "score": decision.score,
        "segment": decision.segment,
        "health": decision.health,
        "reasons": reasons_text(decision, CONTRIBUTIONS, PROGRAM, 255),
        "since": decision.since.isoformat() if decision.since else None,
        "evaluated_at": "2026-11-01T06:00:00Z",
        "override": decision.override,
        "override_until": decision.until,
        "decided_tier": decision.tier,
    }
    return {**shown, **given}


EMPTY: Mapping[str, Value] = {name: None for name, flag in FLAGS.items() if not flag.optional}


def plan(decision: Decision, shown: Mapping[str, Value], program: Program = PROGRAM) -> UpdateAccount | None:
    return plan_account(decision, "Acme", shown, lambda: CONTRIBUTIONS, program, WRITING)


def after(update: UpdateAccount) -> dict[str, Value]:
    return {flag: change.after for flag, change in update.fields.items()}


def test_a_new_key_account_gets_every_flag() -> None:
    update = plan(a_decision(previous_tier="none", since=date(2026, 11, 23)), EMPTY)

    assert update is not None
    assert after(update) == {
        "tier": "A",
        "score": 86.0,
        "segment": "key",
        "health": "green",
        "reasons": "By score (score 86, A from 75): Revenue, Growth, Support",
        "since": date(2026, 11, 23),
        "evaluated_at": datetime(2026, 11, 23, 6, 0, 30, tzinfo=UTC),
        "decided_tier": "A",
    }
    assert update.reasons == ("score 86 ≥ 75: Revenue 40, Growth 31, Support 15",)


def test_nothing_is_written_where_the_crm_already_says_it() -> None:
    assert plan(a_decision(), as_shown(a_decision())) is None


@pytest.mark.parametrize(("shown", "written"), [(81.0, True), (81.01, False), (91.0, True), (90.99, False), (86.0, False)])
def test_a_score_is_rewritten_only_when_it_moved_by_the_deadband(shown: float, written: bool) -> None:
    update = plan(a_decision(), as_shown(a_decision(), score=shown))

    assert (update is not None and "score" in update.fields) is written


def test_a_score_that_moved_by_exactly_the_deadband_is_written_in_spite_of_binary_fractions() -> None:
    assert plan(a_decision(score=75.1), as_shown(a_decision(), score=70.1)) is not None


@pytest.mark.parametrize("flag", ["tier", "segment", "health"])
def test_a_small_move_of_the_score_is_written_together_with_tier_segment_or_health(flag: str) -> None:
    update = plan(a_decision(), as_shown(a_decision(), score=85.0, **{flag: "other"}))

    assert update is not None
    assert {flag, "score", "evaluated_at"} <= set(update.fields)


def test_what_moved_beside_the_tier_is_told_value_by_value() -> None:
    update = plan(a_decision(), as_shown(a_decision(), segment="development", health="red", since=None))

    assert update is not None
    assert update.reasons[1:] == ("segment development → key", "health red → green", "since none → 2026-01-05")


def test_reasons_stay_when_only_contributions_moved() -> None:
    shown = as_shown(a_decision(), reasons="By score: Revenue 39.9, Growth 31.1, Support 15.0")

    assert plan(a_decision(), shown) is None


def test_reasons_are_rewritten_when_another_rule_settles_the_tier() -> None:
    update = plan(a_decision(code="override"), as_shown(a_decision()))

    assert update is not None
    assert set(update.fields) == {"reasons", "evaluated_at"}
    assert update.fields["reasons"].after == "Set by a person (score 86, A from 75): Revenue, Growth, Support"
    assert update.reasons[-1] == "what settles the tier is new"


def test_reasons_are_rewritten_when_the_override_lasts_longer() -> None:
    shown = as_shown(a_decision(code="override", until=date(2026, 12, 31)))

    update = plan(a_decision(code="override", until=date(2027, 3, 31)), shown)

    assert update is not None
    assert str(update.fields["reasons"].after).startswith("Set by a person until Mar 31, 2027 (score 86")


def test_reasons_are_rewritten_with_a_moved_score() -> None:
    shown = as_shown(a_decision(), score=70.0, reasons="By score: Revenue 30.0, Growth 25.0, Support 15.0")

    update = plan(a_decision(), shown)

    assert update is not None
    assert update.fields["reasons"].after == "By score (score 86, A from 75): Revenue, Growth, Support"
    assert "score 70 → 86" in update.reasons


def test_losing_the_tier_empties_the_tier_field() -> None:
    left = a_decision(tier="none", previous_tier="A", score=40.0, since=date(2026, 11, 23), segment="opportunistic")

    update = plan(left, as_shown(a_decision()))

    assert update is not None
    assert update.fields["tier"].before == "A"
    assert update.fields["tier"].after is None
    assert update.reasons[0] == "score 40 < 60 (B): Revenue 40, Growth 31, Support 15"


def test_an_account_that_is_no_longer_eligible_loses_what_is_no_longer_known() -> None:
    gone = a_decision(tier="none", code="not_eligible", eligible=False, score=None, segment=None, health=None)

    update = plan_account(gone, "Acme", as_shown(a_decision()), tuple, PROGRAM, WRITING)

    assert update is not None
    assert {flag: update.fields[flag].after for flag in ("tier", "score", "segment", "health", "reasons")} == {
        "tier": None,
        "score": None,
        "segment": None,
        "health": None,
        "reasons": "Not eligible",
    }


def test_an_account_that_never_had_a_tier_is_left_alone() -> None:
    assert plan(a_decision(tier="none", previous_tier="none", score=20.0, since=None), EMPTY) is None


def test_write_scope_all_writes_accounts_without_a_tier_too() -> None:
    update = plan(a_decision(tier="none", score=20.0, since=None), EMPTY, replace(PROGRAM, write_scope="all"))

    assert update is not None
    assert "tier" not in update.fields
    assert update.fields["score"].after == 20.0


def test_an_account_that_once_had_a_tier_keeps_its_score_current() -> None:
    shown = as_shown(a_decision(tier="none", score=50.0))

    update = plan(a_decision(tier="none", score=20.0), shown)

    assert update is not None
    assert update.fields["score"].after == 20.0


def test_a_flag_that_is_not_mapped_is_never_written() -> None:
    update = plan(a_decision(), {"tier": None, "score": None})

    assert update is not None
    assert set(update.fields) == {"tier", "score"}


def test_empty_text_in_the_crm_is_no_value() -> None:
    blank: dict[str, Value] = dict.fromkeys(FLAGS, "")

    assert plan(a_decision(tier="none", score=20.0, since=None), blank) is None


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("since", "2026-01-05T00:00:00Z"),
        ("since", datetime(2026, 1, 5, tzinfo=UTC)),
        ("since", date(2026, 1, 5)),
        ("score", "86.0"),
        ("evaluated_at", "2026-11-01T06:00:00"),
    ],
)
def test_a_value_that_is_only_written_differently_is_no_difference(flag: str, value: Value) -> None:
    assert plan(a_decision(), as_shown(a_decision(), **{flag: value})) is None


@pytest.mark.parametrize(("flag", "value"), [("since", "last spring"), ("score", "high")])
def test_text_that_is_no_date_or_number_is_replaced(flag: str, value: str) -> None:
    update = plan(a_decision(), as_shown(a_decision(), **{flag: value, "evaluated_at": "never"}))

    assert update is not None
    assert update.fields[flag].before == value
    assert update.fields["evaluated_at"].before == "never"


def test_an_empty_field_of_a_key_account_is_no_value_whatever_its_type() -> None:
    bare = a_decision(segment=None, health=None)
    blank: Mapping[str, Value] = {"segment": "", "health": "", "evaluated_at": ""}

    assert plan(bare, as_shown(bare, **blank)) is None
    update = plan(bare, as_shown(bare, since="", score="", **blank))
    assert update is not None
    assert {flag: update.fields[flag].before for flag in ("since", "score", "evaluated_at")} == {
        "since": None,
        "score": None,
        "evaluated_at": None,
    }
    assert {"since none → 2026-01-05", "score none → 86"} <= set(update.reasons)


def test_bad_values_in_the_crm_are_told_with_the_change() -> None:
    update = plan(a_decision(notes=("the override names no tier: Gold",)), as_shown(a_decision(), tier="B"))

    assert update is not None
    assert update.reasons[-1] == "the override names no tier: Gold"


def test_contributions_are_not_asked_for_where_nothing_is_written() -> None:
    def never() -> tuple[Contribution, ...]:
        raise AssertionError("a receipt was made for an account that stays as it is")

    assert plan_account(a_decision(), "Acme", as_shown(a_decision()), never, PROGRAM, WRITING) is None


decisions = st.builds(
    a_decision,
    tier=st.sampled_from(["A", "B", "none"]),
    code=st.sampled_from(get_args(Code)),
    score=st.none() | st.integers(0, 10_000).map(lambda cents: cents / 100),
    segment=st.none() | st.sampled_from(["key", "development"]),
    health=st.none() | st.sampled_from(["green", "red"]),
    since=st.none() | st.dates(date(2020, 1, 1), date(2026, 11, 23)),
    fired=st.lists(st.text(max_size=30), max_size=2).map(tuple),
    override=st.sampled_from([None, "A", "none"]),
    until=st.none() | st.just(date(2027, 1, 1)),
    drifted=st.booleans(),
    writes_override=st.booleans(),
)


@given(
    wanted=decisions,
    before=decisions,
    deadband=st.sampled_from([0.0, 0.5, 5.0, 200.0]),
    scope=st.sampled_from(["flagged", "all"]),
    language=st.sampled_from(["en", "pt_BR", "es"]),
    length=st.integers(1, 255),
)
def test_planning_again_after_the_plan_was_written_gives_nothing(
    wanted: Decision, before: Decision, deadband: float, scope: Any, language: str, length: int
) -> None:
    program = replace(PROGRAM, score_deadband=deadband, write_scope=scope, language=language)
    writing = Writing(NOW, length)
    shown = as_shown(before)
    update = plan_account(wanted, "Acme", shown, lambda: CONTRIBUTIONS, program, writing)
    written = {**shown, **(after(update) if update else {})}
    stored = {**written, "score": round(score, 2) if isinstance(score := written["score"], float) else None}

    assert plan_account(wanted, "Acme", stored, lambda: CONTRIBUTIONS, program, Writing(NOW.replace(hour=9), length)) is None


@given(wanted=decisions, before=decisions)
def test_evaluated_at_is_written_only_with_another_change_and_then_always(wanted: Decision, before: Decision) -> None:
    update = plan(wanted, as_shown(before))

    assert update is None or ("evaluated_at" in update.fields and len(update.fields) > 1)


@given(wanted=decisions, before=decisions)
def test_every_change_is_a_difference_and_has_its_reason(wanted: Decision, before: Decision) -> None:
    update = plan(wanted, as_shown(before))

    assert update is None or all(change.before != change.after for change in update.fields.values())
    assert update is None or update.reasons[0]


def test_a_plan_writes_flags_before_it_makes_the_tasks_that_follow_from_them() -> None:
    update = plan(a_decision(previous_tier="none"), EMPTY)
    assert update is not None
    create = CreateTask("onboarding:kickoff:A-2026-11-23:001A", "001A", "Acme", "005", "Kick-off", "", date(2026, 12, 1), "p")
    close = CloseTask("risk:call:once:001B", "00T", "001B", "Beta", "Call")

    whole = assemble_plan(
        run_id="r1",
        as_of=date(2026, 11, 23),
        crm="salesforce",
        criteria_hash="h",
        base="b",
        changes=[close, create, update],
    )

    assert whole.changes == (update, create, close)
    assert whole.summary == {"update_account": 1, "create_task": 1, "close_task": 1, "held_back": 0}


def a_create(key: str, account_id: str) -> CreateTask:
    return CreateTask(key, account_id, "Acme", "005", "Call", "", date(2026, 12, 1), "p")


def an_update(account_id: str, before: str | None, after: str | None) -> UpdateAccount:
    return UpdateAccount(account_id, "Acme", {"tier": FieldChange(before, after)}, ("moved",))


def test_a_plan_is_in_the_order_of_accounts_and_keys_whatever_the_order_of_its_parts() -> None:
    creates = [a_create("p:b:once:2", "2"), a_create("p:z:once:1", "1"), a_create("p:a:once:2", "2")]
    closes = [
        CloseTask("p:b:once:2", "T3", "2", "B", "x"),
        CloseTask("p:c:once:1", "T1", "1", "A", "x"),
        CloseTask("p:a:once:2", "T2", "2", "B", "x"),
    ]
    updates = [an_update("2", None, "A"), an_update("1", "A", None)]
    attach = AttachTask("p:d:once:1", "T4", "1", "A", "x", "005", date(2026, 12, 1))
    delete = DeleteTask("p:a:once:1", "T5", "1", "A", "x", creates[1])

    changes: list[Change] = [delete, *closes, attach, *creates, *updates]
    whole = assemble_plan(
        run_id="r1",
        as_of=date(2026, 11, 23),
        crm="hubspot",
        criteria_hash="h",
        base="b",
        changes=iter(changes),
        held_back=iter([HeldBack("1", "A", "task p/x", "no owner")]),
        problems=iter(["odd"]),
    )

    assert whole == Plan(
        run_id="r1",
        as_of=date(2026, 11, 23),
        crm="hubspot",
        criteria_hash="h",
        base="b",
        changes=(*reversed(updates), creates[1], creates[2], creates[0], attach, closes[1], closes[2], closes[0], delete),
        held_back=(HeldBack("1", "A", "task p/x", "no owner"),),
        problems=("odd",),
        summary={
            "update_account": 2,
            "create_task": 3,
            "close_task": 3,
            "attach_task": 1,
            "delete_task": 1,
            "held_back": 1,
        },
    )


def test_a_summary_counts_every_operation() -> None:
    moves = [("B", "A"), ("B", "A"), (None, "A"), ("A", "B")]
    score_only = UpdateAccount("9", "Acme", {"score": FieldChange(1.0, 2.0)}, ("moved",))

    summary = summarise([*(an_update(str(i), *move) for i, move in enumerate(moves)), score_only])

    assert list(summary.items()) == [
        ("update_account", 5),
        ("create_task", 0),
        ("close_task", 0),
        ("held_back", 0),
    ]


@pytest.mark.parametrize("flag", ["tier", "since", "score", "decided_tier"])
def test_an_account_with_a_trace_of_a_tier_is_brought_up_to_date(flag: str) -> None:
    left = a_decision(tier="none", previous_tier="none", score=20.0, since=date(2026, 1, 5))
    traces: dict[str, Value] = {"tier": "B", "since": "2025-01-01", "score": 50.0, "decided_tier": "B"}

    assert plan(left, {**EMPTY, flag: traces[flag]}) is not None
    assert plan(left, {**EMPTY, "segment": "key", "reasons": "old"}) is None


def test_a_score_moves_from_a_hundredth_on_where_the_tier_moves_too() -> None:
    moved = a_decision(tier="B", score=86.0)
    for shown, written in ((86.0, False), (85.996, False), (85.994, True), (85.99, True)):
        update = plan(moved, as_shown(a_decision(), score=shown))
        assert update is not None
        assert ("score" in update.fields) == written, shown


@pytest.mark.parametrize(
    ("shown", "moment"),
    [
        ("2026-11-01T06:00:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01T06:00:00Z", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01T06:00:00-03:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
    ],
)
def test_the_moment_of_the_last_change_is_read_as_utc_unless_it_says_otherwise(shown: str, moment: datetime) -> None:
    update = plan(a_decision(), as_shown(a_decision(), score=1.0, evaluated_at=shown))

    assert update is not None
    assert update.fields["evaluated_at"].before == moment


def test_an_unmapped_score_does_not_hide_a_move_of_the_tier() -> None:
    assert plan(a_decision(), {"tier": "A", "reasons": ""}) is not None
    assert plan(a_decision(), {"tier": "A"}) is None


def test_an_update_names_its_account_and_what_the_reasons_were() -> None:
    update = plan(a_decision(), as_shown(a_decision(), score=1.0, reasons="old words"))

    assert update is not None
    assert (update.account_id, update.name) == ("001A", "Acme")
    assert update.fields["reasons"].before == "old words"


def test_the_moment_is_written_in_utc_wherever_the_clock_stands() -> None:
    there = NOW.astimezone(ZoneInfo("America/Sao_Paulo"))
    update = plan_account(a_decision(), "Acme", EMPTY, lambda: CONTRIBUTIONS, PROGRAM, Writing(there))

    assert update is not None
    moment = update.fields["evaluated_at"].after
    assert isinstance(moment, datetime)
    assert moment.isoformat() == "2026-11-23T06:00:30+00:00"


# --- what was decided, and what people chose by hand ------


def a_choice(**given: Any) -> Decision:
    """A person moved the account from B to A in the tier field."""
    chosen: dict[str, Any] = {
        "tier": "A",
        "previous_tier": "B",
        "since": date(2026, 11, 23),
        "code": "override",
        "override": "A",
        "until": date(2027, 2, 21),
        "drifted": True,
        "writes_override": True,
    }
    return a_decision(**{**chosen, **given})


BEFORE = as_shown(a_decision(tier="B"), tier="A")


def test_a_tier_changed_by_hand_is_written_as_the_override_that_it_is() -> None:
    update = plan(a_choice(), BEFORE)

    assert update is not None
    assert after(update) == {
        "since": date(2026, 11, 23),
        "override": "A",
        "override_until": date(2027, 2, 21),
        "decided_tier": "A",
        "reasons": "Set by a person until Feb 21, 2027 (score 86, A from 75): Revenue, Growth, Support",
        "evaluated_at": datetime(2026, 11, 23, 6, 0, 30, tzinfo=UTC),
    }
    assert update.reasons[0].startswith("changed by hand, so kept as an override until Feb 21, 2027: Revenue 40")


def test_a_tier_that_a_person_emptied_becomes_an_override_of_none_also_where_nothing_else_is_left() -> None:
    emptied = a_choice(tier="none", override="none", score=20.0)

    update = plan(emptied, {**EMPTY, "decided_tier": "A"})

    assert update is not None
    written = after(update)
    assert "tier" not in written
    assert (written["override"], written["override_until"], written["decided_tier"]) == ("none", date(2027, 2, 21), "none")


def test_the_override_of_a_merged_account_is_written_also_where_it_keeps_an_account_out() -> None:
    update = plan(a_choice(tier="none", override="none", previous_tier="none", drifted=False, until=None), EMPTY)

    assert update is not None
    assert after(update)["override"] == "none"
    assert "the override is kept where people see it" in update.reasons


def test_an_override_that_people_wrote_is_not_written_again() -> None:
    update = plan(a_choice(drifted=False, writes_override=False), BEFORE)

    assert update is not None
    assert not {"override", "override_until"} & set(update.fields)
    assert update.fields["decided_tier"].after == "A"


def test_what_was_decided_is_noted_beside_a_tier_that_is_right_already() -> None:
    update = plan(a_decision(), as_shown(a_decision(), decided_tier=None))

    assert update is not None
    assert after(update).keys() == {"decided_tier", "evaluated_at"}
    assert update.fields["decided_tier"].after == "A"
    assert update.reasons[-1] == "what was decided is noted beside the tier"


def test_no_tier_is_noted_by_its_word_so_that_it_is_told_from_never_written() -> None:
    update = plan(a_decision(tier="none", previous_tier="A", since=date(2026, 11, 23)), as_shown(a_decision()))

    assert update is not None
    assert update.fields["tier"].after is None
    assert update.fields["decided_tier"].after == "none"


@given(wanted=decisions, before=decisions)
def test_a_new_tier_is_never_written_without_what_was_decided(wanted: Decision, before: Decision) -> None:
    update = plan(wanted, as_shown(before))

    if update is not None and before.tier != wanted.tier:
        assert (update.fields["tier"].after or "none") == update.fields["decided_tier"].after == wanted.tier


def test_where_what_was_decided_is_not_mapped_the_tier_is_written_alone() -> None:
    shown = {flag: value for flag, value in as_shown(a_decision(tier="B")).items() if flag != "decided_tier"}

    update = plan(a_decision(), shown)

    assert update is not None
    assert "tier" in update.fields
    assert "decided_tier" not in update.fields


def test_a_receipt_is_made_only_with_another_change_and_only_where_it_is_mapped() -> None:
    def never() -> str:
        raise AssertionError("a receipt was made that nobody keeps")

    def told(shown: Mapping[str, Value], receipt: Any = lambda: "{}") -> UpdateAccount | None:
        return plan_account(a_decision(), "Acme", shown, lambda: CONTRIBUTIONS, PROGRAM, WRITING, receipt)

    mapped = told(as_shown(a_decision(), score=1.0, receipt="old"))
    assert mapped is not None
    assert mapped.fields["receipt"] == FieldChange("old", "{}")
    assert told(as_shown(a_decision(), receipt="old"), never) is None
    assert told(as_shown(a_decision(), score=1.0), never) is not None
