"""What reaches the portal: flags, tasks, and the portal's own furniture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from kamsync.contract import DoctorRequest, Secret, TierChoice
from kamsync.errors import AccessDenied, ConfigError, PlanRefused, TryLater
from kamsync.model import AccountUpdate, NewTask, Stream, TaskRef, Value

World = Any


def new_task(world: World, key: str = "k1", **more: Any) -> NewTask:
    company = world.call("GET", "/crm/v3/objects/companies", limit=1)["results"][0]["id"]
    owner = world.call("GET", "/crm/v3/owners", limit=1)["results"][0]["id"]
    task = NewTask(key, company, owner, "Call <them>", "Ask & listen\n<b>now</b>", date(2026, 12, 1), "high")
    return replace(task, **more)


def company_ids(world: World, count: int) -> list[str]:
    return [one["id"] for one in world.call("GET", "/crm/v3/objects/companies", limit=count)["results"]]


def test_flags_are_written_cleared_and_read_back(world: World) -> None:
    connection = world.connect()
    (one,) = company_ids(world, 1)
    moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    fields: dict[str, Value] = {
        "tier": "A",
        "score": 71.5,
        "reasons": "Grows",
        "since": date(2026, 11, 1),
        "evaluated_at": moment,
    }
    (outcome,) = connection.push_accounts([AccountUpdate(one, "One", fields)])
    assert outcome.status == "done"
    assert connection.fetch_accounts([one, "999"], list(fields)) == {one: fields}
    list(connection.push_accounts([AccountUpdate(one, "One", {"tier": None, "since": None})]))
    assert connection.fetch_accounts([one], ["tier", "since"]) == {one: {"tier": None, "since": None}}


def test_one_bad_value_and_one_lost_company_do_not_stop_the_rest(world: World) -> None:
    connection = world.connect()
    ids = company_ids(world, 9)
    updates = [AccountUpdate(one, one, {"tier": "B"}) for one in ids]
    updates[4] = AccountUpdate(ids[4], "bad", {"tier": "Z"})
    updates.append(AccountUpdate("999999", "gone", {"tier": "B"}))
    outcomes = {outcome.ref: outcome for outcome in connection.push_accounts(updates)}
    assert {ref for ref, outcome in outcomes.items() if outcome.status == "rejected"} == {ids[4], "999999"}
    assert "Z" in outcomes[ids[4]].message
    assert outcomes[ids[4]].url.endswith(f"/record/0-2/{ids[4]}")
    assert len(outcomes) == 10


def test_a_task_is_created_once_also_when_the_answer_was_lost(world: World) -> None:
    connection = world.connect()
    task = new_task(world)
    world.server.faults.add("reset_after", method="POST", path="/tasks/batch/upsert")
    (outcome,) = connection.create_tasks([task])
    assert outcome.status in ("done", "existed")
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
    world.server.faults.add("status", method="POST", path="/associations/tasks/companies/batch/create", status=400, body=refusal)
    (outcome,) = connection.create_tasks([task])
    assert outcome.status == "unknown"
    assert "not attached" in outcome.message
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
    assert rows == {"a": False, "b": True}


def test_setup_makes_what_is_missing_once_and_a_rehearsal_makes_nothing(a_world: Callable[..., World]) -> None:
    world = a_world(provisioned=False)
    connection = world.connect()
    rehearsal = list(connection.setup(dry_run=True))
    assert {step.status for step in rehearsal} == {"would_create"}
    made = list(connection.setup(dry_run=False))
    assert {step.status for step in made} == {"created"}
    assert {step.name for step in made} >= {"companies.kam_tier", "tasks.kam_task_key", "Key accounts – A"}
    assert {step.status for step in connection.setup(dry_run=False)} == {"exists"}
    assert [o.status for o in connection.create_tasks([new_task(world)])] == ["done"]
    more = world.connect(tiers=(*world.context().tiers, TierChoice("D", "D")))
    changed = {step.name: step.status for step in more.setup(dry_run=False) if step.status != "exists"}
    assert changed == {
        "companies.kam_tier": "updated",
        "companies.kam_tier_override": "updated",
        "Key accounts – D": "created",
    }


def test_setup_speaks_the_programmes_language(a_world: Callable[..., World]) -> None:
    world = a_world(provisioned=False)
    list(world.connect(language="pt_BR").setup(dry_run=False))
    assert world.call("GET", "/crm/v3/properties/companies/kam_tier")["label"] == "Nível da conta-chave"


def test_doctor_is_content_after_setup_and_names_what_is_missing_before(a_world: Callable[..., World]) -> None:
    world = a_world(provisioned=False)
    connection = world.connect()
    request = DoctorRequest((world.request(Stream.ACCOUNTS), world.request(Stream.OPPORTUNITIES), world.request(Stream.TASKS)))
    before = {finding.check for finding in connection.diagnose(request) if finding.status == "failed"}
    assert "companies.kam_tier" in before
    list(connection.setup(dry_run=False))
    assert [finding for finding in connection.diagnose(request) if finding.status == "failed"] == []


def test_a_wrong_token_is_denied_and_never_shown(world: World) -> None:
    secret = "pat-na1-wrong-wrong-wrong"
    with pytest.raises(AccessDenied) as caught:
        world.connect(world.settings(access_token=Secret(secret)))
    assert secret not in caught.value.message + caught.value.fix


def test_an_oauth_token_that_expires_in_the_middle_is_renewed(a_world: Callable[..., World]) -> None:
    now = [1_795_000_000.0]
    world = a_world(clock=lambda: now[0])
    options = world.sandbox.portal.options
    settings = world.settings(
        access_token=None,
        client_id=options.client_id,
        client_secret=Secret(options.client_secret),
        refresh_token=Secret(options.refresh_token),
    )
    connection = world.connect(settings)
    now[0] += 4_000
    assert world.pull(connection, Stream.ACCOUNTS).rows
    with pytest.raises(AccessDenied, match="refused the sign-in"):
        world.connect({**settings, "client_secret": Secret("not-the-secret")})


def test_settings_that_make_no_sense_are_refused_before_any_call(world: World) -> None:
    with pytest.raises(ConfigError, match="no way to sign in"):
        world.connect(world.settings(access_token=None))
    with pytest.raises(ConfigError, match="clear text"):
        world.connect(world.settings(base_url="http://api.hubapi.example"))
    assert not world.server.requests


def test_a_burst_limit_is_waited_for_and_a_spent_day_is_not(a_world: Callable[..., World]) -> None:
    world = a_world()
    connection = world.connect()
    second = {"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}
    world.server.faults.add("status", path="/objects/companies", status=429, body=second)
    assert len(world.pull(connection, Stream.ACCOUNTS).rows) == 40
    daily = {**second, "policyName": "DAILY"}
    fault = world.server.faults.add("status", path="/objects/companies", status=429, body=daily, times=None)
    with pytest.raises(TryLater, match="day"):
        world.pull(connection, Stream.ACCOUNTS)
    assert fault.fired == 1


def test_a_run_takes_no_more_than_its_share_of_the_days_calls(a_world: Callable[..., World]) -> None:
    world = a_world(daily=20)
    connection = world.connect(api_budget_share=0.25)
    with pytest.raises(PlanRefused, match="budget"):
        for _ in range(20):
            world.pull(connection, Stream.OWNERS)
    assert world.server.calls() <= 6


def test_searches_stay_under_their_own_limit(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=5, opportunities=0, limits=True)
    connection = world.connect()
    cursor = world.pull(connection, Stream.ACCOUNTS).last.cursor
    for _ in range(7):
        world.pull(connection, Stream.ACCOUNTS, cursor)
    assert 429 not in {request.status for request in world.server.requests}


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


def test_one_bad_option_in_a_whole_batch_costs_two_calls_and_each_other_one_two_more(a_world: Callable[..., World]) -> None:
    world = a_world(accounts=100)
    connection = world.connect()
    ids = company_ids(world, 100)
    before = world.server.calls()
    outcomes = list(connection.push_accounts([AccountUpdate(one, one, {"tier": "Z"}) for one in ids]))
    assert {outcome.status for outcome in outcomes} == {"rejected"} and len(outcomes) == 100
    assert world.server.calls() - before == 2
    mixed = [AccountUpdate(one, one, {"tier": "ABXY"[number % 4]}) for number, one in enumerate(ids)]
    before = world.server.calls()
    outcomes = list(connection.push_accounts(mixed))
    assert sum(outcome.status == "done" for outcome in outcomes) == 50 and len({outcome.ref for outcome in outcomes}) == 100
    assert world.server.calls() - before <= 5


def test_one_task_that_cannot_be_deleted_does_not_keep_the_others(world: World) -> None:
    connection = world.connect()
    made = {o.ref: o.record_id for o in connection.create_tasks([new_task(world, key) for key in "abcd"])}
    refusal = {"status": "error", "message": "no", "category": "VALIDATION_ERROR"}
    # The whole batch, the first half and its first task are refused.
    world.server.faults.add("status", method="POST", path="/tasks/batch/archive", times=3, status=400, body=refusal)
    outcomes = {o.ref: o.status for o in connection.delete_tasks([TaskRef(key, made[key]) for key in "abcd"])}
    assert outcomes == {"a": "rejected", "b": "done", "c": "done", "d": "done"}


def mirroring(world: World) -> Any:
    mapping = world.context().mapping
    return replace(mapping, options={**mapping.options, "mirror_target_account": True})


def target_account(world: World, company: str) -> tuple[str | None, str | None]:
    names = ("hs_is_target_account", "hs_ideal_customer_profile")
    shown = world.call("GET", f"/crm/v3/objects/companies/{company}", properties=",".join(names))["properties"]
    return shown[names[0]], shown[names[1]]


def test_hubspots_own_target_account_follows_the_tier_where_the_mapping_says_so(world: World) -> None:
    connection = world.connect(mapping=mirroring(world))
    first, second = company_ids(world, 2)
    list(connection.push_accounts([AccountUpdate(first, "1", {"tier": "A"}), AccountUpdate(second, "2", {"tier": "C"})]))
    assert target_account(world, first) == ("true", "tier_1")
    assert target_account(world, second) == ("true", "tier_3")
    list(connection.push_accounts([AccountUpdate(first, "1", {"tier": None}), AccountUpdate(second, "2", {"score": 51.0})]))
    assert target_account(world, first) in [("false", None), ("false", "")]
    assert target_account(world, second) == ("true", "tier_3")


def test_hubspots_own_target_account_is_left_alone_otherwise(world: World) -> None:
    (one,) = company_ids(world, 1)
    before = target_account(world, one)
    list(world.connect().push_accounts([AccountUpdate(one, "1", {"tier": "A"})]))
    assert target_account(world, one) == before


def test_doctor_looks_for_the_target_account_properties_that_would_be_filled(world: World) -> None:
    found = {f.check: f.status for f in world.connect(mapping=mirroring(world)).diagnose(DoctorRequest(()))}
    assert found["target accounts"] == "ok"
    assert "target accounts" not in {f.check for f in world.connect().diagnose(DoctorRequest(()))}
