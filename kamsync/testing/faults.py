"""What a connector over HTTP promises on a bad line: one fault on any call changes nothing, and makes no task twice."""

from __future__ import annotations

from contextlib import suppress
from itertools import cycle

import pytest

from kamsync.contract import Connection
from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync.model.exchange import AccountUpdate, Outcome, TaskRef
from kamsync.sandbox.faults import Kind
from kamsync.testing.harness import Promises, RunningCrm, is_true

PASSING: tuple[Kind, ...] = ("reset_before", "reset_after", "truncate", "status")
AT_ONCE = {"retry-after": "0"}


class FaultPromises(Promises):
    """What a connector promises where calls fail or answers are lost."""

    @pytest.mark.parametrize("kind", ("reset_before", "reset_after", "status"))
    def test_a_fault_on_any_call_makes_no_task_twice_and_loses_none(
        self, crm: RunningCrm, connection: Connection, kind: Kind
    ) -> None:
        (account,) = crm.take_accounts(1)
        # The first creation also reads what a connection reads once.
        list(connection.create_tasks([crm.new_task(account, f"{kind}-first")]))
        calm = crm.new_task(account, f"{kind}-calm")
        calls = crm.calls_of(lambda: list(connection.create_tasks([calm])))
        assert calls

        for position in range(calls):
            task = crm.new_task(account, f"{kind}-{position}")
            fault = crm.server.faults.add(kind, skip=position, headers=AT_ONCE)
            (first,) = connection.create_tasks([task])
            assert fault.fired == 1
            crm.server.faults.clear()
            (second,) = connection.create_tasks([task])

            assert first.status in ("done", "existed", "unknown")
            assert second.status in (("done", "existed") if first.status == "unknown" else ("existed",))
            assert crm.tasks_named(task) == 1

    def test_what_a_call_with_a_lost_answer_made_is_ours(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        list(connection.create_tasks([crm.new_task(account, "lost-first")]))
        calm = crm.new_task(account, "lost-calm")
        calls = crm.calls_of(lambda: list(connection.create_tasks([calm])))

        for position in range(calls):
            task = crm.new_task(account, f"lost-{position}")
            fault = crm.server.faults.add("reset_after", skip=position, headers=AT_ONCE)
            (outcome,) = connection.create_tasks([task])
            crm.server.faults.clear()

            assert fault.fired == 1
            assert outcome.status != "existed"  # nobody else has made it
            seen = connection.fetch_tasks([TaskRef(task.key, outcome.record_id)])[task.key]
            assert (seen.key, seen.account_id) == (task.key, account)

    @pytest.mark.parametrize("kind", PASSING)
    def test_a_tier_is_never_written_without_what_the_program_decided(
        self, crm: RunningCrm, connection: Connection, kind: Kind
    ) -> None:
        accounts = crm.take_accounts(2)
        calls = crm.calls_of(lambda: _decide(connection, accounts, "A"))

        for position in range(calls):
            crm.server.faults.add(kind, skip=position, headers=AT_ONCE, status=400, body={"message": "no"})
            with suppress(KamsyncError):
                _decide(connection, accounts, "B" if position % 2 else "C")
            crm.server.faults.clear()

            for flags in connection.fetch_accounts(accounts, ["tier", "decided_tier"]).values():
                assert flags["tier"] == flags["decided_tier"]

    def test_a_refusal_of_any_call_is_mended_by_the_next_run(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        list(connection.create_tasks([crm.new_task(account, "refusal-first")]))
        calm = crm.new_task(account, "refusal-calm")
        calls = crm.calls_of(lambda: list(connection.create_tasks([calm])))

        for position in range(calls):
            task = crm.new_task(account, f"refusal-{position}")
            fault = crm.server.faults.add("status", skip=position, status=400, body={"message": "no"})
            with suppress(KamsyncError):
                list(connection.create_tasks([task]))
            assert fault.fired == 1
            crm.server.faults.clear()

            assert [outcome.status for outcome in connection.create_tasks([task])] in (["done"], ["existed"])
            assert crm.tasks_named(task) == 1  # at its account: also where the task was made and the association refused

    @pytest.mark.parametrize("kind", PASSING)
    def test_a_fault_on_any_call_changes_nothing_about_what_is_written(
        self, crm: RunningCrm, connection: Connection, kind: Kind
    ) -> None:
        accounts = crm.take_accounts(2)
        calls = crm.calls_of(lambda: _push(connection, accounts, 0.0))
        assert calls

        for position in range(calls):
            score = float(position + 1)
            fault = crm.server.faults.add(kind, skip=position, headers=AT_ONCE)
            outcomes = _push(connection, accounts, score)
            assert fault.fired == 1
            crm.server.faults.clear()

            assert {outcome.ref: outcome.status for outcome in outcomes} == dict.fromkeys(accounts, "done")
            assert connection.fetch_accounts(accounts, ["score"]) == {one: {"score": score} for one in accounts}

    @pytest.mark.parametrize("first", (0, 1))
    def test_faults_on_every_second_call_change_nothing_about_what_is_read(
        self, crm: RunningCrm, connection: Connection, first: int
    ) -> None:
        streams = (Stream.ACCOUNTS, Stream.OPPORTUNITIES, Stream.TASKS)
        requests = [crm.request(stream) for stream in streams]
        expected = crm.pull_all(connection, requests)
        calls = crm.calls_of(lambda: crm.pull_all(connection, requests))
        # A rule counts the calls that no earlier rule took, repetitions too, so these hit every second call that is new.
        faults = [
            crm.server.faults.add(kind, skip=position, headers=AT_ONCE)
            for position, kind in zip(range(first, calls, 2), cycle(PASSING), strict=False)
        ]

        pulled = crm.pull_all(connection, requests)

        assert all(fault.fired for fault in faults)
        assert {stream: pulled[stream].by_id() for stream in streams} == {stream: expected[stream].by_id() for stream in streams}

    @pytest.mark.parametrize("kind", ("reset_after", "status"))
    def test_closing_and_deleting_survive_a_lost_answer(self, crm: RunningCrm, connection: Connection, kind: Kind) -> None:
        (account,) = crm.take_accounts(1)
        tasks = [crm.new_task(account, f"{kind}-{name}") for name in ("closed", "removed")]
        made = {outcome.ref: TaskRef(outcome.ref, outcome.record_id) for outcome in connection.create_tasks(tasks)}

        crm.server.faults.add(kind, headers=AT_ONCE)
        (closed,) = connection.close_tasks([made[tasks[0].key]])
        crm.server.faults.add(kind, headers=AT_ONCE)
        (removed,) = connection.delete_tasks([made[tasks[1].key]])
        crm.server.faults.clear()

        assert (closed.status, removed.status) == ("done", "done")
        assert not is_true(crm.pull(connection, Stream.TASKS).by_id()[closed.record_id]["is_open"])
        assert (crm.tasks_named(tasks[0]), crm.tasks_named(tasks[1])) == (1, 0)


def _push(connection: Connection, accounts: list[str], score: float) -> list[Outcome]:
    return list(connection.push_accounts([AccountUpdate(one, one, {"score": score}) for one in accounts]))


def _decide(connection: Connection, accounts: list[str], tier: str) -> None:
    list(connection.push_accounts([AccountUpdate(one, one, {"tier": tier, "decided_tier": tier}) for one in accounts]))
