"""A run that is killed before or after any of its calls: the next one finds tasks whole, none twice, none lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync.model.exchange import NewTask, TaskRef
from kamsync.sandbox.faults import Fault
from tests.connectors.hubspot.tasks import company_ids, new_task

World = Any
DEAD = {"status": "error", "category": "INVALID_AUTHENTICATION", "message": "dead"}


def killed(world: World, method: str, tasks: list[Any], call: int, *, is_after: bool) -> bool:
    """Calls the method on a connection of its own, which dies before (or right after) its call of that number; whether it did."""
    connection = world.connect()
    faults: list[Fault] = []
    if is_after:
        faults.append(world.server.faults.add("reset_after", skip=call))
    # A rule counts what no earlier rule took, so after the lost call everything is refused from there on.
    faults.append(world.server.faults.add("status", skip=call, status=401, body=DEAD, times=None))
    try:
        list(getattr(connection, method)(tasks))
    except KamsyncError:
        pass
    finally:
        world.server.faults.clear()
    return bool(faults[0].fired)


def some_tasks(world: World, prefix: str) -> list[NewTask]:
    """Tasks of two companies, one of which exists already without its company."""
    first, second = company_ids(world, 2)
    tasks = [new_task(world, f"{prefix}:{number}:{one}", account_id=one) for number in range(3) for one in (first, second)]
    body = {"properties": {"hs_timestamp": "2026-12-01T09:00:00Z", "kam_task_key": tasks[0].key}}
    world.call("POST", "/crm/v3/objects/tasks", body)
    return tasks


def keys_there(world: World) -> Counter[str]:
    """How many living tasks each key has, without any index."""
    table = world.sandbox.portal.tables["tasks"]
    return Counter(key for record in table.records.values() if (key := table.get(record, "kam_task_key")))


@pytest.mark.parametrize("is_unique", [True, False])
@pytest.mark.parametrize("is_after", [False, True])
def test_creations_killed_at_any_call_are_completed_by_the_next_run(
    a_world: Callable[..., World], is_after: bool, is_unique: bool
) -> None:
    world = a_world(accounts=5, opportunities=5, unique_task_key=is_unique)
    for call in range(50):
        tasks = some_tasks(world, f"kill{call}")
        if not killed(world, "create_tasks", tasks, call, is_after=is_after):
            break
        outcomes = {outcome.ref: outcome.status for outcome in world.connect().create_tasks(tasks)}
        assert set(outcomes.values()) <= {"done", "existed"}, (call, outcomes)
        seen = world.connect().fetch_tasks([TaskRef(task.key, "") for task in tasks])
        assert {key: task.account_id for key, task in seen.items()} == {task.key: task.account_id for task in tasks}, call
        assert set(keys_there(world).values()) == {1}, call
    assert 4 <= call < 50


@pytest.mark.parametrize("is_after", [False, True])
def test_deletions_killed_at_any_call_are_finished_by_the_next_run(a_world: Callable[..., World], is_after: bool) -> None:
    world = a_world(accounts=5, opportunities=5)
    for call in range(50):
        tasks = some_tasks(world, f"kill{call}")
        refs = [TaskRef(one.ref, one.record_id) for one in world.connect().create_tasks(tasks)]
        if not killed(world, "delete_tasks", refs, call, is_after=is_after):
            break
        assert {one.status for one in world.connect().delete_tasks(refs)} == {"done"}, call
        assert keys_there(world) == Counter(), call
        assert not world.pull(world.connect(), Stream.TASKS).rows
        assert {one.status for one in world.connect().create_tasks(tasks)} == {"done"}, call
        list(world.connect().delete_tasks([TaskRef(task.key, "") for task in tasks]))
    assert 2 <= call < 50
