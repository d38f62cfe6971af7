"""`kamsync playbooks show NAME --account A`: what a run of today would make of it there, and if not, why not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.run.memory_desk import TIERS_BY_POTENTIAL, MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = (
    """
[program]
currency = "EUR"
language = "{language}"
playbooks = ["renewal", "onboarding", "risk-save"]
[guard]
first_run = "go"
"""
    + TIERS_BY_POTENTIAL.replace("{", "{{").replace("}", "}}")
    + """
[[criteria]]
name = "mood"
axis = "health"
goal = "retention"
weight = 1
value = "nps"
scale = {{ linear = [0, 100] }}
"""
)
FIELDS = {"potential": "number", "nps": "number", "next_renewal_date": "date"}


def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch, language: str = "en") -> MemoryDesk:
    desk = MemoryDesk(folder, monkeypatch, PROGRAM.format(language=language), dict(FIELDS))  # type: ignore[arg-type]  # kinds
    ana = desk.crm.add_owner("Ana", "ana@example.com", manager_id=desk.crm.add_owner("Eva", "eva@example.com"))
    desk.crm.add_account("Acme", owner_id=ana, potential=90, nps=90, next_renewal_date=date(2026, 6, 1))
    desk.crm.add_account("Beta", owner_id=ana, potential=50, nps=5)
    return desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    return a_desk(tmp_path, monkeypatch)


def on(day: int) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day), tick=True)


@pytest.mark.parametrize("language", ["en", "pt_BR", "es"])
def test_it_shows_the_very_texts_days_and_people_that_the_run_then_writes(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_desk(tmp_path, monkeypatch, language)
    with on(0):
        desk.good("pull")
        shown = [
            task
            for name in ("renewal", "onboarding")
            for task in desk.good("playbooks", "show", name, "--account", "Acme", "--json").json["tasks"]
            if task["subject"]
        ]
        desk.good("sync")
    acme = next(one.id for one in desk.crm.accounts() if one.get("name") == "Acme")
    written = {(one.get("subject"), str(one.get("due")), one.get("owner_id")) for one in desk.crm.tasks(acme)}
    assert {(task["subject"], task["due"], task["owner_id"]) for task in shown} == written and written


def test_each_step_that_is_not_made_says_why(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("pull")
        page = desk.good("playbooks", "show", "onboarding", "--account", "Acme").out
        renewal = desk.good("playbooks", "show", "renewal", "--account", "Acme").out
        desk.good("sync")
        after = desk.good("playbooks", "show", "onboarding", "--account", "Acme").out
    assert "Key account onboarding fires for Acme" in page and "for Eva, high priority" in page
    assert "not made, it waits until 'confirm' is done" in page
    assert "not made, its day is 2026-05-02" in renewal
    assert "confirm: not made, it is there already: open, due 2026-03-04" in after


def test_a_playbook_that_does_not_fire_says_which_part_of_its_condition_does_not_hold(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("pull")
        page = desk.good("playbooks", "show", "renewal", "--account", "Beta").out
        save = desk.good("playbooks", "show", "risk-save", "--account", "Beta", "--json").json
    assert "Renewal does not fire for Beta" in page
    assert "not so:  tier_rank = 1  (tier_rank 2)" in page
    assert "unknown: days_to_renewal BETWEEN 0 AND 135  (days_to_renewal unknown)" in page
    assert save["fires"] and [one["holds"] for one in save["conditions"]] == [True, True]


def test_a_shipped_playbook_that_is_not_in_use_is_tried_where_its_data_is_there(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("pull")
        tried = desk.good("playbooks", "show", "nps-recovery", "--account", "Beta").out
        unread = desk.run("playbooks", "show", "sponsor-gap", "--account", "Acme")
        unmapped = desk.run("playbooks", "show", "evidence-refresh", "--account", "Acme")
        unknown = desk.run("playbooks", "show", "renewl", "--account", "Acme")
    assert "Low satisfaction fires for Beta" in tried or "it gives way to risk-save" in tried
    assert unread.code == 2 and "contacts" in unread.err and "kamsync pull" in unread.err
    assert unmapped.code == 2 and "authority_evidence_date" in unmapped.err
    assert unknown.code == 2 and "renewal" in unknown.err
    assert desk.run("playbooks", "show", "renewal", "--account", "Nobody").code == 2
