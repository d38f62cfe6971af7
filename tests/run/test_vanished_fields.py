"""A run was killed, and then the fields that setup makes were deleted: what is open waits until they are there again."""

from __future__ import annotations

from kamsync.testing.memory.mapping import FLAG_FIELDS
from tests.run.memory_desk import MemoryDesk
from tests.run.test_on_memory import desk as desk
from tests.run.test_traces import kill_last_run


def test_a_killed_run_whose_fields_are_gone_is_sent_to_setup_and_finished_after_it(desk: MemoryDesk) -> None:
    desk.good("apply", "--yes")
    kill_last_run(desk)
    for field in FLAG_FIELDS.values():
        desk.crm.kinds.pop(field)
    desk.crm.has_task_key = False

    planned, applied, synced = desk.run("plan"), desk.run("apply", "--yes"), desk.run("sync")

    assert planned.code == 0 and "kamsync setup" in planned.out
    assert (applied.code, synced.code) == (3, 3)
    assert "kamsync setup" in applied.err and "kamsync setup" in synced.err

    desk.good("setup", "--yes")
    desk.good("apply", "--yes")
    assert desk.good("plan", "--json").json["changes"] == []
    assert len(desk.crm.tasks()) == 2
