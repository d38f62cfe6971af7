"""What an index does not show yet is no excuse: a killed run is completed by what keys show, and no hidden edit is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.accidents.kill_stories import kill_run, scenes
from tests.accidents.programme import SIZE
from tests.accidents.world import Death, a_world

HIDDEN_MS = 60_000


def a_while_from_now() -> int:
    return int(time.time() * 1000) + HIDDEN_MS


def test_tasks_that_hubspot_search_hides_are_attached_by_the_run_after_a_kill(tmp_path: Path) -> None:
    with a_world("hubspot", tmp_path / "hubspot", hurry=1_000.0) as world:
        scene = next(scenes(world))
        kill_run(world, scene, Death("call", scene.calls - 1, after=False))  # the tasks are made, and hang on no company
        sandbox: Any = world.server.crm
        tasks = sandbox.portal.tables["tasks"]
        for task_id in tasks.ids[-2:]:
            tasks.hide_from_search(task_id, None, a_while_from_now())
        world.good("sync")
        assert scene.ends.differences(world.seen()) == []


def test_an_edit_that_hubspot_search_hides_is_not_overwritten_and_counts_in_the_next_run(tmp_path: Path) -> None:
    with a_world("hubspot", tmp_path / "hubspot", hurry=1_000.0) as world:
        world.good("sync")
        world.configure(SIZE)
        updates = [one for one in json.loads(world.good("plan", "--json").out)["changes"] if one["op"] == "update_account"]
        account = next(one["account_id"] for one in updates if one["fields"].get("tier", {}).get("to") == "A")
        before = world.seen().flags[account]["tier"]
        sandbox: Any = world.server.crm
        companies = sandbox.portal.tables["companies"]

        world.server.crm.view.set_flag(account, "override", "B")
        _, indexed = companies.unindexed[account]
        companies.unindexed[account] = (a_while_from_now(), indexed)
        assert json.loads(world.good("sync", "--json").out)["held_back"] > 0
        assert (world.seen().flags[account]["tier"], world.seen().flags[account]["override"]) == (before, "B")

        companies.unindexed[account] = (0, indexed)
        world.good("sync")
        assert world.seen().flags[account]["tier"] == "B"
        assert json.loads(world.good("sync", "--json").out)["updated"] == 0
