"""`market-expansion`: a task where a key account's group enters a country or an industry that is new to it, and only there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.run.memory_desk import TIERS_BY_POTENTIAL, MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = '[program]\nplaybooks = ["market-expansion"]\n[guard]\nfirst_run = "go"\nmax_changed_share = 1\n' + TIERS_BY_POTENTIAL


def on(desk: MemoryDesk, day: int) -> list[str]:
    """Subjects of all tasks after the day's run."""
    with time_machine.travel(MONDAY + timedelta(days=day), tick=True):
        desk.good("sync")
    return [task.text("subject") for task in desk.crm.tasks()]


def test_a_new_country_of_the_group_makes_one_task_and_one_more_unit_in_it_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    founded = date(2020, 1, 1)
    acme = desk.crm.add_account("Acme", potential=90, owner_id=ana, country="Brazil", industry="Mining", created_date=founded)
    desk.crm.win(desk.crm.add_opportunity(acme, date(2026, 1, 5), 600.0), date(2026, 1, 5))

    def unit(country: str, day: int) -> None:
        created = (MONDAY + timedelta(days=day)).date()
        desk.crm.add_account("Unit", owner_id=ana, parent_id=acme, country=country, industry="Mining", created_date=created)

    unit("Brasil", -5)
    assert on(desk, 0) == []
    unit("Peru", 1)
    asked = ["Ask Acme for an introduction to its new unit (Peru)"]
    assert on(desk, 1) == asked and on(desk, 2) == asked
    unit("PE", 3)
    assert on(desk, 3) == asked and on(desk, 200) == asked
