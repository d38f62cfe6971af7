"""The plan that an admin reads before saying yes, on screens of 60 to 200 columns and in a pipe."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.model import Value
from kamsync.printable import one_blank
from kamsync.report.plan_layout import lay_out_plan
from kamsync.report.plan_text import PlanReader, headline
from kamsync.report.text_width import cut, wrap
from tests.conftest import Golden

READER = PlanReader(("A", "B", "C"), {"o1": "Ana Souza", "o2": "Sadio Mané", "o3": "Jürgen Öztürk"})


def an_update(name: str, *reasons: str, **fields: tuple[Value, Value]) -> UpdateAccount:
    changes = MappingProxyType({flag: FieldChange(*values) for flag, values in fields.items()})
    return UpdateAccount(f"id of {name}", name, changes, reasons)


def a_task(account: str, subject: str, due: date, owner: str = "o1") -> CreateTask:
    key = f"onboarding:{subject}:{account}"
    return CreateTask(key, f"id of {account}", account, owner, subject, "", due, "onboarding", reasons=("entered tier A",))


def a_plan(*changes: Change, held_back: tuple[HeldBack, ...] = ()) -> Plan:
    return Plan("20261126T090000-1a2b", date(2026, 11, 26), "salesforce", "hash", "base", changes, held_back)


def shown(plan: Plan, width: int | None, limit: int | None = 20) -> str:
    """Without colour."""
    lines = lay_out_plan(plan, READER, width=width, limit=limit)
    return "".join("".join(span.text for span in line).rstrip() + "\n" for line in lines)


UNOWNED = "the owner is inactive and there is no fallback_owner"
PLAN = a_plan(
    an_update("Falken Shipping Kraków S.A.", "score 86 ≥ 80: Revenue 40, Growth 31", tier=(None, "A"), score=(None, 86.2)),
    an_update("札幌 Estrela Market 株式会社", "score 91 ≥ 80: Revenue 44, Growth 31", tier=("", "A"), score=(None, 91.0)),
    an_update("Rock [bold]& Roll[/bold] Ltd.", "score 82 ≥ 80: Revenue 40", tier=("B", "A"), score=(71.0, 82.0)),
    an_update(
        "Bluestone Machinery Düsseldorf and Sons Holding GmbH & Co. KG",
        "score 58 < 60: Revenue 20; only 61 % of the weights are known",
        tier=("A", "C"),
        score=(77.0, 58.0),
    ),
    an_update("Tramontana Software", "a rule (never bought yet), score 12", tier=("C", None), score=(50.0, 12.0)),
    an_update("Orinoco Academy", "changed by hand", override=(None, "B"), override_until=(None, date(2027, 2, 24))),
    an_update("Harbour Clinics", "score 71 ≥ 60", score=(64.0, 71.0), health=("amber", "green"), evaluated_at=(None, None)),
    an_update("Verdant Systems", "what settles the tier is new", reasons=("old", "new")),
    a_task("Falken Shipping Kraków S.A.", "Confirm Falken Shipping Kraków S.A. as a key account", date(2026, 11, 30)),
    a_task("Falken Shipping Kraków S.A.", "Map the people who decide", date(2026, 11, 30)),
    a_task("Falken Shipping Kraków S.A.", "Draft the account plan", date(2026, 12, 17)),
    a_task("札幌 Estrela Market 株式会社", "Confirm", date(2026, 11, 30), owner="o2"),
    AttachTask("k", "t2", "id", "Harbour Clinics", "Draft the account plan", "o1", date(2026, 12, 1), ("its account was lost",)),
    DeleteTask(
        "k3", "t3", "id", "Contoso", "Confirm", a_task("Contoso", "Confirm", date(2026, 12, 1)), ("undo of run 20261125",)
    ),
    CloseTask("renewal:x", "t1", "id", "Harbour Clinics", "Call before the renewal", ("its playbook no longer fires",)),
    held_back=(
        *(HeldBack(f"h{n}", f"Account {n}", 'task "Confirm"', UNOWNED) for n in range(9)),
        HeldBack("h9", "Contoso", "tier  A → B", "edited by M. Okafor since the last sync"),
    ),
)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_plan_reads_well_on_every_screen(golden: Golden, width: int) -> None:
    text = "\n".join(wrap(headline(PLAN, READER), width)) + "\n" + shown(PLAN, width)
    golden.holds(f"plan-{width}.txt", text)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_line_is_wider_than_the_screen_and_no_word_is_broken(width: int) -> None:
    text = shown(PLAN, width)
    assert [line for line in text.splitlines() if cell_len(line) > width] == []
    words = {word for change in PLAN.changes for reason in change.reasons for word in reason.split()}
    assert words - set(text.split()) == set()


def test_in_a_pipe_each_change_is_one_whole_line() -> None:
    line = next(line for line in shown(PLAN, None).splitlines() if "Bluestone" in line)
    assert "GmbH & Co. KG" in line and "falls A → C" in line and "61 % of the weights are known" in line


def test_a_promotion_and_a_demotion_are_told_apart_by_word_and_by_colour() -> None:
    lines = lay_out_plan(PLAN, READER, width=120)
    roles = {span.role: span.text for line in lines for span in line if span.text.strip()}
    assert roles["rises"].startswith("rises B → A") and roles["falls"].startswith("falls A → C")
    assert {"enters", "rises", "falls", "leaves", "kept", "creates", "closes", "held"} <= set(roles)


def test_the_weightiest_account_stands_first() -> None:
    text = shown(PLAN, 120)
    assert text.index("札幌 Estrela") < text.index("Falken Shipping")  # 91 before 86


def test_a_group_that_is_cut_says_how_many_it_left_out() -> None:
    plan = a_plan(*(an_update(f"Account {n:02}", "score", tier=(None, "C")) for n in range(30)))
    text = shown(plan, 80, limit=10)
    assert "Enter the key accounts (30)" in text and "… and 20 more (--all shows them)" in text
    assert shown(plan, 80, limit=None).count("enters C") == 30


def test_identical_held_back_lines_are_one_with_a_count() -> None:
    lines = [line for line in shown(PLAN, None).splitlines() if line.startswith("  !")]
    assert len(lines) == 2 and "9 × Account 0, Account 1, Account 2 …" in lines[0]


def test_tasks_stand_under_their_owner_with_the_heaviest_day() -> None:
    assert "Ana Souza: 3 tasks, most on 2026-11-30: 2" in shown(PLAN, 120)


def test_owners_beyond_the_limit_are_counted() -> None:
    tasks = [a_task(f"Account {n}", "Confirm", date(2026, 11, 30), owner=f"owner {n:02}") for n in range(25)]
    text = shown(a_plan(*tasks), 120, limit=20)
    assert "New tasks (25 for 25 owners)" in text and "… and 5 more owners" in text


def test_the_headline_counts_what_happens() -> None:
    assert headline(PLAN, READER) == (
        "15 changes: 2 enter, 1 rises, 1 falls, 1 leaves, 1 kept as people set them, 2 other updates, 4 new tasks,"
        " 1 task put back on accounts, 1 task closed, 1 task removed; 10 held back"
    )
    assert headline(a_plan(), READER) == "0 changes"


@given(st.text(max_size=200), st.integers(2, 60))
def test_wrapping_and_cutting_keep_to_the_width_and_to_the_words(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(one_blank(text).split())
    assert cell_len(cut(text, width)) <= width


def test_a_name_from_the_crm_cannot_command_the_terminal() -> None:
    text = shown(a_plan(an_update("Evil\x1b[2J\r\nCorp \u202egnp", "score", tier=(None, "A"))), 120)
    assert "Evil\ufffd[2J Corp gnp" in text
