"""Months of a company on both sandboxes; `make stories` plays more of them, KAMSYNC_LINE_SEEDS=7-8 the one of seed 7."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.story.year_on_the_line import LineYear

FIRST, LAST = (int(part) for part in os.environ.get("KAMSYNC_LINE_SEEDS", "1-8").split("-"))


def play(crm: str, folder: Path, seed: int, runs: int) -> None:
    year = LineYear(crm, folder, seed)
    try:
        assert year.play(runs) > runs
    finally:
        year.end()


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_some_weeks_of_tasks_keep_their_promises(crm: str, tmp_path: Path) -> None:
    play(crm, tmp_path, seed=0, runs=5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, LAST))
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_months_of_tasks_keep_their_promises(crm: str, seed: int, tmp_path: Path) -> None:
    play(crm, tmp_path, seed, runs=25)
