"""The first day of a programme with every playbook: nobody is buried under tasks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest

from bench.shape_cache import fill, programme
from kamsync.config import load_config
from kamsync.decide.plan import CreateTask
from kamsync.run.planning import When, make_plan
from kamsync.sandbox.shapes import SHAPES, ShapedCompany
from kamsync.store.database import open_cache

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[CreateTask]]:
    """`first_day(shape)`: what the first plan brings."""
    return cache(lambda shape: first_tasks(tmp_path_factory.mktemp(shape), shape))


def first_tasks(folder: Path, shape: str) -> list[CreateTask]:
    """The tasks of a company with 400 accounts under the example's configuration with every playbook."""
    company = ShapedCompany(SHAPES[shape], today=TODAY, seed=7, accounts=400)
    path, config = folder / "cache.db", folder / "balanced.toml"
    fill(path, company)
    programme(folder, "balanced")
    config.write_text(re.sub(r"(?m)^playbooks = .*$", 'playbooks = "all"', config.read_text(), count=1))
    config.chmod(0o600)
    loaded = load_config(config)
    assert loaded.notices == ()
    with open_cache(path) as opened:
        with opened.transaction() as db:
            db.executemany(
                "INSERT INTO owners (id, name, is_active, _pull) VALUES (?, ?, ?, 1)",
                ((f"005{owner.key:012d}", owner.first_name, owner.is_active) for owner in company.owners()),
            )
        plan = make_plan(opened, loaded.compiled, "salesforce", When(TODAY, datetime(2026, 11, 23, tzinfo=UTC), "r")).plan
    return [change for change in plan.changes if isinstance(change, CreateTask)]


@pytest.mark.parametrize("shape", ["enterprise", "smb"])
def test_the_first_day_brings_ten_tasks_an_owner_and_four_an_account_at_most(
    first_day: Callable[[str], list[CreateTask]], shape: str
) -> None:
    tasks = first_day(shape)

    assert len(tasks) >= 20
    assert max(Counter(task.owner_id for task in tasks).values()) <= 10
    assert max(Counter(task.account_id for task in tasks).values()) <= 4


def test_nobody_is_asked_for_a_reference_and_called_for_being_silent_on_the_same_day(
    first_day: Callable[[str], list[CreateTask]],
) -> None:
    tasks = first_day("enterprise")

    by_playbook = {name: {task.account_id for task in tasks if task.playbook == name} for name in {t.playbook for t in tasks}}
    asked = by_playbook["reference-request"] | by_playbook["nps-reference"]
    assert asked
    assert not asked & (by_playbook["engagement-lapse"] | by_playbook["nps-recovery"])
    assert not by_playbook["reference-request"] & by_playbook["nps-reference"]
