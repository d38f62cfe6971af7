"""How a tier reads where people pick it in the CRM."""

from __future__ import annotations

import pytest

from kamsync.config.assembly import pick_list_label
from kamsync.decide.program import Tier


@pytest.mark.parametrize(
    ("name", "label", "shown"),
    [
        ("A", "Strategic", "A – Strategic"),
        ("A", "Abre portas", "A – Abre portas"),
        ("A", "", "A"),
        ("A", " a ", "A"),
        ("A", "A: Strategic", "A: Strategic"),
        ("Gold", "Gold", "Gold"),
        ("Gold", "Gold accounts", "Gold accounts"),
        ("1", "Eins", "1 – Eins"),
    ],
)
def test_a_tier_is_picked_by_its_name_and_what_it_is_called(name: str, label: str, shown: str) -> None:
    assert pick_list_label(Tier(name=name, enter=70, leave=70, label=label)) == shown
