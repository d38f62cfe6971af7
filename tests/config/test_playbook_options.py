"""What a playbook says of kinds, turns and periods, through the file and the commands that a user has."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.config.desk import GOOD, Folder
from tests.run.memory_desk import MemoryDesk

ONE = """
[[tiers]]
name = "Gold"
enter = 70
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
"""
CARE = '[[playbooks]]\nname = "care"\nwhen = "tier_rank = 1"\n'
STEP = '[[playbooks.tasks]]\nname = "call"\nsubject = "Call {{ name }}"\n'


def desk(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, accounts: int = 1, **fields: str) -> MemoryDesk:
    made = MemoryDesk(folder, monkeypatch, program + ONE if program.startswith("[") else ONE + program, {"potential": "number"})
    ana = made.crm.add_owner("Ana", "ana@example.com")
    for number in range(accounts):
        made.crm.add_account(f"Acme {number}", owner_id=ana, potential=90, **fields)
    return made


def tasks(made: MemoryDesk) -> list[dict[str, str]]:
    made.good("pull")
    return [change for change in made.good("plan", "--json").json["changes"] if change["op"] == "create_task"]


def test_a_task_is_of_the_kind_that_its_playbook_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk(tmp_path, monkeypatch, CARE + STEP + 'type = "call"\n')

    assert [task["type"] for task in tasks(made)] == ["call"]


def test_a_step_waits_until_the_one_before_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk(tmp_path, monkeypatch, CARE + STEP + STEP.replace("call", "meet").replace("Call", "Meet") + 'after = "call"\n')
    made.good("apply", "--yes")
    waiting = tasks(made)
    (first,) = made.crm.tasks()
    made.crm.complete_task(first.id)

    assert waiting == []
    assert [task["subject"] for task in tasks(made)] == ["Meet Acme 0"]


def test_what_is_too_much_for_a_day_moves_to_the_next_business_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk(tmp_path, monkeypatch, CARE + STEP + "[plans]\nmax_due_per_owner_per_day = 2\n", accounts=5)

    days = sorted(date.fromisoformat(task["due"]) for task in tasks(made))

    assert [days.count(day) for day in sorted(set(days))] == [2, 2, 1]
    assert all(day.weekday() < 5 for day in days)


def test_a_playbook_gives_way_to_another_that_fires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = CARE.replace("care", "ask") + 'not_with = ["care"]\n' + STEP.replace("Call", "Ask")
    made = desk(tmp_path, monkeypatch, CARE + STEP + other)

    assert [task["subject"] for task in tasks(made)] == ["Call Acme 0"]


def test_a_group_keeps_its_quiet_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = 'group = "asking"\nquiet_days = 90\n'
    made = desk(tmp_path, monkeypatch, CARE + group + STEP + CARE.replace("care", "ask") + group + STEP)
    made.good("apply", "--yes")

    assert len(list(made.crm.tasks())) == 1
    assert tasks(made) == []


def test_a_counted_period_begins_one_period_after_the_account_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk(tmp_path, monkeypatch, CARE + 'every = "90 days"\n' + STEP)
    made.good("apply", "--yes")
    today = date.fromisoformat(made.good("plan", "--json").json["as_of"])

    def on(days: int) -> list[str]:
        day = (today + timedelta(days=days)).isoformat()
        changes = made.good("plan", "--json", "--as-of", day).json["changes"]
        return [change["key"].split(":")[2] for change in changes if change["op"] == "create_task"]

    first, second = ((today + timedelta(days=days)).isoformat() for days in (90, 180))
    assert list(made.crm.tasks()) == []
    assert (on(89), on(90), on(179), on(180)) == ([], [first], [first], [second])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STEP + 'after = "cal"\n', "after = 'cal' is no task that stands before 'call'"),
        ('not_with = ["onbording"]\n' + STEP, "did you mean 'onboarding'"),
        ('not_with = ["care"]\n' + STEP, "gives way to itself"),
        ('group = "asking"\n' + STEP, "has group and no quiet_days"),
        ("stagger_days = 5\n" + STEP, "has stagger_days"),
        ('[[playbooks.tasks]]\nname = "call"\nsubject = { es = "Llame" }\n', "none in English"),
        (STEP + 'body = "{{ name | center(1000000) }}"\n', "there is no filter 'center'"),
        (STEP + 'body = "{% for a in name %}{% for b in name %}x{% endfor %}{% endfor %}"\n', "a for stands inside another"),
        (STEP + "body = \"{% set a = 'x' %}{{ a }}\"\n", "assign is not allowed"),
    ],
)
def test_a_mistake_in_these_options_is_found_at_load(tmp_path: Path, text: str, said: str) -> None:
    folder = Folder(tmp_path)
    folder.write(GOOD + CARE + text)

    assert said in folder.refused()


@pytest.mark.parametrize("when", ["tier = 'B'", "tier_rank = 1 and previous_tier not in ('A', 'B')", "'B' <> tier"])
def test_a_tier_that_the_programme_does_not_have_is_pointed_at(tmp_path: Path, when: str) -> None:
    folder = Folder(tmp_path)
    folder.write(GOOD + CARE.replace("tier_rank = 1", when) + STEP)

    said = folder.refused()

    assert "'B' is no tier of this programme" in said and "config.toml:" in said
    line, caret = said.splitlines()[1:3]
    assert line.strip() == when and line[caret.index("^") :].startswith("'B'")


def test_all_playbooks_are_taken_but_for_those_whose_fields_are_not_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk(tmp_path, monkeypatch, '[program]\nplaybooks = "all"\n')

    told = made.good("plan")

    left_out = "evidence-refresh (map authority_evidence_date); nps-recovery (map nps); nps-reference (map nps)"
    assert " ".join(told.err.split()).count(left_out) == 1
    assert all(one["used"] for one in made.good("playbooks", "--json").json)
