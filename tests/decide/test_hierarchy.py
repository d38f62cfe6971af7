"""Families: sums over all descendants, cycles broken at the least id (DECISIONS.md §2)."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.hierarchy import Whereabouts, break_cycles, new_territories, roll_up

IDS = [f"a{i}" for i in range(9)]


def test_a_cycle_is_broken_at_its_least_id_and_what_hangs_on_it_stays() -> None:
    links, broken = break_cycles({"b": "c", "c": "d", "d": "b", "a": "c", "e": "e"})
    assert broken == ("b", "e")
    assert links == {"c": "d", "d": "b", "a": "c"}


def test_sums_reach_every_depth_and_skip_unknown_parents() -> None:
    own = {"a": (1.0, 10.0), "b": (2.0, 20.0), "c": (4.0, 40.0), "d": (8.0, 80.0)}
    assert roll_up({"b": "a", "c": "b", "d": "gone"}, own) == {"a": (7, 70), "b": (6, 60), "c": (4, 40), "d": (8, 80)}


def test_a_chain_of_ten_thousand_does_not_exhaust_the_stack() -> None:
    links = {f"{i:05d}": f"{i + 1:05d}" for i in range(10_000)}
    whole, broken = break_cycles(links)
    assert not broken
    assert roll_up(whole, {f"{i:05d}": (1.0, 0.0) for i in range(10_001)})["10000"] == (10_001, 0)


@given(st.dictionaries(st.sampled_from(IDS), st.sampled_from(IDS)), st.integers())
def test_broken_links_have_no_cycle_and_the_order_does_not_matter(parents: dict[str, str], seed: int) -> None:
    links, broken = break_cycles(parents)
    for node in IDS:
        steps = 0
        while node in links:
            node, steps = links[node], steps + 1
            assert steps <= len(IDS)
    assert parents.keys() - links.keys() == set(broken)
    items = list(parents.items())
    random.Random(seed).shuffle(items)
    assert break_cycles(dict(items)) == (links, broken)
    total = roll_up(links, dict.fromkeys(IDS, (1.0, 2.0)))
    assert sum(total[i][0] for i in IDS if i not in links) == len(IDS)


def test_sums_are_rounded_to_a_millionth_so_that_their_order_never_shows() -> None:
    own = {"a": (0.1, 0.7), "b": (0.2, 0.1), "c": (0.1234567, 0.00000049)}
    totals = roll_up({"b": "a"}, own)
    assert totals == {"a": (0.3, 0.8), "b": (0.2, 0.1), "c": (0.123457, 0.0)}


def test_several_cycles_are_each_broken_at_their_least_id() -> None:
    links, broken = break_cycles({"a": "b", "b": "a", "z": "y", "y": "x", "x": "z", "k": "z", "q": "gone"})
    assert broken == ("a", "x")
    assert links == {"b": "a", "z": "y", "y": "x", "k": "z", "q": "gone"}


def test_an_account_whose_parent_is_its_own_child_keeps_its_other_children() -> None:
    links, broken = break_cycles({"p": "c", "c": "p", "d": "p"})
    assert broken == ("c",)
    assert roll_up(links, {"p": (1.0, 1.0), "c": (2.0, 2.0), "d": (4.0, 4.0)}) == {"p": (5, 5), "c": (7, 7), "d": (4, 4)}


GROUP = {
    "lead": Whereabouts("2020-01-01", "Brasil", "BR", "Mining"),
    "peru": Whereabouts("2026-03-01", "Peru", "PE", "Mining"),
    "lima": Whereabouts("2026-05-01", "Perú", "PE", "Mining"),
    "retail": Whereabouts("2026-04-01", "Brazil", "BR", "Retail"),
}
LINKS = {"peru": "lead", "lima": "peru", "retail": "lead"}


def test_the_first_account_of_a_group_in_a_country_or_an_industry_is_a_step_and_one_more_there_is_none() -> None:
    assert new_territories(LINKS, GROUP) == {"lead": ("2026-04-01", "Retail")}
    assert new_territories({"peru": "lead", "lima": "peru"}, GROUP) == {"lead": ("2026-03-01", "Peru")}
    assert new_territories({"retail": "lead"}, {**GROUP, "lead": Whereabouts("2020-01-01", "", "", "Retail")}) == {
        "lead": ("2026-04-01", "Brazil")
    }


def test_accounts_that_came_with_their_parent_or_whose_age_nobody_knows_are_no_step() -> None:
    imported = {
        name: Whereabouts("2026-03-01", place.country, place.country_key, place.industry) for name, place in GROUP.items()
    }
    assert new_territories(LINKS, imported) == {}
    assert new_territories(LINKS, {**GROUP, "lead": Whereabouts("", "Brasil", "BR", "Mining")}) == {}
    unknown = {**GROUP, "lima": Whereabouts("", "Peru", "PE", "Mining")}  # which may have been there before
    assert new_territories({"peru": "lead", "lima": "lead"}, unknown) == {}
