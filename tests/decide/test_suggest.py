"""Which preset is suggested to which org, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kamsync.config.shipped import shipped_places
from kamsync.decide.suggest import Org, Wishes, suggest

PLACES = shipped_places()

ORDINARY = Org(
    customers=300,
    active=250,
    owners=12,
    history_months=60,
    renewed=0.0,
    contracted=None,
    grouped=0.1,
    logged=0.9,
    logs_losses=True,
    has_products=True,
    largest=0.05,
    ten_largest=0.3,
)


@pytest.mark.parametrize(
    ("org", "wishes", "preset", "because"),
    [
        ({}, {}, "balanced", "Nothing speaks for one goal alone"),
        ({"history_months": 7}, {"wanted": "retention"}, "startups", "less than 8 months ago"),
        ({"history_months": 0}, {}, "startups", "less than 1 month ago"),
        ({"history_months": 0, "customers": 0, "active": 0}, {}, "startups", "Nobody has bought yet"),
        ({"grouped": 0.8}, {}, "groups", "80% of a year's revenue"),
        ({}, {"wanted": "authority"}, "authority", "by dated evidence"),
        ({"contracted": 0.7}, {}, "subscription", "70% of the active customers"),
        ({"renewed": 0.3}, {}, "subscription", "30% of what was won"),
        ({"renewed": 0.2}, {}, "balanced", "Nothing speaks for one goal alone"),
        ({}, {"recurring": True}, "subscription", "You say that business recurs"),
        ({"renewed": 0.6}, {"recurring": False, "wanted": "expansion"}, "expansion", "room to grow"),
        ({}, {"wanted": "retention"}, "retention", "shall be kept"),
        ({"customers": 40, "logged": 0.0}, {}, "smb", "40 customers"),
        (None, {"wanted": "expansion"}, "expansion", "room to grow"),
    ],
)
def test_what_the_org_is_goes_before_what_is_wanted(
    org: dict[str, Any] | None, wishes: dict[str, Any], preset: str, because: str
) -> None:
    found = suggest(None if org is None else replace(ORDINARY, **org), Wishes(**wishes))
    assert found.preset == preset
    assert because in found.reasons[0]


def test_another_goal_than_the_presets_is_not_forgotten() -> None:
    found = suggest(replace(ORDINARY, grouped=0.8), Wishes("retention"))
    assert any("`kamsync simulate --criteria retention`" in reason for reason in found.reasons)


def test_what_has_no_data_is_named() -> None:
    dropped = " ".join(suggest(replace(ORDINARY, logged=0.0, history_months=20), Wishes()).dropped)
    assert "no active customers have an activity" in dropped
    assert "Growth: it compares two years" in dropped and "nps is not mapped" in dropped
    assert not suggest(replace(ORDINARY, mapped=frozenset({"nps", "authority_evidence_date"})), Wishes()).dropped


@pytest.mark.parametrize(
    ("org", "wishes", "said"),
    [
        ({"largest": 0.3}, {}, "One customer brings 30%"),
        ({"ten_largest": 0.9}, {}, "Ten customers bring 90%"),
        ({}, {"owners": 2, "per_owner": 3}, "Your owners carry 6 accounts"),
        ({"renewed": 0.6}, {"recurring": False}, "does not recur, but: 60%"),
    ],
)
def test_concentration_and_contradictions_are_warned_of(org: dict[str, Any], wishes: dict[str, Any], said: str) -> None:
    assert any(said in warning for warning in suggest(replace(ORDINARY, **org), Wishes(**wishes), PLACES).warnings)


@pytest.mark.parametrize(("wanted", "carried", "warned"), [(None, 12, False), (None, 11, True), ("authority", 12, True)])
def test_owners_are_compared_with_what_the_very_preset_chooses(wanted: Any, carried: int, warned: bool) -> None:
    """Of 250 active customers balanced chooses 4.5 %, authority 5 %."""
    found = suggest(ORDINARY, Wishes(wanted, owners=carried, per_owner=1), PLACES)
    assert any("would choose more" in warning for warning in found.warnings) is warned


def test_no_preset_chooses_more_than_its_most() -> None:
    org = replace(ORDINARY, active=100_000)
    assert suggest(org, Wishes(owners=35, per_owner=1), PLACES).warnings == ()
    assert len(suggest(org, Wishes(owners=34, per_owner=1), PLACES).warnings) == 1


def test_how_many_groups_are_chosen_is_no_share_of_all_accounts() -> None:
    assert suggest(replace(ORDINARY, grouped=0.9, active=600), Wishes(owners=14, per_owner=1), PLACES).warnings == ()


def test_an_ordinary_org_is_warned_of_nothing() -> None:
    assert suggest(ORDINARY, Wishes(owners=12, per_owner=10), PLACES).warnings == ()
    assert suggest(ORDINARY, Wishes(per_owner=10)).most == 120
