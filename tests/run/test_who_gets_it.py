"""Whom a plan gives a task, and what it says where that is not the person whom the playbook names first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("owner", ""),
        ("owner.manager, owner", "Ana has no manager in the CRM, and gets it"),
        ("role:sponsor, owner", "Ana stands in: it has no sponsor"),
    ],
)
def test_a_plan_says_why_somebody_else_gets_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, said: str) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    program = TIERS_BY_POTENTIAL + WELCOME + f'assignee = "{rule}"\n'
    desk = MemoryDesk(tmp_path, monkeypatch, program, {"potential": "number", "sponsor": "text"})
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    shown = desk.good("plan").out
    assert 'task "Call Acme"' in shown and said in shown
    assert ("stands in" in shown or "gets it" in shown) == bool(said)
