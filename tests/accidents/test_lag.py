"""What an index does not show yet is no excuse: the run after a kill completes what it finds by key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.accidents.killing import kill_run, scenes
from tests.accidents.world import Death, a_world

HIDDEN_MS = 60_000


def test_tasks_that_hubspot_search_hides_are_attached_by_the_run_after_a_kill(tmp_path: Path) -> None:
    with a_world("hubspot", tmp_path / "hubspot") as world:
        scene = next(scenes(world))
        kill_run(world, scene, Death("call", scene.calls - 1, after=False))  # the tasks are made, and hang on no company
        sandbox: Any = world.server.crm
        tasks = sandbox.portal.tables["tasks"]
        for task_id in tasks.ids[-2:]:
            tasks.hide_from_search(task_id, None, int(time.time() * 1000) + HIDDEN_MS)
        world.good("sync")
        assert scene.ends.differences(world.seen()) == []
