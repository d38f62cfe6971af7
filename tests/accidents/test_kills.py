"""A process that dies at any point loses nothing, does nothing twice, and takes nobody's hand for another's; nor in bad weather.

A few points of each story, where the most is at stake, and two schedules of faults in the same world; `python -m bench.crash`
kills at all points, `make faults` and `python -m bench.faults` play more schedules.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accidents.kill_stories import Scene, kill, scenes
from tests.accidents.weather import play_all
from tests.accidents.world import Death, a_world

SEEDS = (3, 5)  # a limited sync in which people edit, and a second one in two days of weather


def deaths_of(scene: Scene) -> list[Death]:
    """In the middle of writing; for a first sync also while the cache is made."""
    writing = Death("call", scene.calls - 2, after=True)
    return [Death("commit", 0, after=True), writing] if scene.name == "first sync" else [writing]


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_run_killed_or_cut_off_at_its_worst_moments_leaves_what_a_whole_run_leaves(crm: str, tmp_path: Path) -> None:
    with a_world(crm, tmp_path / crm, hurry=1_000.0) as world:
        stories = list(scenes(world))
        found = {f"{scene.name}, {death}": kill(world, scene, death) for scene in stories for death in deaths_of(scene)}
        found |= {f"weather {seed}": wrong for seed, wrong in play_all(world, stories, SEEDS)}
    assert len(found) == 7
    assert {point: wrong for point, wrong in found.items() if wrong} == {}
