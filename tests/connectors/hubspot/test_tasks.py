"""Tasks of the account plan: made once, whole, found again without an index, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from kamsync.model import Stream
from kamsync.model.exchange import NewTask, TaskRef, TaskSeen
from tests.connectors.hubspot.tasks import company_ids, new_task

World = Any
ATTACH = "/associations/tasks/companies/batch/create"
REFUSAL = {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}


def test_a_task_is_created_once_also_when_the_answer_was_lost(world: World) -> None:
    connection = world.connect()
    task = new_task(world)
    world.server.faults.add("reset_after", method="POST", path="/tasks/batch/upsert")
    (outcome,) = connection.create_tasks([task])
    assert outcome.status == "done"
    (again,) = connection.create_tasks([task])
    assert (again.status, again.record_id) == ("existed", outcome.record_id)
    (row,) = world.pull(connection, Stream.TASKS).rows
    assert (row["key"], row["account_id"], row["owner_id"]) == (task.key, task.account_id, task.owner_id)
    assert row["is_open"] is True
    due = datetime.fromisoformat(row["due"]).astimezone(world.context().timezone).date()
    assert due == task.due
    shown = world.call("GET", f"/crm/v3/objects/tasks/{outcome.record_id}", properties="hs_task_body,hs_task_priority")
    assert shown["properties"]["hs_task_body"] == "Ask &amp; listen<br>&lt;b&gt;now&lt;/b&gt;"
    assert shown["properties"]["hs_task_priority"] == "HIGH"


def test_a_task_that_a_person_deleted_or_finished_is_not_made_again(world: World) -> None:
    connection = world.connect()
    tasks = [new_task(world, "deleted"), new_task(world, "finished")]
    made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks(tasks)}
    world.call("DELETE", f"/crm/v3/objects/tasks/{made['deleted']}")
    world.call("PATCH", f"/crm/v3/objects/tasks/{made['finished']}", {"properties": {"hs_task_status": "COMPLETED"}})
    assert {o.ref: o.status for o in connection.create_tasks(tasks)} == {"deleted": "existed", "finished": "existed"}
    rows = {row["key"]: row for row in world.pull(connection, Stream.TASKS).rows}
    assert rows["deleted"]["is_deleted"] is True
    assert rows["finished"]["is_open"] is False


def test_a_lost_association_is_repaired_by_the_next_run(world: World) -> None:
    connection = world.connect()
    task = new_task(world)
    refusal = {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}
    path = "/associations/tasks/companies/batch/create"
    world.server.faults.add("status", method="POST", path=path, status=400, body=refusal, times=None)
    (outcome,) = connection.create_tasks([task])
    world.server.faults.clear()
    assert outcome.status == "unknown"
    assert "not be attached" in outcome.message
    assert [o.status for o in connection.create_tasks([task])] == ["existed"]
    (row,) = world.pull(connection, Stream.TASKS).rows
    assert row["account_id"] == task.account_id


def test_a_task_for_nobody_is_refused_alone(world: World) -> None:
    connection = world.connect()
    tasks = [new_task(world, "good"), new_task(world, "bad", owner_id="424242")]
    assert {o.ref: o.status for o in connection.create_tasks(tasks)} == {"good": "done", "bad": "rejected"}


def test_tasks_are_closed_and_deleted_and_one_that_is_gone_is_done(world: World) -> None:
    connection = world.connect()
    made = {o.ref: o.record_id for o in connection.create_tasks([new_task(world, "a"), new_task(world, "b")])}
    gone = TaskRef("gone", "999999")
    assert {o.status for o in connection.close_tasks([TaskRef("a", made["a"]), gone])} == {"done"}
    assert (
        world.call("GET", f"/crm/v3/objects/tasks/{made['a']}", properties="hs_task_status")["properties"]["hs_task_status"]
        == "COMPLETED"
    )
    assert {o.status for o in connection.delete_tasks([TaskRef("b", made["b"]), gone])} == {"done"}
    rows = {row["key"]: row["is_deleted"] for row in world.pull(connection, Stream.TASKS).rows}
    assert rows == {"a": False}


@pytest.mark.parametrize("kind", ["reset_after", "truncate"])
def test_what_a_call_made_whose_answer_was_lost_is_made_by_us_and_not_found_there(world: World, kind: str) -> None:
    connection = world.connect()
    tasks = [new_task(world, f"k{number}") for number in range(50)]
    world.server.faults.add(kind, method="POST", path="/tasks/batch/upsert")
    assert {outcome.status for outcome in connection.create_tasks(tasks)} == {"done"}
    assert {row["account_id"] for row in world.pull(connection, Stream.TASKS).rows} == {tasks[0].account_id}


def test_what_was_made_before_its_repetition_was_refused_is_made_by_us_too(world: World) -> None:
    connection = world.connect()
    tasks = [new_task(world, f"k{number}") for number in range(5)]
    world.server.faults.add("reset_after", method="POST", path="/tasks/batch/upsert")
    world.server.faults.add("status", method="POST", path="/tasks/batch/upsert", status=400, body=REFUSAL, times=None)
    outcomes = list(connection.create_tasks(tasks))
    assert {outcome.status for outcome in outcomes} == {"done"} and all(outcome.record_id for outcome in outcomes)


@pytest.mark.parametrize(("verb", "path"), [("close_tasks", "update"), ("delete_tasks", "update"), ("delete_tasks", "archive")])
def test_a_task_whose_closing_or_deletion_is_refused_after_a_lost_answer_is_not_known(world: World, verb: str, path: str) -> None:
    connection = world.connect()
    made = list(connection.create_tasks([new_task(world, f"k{number}") for number in range(3)]))
    world.server.faults.add("reset_after", method="POST", path=f"/tasks/batch/{path}")
    world.server.faults.add("status", method="POST", path=f"/tasks/batch/{path}", status=400, body=REFUSAL, times=None)
    outcomes = list(getattr(connection, verb)([TaskRef(one.ref, one.record_id) for one in made]))
    assert {outcome.status for outcome in outcomes} == {"unknown"} and len(outcomes) == 3


def test_what_another_run_made_between_our_look_and_our_write_existed(world: World) -> None:
    connection = world.connect()
    task = new_task(world)
    portal, tasks, made = world.sandbox.portal, world.sandbox.portal.tables["tasks"], list[str]()
    list_page = tasks.page

    def page(after: str, limit: int, *, archived: bool = False) -> Any:
        """The other run writes at the moment in which ours reads the list of archived tasks."""
        if archived and not made:
            properties = {"hs_timestamp": "2026-12-01T09:00:00Z", "kam_task_key": task.key}
            made.append(portal.create(tasks, portal.validate(tasks, properties, None)).id)
        return list_page(after, limit, archived=archived)

    tasks.page = page
    outcomes = {outcome.ref: outcome for outcome in connection.create_tasks([task, replace(task, key="k2")])}
    assert (outcomes[task.key].status, outcomes[task.key].record_id) == ("existed", made[0])
    assert outcomes["k2"].status == "done"


@pytest.mark.parametrize("fault", [{"status": 503, "times": 1}, {"status": 400, "times": 1}, {"status": 400, "times": 6}])
def test_an_association_that_fails_is_tried_again_in_the_same_run(world: World, fault: dict[str, int]) -> None:
    connection = world.connect()
    tasks = [new_task(world, f"k{number}") for number in range(20)]
    world.server.faults.add("status", method="POST", path=ATTACH, body=REFUSAL, **fault)
    assert {outcome.status for outcome in connection.create_tasks(tasks)} == {"done"}
    assert {row["account_id"] for row in world.pull(connection, Stream.TASKS).rows} == {tasks[0].account_id}


def test_a_company_that_is_gone_keeps_no_other_task_from_its_own(world: World) -> None:
    connection = world.connect()
    first, gone = company_ids(world, 2)
    world.call("DELETE", f"/crm/v3/objects/companies/{gone}")
    tasks = [new_task(world, f"k{number}", account_id=gone if number == 7 else first) for number in range(20)]
    outcomes = {outcome.ref: outcome.status for outcome in connection.create_tasks(tasks)}
    assert outcomes.pop("k7") == "unknown"
    assert set(outcomes.values()) == {"done"}


def test_a_task_without_its_company_is_shown_so_by_each_pull_until_it_has_it_again(world: World) -> None:
    connection = world.connect()
    task = new_task(world, "k:1")
    world.server.faults.add("status", method="POST", path=ATTACH, status=400, body=REFUSAL, times=None)
    (outcome,) = connection.create_tasks([task])
    world.server.faults.clear()
    age(world, outcome.record_id)
    whole = world.pull(connection, Stream.TASKS)
    assert [(row["id"], row["account_id"]) for row in whole.rows] == [(outcome.record_id, None)]
    again = world.pull(connection, Stream.TASKS, whole.last.cursor)
    assert not again.last.full and [row["account_id"] for row in again.rows] == [None]
    assert [one.status for one in connection.create_tasks([task])] == ["existed"]
    repaired = world.pull(connection, Stream.TASKS, again.last.cursor)
    assert not repaired.last.full and [row["account_id"] for row in repaired.rows] == [task.account_id]
    before = world.server.calls()
    assert world.pull(connection, Stream.TASKS, repaired.last.cursor).rows == []
    assert world.server.calls() - before == 1


def test_a_task_that_people_put_to_another_company_is_left_there(world: World) -> None:
    connection = world.connect()
    _, other = company_ids(world, 2)
    task = new_task(world)
    (made,) = connection.create_tasks([task])
    world.call("DELETE", f"/crm/v4/objects/tasks/{made.record_id}/associations/companies/{task.account_id}")
    world.call("PUT", f"/crm/v4/objects/tasks/{made.record_id}/associations/default/companies/{other}")
    assert [one.status for one in connection.create_tasks([task])] == ["existed"]
    assert connection.fetch_tasks([TaskRef(task.key, made.record_id)])[task.key].account_id == other


def test_tasks_are_shown_as_they_are_now_by_key_and_by_id_though_no_search_shows_them(a_world: Callable[..., World]) -> None:
    world = a_world(search_lag_seconds=3600.0)
    connection = world.connect()
    task, deleted = new_task(world, "p:t:once:1"), new_task(world, "p:t:once:2")
    made = {one.ref: one.record_id for one in connection.create_tasks([task, deleted])}
    world.call("DELETE", f"/crm/v3/objects/tasks/{made[deleted.key]}")
    shown = TaskSeen(made[task.key], task.key, task.account_id, task.owner_id, task.subject, task.due, is_open=True)
    unknown = [TaskRef("p:t:once:3", ""), TaskRef("p:t:once:4", "999999999")]
    for named in (True, False):
        refs = [TaskRef(one.key, made[one.key] if named else "") for one in (task, deleted)]
        seen = connection.fetch_tasks([*refs, *unknown])
        assert seen.keys() == {task.key, deleted.key}
        assert seen[task.key] == shown
        gone = seen[deleted.key]
        assert (gone.task_id, gone.is_deleted, gone.is_open) == (made[deleted.key], True, False)


def test_a_look_at_two_hundred_tasks_takes_a_call_a_hundred_and_one_for_their_companies(world: World) -> None:
    connection = world.connect()
    tasks = [new_task(world, f"k{number}") for number in range(200)]
    refs = [TaskRef(one.ref, one.record_id) for one in connection.create_tasks(tasks)]
    before = world.server.calls()
    assert len(connection.fetch_tasks(refs)) == 200
    assert world.server.calls() - before == 3


def test_a_deleted_tasks_key_is_free_and_the_next_pull_knows_it(world: World) -> None:
    connection = world.connect()
    task = new_task(world)
    (made,) = connection.create_tasks([task])
    first = world.pull(connection, Stream.TASKS)
    assert [one.status for one in connection.delete_tasks([TaskRef(task.key, "")])] == ["done"]
    second = world.pull(connection, Stream.TASKS, first.last.cursor)
    assert made.record_id in second.deleted or second.last.full
    assert second.rows == []
    assert connection.fetch_tasks([TaskRef(task.key, "")]) == {}
    (remade,) = connection.create_tasks([task])
    assert remade.status == "done" and remade.record_id != made.record_id


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
def test_a_deletion_that_was_broken_off_is_finished_by_the_same_call(world: World, fault: str) -> None:
    connection = world.connect()
    task = new_task(world)
    (made,) = connection.create_tasks([task])
    first = world.pull(connection, Stream.TASKS)
    age(world, made.record_id)
    world.server.faults.add("status", method="POST", path="/tasks/batch/archive", status=400, body=REFUSAL)
    reference = TaskRef(task.key, made.record_id)
    assert [one.status for one in connection.delete_tasks([reference])] == ["rejected"]
    between = connection.fetch_tasks([reference])[task.key]
    assert (between.key, between.is_deleted) == ("", False)
    assert world.pull(connection, Stream.TASKS, first.last.cursor).rows == []
    world.server.faults.add(fault, method="POST", path="/tasks/batch")
    assert [one.status for one in connection.delete_tasks([reference])] == ["done"]
    assert connection.fetch_tasks([reference])[task.key].is_deleted


@pytest.mark.parametrize(("kind", "type_"), [("todo", "TODO"), ("call", "CALL"), ("email", "EMAIL"), ("meeting", "MEETING")])
def test_a_task_is_of_its_kind(world: World, kind: Any, type_: str) -> None:
    (made,) = world.connect().create_tasks([new_task(world, type=kind)])
    shown = world.call("GET", f"/crm/v3/objects/tasks/{made.record_id}", properties="hs_task_type")
    assert shown["properties"]["hs_task_type"] == type_


def test_after_a_merge_tasks_belong_to_the_company_that_lives_on_whatever_their_keys_say(world: World) -> None:
    connection = world.connect()
    winner, loser, partner = company_ids(world, 3)
    tasks = [new_task(world, f"p:t:once:{one}", account_id=one) for one in (winner, loser)]
    deleted = new_task(world, f"p:t:1:{loser}", account_id=loser)
    made = {one.ref: one.record_id for one in connection.create_tasks([*tasks, deleted])}
    world.call("PUT", f"/crm/v4/objects/tasks/{made[tasks[1].key]}/associations/default/companies/{partner}")
    world.call("DELETE", f"/crm/v3/objects/tasks/{made[deleted.key]}")
    new = world.call("POST", "/crm/v3/objects/companies/merge", {"primaryObjectId": winner, "objectIdToMerge": loser})["id"]
    rows = world.pull(connection, Stream.TASKS).rows
    assert {row["id"]: row["account_id"] for row in rows} == dict.fromkeys(made.values(), new)
    seen = connection.fetch_tasks([TaskRef(key, task_id) for key, task_id in made.items()])
    assert {key: task.account_id for key, task in seen.items()} == dict.fromkeys(made, new)


def age(world: World, task_id: str) -> None:
    """Makes it an old task: nothing about it is young to the next pull."""
    table = world.sandbox.portal.tables["tasks"]
    record = table.records[task_id]
    for name in ("hs_createdate", "hs_lastmodifieddate"):
        table.put(record, name, "2026-06-01T09:00:00Z")
    table.settle_index(world.sandbox.portal.now_ms() + 3_600_000)
    table.index_version += 1


def a_portal_with_a_plain_task_key(a_world: Callable[..., World], **vendor: Any) -> World:
    """Set up long ago, by hand: the property is there, and is not unique."""
    world = a_world(provisioned=False, **vendor)
    made = {"name": "kam_task_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "taskinformation"}
    world.call("POST", "/crm/v3/properties/tasks", made)
    assert "failed" not in {step.status for step in world.connect().setup(dry_run=False)}
    return world


def tasks_of(world: World, task: NewTask) -> list[str]:
    answer = world.call("GET", f"/crm/v4/objects/companies/{task.account_id}/associations/tasks", limit=500)
    ids = [str(one["toObjectId"]) for one in answer["results"]]
    read = [world.call("GET", f"/crm/v3/objects/tasks/{one}", properties="kam_task_key") for one in ids]
    return [one["id"] for one in read if one["properties"]["kam_task_key"] == task.key]


def test_where_the_task_key_is_not_unique_a_task_is_still_made_once_and_attached(a_world: Callable[..., World]) -> None:
    world = a_portal_with_a_plain_task_key(a_world)
    connection = world.connect()
    task = new_task(world, "Review:agenda:2026Q4:1")
    (made,) = connection.create_tasks([task])
    assert made.status == "done" and tasks_of(world, task) == [made.record_id]
    (again,) = connection.create_tasks([task])
    assert (again.status, again.record_id) == ("existed", made.record_id)
    list(connection.close_tasks([TaskRef(task.key, made.record_id)]))
    world.call("DELETE", f"/crm/v4/objects/tasks/{made.record_id}/associations/companies/{task.account_id}")
    (detached,) = connection.create_tasks([task])
    assert detached.status == "existed" and tasks_of(world, task) == [made.record_id]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
def test_where_the_task_key_is_not_unique_a_lost_answer_makes_no_second_task(a_world: Callable[..., World], kind: str) -> None:
    world = a_portal_with_a_plain_task_key(a_world, search_lag_seconds=3600.0)  # the search never shows it in time
    connection = world.connect()
    task = new_task(world)
    world.server.faults.add(kind, method="POST", path="/tasks/batch/create")
    first = [outcome.status for outcome in connection.create_tasks([task])]
    second = [outcome.status for outcome in connection.create_tasks([task])]
    assert (first, second) in [(["done"], ["existed"]), (["unknown"], ["done"])]
    assert len(tasks_of(world, task)) == 1


def test_one_task_that_cannot_be_deleted_does_not_keep_the_others(world: World) -> None:
    connection = world.connect()
    made = {o.ref: o.record_id for o in connection.create_tasks([new_task(world, key) for key in "abcd"])}
    refusal = {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}
    # The whole batch, the first half and its first task are refused.
    world.server.faults.add("status", method="POST", path="/tasks/batch/archive", times=3, status=400, body=refusal)
    outcomes = {o.ref: o.status for o in connection.delete_tasks([TaskRef(key, made[key]) for key in "abcd"])}
    assert outcomes == {"a": "rejected", "b": "done", "c": "done", "d": "done"}
