"""A process that dies at any point loses nothing, does nothing twice, and takes nobody's hand for another's.

A few points of each story, where the most is at stake; `python -m bench.crash` kills at all of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accidents.killing import Scene, kill, scenes
from tests.accidents.world import Death, a_world


def deaths_of(scene: Scene) -> list[Death]:
    """In the middle of writing; for a first sync also while the cache is made."""
    writing = Death("call", scene.calls - 2, after=True)
    return [Death("commit", 0, after=True), writing] if scene.name == "first sync" else [writing]


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_run_killed_at_its_worst_moments_leaves_what_a_whole_run_leaves(crm: str, tmp_path: Path) -> None:
    with a_world(crm, tmp_path / crm) as world:
        found = {
            f"{scene.name}, {death}": kill(world, scene, death) for scene in list(scenes(world)) for death in deaths_of(scene)
        }
    assert len(found) == 5
    assert {point: wrong for point, wrong in found.items() if wrong} == {}
