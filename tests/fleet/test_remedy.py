"""What follows from how a job ended, remedy by remedy."""

from __future__ import annotations

from typing import Any

import pytest

from kamsync import errors
from kamsync.fleet.remedy import LONGEST_WAIT_SECONDS, Ending, Said, ending_of, wait_seconds

REMEDIES = [kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KamsyncError)]


def error(remedy: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "It went wrong.", "fix": "Do this.", "remedy": remedy, **more}}


def ending(said: Said, attempt: int = 1) -> Ending:
    return ending_of(said, attempt=attempt, attempts=5, deadline_seconds=600)


@pytest.mark.parametrize(
    ("remedy", "code", "outcome", "then"),
    [
        ("TryLater", 1, "failed", "retry"),
        ("Stopped", 1, "stopped", "retry"),
        ("AccessDenied", 1, "failed", "park"),
        ("ConfigError", 2, "failed", "park"),
        ("PlanRefused", 3, "refused", "nothing"),
        ("BadAnswer", 1, "failed", "retry"),
        ("CacheUnusable", 1, "failed", "retry"),
        ("RecordRejected", 1, "failed", "retry"),
        ("KamsyncError", 1, "failed", "retry"),
    ],
)
def test_the_remedy_decides(remedy: str, code: int, outcome: str, then: str) -> None:
    found = ending(Said(code, error(remedy)))

    assert (found.outcome, found.then, found.message or "It went wrong.") == (outcome, then, "It went wrong.")


def test_a_refusal_that_time_mends_is_tried_again_and_one_that_needs_a_person_is_not() -> None:
    """The lease in the CRM of a machine that died: it ends after a quarter of an hour."""
    found = ending(Said(3, error("PlanRefused", retry_after_seconds=840.0)))

    assert (found.then, found.after_seconds) == ("retry", 840.0) and ending(Said(3, error("PlanRefused"))).then == "nothing"


def test_every_remedy_of_the_error_tree_has_a_consequence() -> None:
    assert all(ending(Said(1, error(remedy))).then != "nothing" for remedy in REMEDIES if remedy != "PlanRefused")


def test_the_crms_own_advice_is_waited_for_and_never_less_than_twice_the_wait_before() -> None:
    assert ending(Said(1, error("TryLater", retry_after_seconds=1800))).after_seconds == 1800
    assert [wait_seconds(attempt, None) for attempt in (1, 2, 3)] == [60, 120, 240]
    assert wait_seconds(50, 1.0) == LONGEST_WAIT_SECONDS


def test_a_busy_crm_gets_five_tries_what_crashes_three_and_then_the_schedules_next_time() -> None:
    assert ending(Said(1, error("TryLater")), attempt=5).then == "nothing"
    assert [ending(Said(-9), attempt=attempt).then for attempt in (1, 2, 3)] == ["retry", "retry", "nothing"]
    assert "SIGKILL" in ending(Said(-9)).message and "without a result" in ending(Said(0)).message


def test_a_process_that_ended_well_without_a_result_was_only_stopped_early() -> None:
    assert ending(Said(0, None, "stopping")).then == "retry" and ending(Said(0, {"run_id": "x"}, "stopping")).outcome == "done"
