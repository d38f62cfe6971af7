"""Days on end in one process leave no more behind than one day does; `python -m bench.soak` lives through a thousand."""

from __future__ import annotations

from pathlib import Path

from bench.soak import growth, soak

DAYS = 8


def test_days_on_end_let_nothing_grow(tmp_path: Path) -> None:
    readings = soak("memory", DAYS, 1, tmp_path)

    assert readings[-1].day == DAYS and readings[-1].rows["runs"] == DAYS
    assert growth(readings, 1) == []
