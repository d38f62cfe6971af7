"""Kills kamsync before and after every HTTP call and every commit of its cache, and looks whether anything is lost.

    python -m bench.crash [--crm salesforce|hubspot] [--scene "undo"] [--slice 1/2] [--pages notes]

A first sync, a second one (people have acted, the criteria have changed), an undo and a sync under a limit, over real HTTP; each
death is a SIGKILL. Run by hand, in slices where cores are few; about three seconds a point. Target: at least 600 points on both
CRMs together, and each leaves, after as many further runs as it takes without a death, what the same story without one leaves.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.accidents.kill_stories import Scene, kill, scenes
from tests.accidents.world import World, a_world

CRMS = ("salesforce", "hubspot")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crm", choices=CRMS, help="only this CRM")
    parser.add_argument("--scene", help="only this scene")
    parser.add_argument("--slice", default="1/1", help="every n-th point, beginning with the k-th: k/n")
    parser.add_argument(
        "--pages", choices=("notes", "account plans"), default="", help="where the plans of key accounts are kept"
    )
    options = parser.parse_args()
    first, step = (int(part) for part in options.slice.split("/"))
    started, points, failed = time.monotonic(), 0, 0
    for crm in [options.crm] if options.crm else CRMS:
        with (
            tempfile.TemporaryDirectory(prefix="kamsync-crash-") as folder,
            a_world(crm, Path(folder) / crm, pages=options.pages) as world,
        ):
            for scene in list(scenes(world)):
                if options.scene in (None, scene.name):
                    done, bad = _all_deaths(world, scene, slice(first - 1, None, step))
                    points, failed = points + done, failed + bad
    print(f"{points} points, {failed} failed, {time.monotonic() - started:.0f} s")
    sys.exit(bool(failed))


def _all_deaths(world: World, scene: Scene, part: slice) -> tuple[int, int]:
    started, failed = time.monotonic(), 0
    deaths: Sequence[object] = list(scene.deaths())[part]
    for death in list(scene.deaths())[part]:
        wrong = kill(world, scene, death)
        failed += bool(wrong)
        for text in wrong[:8]:
            print(f"{world.kind}, {scene.name}, {death}: {text}", flush=True)
    seconds = time.monotonic() - started
    size = f"{scene.calls} calls, {scene.commits} commits"
    print(f"{world.kind}, {scene.name} ({size}): {len(deaths)} points, {failed} failed, {seconds:.0f} s", flush=True)
    return len(deaths), failed


if __name__ == "__main__":
    main()
