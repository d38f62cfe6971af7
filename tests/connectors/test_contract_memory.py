"""The in-memory CRM before the contract suite, in both of its behaviours, and what it promises of its own: faults and people."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from kamsync.contract import Context, PullRequest, TierChoice
from kamsync.errors import TryLater
from kamsync.model import STREAMS, Stream
from kamsync.model.exchange import AccountUpdate, NewTask, TaskRef
from kamsync.testing import Harness, NeutralContract
from kamsync.testing.harness import DUE
from kamsync.testing.memory import (
    CONNECTOR,
    HUBSPOT_LIKE,
    SALESFORCE_LIKE,
    AnswerLost,
    Behaviour,
    Killed,
    MemoryConnection,
    MemoryCrm,
    memory_mapping,
)
from tests.connectors.people import MemoryPeople


class TestMemory(NeutralContract):
    harness = Harness(CONNECTOR, memory_mapping(), MemoryPeople)


class TestMemoryLikeHubSpot(NeutralContract):
    harness = Harness(CONNECTOR, memory_mapping(), MemoryPeople, {"behaviour": HUBSPOT_LIKE})


class Desk:
    """An org with one account, and connections to it."""

    def __init__(self, behaviour: Behaviour = SALESFORCE_LIKE) -> None:
        self.crm = MemoryCrm(behaviour=behaviour)
        self.owner = self.crm.add_owner("Ana", "ana@example.com")
        self.account = self.crm.add_account("Acme", owner_id=self.owner)

    def connect(self) -> MemoryConnection:
        return MemoryConnection(self.crm, Context(memory_mapping(), ZoneInfo("UTC"), (TierChoice("A", "A"),)))

    def task(self, key: str = "plan:call:once:1") -> NewTask:
        return NewTask(key, self.account, self.owner, "Call Acme", "", DUE)


@pytest.fixture(params=[SALESFORCE_LIKE, HUBSPOT_LIKE], ids=["salesforce", "hubspot"])
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def test_it_needs_no_pytest() -> None:
    program = "import sys; import kamsync.testing.memory; sys.exit('pytest' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_a_call_with_a_lost_answer_made_is_ours(desk: Desk) -> None:
    desk.crm.faults.add("lose", call="create_tasks")

    (outcome,) = desk.connect().create_tasks([desk.task()])

    assert outcome.status == "done"
    assert [task.id for task in desk.crm.tasks(desk.account)] == [outcome.record_id]


def test_where_no_question_is_answered_either_the_outcome_is_unknown_and_the_next_run_tells(desk: Desk) -> None:
    desk.crm.faults.add("lose", call="create_tasks")
    desk.crm.faults.add("raise", call="find_tasks", skip=1)

    (outcome,) = desk.connect().create_tasks([desk.task()])
    (again,) = desk.connect().create_tasks([desk.task()])

    assert (outcome.status, again.status) == ("unknown", "existed")
    assert len(desk.crm.tasks(desk.account)) == 1


def test_an_update_with_a_lost_answer_is_done_and_unknown(desk: Desk) -> None:
    desk.crm.faults.add("lose", call="push_accounts")

    (outcome,) = desk.connect().push_accounts([AccountUpdate(desk.account, "Acme", {"tier": "A"})])

    assert outcome.status == "unknown"
    assert desk.crm.flag(desk.account, "tier") == "A"


@pytest.mark.parametrize(("kind", "made"), [("kill_before", 0), ("kill_after", 1)])
def test_a_killed_process_leaves_the_crm_as_the_last_call_left_it(kind: str, made: int) -> None:
    desk = Desk()
    desk.crm.faults.add(kind, call="create_tasks")  # type: ignore[arg-type]  # parametrized text

    with pytest.raises(Killed):
        list(desk.connect().create_tasks([desk.task()]))

    assert len(desk.crm.tasks(desk.account)) == made


def test_a_task_whose_association_failed_is_unknown_and_completed_by_the_next_creation() -> None:
    desk = Desk(HUBSPOT_LIKE)
    desk.crm.faults.fail_association()

    (outcome,) = desk.connect().create_tasks([desk.task()])
    loose = desk.crm.tasks(desk.account)
    (again,) = desk.connect().create_tasks([desk.task()])

    assert (outcome.status, loose, again.status) == ("unknown", [], "existed")
    assert [task.id for task in desk.crm.tasks(desk.account)] == [outcome.record_id]


def test_a_run_may_end_between_freeing_a_key_and_deleting_its_task(desk: Desk) -> None:
    (made,) = desk.connect().create_tasks([desk.task()])
    ref = TaskRef(made.ref, made.record_id)
    desk.crm.faults.add("kill_before", call="delete_tasks")

    with pytest.raises(Killed):
        list(desk.connect().delete_tasks([ref]))

    seen = desk.connect().fetch_tasks([ref])[ref.key]
    assert (seen.key, seen.is_deleted) == ("", False)


def test_a_refused_record_stops_no_other(desk: Desk) -> None:
    other = desk.crm.add_account("Beta", owner_id=desk.owner)
    desk.crm.faults.refuse(desk.account, "no")

    outcomes = desk.connect().push_accounts([AccountUpdate(one, one, {"tier": "A"}) for one in (desk.account, other)])

    assert {outcome.ref: outcome.status for outcome in outcomes} == {desk.account: "rejected", other: "done"}


def test_an_index_that_lags_hides_changes_from_pulls_but_from_no_look_by_id(desk: Desk) -> None:
    connection = desk.connect()
    (made,) = connection.create_tasks([desk.task()])
    request = PullRequest(Stream.TASKS, STREAMS[Stream.TASKS].columns)
    (first,) = connection.pull([request])
    since = replace(request, cursor=first.cursor)
    desk.crm.stop_index()
    desk.crm.complete_task(made.record_id)

    (hidden,) = connection.pull([since])
    desk.crm.catch_up()
    (shown,) = connection.pull([replace(since, cursor=hidden.cursor)])

    assert (len(list(hidden.rows)), len(list(shown.rows))) == (0, 1)
    assert connection.fetch_tasks([TaskRef(made.ref, made.record_id)])[made.ref].is_open is False


def test_a_fault_on_a_read_is_an_error_of_ours(desk: Desk) -> None:
    desk.crm.faults.add("lose", call="fetch_accounts")
    with pytest.raises(AnswerLost) as caught:
        desk.connect().fetch_accounts([desk.account], ["tier"])
    assert isinstance(caught.value, TryLater) and caught.value.fix


def test_the_log_tells_who_changed_what(desk: Desk) -> None:
    before = len(desk.crm.log)
    desk.crm.set_flag(desk.account, "override", "A")
    list(desk.connect().push_accounts([AccountUpdate(desk.account, "Acme", {"tier": "A"})]))

    changes = [(one.author, one.stream, one.name, one.before, one.after) for one in desk.crm.log[before:]]
    assert changes == [
        ("people", Stream.ACCOUNTS, "kam_override", None, "A"),
        ("program", Stream.ACCOUNTS, "kam_tier", None, "A"),
    ]


def test_a_restored_org_is_as_it_was_and_every_restored_record_is_a_changed_one(desk: Desk) -> None:
    backup = desk.crm.backup()
    desk.crm.set_flag(desk.account, "tier", "A")
    list(desk.connect().create_tasks([desk.task()]))
    stamp = desk.crm.records.stamp

    desk.crm.restore(backup)

    assert desk.crm.flag(desk.account, "tier") is None
    assert desk.crm.tasks() == []
    assert desk.crm.account(desk.account).changed > stamp
