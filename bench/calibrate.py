"""Learning weights from the past of a whole portfolio: seconds and memory.

    python -m bench.calibrate [--accounts 100000] [--opportunities 500000] [--activities 1000000] [--line-items 1000000]

Builds the cache of bench.decide (three years and more), then calibrates in a process of its own with the balanced preset. Run by
hand.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from bench.decide import AS_OF, add_sizes, build, programme
from kamsync.run.calibration import learn
from kamsync.store.database import open_cache


def calibrate(path: Path) -> None:
    """Past days to suggested weights."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = programme(Path(folder), all_playbooks=False)
    started, used = time.perf_counter(), time.process_time()

    def said(day: date, count: int) -> None:
        print(f"{day}: {count} customers, after {time.perf_counter() - started:.1f} s", flush=True)

    with open_cache(path) as cache:
        learned = learn(cache, compiled.program, AS_OF, "both", 1.0, fixed=(), said=said)
    took, used = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"calibrated: {took:.1f} s ({used:.1f} s of CPU), {len(learned.found.weights)} criteria, {peak:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sizes(parser)
    parser.add_argument("--cache", type=Path, help="keep the cache here, and use it where it is already there")
    parser.add_argument("--calibrate-only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.calibrate_only:
        calibrate(arguments.cache)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.cache or Path(folder) / "cache.db"
        if not path.exists():
            build(path, arguments)
        subprocess.run([sys.executable, "-m", "bench.calibrate", "--calibrate-only", "--cache", str(path)], check=True)


if __name__ == "__main__":
    main()
