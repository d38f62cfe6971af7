"""The same cache, configuration and day give the same decisions whatever the machine's time zone, locale and hash seed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from kamsync.store.database import open_cache
from tests.store.oracle import random_world

DECIDE = """
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from kamsync.decide.compiled import compile_program
from kamsync.report.receipt_json import receipt_to_json
from kamsync.store.evaluate import Evaluation
from tests.store.oracle import AS_OF, random_program, random_world
path, seed = Path(sys.argv[1]), int(sys.argv[2])
rng = Random(seed)
world = random_world(rng)
program = replace(random_program(rng), account_columns=world.mapped)
with Evaluation(path, compile_program(program), AS_OF) as evaluation:
    for decision in evaluation.decisions():
        print(receipt_to_json(evaluation.receipt(decision.account_id), program, name="", criteria_hash=""))
"""
MACHINES = (
    {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "2"},
    {"TZ": "America/Anchorage", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "3"},
)


def test_decisions_are_the_same_on_any_machine(tmp_path: Path) -> None:
    for seed in (11, 12):
        path = tmp_path / f"{seed}.db"
        with open_cache(path) as cache:
            random_world(random.Random(seed)).save(cache)
        command = [sys.executable, "-c", DECIDE, str(path), str(seed)]
        roots = os.pathsep.join(str(Path(__file__).parents[2] / part) for part in (".", "connectors"))
        told = {
            subprocess.run(
                command, env={**os.environ, **machine, "PYTHONPATH": roots}, capture_output=True, text=True, check=True
            ).stdout
            for machine in MACHINES
        }
        assert len(told) == 1 and len(next(iter(told))) > 1_000
