"""Whatever goes wrong on the line during a run, runs in good weather bring the CRM to where it would have been.

By `make faults`; two seeds of each CRM are in test_kills, and `python -m bench.faults` plays thousands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accidents.kill_stories import scenes
from tests.accidents.weather import play_all
from tests.accidents.world import a_world

SEEDS = range(24)


@pytest.mark.slow
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_after_any_weather_the_crm_shows_what_it_shows_without(crm: str, tmp_path: Path) -> None:
    with a_world(crm, tmp_path / crm, hurry=1_000.0) as world:
        found = dict(play_all(world, list(scenes(world)), SEEDS))
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}
