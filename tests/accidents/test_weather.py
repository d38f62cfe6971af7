"""Whatever goes wrong on the line during a run, runs in good weather bring the CRM to where it would have been.

A few seeds of each CRM, by `make faults`; `python -m bench.faults` plays thousands.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.accidents.killing import scenes
from tests.accidents.weather import Edited, play, weather_of
from tests.accidents.world import a_world

SEEDS = range(6)


@pytest.mark.slow
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_after_any_weather_the_crm_shows_what_it_shows_without(crm: str, tmp_path: Path) -> None:
    with a_world(crm, tmp_path / crm, hurry=1_000.0) as world:
        stories = list(islice(scenes(world), 2))
        edited = [Edited(world, scene) for scene in stories]
        found = {}
        for seed in SEEDS:
            place, weather = seed % len(stories), weather_of(seed, crm)
            found[seed] = play(world, stories[place], weather, edited[place] if weather.edits_at else None)
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}
