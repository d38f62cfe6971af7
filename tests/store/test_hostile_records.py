"""One odd record never stops a pull: what is not of its kind is unknown and reported, what has no id is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kamsync.contract import Page, PullRequest
from kamsync.decide.compiled import compile_program
from kamsync.decide.place import Expression
from kamsync.decide.program import Criterion, Program, Tier
from kamsync.decide.scales import Linear
from kamsync.model import STREAMS, Column, Kind, Stream
from kamsync.report.receipt_json import receipt_to_json
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.snapshot import Snapshot
from tests.store.oracle import AS_OF

NOW = datetime(2025, 6, 30, 12, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")


def pull(folder: Path, columns: Sequence[Column], rows: Sequence[Sequence[Any]], stream: Stream = Stream.ACCOUNTS) -> list[str]:
    """Saves one full page of the stream; the sentences of the pull."""
    with open_cache(folder / "cache.db") as cache:
        known = {column.name for column in STREAMS[Stream.ACCOUNTS].columns}
        if stream is Stream.ACCOUNTS:
            cache.add_account_columns({c.name: c.kind for c in columns if c.name not in known})
        request = PullRequest(stream, tuple(columns))
        page = Page(stream, rows=iter(rows), last=True, full=True, cursor="c")
        snapshot = Snapshot(cache, TOKYO, NOW, lambda gone, before: None)
        return snapshot.save(request, [page], "mark", lambda name, count, total: None).problems


def stored(folder: Path, name: str, table: str = "accounts") -> list[Any]:
    with open_cache(folder / "cache.db") as cache:
        return [row[0] for row in cache.connection.execute(f'SELECT "{name}" FROM "{table}" ORDER BY id')]


def of_kind(kind: Kind) -> tuple[Column, ...]:
    return Column("id"), Column("seen", kind, "Seen__c")


@pytest.mark.parametrize("word", ["true", "TRUE", "Yes", "yes", " YES ", "1", "on", "Y", True, 1, 1.0])
def test_yes_is_yes_however_it_is_written(word: Any, tmp_path: Path) -> None:
    assert pull(tmp_path, of_kind("boolean"), [("a", word)]) == []
    assert stored(tmp_path, "seen") == [1]


@pytest.mark.parametrize("word", ["false", "False", "No", "no", "0", "off", "n", False, 0])
def test_no_is_no_however_it_is_written(word: Any, tmp_path: Path) -> None:
    assert pull(tmp_path, of_kind("boolean"), [("a", word)]) == []
    assert stored(tmp_path, "seen") == [0]


@pytest.mark.parametrize(
    ("kind", "value", "what"),
    [
        ("boolean", "perhaps", "neither true nor false"),
        ("boolean", 2, "neither true nor false"),
        ("date", "soon", "no date"),
        ("date", "31/12/2026", "no date"),
        ("date", "2024-02-31", "no date"),
        ("date", "2024-1-1", "no date"),
        ("date", "20245-01-01", "no date"),
        ("date", "9999-12-31T23:00:00Z", "no date"),  # already the next year in Tokyo, and there is none
        ("date", 45000, "no date"),
        ("instant", "junk", "no moment"),
        ("instant", "2024-02-31T00:00:00Z", "no moment"),
        ("number", "many", "no number"),
        ("number", "1e400", "no number"),
        ("number", float("inf"), "no number"),
        ("number", "-1e101", "no number"),
    ],
)
def test_a_value_that_is_not_of_its_mapped_kind_is_unknown_and_reported(
    kind: Kind, value: Any, what: str, tmp_path: Path
) -> None:
    problems = pull(tmp_path, of_kind(kind), [("a", None), ("b", value), ("c", value), ("d", "")])
    assert stored(tmp_path, "seen") == [None, None, None, None]
    assert len(problems) == 1
    assert problems[0].startswith(f"2 accounts have {what} in Seen__c (the first: b, ")
    assert "counts as unknown" in problems[0]


@pytest.mark.parametrize("value", ["\ud800 Corp", ["a", "b"], {"value": 1}])
def test_what_no_database_can_hold_is_unknown_and_the_others_are_kept(value: Any, tmp_path: Path) -> None:
    problems = pull(tmp_path, (Column("id"), Column("name")), [("a", "Alpha"), ("b", value), ("c", "Gamma")])
    assert stored(tmp_path, "name") == ["Alpha", None, "Gamma"]
    assert problems == ["1 accounts have something in name that is no text (the first: b); it counts as unknown."]


def test_a_whole_number_beyond_64_bits_is_a_number_and_one_without_end_is_not(tmp_path: Path) -> None:
    problems = pull(tmp_path, of_kind("number"), [("a", 2**63), ("b", 10**200), ("c", 7)])
    assert stored(tmp_path, "seen") == [float(2**63), None, 7]
    assert problems == ["1 accounts have something in Seen__c that is no number (the first: b); it counts as unknown."]


@pytest.mark.parametrize("kind", ["number", "text", "date", "boolean"])
def test_nan_is_no_value_of_any_kind_and_is_reported(kind: Kind, tmp_path: Path) -> None:
    problems = pull(tmp_path, of_kind(kind), [("a", None), ("b", float("nan")), ("c", float("nan")), ("d", "")])
    assert stored(tmp_path, "seen") == [None, None, None, None]
    what = "true or false" if kind == "boolean" else kind
    assert problems == [f"2 accounts have something in Seen__c that is no {what} (the first: b); it counts as unknown."]


@pytest.mark.parametrize("identifier", ["", None, "\ud800", ["x"]])
def test_a_record_without_an_id_is_left_out(identifier: Any, tmp_path: Path) -> None:
    problems = pull(tmp_path, (Column("id"), Column("name")), [("a", "Alpha"), (identifier, "Nobody")])
    assert stored(tmp_path, "id") == ["a"]
    assert problems[-1] == "1 accounts have no id; they are left out."


def test_a_row_that_is_too_short_is_left_out(tmp_path: Path) -> None:
    problems = pull(tmp_path, (Column("id"), Column("name")), [("a", "Alpha"), ("b",), ("c", "Gamma")])
    assert stored(tmp_path, "id") == ["a", "c"]
    assert problems == ["1 accounts came without the fields that were asked for; they are left out."]


def test_the_last_day_of_all_is_a_date_in_tokyo_too(tmp_path: Path) -> None:
    assert pull(tmp_path, of_kind("date"), [("a", "9999-12-31"), ("b", "2024-02-29"), ("c", "2024-03-01T16:00:00Z")]) == []
    assert stored(tmp_path, "seen") == ["9999-12-31", "2024-02-29", "2024-03-02"]


def test_a_decision_over_junk_is_still_json(tmp_path: Path) -> None:
    pull(tmp_path, (Column("id"), Column("name"), Column("annual_revenue", "number")), [("a", "A", 1e300), ("b", "B", 5)])
    opportunity = STREAMS[Stream.OPPORTUNITIES].columns
    values = {"id": "o", "account_id": "a", "amount": "9e99", "close_date": "2025-06-01", "is_closed": "true", "is_won": "true"}
    rows = [[{**values, "id": f"o{n}"}.get(column.name) for column in opportunity] for n in range(20)]
    assert pull(tmp_path, opportunity, rows, Stream.OPPORTUNITIES) == []
    criterion = Criterion("c", "strength", "retention", 1, Expression("won_amount_12m * 9e99 * 9e99 * 9e99"), Linear(0, 10))
    program = compile_program(Program((Tier("A", 50, 40),), (criterion,)))
    with Evaluation(tmp_path / "cache.db", program, AS_OF) as evaluation:
        for account in ("a", "b"):
            receipt = receipt_to_json(evaluation.receipt(account), program.program, name="", criteria_hash="")
            json.loads(json.dumps(receipt, allow_nan=False))
