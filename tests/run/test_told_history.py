"""What `history` says after an undo: that the tier was entered, and that it was taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from tests.run.memory_desk import TIERS_BY_POTENTIAL, MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, TIERS_BY_POTENTIAL + '[guard]\nfirst_run = "go"\n', {"potential": "number"})
    desk.crm.add_account("Acme", potential=90)
    desk.crm.add_account("Beta", potential=50)
    return desk


def on(day: int) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day), tick=True)


def last_run(desk: MemoryDesk) -> str:
    return str(desk.good("runs", "--json").json[0]["run_id"])


def moves(desk: MemoryDesk, *account: str) -> list[tuple[str, str | None, str | None, str]]:
    """Newest first."""
    told = desk.good("history", *account, "--json").json
    return [(one["as_of"], one["previous_tier"], one["tier"], one["code"]) for one in told]


def test_after_an_undo_the_history_ends_with_the_tier_that_stands_in_the_crm(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        run = last_run(desk)
    with on(1):
        desk.good("undo", run, "--yes")
        undo = last_run(desk)
        told = desk.good("history", "Acme").out.splitlines()[0]
        assert moves(desk, "Acme") == [("2026-03-03", "A", None, "undo"), ("2026-03-02", None, "A", "score")]
        assert [one[:3] for one in moves(desk)][:2] == [("2026-03-03", "A", None), ("2026-03-03", "B", None)]
    with on(2):
        desk.good("undo", undo, "--yes")  # which is a redo
        assert moves(desk, "Acme")[0] == ("2026-03-04", None, "A", "undo")

    assert told.startswith("2026-03-03  A → none") and "undo" in told


def test_what_the_last_run_of_a_day_wrote_and_took_back_stands_in_the_order_of_its_runs(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        desk.good("undo", last_run(desk), "--yes")
        desk.good("apply", "--yes")

        assert [one[1:3] for one in moves(desk, "Beta")] == [(None, "B"), ("B", None), (None, "B")]
        assert "… and 1 older ones" in desk.good("history", "Beta", "--limit", "2").out


def test_an_undo_is_no_flapping(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        desk.good("undo", last_run(desk), "--yes")

        assert "changed tier" not in desk.good("history").out


def test_a_digest_names_nobody_as_entered_whose_tier_was_taken_back(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        before = desk.good("digest", "--dry-run").out
        desk.good("undo", last_run(desk), "--yes")
        after = desk.good("digest", "--dry-run").out

    assert "Acme" in before and "Acme" not in after
