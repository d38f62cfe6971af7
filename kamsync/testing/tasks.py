"""What a connector promises about tasks: one for a key, for ever, at its account, whatever people did with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kamsync.contract import Connection, HandsTasksOver
from kamsync.model import Stream
from kamsync.model.exchange import NewTask, TaskHandOver, TaskRef, TaskSeen
from kamsync.testing.harness import DUE, Promises, RunningCrm, as_date, is_true


class TaskPromises(Promises):
    """What a connector promises about tasks and their keys."""

    def test_a_task_is_made_at_its_account_for_its_owner(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "made")

        (outcome,) = connection.create_tasks([task])

        assert (outcome.ref, outcome.status) == (task.key, "done")
        assert crm.tasks_named(task) == 1
        row = crm.pull(connection, Stream.TASKS).by_id()[outcome.record_id]
        assert (row["key"], row["account_id"], row["owner_id"]) == (task.key, account, task.owner_id)
        assert row["subject"] == task.subject
        assert as_date(row["due"]) == DUE
        assert is_true(row["is_open"])
        assert not is_true(row["is_deleted"])

    def test_a_key_is_used_once(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "once")

        (made,) = connection.create_tasks([task])
        (again,) = crm.connect().create_tasks([task])

        assert (again.status, again.record_id) == ("existed", made.record_id)
        assert crm.tasks_named(task) == 1

    def test_a_key_that_comes_twice_in_one_call_makes_one_task(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "twice")

        outcomes = list(connection.create_tasks([task, task]))

        assert sorted(outcome.status for outcome in outcomes) == ["done", "existed"]
        assert crm.tasks_named(task) == 1

    def test_a_task_that_people_finished_or_deleted_is_not_made_again(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        finished, deleted = crm.new_task(account, "finished"), crm.new_task(account, "deleted")
        made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks([finished, deleted])}
        crm.view.complete_task(made["finished"])
        crm.people.delete_task(made["deleted"])

        again = {outcome.ref: outcome.status for outcome in connection.create_tasks([finished, deleted])}

        assert again == {"finished": "existed", "deleted": "existed"}
        assert (crm.tasks_named(finished), crm.tasks_named(deleted)) == (1, 0)
        assert not _is_open(crm, finished)

    def test_a_task_for_nobody_does_not_stop_the_others(self, crm: RunningCrm, connection: Connection) -> None:
        account, deleted = crm.take_accounts(2)
        crm.people.delete_account(deleted)
        good, bad = crm.new_task(account, "good"), crm.new_task(deleted, "for-nobody")

        outcomes = {outcome.ref: outcome for outcome in connection.create_tasks([bad, good])}

        assert outcomes[good.key].status == "done"
        assert outcomes.keys() == {good.key, bad.key}
        assert outcomes[bad.key].message
        assert crm.tasks_named(good) == 1

    def test_a_closed_task_is_closed_and_closing_it_again_is_done(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "to-close")
        (made,) = connection.create_tasks([task])
        reference = TaskRef(task.key, made.record_id)

        (closed,) = connection.close_tasks([reference])
        (again,) = connection.close_tasks([reference])

        assert (closed.ref, closed.status, again.status) == (task.key, "done", "done")
        assert not _is_open(crm, task)
        assert not is_true(crm.pull(connection, Stream.TASKS).by_id()[made.record_id]["is_open"])

    def test_a_task_that_is_handed_over_is_the_new_persons_and_else_as_it_was(
        self, crm: RunningCrm, connection: Connection
    ) -> None:
        if not isinstance(connection, HandsTasksOver):
            assert not connection.capabilities.reassigns
            pytest.skip("this connector hands no tasks over")
        account, other = crm.take_accounts(2)
        task, lost = crm.new_task(account, "to-hand-over"), crm.new_task(other, "to-lose")
        made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks([task, lost])}
        crm.people.delete_task(made[lost.key])
        owners = crm.pull(connection, Stream.OWNERS).rows
        person = next(str(one["id"]) for one in owners if is_true(one["is_active"]) and one["id"] != task.owner_id)
        before = connection.fetch_tasks([TaskRef(task.key, made[task.key])])[task.key]

        (handed,) = connection.reassign_tasks([TaskHandOver(task.key, made[task.key], person)])
        (again,) = connection.reassign_tasks([TaskHandOver(task.key, "", person)])
        (gone,) = connection.reassign_tasks([TaskHandOver(lost.key, made[lost.key], person)])

        assert connection.capabilities.reassigns
        assert (handed.ref, handed.status, again.status, gone.status) == (task.key, "done", "done", "done")
        after = connection.fetch_tasks([TaskRef(task.key, made[task.key])])[task.key]
        assert after == replace(before, owner_id=person)

    def test_a_deleted_task_is_gone_and_deleting_or_closing_it_again_is_done(
        self, crm: RunningCrm, connection: Connection
    ) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "to-delete")
        (made,) = connection.create_tasks([task])
        reference = TaskRef(task.key, made.record_id)

        (deleted,) = connection.delete_tasks([reference])
        (again,) = connection.delete_tasks([reference])
        (closed,) = connection.close_tasks([reference])

        assert (deleted.ref, deleted.status, again.status, closed.status) == (task.key, "done", "done", "done")
        assert crm.tasks_named(task) == 0

    def test_new_finished_and_deleted_tasks_arrive_with_the_next_pull(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        finished, deleted, fresh = (crm.new_task(account, f"next-{name}") for name in ("finished", "deleted", "fresh"))
        made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks([finished, deleted])}
        cursor = crm.pull(connection, Stream.TASKS).last.cursor
        crm.view.complete_task(made[finished.key])
        crm.people.delete_task(made[deleted.key])
        (new,) = connection.create_tasks([fresh])

        second = crm.pull(crm.connect(), Stream.TASKS, cursor)

        rows = second.by_id()
        assert not is_true(rows[made[finished.key]]["is_open"])
        assert is_true(rows[new.record_id]["is_open"])
        gone = rows.get(made[deleted.key])
        assert made[deleted.key] in second.deleted or (gone is not None and is_true(gone["is_deleted"]))

    def test_a_look_at_tasks_sees_what_was_just_written_by_id_and_by_key(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "looked-at")
        (made,) = connection.create_tasks([task])
        refs = [TaskRef(task.key, made.record_id), TaskRef(task.key, "")]
        fresh = TaskSeen(made.record_id, task.key, account, task.owner_id, task.subject, DUE, is_open=True)

        assert [connection.fetch_tasks([ref]) for ref in refs] == [{task.key: fresh}, {task.key: fresh}]
        list(connection.close_tasks(refs[:1]))
        closed = replace(fresh, is_open=False)
        assert [connection.fetch_tasks([ref]) for ref in refs] == [{task.key: closed}, {task.key: closed}]
        without = connection.fetch_tasks(refs[:1], with_accounts=False)[task.key]
        assert replace(without, account_id=account) == closed

    def test_a_look_at_many_tasks_leaves_out_the_keys_that_nobody_has(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        tasks = [crm.new_task(account, f"among-many-{number}") for number in range(3)]
        list(connection.create_tasks(tasks[:2]))

        seen = connection.fetch_tasks([TaskRef(task.key, "") for task in tasks])

        assert {key: task.subject for key, task in seen.items()} == {task.key: task.subject for task in tasks[:2]}

    def test_a_look_at_a_task_that_people_deleted_says_so(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "looked-at-deleted")
        (made,) = connection.create_tasks([task])
        crm.people.delete_task(made.record_id)

        for ref in (TaskRef(task.key, made.record_id), TaskRef(task.key, "")):
            seen = connection.fetch_tasks([ref]).get(task.key)
            assert seen is None or seen.is_deleted

    def test_a_key_that_undo_has_freed_may_be_used_again(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "freed")
        (made,) = connection.create_tasks([task])

        (deleted,) = connection.delete_tasks([TaskRef(task.key, made.record_id)])
        assert not connection.fetch_tasks([TaskRef(task.key, "")])
        (again,) = crm.connect().create_tasks([task])

        assert (deleted.status, again.status) == ("done", "done")
        assert again.record_id != made.record_id
        assert crm.tasks_named(task) == 1

    def test_a_task_without_its_account_is_told_without_and_completed_by_the_next_creation(
        self, crm: RunningCrm, connection: Connection
    ) -> None:
        if not connection.capabilities.attaches_later:
            pytest.skip("made whole by one call: a task without its account is a person's doing, and stays so")
        (account,) = crm.take_accounts(1)
        task = crm.new_task(account, "loose")
        (made,) = connection.create_tasks([task])
        ref = TaskRef(task.key, made.record_id)
        crm.people.detach_task(made.record_id)

        assert connection.fetch_tasks([ref])[task.key].account_id == ""
        assert not crm.pull(crm.connect(), Stream.TASKS).by_id()[made.record_id]["account_id"]
        (again,) = crm.connect().create_tasks([task])

        assert (again.status, again.record_id) == ("existed", made.record_id)
        assert connection.fetch_tasks([ref])[task.key].account_id == account
        assert crm.tasks_named(task) == 1


def _is_open(crm: RunningCrm, task: NewTask) -> bool:
    return any(shown.is_open for shown in crm.view.tasks(task.account_id) if shown.subject == task.subject)
