"""Where an incremental pull goes on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync_salesforce.pull.cursor import OVERLAP, SETTLED_AFTER, Cursor, Mark, advance, fingerprint, load

NOON = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)


def a_cursor(**changes: object) -> Cursor:
    given: dict[str, object] = {"marks": {"Account": Mark(NOON)}, "fingerprint": "f", "read_at": NOON, **changes}
    return Cursor(**given)  # type: ignore[arg-type]  # a builder


def test_a_cursor_survives_being_stored() -> None:
    cursor = a_cursor(since=date(2023, 6, 2), marks={"Task": Mark(NOON, settled=True), "Event": Mark()})

    assert load(cursor.dump()) == cursor


@pytest.mark.parametrize("text", [None, "", "{}", "nonsense", '{"v": 99}', "[]", '{"v":1,"marks":{"Account":["x",true]}}'])
def test_a_cursor_that_cannot_be_read_means_a_full_pull(text: str | None) -> None:
    assert load(text) is None


def test_a_young_stamp_is_looked_back_from_since_transactions_commit_late() -> None:
    mark = advance(None, NOON, NOON + timedelta(minutes=5))

    assert mark.condition() == "SystemModstamp >= 2025-06-02T11:50:00.000Z"


def test_a_stamp_that_has_been_quiet_is_not_read_again_however_many_records_share_it() -> None:
    mark = advance(None, NOON, NOON + timedelta(days=1))

    assert mark.condition() == "SystemModstamp > 2025-06-02T12:00:00.000Z"


def test_a_quiet_pull_keeps_the_mark() -> None:
    before = Mark(NOON, settled=True)

    assert advance(before, None, NOON + timedelta(days=2)) == before


def test_an_empty_object_is_read_from_the_beginning_the_next_time() -> None:
    assert advance(None, None, NOON).condition() == "SystemModstamp >= 1970-01-01T00:00:00.000Z"


@given(
    seen=st.integers(0, 300_000_000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    age=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)),
    late=st.timedeltas(min_value=timedelta(0), max_value=OVERLAP),
)
def test_no_record_that_was_in_flight_at_the_pull_is_ever_behind_the_mark(
    seen: datetime, age: timedelta, late: timedelta
) -> None:
    """A transaction open at `now` took its stamp at most ten minutes before."""
    now = seen + age
    stamp_of_late_record = now - late
    mark = advance(None, seen, now)

    covered = stamp_of_late_record > mark.stamp if mark.settled else stamp_of_late_record >= mark.stamp - OVERLAP
    assert covered
    assert SETTLED_AFTER > OVERLAP


def test_other_fields_need_a_full_pull() -> None:
    assert not a_cursor().serves(fingerprint(["Account", "Id", "Name"]), NOON, None)


def test_a_cursor_older_than_the_recycle_bin_needs_a_full_pull() -> None:
    assert a_cursor().serves("f", NOON + timedelta(days=13), None)
    assert not a_cursor().serves("f", NOON + timedelta(days=15), None)


def test_activities_further_back_than_the_last_full_pull_need_another_one() -> None:
    cursor = a_cursor(since=date(2023, 6, 2))

    assert cursor.serves("f", NOON, date(2023, 6, 3))
    assert not cursor.serves("f", NOON, date(2023, 6, 1))
