"""A plan comes back from its file exactly as it was, or not at all."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    FieldChange,
    HeldBack,
    Op,
    Plan,
    ReassignTask,
    UpdateAccount,
    WriteNote,
    op_of,
)
from kamsync.errors import ConfigError, PlanRefused
from kamsync.flags import FLAGS
from kamsync.model import TaskType, Value
from kamsync.report.plan_json import DIGEST, VERSION, fingerprint_of, plan_from_json, plan_to_json, seal
from kamsync.run.plan_file import load_plan, save_plan

DUE = date(2026, 12, 1)
MOMENT = datetime(2026, 11, 23, 6, tzinfo=UTC)
TASK = CreateTask("care:call:once:1", "1", "Acme", "u1", "Ligação", "Porquê?\n\n“Já”", DUE, "care", "high", ("A reason",), "call")
VALUES: dict[str, tuple[Value, Value]] = {
    "tier": (None, "A"),
    "score": (70.0, 86.5),
    "segment": ("key", None),
    "health": ("red", "green"),
    "reasons": ("", "Pela pontuação"),
    "since": (date(2026, 1, 5), date(2026, 11, 23)),
    "evaluated_at": (None, MOMENT),
    "override": (None, "none"),
    "override_until": (None, date(2027, 2, 21)),
    "decided_tier": (None, "A"),
    "receipt": (None, '{"points": 1}'),
}
UPDATE = UpdateAccount(
    "1", "Acme", MappingProxyType({flag: FieldChange(*change) for flag, change in VALUES.items()}), ("score 86.5 ≥ 75", "more")
)
CLOSE = CloseTask("care:fax:once:1", "T3", "1", "Acme", "Fax", ("over",), "u1", DUE)
DELETE = DeleteTask("care:call:once:1", "T4", "1", "Acme", TASK.subject, replace(TASK, reasons=()), ("undo of run r0",))
NOTE = WriteNote("1", "Acme", "N1", "u1", "Account plan: Acme", "<p>kamsync plan 0123456789-0123456789</p>", "<p>x</p>", ("new",))
CHANGES: tuple[Change, ...] = (
    UPDATE,
    TASK,
    AttachTask("care:mail:once:1", "T2", "1", "Acme", "Mail", "u1", DUE, ("lost",)),
    ReassignTask("care:fax:once:1", "T3", "1", "Acme", "Fax", "u1", DUE, "u2", ("follows",)),
    ReassignTask("care:wire:once:1", "T4", "1", "Acme", "Wire", "u1", None, "u2"),
    CLOSE,
    replace(CLOSE, key="care:sms:once:1", due=None),
    DELETE,
    NOTE,
    DeleteNote("1", "Acme", "N1", replace(NOTE, reasons=()), ("undo of run r0",)),
)
PLAN = Plan(
    run_id="r1",
    as_of=date(2026, 11, 23),
    crm="salesforce",
    criteria_hash="h",
    base="b",
    changes=CHANGES,
    held_back=(HeldBack("2", "Beta", "task care/call", "it waits", "care:call:once:2", waits=True), HeldBack("3", "C", "x", "y")),
    problems=("odd",),
    summary=MappingProxyType({"update_account": 1}),
    org_id="org-1",
    rehearsal=True,
)


def test_the_examples_have_every_kind_of_change_and_every_flag() -> None:
    assert {op_of(change) for change in CHANGES} == set(get_args(Op))
    assert set(VALUES) == set(FLAGS)


@pytest.mark.parametrize("change", CHANGES, ids=op_of)
def test_every_kind_of_change_comes_back_as_it_was(change: Change) -> None:
    plan = replace(PLAN, changes=(change,))
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_a_saved_plan_comes_back_whole_and_is_for_its_owners_eyes(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    assert load_plan(path) == PLAN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Ligação" in path.read_text(encoding="utf-8")


@given(
    subject=st.text(min_size=1),
    body=st.text(),
    kind=st.sampled_from(get_args(TaskType)),
    priority=st.sampled_from(["low", "normal", "high"]),
    due=st.dates(),
    reasons=st.lists(st.text(), max_size=3),
)
def test_any_task_comes_back_as_it_was(
    subject: str, body: str, kind: TaskType, priority: Any, due: date, reasons: list[str]
) -> None:
    task = CreateTask("k:t:once:1", "1", "Acme", "u1", subject, body, due, "k", priority, tuple(reasons), kind)
    plan = replace(PLAN, changes=(task,))
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


# --- the seal ------


def saved(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    path = tmp_path / "plan.json"
    save_plan(PLAN, path)
    return path, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", [key for key in plan_to_json(PLAN) if key != "version"])
def test_a_plan_that_was_altered_anywhere_is_refused(key: str, tmp_path: Path) -> None:
    path, document = saved(tmp_path)
    value = document[key]
    document[key] = value[1:] if isinstance(value, list | str) else {} if isinstance(value, dict) else not value
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(PlanRefused, match=r"was altered after `kamsync plan` wrote it\. Nothing was written\.") as caught:
        load_plan(path)
    assert str(path) in caught.value.message
    assert "kamsync plan --out" in caught.value.fix


def test_an_alteration_deep_inside_a_change_is_seen(tmp_path: Path) -> None:
    path, document = saved(tmp_path)
    document["changes"][0]["fields"]["tier"]["to"] = "B"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused):
        load_plan(path)


def test_a_plan_whose_seal_was_taken_off_is_refused(tmp_path: Path) -> None:
    path, document = saved(tmp_path)
    del document[DIGEST]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanRefused):
        load_plan(path)


def test_a_plan_that_was_only_laid_out_anew_is_the_same_plan(tmp_path: Path) -> None:
    path, document = saved(tmp_path)
    path.write_text(json.dumps(dict(reversed(document.items())), ensure_ascii=True, indent=7), encoding="utf-8")
    assert load_plan(path) == PLAN


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"version": 0}', "7"])
def test_a_file_that_is_no_plan_is_told_with_the_way_to_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert str(path) in caught.value.message
    assert caught.value.fix == "Make one with `kamsync plan --out plan.json`."


@pytest.mark.parametrize(
    "change",
    [
        {"op": "drop_account"},
        {"op": "update_account", "fields": {"colour": {"from": None, "to": "red"}}},
        {"op": "update_account", "fields": {"since": {"from": None, "to": "soon"}}},
        {"op": "create_task", "due": None},
        {"op": "attach_task", "due": None},
    ],
)
def test_a_sealed_file_that_says_what_no_plan_says_is_damaged(change: dict[str, Any], tmp_path: Path) -> None:
    path, document = saved(tmp_path)
    whole = next((one for one in document["changes"] if one["op"] == change["op"]), document["changes"][0])
    document["changes"] = [{**whole, **change}]
    document[DIGEST] = seal(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError, match="is a damaged plan"):
        load_plan(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no plan"):
        load_plan(tmp_path / "nowhere.json")


def test_a_plan_says_its_version() -> None:
    assert plan_to_json(PLAN)["version"] == VERSION


# --- what the changes would write, whenever it is planned ------


def test_the_same_changes_planned_later_or_for_other_words_are_the_same() -> None:
    later = {**UPDATE.fields, "evaluated_at": FieldChange(MOMENT, MOMENT.replace(hour=9))}
    again = replace(UPDATE, fields=later, reasons=("other words",))
    assert fingerprint_of([again, *CHANGES[1:]]) == fingerprint_of(CHANGES)


@pytest.mark.parametrize(
    "other",
    [
        replace(UPDATE, fields={**UPDATE.fields, "tier": FieldChange(None, "B")}),
        replace(UPDATE, fields={**UPDATE.fields, "tier": FieldChange("B", "A")}),
        replace(UPDATE, account_id="2"),
        replace(TASK, subject="Call"),
        replace(TASK, owner_id="u2"),
        replace(TASK, due=date(2026, 12, 2)),
        replace(TASK, type="email"),
        replace(CLOSE, task_id="T9"),
        replace(DELETE, task=replace(TASK, body="other")),
    ],
)
def test_a_difference_in_what_is_written_is_another_plan(other: Change) -> None:
    place = [op_of(change) for change in CHANGES].index(op_of(other))
    assert fingerprint_of([*CHANGES[:place], other, *CHANGES[place + 1 :]]) != fingerprint_of(CHANGES)
