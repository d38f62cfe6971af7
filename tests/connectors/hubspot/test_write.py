"""What reaches the portal: flags, tasks, and the portal's own furniture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from kamsync.contract import DoctorRequest, Secret, TierChoice
from kamsync.errors import AccessDenied, ConfigError, PlanRefused, TryLater
from kamsync.model import Stream, Value
from kamsync.model.exchange import AccountUpdate
from tests.connectors.hubspot.tasks import company_ids, new_task

World = Any
IN_PART = {
    "status": "COMPLETE",
    "results": [],
    "numErrors": 1,
    "errors": [{"status": "error", "message": "Some could not be handled."}],
}


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


@pytest.mark.parametrize(
    "refusal", [{"status": 400, "body": {"status": "error", "message": "no"}}, {"status": 207, "body": IN_PART}]
)
def test_what_is_refused_after_a_lost_answer_is_not_known(world: World, refusal: dict[str, Any]) -> None:
    connection = world.connect()
    updates = [AccountUpdate(one, one, {"tier": "B"}) for one in company_ids(world, 3)]
    world.server.faults.add("reset_after", method="POST", path="/companies/batch/update")
    world.server.faults.add("status", method="POST", path="/companies/batch/update", times=None, **refusal)
    assert {outcome.status for outcome in connection.push_accounts(updates)} == {"unknown"}
    world.server.faults.clear()
    assert {flags["tier"] for flags in connection.fetch_accounts([u.account_id for u in updates], ["tier"]).values()} == {"B"}


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
    assert world.call("GET", "/crm/v3/properties/companies/kam_tier")["label"] == "Categoria da conta-chave"


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
