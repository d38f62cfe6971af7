"""Figures in the CRM as the readers' country writes them, from the file that an admin writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import MemoryDesk

PROGRAM = """
[program]
language = "es"
country = "{country}"
currency = "MXN"
[[tiers]]
name = "A"
enter = 70
[[criteria]]
name = "Tamaño"
axis = "attractiveness"
goal = "market"
weight = 1
value = "employees"
scale = {{ linear = [0, 10000] }}
[[playbooks]]
name = "welcome"
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
subject = "Llamar"
body = '''
{{{{ annual_revenue | number(2) }}}}|{{{{ annual_revenue | money }}}}|{{{{ 0.125 | percent(1) }}}}|{{{{ '2026-03-05' | day }}}}'''
due = 3
"""


@pytest.mark.parametrize(
    ("country", "value", "figures"),
    [
        ("MX", "8,750 empleados", "187,050.00|$187,050|12.5%|5/3/2026"),
        ("ES", "8.750 empleados", "187.050,00|187.050 MXN|12,5 %|5/3/2026"),
        ("CL", "8.750 empleados", "187.050,00|MXN 187.050|12,5%|05-03-2026"),
    ],
)
def test_reasons_and_tasks_write_figures_as_the_country_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, country: str, value: str, figures: str
) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM.format(country=country))
    ana = desk.crm.add_owner("Ana", "ana@example.com")
    desk.crm.add_account("Acme", owner_id=ana, employees=8750, annual_revenue=187050)

    desk.good("apply", "--yes")

    (account,), (task,) = desk.crm.accounts(), desk.crm.tasks()
    assert str(desk.crm.flag(account.id, "reasons")).endswith(value)
    assert "|".join(" ".join(part.split()) for part in str(task.get("body")).split("|")) == figures
