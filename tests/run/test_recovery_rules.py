"""Whether a write of an earlier run happened is told by what the record shows now, not by what an answer said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.plan import FieldChange, UpdateAccount
from kamsync.flags import to_json
from kamsync.model import Value
from kamsync.run.recovery import how_it_went
from kamsync.store.database import open_cache
from kamsync.store.journal import Entry, Settled, entries, note_intents

MOMENT = datetime(2026, 11, 23, 6, tzinfo=UTC)


def an_entry(**fields: tuple[Value, Value]) -> Entry:
    """An account update of which no answer is known, as the journal gives it back."""
    told = {flag: {"from": to_json(before), "to": to_json(after)} for flag, (before, after) in fields.items()}
    return Entry("r1", 1, "update_account", "1", "1", {"name": "Acme", "fields": told}, None, None, None)


MOVE = an_entry(tier=("B", "A"), score=(70.0, 86.5), since=(date(2026, 1, 5), date(2026, 11, 23)), evaluated_at=(None, MOMENT))
BEFORE: Mapping[str, Value] = {"tier": "B", "score": 70.0, "since": date(2026, 1, 5), "evaluated_at": None}
AFTER: Mapping[str, Value] = {"tier": "A", "score": 86.5, "since": date(2026, 11, 23), "evaluated_at": MOMENT}


@pytest.mark.parametrize(
    ("shown", "settled"),
    [
        (AFTER, "done"),
        (BEFORE, "absent"),
        (None, "unclear"),
        ({**AFTER, "tier": "C"}, "done"),
        ({**AFTER, "score": 12.0, "tier": None}, "done"),
        ({**BEFORE, "tier": "C"}, "unclear"),
        ({**BEFORE, "tier": None}, "unclear"),
        ({}, "unclear"),
    ],
    ids=[
        "as we wrote it",
        "as it was",
        "gone",
        "written, then a person chose another tier",
        "written, then a person changed most of it",
        "not written or overwritten: a person changed it",
        "a person emptied it",
        "the CRM shows none of it",
    ],
)
def test_an_update_happened_where_anything_of_it_shows(shown: Mapping[str, Value] | None, settled: Settled) -> None:
    assert how_it_went(MOVE, shown) == settled


@pytest.mark.parametrize(
    ("shown", "settled"),
    [
        ({"tier": "A"}, "done"),
        ({**BEFORE, "score": 86.504}, "done"),
        ({**BEFORE, "since": "2026-11-23"}, "done"),
        ({**BEFORE, "evaluated_at": "2026-11-23T06:00:00Z"}, "done"),
        ({**BEFORE, "evaluated_at": datetime(2026, 11, 23, 6, 0, 0, 400_000, tzinfo=UTC)}, "done"),
        ({**BEFORE, "score": 70.004, "since": "2026-01-05"}, "absent"),
        ({**BEFORE, "evaluated_at": ""}, "absent"),
    ],
)
def test_values_are_compared_as_a_crm_stores_them(shown: Mapping[str, Value], settled: Settled) -> None:
    assert how_it_went(MOVE, shown) == settled


def test_an_emptied_field_tells_as_much_as_a_filled_one() -> None:
    left = an_entry(tier=("A", None), decided_tier=("A", "none"))
    assert how_it_went(left, {"tier": None, "decided_tier": "none"}) == "done"
    assert how_it_went(left, {"tier": "", "decided_tier": "A"}) == "done"
    assert how_it_went(left, {"tier": "A", "decided_tier": "A"}) == "absent"


def test_what_did_not_change_tells_nothing() -> None:
    entry = an_entry(tier=("B", "A"), segment=("key", "key"), score=(70.0, 70.001))
    assert how_it_went(entry, {"tier": "B", "segment": "key", "score": 70.0}) == "absent"
    assert how_it_went(entry, {"tier": "C", "segment": "key", "score": 70.0}) == "unclear"


FLAG_VALUES = st.sampled_from([None, "A", "B", "none"])


@given(before=st.tuples(FLAG_VALUES, FLAG_VALUES), after=st.tuples(FLAG_VALUES, FLAG_VALUES))
def test_a_record_that_nobody_touched_since_is_always_told_right(before: tuple[Value, Value], after: tuple[Value, Value]) -> None:
    if before == after:
        return
    entry = an_entry(tier=(before[0], after[0]), decided_tier=(before[1], after[1]))
    assert how_it_went(entry, {"tier": after[0], "decided_tier": after[1]}) == "done"
    assert how_it_went(entry, {"tier": before[0], "decided_tier": before[1]}) == "absent"


def test_what_the_journal_keeps_of_an_update_is_enough_to_tell(tmp_path: Path) -> None:
    update = UpdateAccount(
        "1", "Acme", {flag: FieldChange(BEFORE[flag], AFTER[flag]) for flag in ("tier", "score", "since", "evaluated_at")}, ()
    )
    with open_cache(tmp_path / "cache.db") as cache:
        with cache.transaction():
            note_intents(cache, "r1", [update])
        (entry,) = entries(cache, "r1")
    assert how_it_went(entry, AFTER) == "done"
    assert how_it_went(entry, BEFORE) == "absent"
