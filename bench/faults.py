"""Random schedules of faults over real HTTP: in the end the CRM shows what it shows without them.

    python -m bench.faults [--crm salesforce|hubspot] [--seeds 0-1000] [--pages notes]
    python -m bench.faults --crm hubspot --seeds 17-18        # plays seed 17 once more

Cut lines, lost answers, limits, server errors, slow and half answers, expired tokens, partial batches, tasks that cannot be
attached, a clock that jumps, a full disk, and people who edit in the same minute, in a first sync, a second one, an undo and a
sync under a limit. Waiting takes a thousandth of its time. Run by hand, about a second and a half a schedule. Target: 2,000
schedules, none of which leaves a difference.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.accidents.kill_stories import scenes
from tests.accidents.weather import play_all
from tests.accidents.world import World, a_world

CRMS = ("salesforce", "hubspot")
HURRY = 1_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crm", choices=CRMS, help="only this CRM")
    parser.add_argument("--seeds", default="0-1000", help="from-to, the last one left out")
    parser.add_argument(
        "--pages", choices=("notes", "account plans"), default="", help="where the plans of key accounts are kept"
    )
    options = parser.parse_args()
    first, last = (int(part) for part in options.seeds.split("-"))
    started, failed, played = time.monotonic(), 0, 0
    for crm in [options.crm] if options.crm else CRMS:
        with (
            tempfile.TemporaryDirectory(prefix="kamsync-faults-") as folder,
            a_world(crm, Path(folder), hurry=HURRY, pages=options.pages) as world,
        ):
            failed += _all_seeds(world, range(first, last))
            played += last - first
    print(f"{played} schedules, {failed} failed, {time.monotonic() - started:.0f} s")
    sys.exit(bool(failed))


def _all_seeds(world: World, seeds: Sequence[int]) -> int:
    stories = list(scenes(world))
    failed = 0
    for count, (seed, wrong) in enumerate(play_all(world, stories, seeds), start=1):
        failed += bool(wrong)
        for text in wrong[:8]:
            print(f"{world.kind}, {stories[seed % len(stories)].name}, seed {seed}: {text}", flush=True)
        if count % 50 == 0:
            print(f"{world.kind}: {count} schedules, {failed} failed", flush=True)
    return failed


if __name__ == "__main__":
    main()
