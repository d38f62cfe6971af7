"""Accounts in the cache: found as people name them, shown as the CRM shows them, followed through merges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from kamsync.errors import ConfigError
from kamsync.model import Value
from kamsync.store.accounts import (
    find_account,
    flags_of,
    forget_inherited_overrides,
    keep_flags,
    merged_into,
    name_of,
    note_merges,
    tier_counts,
    was_written,
)
from kamsync.store.database import Cache, open_cache
from kamsync.store.history import Remembered, history_of, remember, settle_history
from kamsync.store.ledger import follow_merges
from tests.store.oracle import World

SEEN = date(2026, 11, 23)
UNTIL = date(2026, 12, 31)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "cache.db") as opened:
        yield opened


def the_crm_shows(cache: Cache, **accounts: dict[str, object]) -> None:
    World([{"id": account, **values} for account, values in accounts.items()]).save(cache)


def overrides(cache: Cache) -> dict[str, tuple[str | None, str | None]]:
    rows = cache.connection.execute("SELECT old_id, override, override_until FROM merges ORDER BY old_id")
    return {old: (override, until) for old, override, until in rows}


def merge(cache: Cache, *pairs: tuple[str, str]) -> None:
    """What a pull does: notes the merge, hands over, and deletes the lost record."""
    with cache.transaction() as connection:
        note_merges(cache, pairs, SEEN)
        follow_merges(cache, pairs)
        connection.executemany("DELETE FROM accounts WHERE id = ?", [(old,) for old, _ in pairs])


# --- flags ------


@pytest.mark.parametrize(
    ("flag", "value", "read"),
    [
        ("tier", "A", "A"),
        ("tier", None, None),
        ("decided_tier", "none", "none"),
        ("score", 86.5, 86.5),
        ("since", SEEN, SEEN),
        ("override_until", SEEN, SEEN),
        ("evaluated_at", datetime(2026, 11, 23, 6, 0, tzinfo=UTC), datetime(2026, 11, 23, 6, 0, tzinfo=UTC)),
        (
            "evaluated_at",
            datetime(2026, 11, 23, 3, 0, tzinfo=timezone(-timedelta(hours=3))),
            datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
        ),
        ("evaluated_at", datetime(2026, 11, 23, 6, 0, tzinfo=UTC).replace(tzinfo=None), datetime(2026, 11, 23, 6, 0, tzinfo=UTC)),
    ],
)
def test_a_flag_that_was_written_reads_back_in_its_own_type(cache: Cache, flag: str, value: Value, read: Value) -> None:
    the_crm_shows(cache, a={"flag_tier": "B"})
    with cache.transaction():
        keep_flags(cache, "a", {flag: value})
    assert flags_of(cache, "a", [flag]) == {flag: read}


def test_only_the_flags_that_were_written_change(cache: Cache) -> None:
    the_crm_shows(cache, a={"flag_tier": "B", "flag_score": 1.0}, b={"flag_tier": "B"})
    with cache.transaction():
        keep_flags(cache, "a", {"tier": "A"})
    assert flags_of(cache, "a", ["tier", "score"]) == {"tier": "A", "score": 1.0}
    assert flags_of(cache, "b", ["tier"]) == {"tier": "B"}


def test_an_account_that_is_not_in_the_cache_stays_out_of_it(cache: Cache) -> None:
    with cache.transaction():
        keep_flags(cache, "gone", {"tier": "A"})
    assert flags_of(cache, "gone", ["tier"]) is None
    assert flags_of(cache, "gone", ()) is None


def test_written_flags_outdate_what_was_decided_and_nothing_written_does_not(cache: Cache) -> None:
    the_crm_shows(cache, a={})
    before = cache.generation
    with cache.transaction():
        keep_flags(cache, "a", {})
    assert cache.generation == before
    with cache.transaction():
        keep_flags(cache, "a", {"tier": "A"})
    assert cache.generation != before


def test_the_program_has_written_here_once_the_crm_shows_what_was_decided(cache: Cache) -> None:
    the_crm_shows(cache, a={"flag_tier": "A"}, b={"flag_tier": "A"}, c={})
    assert not was_written(cache)
    with cache.transaction():
        keep_flags(cache, "c", {"decided_tier": "none"})
    assert was_written(cache)
    assert tier_counts(cache) == {"A": 2}


# --- found as people name them ------


def test_an_account_is_found_by_id_short_id_name_or_a_part_that_only_one_has(cache: Cache) -> None:
    World(
        [
            {"id": "001000000000001AAA", "name": "Acme"},
            {"id": "001000000000002AAA", "name": "Acme Brasil"},
            {"id": "3", "name": "Northwind Traders"},
        ]
    ).save(cache)
    acme, brasil = ("001000000000001AAA", "Acme"), ("001000000000002AAA", "Acme Brasil")

    assert find_account(cache, "001000000000001AAA") == acme
    assert find_account(cache, "001000000000002") == brasil
    assert find_account(cache, "Acme") == acme
    assert find_account(cache, "Acme B") == brasil
    assert find_account(cache, "wind") == ("3", "Northwind Traders")
    with pytest.raises(ConfigError, match=r"names several accounts: Acme .*; Acme Brasil"):
        find_account(cache, "Acm")
    with pytest.raises(ConfigError, match="no account 'Northwand Traders'") as caught:
        find_account(cache, "Northwand Traders")
    assert caught.value.fix == "Did you mean 'Northwind Traders'?"


def test_an_account_without_a_name_goes_by_its_id(cache: Cache) -> None:
    the_crm_shows(cache, a={"name": "Acme"}, b={"name": None}, c={"name": ""})
    assert [name_of(cache, account) for account in ("a", "b", "c", "gone")] == ["Acme", "b", "c", "gone"]


# --- merges ------


def test_an_account_lives_on_where_its_last_merge_took_it(cache: Cache) -> None:
    the_crm_shows(cache, a={}, b={}, c={}, d={})
    merge(cache, ("a", "b"))
    merge(cache, ("b", "c"), ("d", "c"))
    assert merged_into(cache) == {"a": "c", "b": "c", "d": "c"}


def test_the_override_of_a_lost_account_is_remembered_also_when_the_merge_is_told_again(cache: Cache) -> None:
    the_crm_shows(cache, a={"flag_override": "A", "flag_override_until": UNTIL}, b={})
    merge(cache, ("a", "b"))
    merge(cache, ("a", "b"))
    assert overrides(cache) == {"a": ("A", "2026-12-31")}


def test_an_account_that_was_never_seen_is_followed_without_an_override(cache: Cache) -> None:
    the_crm_shows(cache, b={})
    merge(cache, ("unseen", "b"))
    assert merged_into(cache) == {"unseen": "b"}
    assert overrides(cache) == {"unseen": (None, None)}


def test_an_inherited_override_is_forgotten_once_the_survivor_shows_one_so_that_people_can_clear_it(cache: Cache) -> None:
    lost: dict[str, object] = {"flag_override": "A", "flag_override_until": UNTIL}
    the_crm_shows(cache, a=lost, b={}, c=lost, d={"flag_override": "B"}, e=lost, f={"flag_override": ""})
    merge(cache, ("a", "b"), ("c", "d"), ("e", "f"))

    with cache.transaction():
        forget_inherited_overrides(cache)
    assert {old for old, (override, _) in overrides(cache).items() if override} == {"a", "e"}

    with cache.transaction():
        forget_inherited_overrides(cache, ["b"])
    assert {old for old, (override, _) in overrides(cache).items() if override} == {"e"}


# --- history ------


def a_memory(account_id: str, run_id: str = "r1", tier: str = "A") -> Remembered:
    return Remembered(account_id, "Acme", "2026-11-23", run_id, tier, "B", "score", 1.0, None, "red", "h", "{}", "green")


def test_a_decision_counts_once_the_crm_has_taken_it_and_goes_where_it_has_not(cache: Cache) -> None:
    with cache.transaction():
        remember(cache, [a_memory("a"), a_memory("b"), a_memory("c"), a_memory("a", "r2")], settled=False)
    assert history_of(cache, "a") == []

    with cache.transaction():
        settle_history(cache, "r1", ["a"], happened=True)
        settle_history(cache, "r1", ["b"], happened=False)
        settle_history(cache, "r1", ["a", "b"], happened=False)

    assert history_of(cache, "a") == [a_memory("a")]
    assert history_of(cache, "b") == []
    with cache.transaction():
        settle_history(cache, "r1", ["b", "c"], happened=True)
    assert (history_of(cache, "b"), history_of(cache, "c")) == ([], [a_memory("c")])


def test_the_history_of_a_merged_account_belongs_to_the_one_that_lives_on(cache: Cache) -> None:
    the_crm_shows(cache, a={}, b={})
    with cache.transaction():
        remember(cache, [a_memory("a"), a_memory("b", "r2", "C")], settled=True)
    merge(cache, ("a", "b"))
    assert [one.tier for one in history_of(cache, "b")] == ["C", "A"]
    assert history_of(cache, "a") == []
