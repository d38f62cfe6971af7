"""The connector against the sandbox org over real HTTP: the whole contract on an ordinary org, and every fault on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kamsync.certificates import CA_VARIABLES
from kamsync.contract import DoctorRequest, Page, PullRequest
from kamsync.errors import AccessDenied, ConfigError, PlanRefused
from kamsync.model import Stream, TaskType
from kamsync.model.exchange import AccountUpdate, Outcome, TaskRef
from kamsync.sandbox.server import SandboxServer
from kamsync_salesforce.connection import SalesforceConnection
from kamsync_salesforce.sandbox.org import PASSWORD, SECURITY_TOKEN, USERNAME
from kamsync_salesforce.sandbox.writes import Writer
from tests.connectors.salesforce.orgs import (
    TODAY,
    a_person,
    account_ids,
    an_org,
    connected,
    count,
    cursors_of,
    everything,
    ids,
    pulled,
    some_tasks,
)

EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
QUERY = r"/query(All)?/?"


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxServer]:
    """For tests that only read."""
    with an_org() as server:
        yield server


@pytest.fixture(scope="module")
def whole(shared: SandboxServer) -> dict[Stream, Page]:
    """All that it holds, pulled once without a fault."""
    return pulled(connected(shared))


@pytest.fixture
def own() -> Iterator[SandboxServer]:
    """For tests that write."""
    with an_org(accounts=60, opportunities=200) as server:
        yield server


def test_a_full_pull_brings_what_the_org_holds(shared: SandboxServer, whole: dict[Stream, Page]) -> None:
    connection, pages = connected(shared), whole

    assert len(ids(pages[Stream.ACCOUNTS])) == count(connection, "SELECT COUNT() FROM Account")
    assert len(set(ids(pages[Stream.OPPORTUNITIES]))) == count(connection, "SELECT COUNT() FROM Opportunity")
    assert len(ids(pages[Stream.LINE_ITEMS])) == count(connection, "SELECT COUNT() FROM OpportunityLineItem")
    assert len(ids(pages[Stream.OWNERS])) == count(connection, "SELECT COUNT() FROM User")
    assert {row[2] for row in pages[Stream.ACTIVITIES].rows} >= {"task", "meeting"}
    assert all(page.full for page in pages.values())
    probabilities = [row[9] for row in pages[Stream.OPPORTUNITIES].rows]
    assert all(value is None or 0 <= value <= 1 for value in probabilities)


def test_a_pull_in_which_nothing_changed_is_cheap_and_brings_no_more_than_the_overlap(
    shared: SandboxServer, whole: dict[Stream, Page]
) -> None:
    again = connected(shared)

    second = pulled(again, cursors_of(whole))

    assert again.usage().used_by_us <= 14
    assert not second[Stream.ACCOUNTS].full
    assert set(ids(second[Stream.ACCOUNTS])) <= set(ids(whole[Stream.ACCOUNTS]))


def test_changes_and_deletions_since_the_last_pull_are_found(own: SandboxServer) -> None:
    connection = connected(own)
    first = pulled(connection, only=(Stream.ACCOUNTS,))
    account, other = ids(first[Stream.ACCOUNTS])[:2]
    person = a_person(connection)
    person.Account.update(account, {"Name": "Renamed by a person"})
    person.Account.delete(other)

    second = pulled(connection, cursors_of(first), only=(Stream.ACCOUNTS,))

    assert next(row[1] for row in second[Stream.ACCOUNTS].rows if row[0] == account) == "Renamed by a person"
    assert other in second[Stream.ACCOUNTS].deleted_ids


@pytest.mark.parametrize("kind", ["status", "html", "reset_before", "reset_after", "truncate"])
def test_a_fault_on_any_page_loses_nothing(shared: SandboxServer, whole: dict[Stream, Page], kind: Any) -> None:
    expected = {stream: ids(page) for stream, page in whole.items() if stream is not Stream.RATES}
    connection = connected(shared)
    shared.faults.add(kind, method="GET", path=QUERY, skip=3, times=2, headers={"Retry-After": "0"})
    try:
        pages = pulled(connection)
    finally:
        shared.faults.clear()

    assert {stream: ids(page) for stream, page in pages.items() if stream is not Stream.RATES} == expected


def test_a_session_that_expires_in_the_middle_is_renewed_without_losing_a_page(
    shared: SandboxServer, whole: dict[Stream, Page]
) -> None:
    expected = ids(whole[Stream.OPPORTUNITIES])
    connection = connected(shared)
    shared.faults.add("status", path=QUERY, skip=5, times=1, status=401, body=EXPIRED)
    try:
        pages = pulled(connection)
    finally:
        shared.faults.clear()

    assert ids(pages[Stream.OPPORTUNITIES]) == expected


def test_before_setup_a_pull_says_what_is_lacking_and_afterwards_nothing_is(tmp_path: Path) -> None:
    with an_org(accounts=40, opportunities=50, provisioned=False) as server:
        connection = connected(server)
        assert "tier" in pulled(connection, only=(Stream.ACCOUNTS,))[Stream.ACCOUNTS].lacking

        first = list(connection.setup(dry_run=False, metadata_folder=tmp_path))
        second = list(connection.setup(dry_run=False))

        assert [step for step in first if step.status == "failed"] == []
        assert {step.status for step in second} == {"exists"}
        after = pulled(connected(server), only=(Stream.ACCOUNTS,))[Stream.ACCOUNTS]
        assert after.rows and not after.lacking


def test_a_dry_run_of_setup_changes_nothing() -> None:
    with an_org(accounts=10, opportunities=10, provisioned=False) as server:
        steps = list(connected(server).setup(dry_run=True))

        assert {step.status for step in steps} == {"would_create"}
        assert {step.status for step in connected(server).setup(dry_run=True)} == {"would_create"}


def test_flags_are_written_read_back_and_cleared(own: SandboxServer) -> None:
    connection = connected(own)
    account = account_ids(connection)[0]
    moment = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)
    values: dict[str, Any] = {
        "tier": "A",
        "score": 81.25,
        "reasons": "Größe: 40 · growth",
        "since": date(2025, 6, 2),
        "evaluated_at": moment,
    }

    assert [outcome.status for outcome in connection.push_accounts([AccountUpdate(account, "x", values)])] == ["done"]
    assert connection.fetch_accounts([account], list(values))[account] == values

    list(connection.push_accounts([AccountUpdate(account, "x", {"tier": None, "since": None})]))
    assert connection.fetch_accounts([account], ["tier", "since", "score"])[account] == {
        "tier": None,
        "since": None,
        "score": 81.25,
    }


def test_one_bad_record_does_not_stop_the_others_and_a_gone_one_is_missing(own: SandboxServer) -> None:
    connection = connected(own)
    known = account_ids(connection)
    updates = [AccountUpdate(record_id, "x", {"tier": "B"}) for record_id in [*known, "001000000000000AAA"]]
    updates[3] = AccountUpdate(updates[3].account_id, "x", {"reasons": "x" * 300})

    outcomes = {outcome.ref: outcome for outcome in connection.push_accounts(updates)}

    rejected = {ref for ref, outcome in outcomes.items() if outcome.status == "rejected"}
    assert rejected == {updates[3].account_id, "001000000000000AAA"}
    assert "STRING_TOO_LONG" in outcomes[updates[3].account_id].message
    assert set(connection.fetch_accounts([*known, "001000000000000AAA"], ["tier"])) == set(known)


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "truncate", "status"])
def test_no_fault_makes_a_second_task(own: SandboxServer, kind: Any) -> None:
    connection = connected(own)
    tasks = some_tasks(connection, 5)
    own.faults.add(kind, path="composite/sobjects", times=1)

    outcomes = {outcome.ref: outcome.status for outcome in connection.create_tasks(tasks)}
    again = {outcome.ref: outcome.status for outcome in connection.create_tasks(tasks)}

    assert set(outcomes.values()) == {"done"} and set(again.values()) == {"existed"}
    assert count(connection, "SELECT COUNT() FROM Task WHERE KAM_Task_Key__c LIKE 'welcome:%'") == 5


def test_a_task_that_a_person_completed_or_deleted_is_known_and_not_made_again(own: SandboxServer) -> None:
    connection = connected(own)
    tasks = some_tasks(connection, 3)
    made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks(tasks)}
    list(connection.close_tasks([TaskRef(tasks[0].key, made[tasks[0].key])]))
    a_person(connection).Task.delete(made[tasks[1].key])

    assert {outcome.status for outcome in connection.create_tasks(tasks)} == {"existed"}
    rows = {row[1]: row for row in pulled(connection, only=(Stream.TASKS,))[Stream.TASKS].rows}
    assert [bool(rows[task.key][6]) for task in tasks] == [False, True, True]
    assert str(rows[tasks[1].key][7]).lower() == "true"
    assert {outcome.status for outcome in connection.delete_tasks([TaskRef(t.key, made[t.key]) for t in tasks])} == {"done"}


def test_our_own_tasks_are_no_activities(own: SandboxServer) -> None:
    connection = connected(own)
    logged = (Stream.ACTIVITIES,)
    first = pulled(connection, only=logged)
    tasks = some_tasks(connection, 2)
    made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks(tasks)}
    list(connection.close_tasks([TaskRef(key, task_id) for key, task_id in made.items()]))

    after = pulled(connection, only=logged)

    assert ids(after[Stream.ACTIVITIES]) == ids(first[Stream.ACTIVITIES])
    assert not set(made.values()) & set(ids(pulled(connection, cursors_of(first), only=logged)[Stream.ACTIVITIES]))


def test_doctor_is_content_with_a_provisioned_org(shared: SandboxServer) -> None:
    found = list(connected(shared).diagnose(DoctorRequest(tuple(everything()))))

    assert [finding for finding in found if finding.status == "failed"] == []
    assert len(found) > 8


def test_every_way_to_sign_in_works() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with an_org(accounts=5, opportunities=5, provisioned=False, jwt_public_key=public) as server:
        first = connected(server)
        person = {"username": USERNAME, "password": PASSWORD}
        ways: list[dict[str, Any]] = [
            {"auth": "jwt_bearer", "username": USERNAME, "private_key": private},
            {"auth": "password", **person},
            {"auth": "password", **person, "security_token": SECURITY_TOKEN, "client_id": ""},
            {"auth": "access_token", "access_token": first._client.token.access_token, "instance_url": server.base_url},
        ]
        for way in ways:
            assert connected(server, **way).identity().org_id == first.identity().org_id
        with pytest.raises(AccessDenied):
            connected(server, auth="password", username=USERNAME, password="wrong", client_id="")


def test_a_wrong_secret_is_an_access_error(shared: SandboxServer) -> None:
    with pytest.raises(AccessDenied):
        connected(shared, client_secret="not-the-secret")


def test_tls_with_a_private_authority_needs_its_bundle() -> None:
    with an_org(accounts=5, opportunities=5, tls=True, provisioned=False) as server:
        assert connected(server, ca_bundle=str(server.ca_path)).identity().org_id
        with pytest.raises(ConfigError, match="TLS") as caught:
            connected(server)
        assert "ca_bundle" in caught.value.fix


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_the_environments_certificates_are_honoured(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with an_org(accounts=5, opportunities=5, tls=True, provisioned=False) as server:
        monkeypatch.setenv(variable, str(server.ca_path))

        assert connected(server).identity().org_id


def test_a_large_object_comes_by_bulk_and_every_row_once() -> None:
    with an_org(accounts=300, opportunities=12_000) as server:
        connection = connected(server)
        pages = pulled(connection)

        assert len(set(ids(pages[Stream.OPPORTUNITIES]))) == 12_000 == len(list(pages[Stream.OPPORTUNITIES].rows))
        assert any("/jobs/query" in request.path for request in server.requests)


def test_sessions_that_live_for_a_moment_are_renewed_as_often_as_it_takes() -> None:
    with an_org(accounts=300, opportunities=12_000, session_seconds=0.3) as server:
        server.faults.add("slow", path="/query", times=None, seconds=0.1)
        pages = pulled(connected(server))

        assert len(ids(pages[Stream.OPPORTUNITIES])) == 12_000
        assert sum("/oauth2/token" in request.path for request in server.requests) >= 2


def test_a_run_stops_before_it_takes_more_than_its_share_of_the_calls(shared: SandboxServer) -> None:
    used = connected(shared).usage()
    assert used.remaining is not None
    share = 3.5 / used.remaining

    connection = connected(shared, share=share)
    with pytest.raises(PlanRefused, match="budget"):
        pulled(connection)
    assert connection.usage().used_by_us == 3


def test_an_org_of_another_shape_is_pulled_too() -> None:
    with an_org(accounts=30, opportunities=60, multi_currency=False, products=False, person_accounts=True) as server:
        connection = connected(server)
        pages = pulled(connection)

        assert pages[Stream.ACCOUNTS].rows and pages[Stream.OPPORTUNITIES].rows
        assert "OpportunityLineItem" in " ".join(pages[Stream.LINE_ITEMS].problems)
        currencies = {row[9] for row in pages[Stream.ACCOUNTS].rows}
        assert len(currencies) == 1 and currencies == {connection.identity().base_currency or None}


def test_a_locked_row_is_written_in_the_end() -> None:
    with an_org(accounts=10, opportunities=10) as server:
        connection = connected(server)
        accounts = account_ids(connection)
        crm: Any = server.crm
        crm.org.options.locked[accounts[0]] = 1

        outcomes = list(connection.push_accounts([AccountUpdate(record_id, "x", {"tier": "A"}) for record_id in accounts]))

        assert {outcome.status for outcome in outcomes} == {"done"}


def test_what_is_refused_after_a_lost_answer_is_not_known() -> None:
    with an_org(accounts=10, opportunities=10) as server:
        connection = connected(server)
        accounts = account_ids(connection)
        tasks = list(connection.create_tasks(some_tasks(connection, 4)))
        refs = [TaskRef(one.ref, one.record_id) for one in tasks]
        refused = {"success": False, "errors": [{"statusCode": "FIELD_INTEGRITY_EXCEPTION", "message": "no", "fields": []}]}
        writes: list[tuple[str, Callable[[], Iterable[Outcome]]]] = [
            ("PATCH", lambda: connection.push_accounts([AccountUpdate(one, "x", {"tier": "A"}) for one in accounts[:4]])),
            ("PATCH", lambda: connection.close_tasks(refs)),
            ("DELETE", lambda: connection.delete_tasks(refs)),
        ]
        for method, write in writes:
            server.faults.add("reset_after", method=method, path="composite/sobjects", times=1)
            server.faults.add("status", method=method, path="composite/sobjects", status=200, body=[refused] * 4, times=None)
            assert [(one.status, one.message) for one in write()] == [("unknown", "no")] * 4
            server.faults.clear()
        shown = connection.fetch_accounts(accounts[:4], ["tier"])
        assert [flags["tier"] for flags in shown.values()] == ["A"] * 4


def test_an_org_without_an_external_id_on_activity_gets_no_second_task_either() -> None:
    with an_org(accounts=20, opportunities=20, activity_external_id=False) as server:
        connection = connected(server)
        tasks = some_tasks(connection, 4)
        server.faults.add("reset_after", path="composite/sobjects", times=1)

        assert {outcome.status for outcome in connection.create_tasks(tasks)} == {"done"}
        assert count(connection, "SELECT COUNT() FROM Task WHERE KAM_Task_Key__c LIKE 'welcome:%'") == 4


def merged_pairs(connection: SalesforceConnection, cursor: str | None = None) -> dict[str, str]:
    request = next(request for request in everything() if request.stream is Stream.ACCOUNTS)
    pages = list(connection.pull([PullRequest(request.stream, request.columns, cursor)]))
    return {loser: winner for page in pages for loser, winner in page.merged}


def test_an_account_that_was_merged_twice_leads_to_the_one_that_lives_on(own: SandboxServer) -> None:
    connection = connected(own)
    pages = pulled(connection, only=(Stream.ACCOUNTS,))
    first, second, third = ids(pages[Stream.ACCOUNTS])[:3]
    crm: Any = own.crm
    writer = Writer(crm.org, crm.org.agent_id)
    writer.merge(second, first)
    writer.merge(third, second)

    assert merged_pairs(connection, pages[Stream.ACCOUNTS].cursor) == {first: third, second: third}
    assert merged_pairs(connection) == {first: third, second: third}


@pytest.mark.parametrize("skip", range(4))
@pytest.mark.parametrize("kind", ["reset_after", "reset_before"])
def test_a_deletion_that_broke_off_is_finished_by_the_same_call_again(own: SandboxServer, skip: int, kind: Any) -> None:
    connection = connected(own)
    tasks = some_tasks(connection, 3)
    made = [TaskRef(outcome.ref, outcome.record_id) for outcome in connection.create_tasks(tasks)]
    own.faults.add(kind, path="composite/sobjects", skip=skip, times=1)

    first = connection.delete_tasks(made)
    next(iter(first), None)  # whoever asked is killed after the first answer
    own.faults.clear()

    assert {outcome.status for outcome in connected(own).delete_tasks(made)} == {"done"}
    assert {outcome.status for outcome in connection.create_tasks(tasks)} == {"done"}
    assert count(connection, "SELECT COUNT() FROM Task WHERE KAM_Task_Key__c LIKE 'welcome:%'") == 3


def test_a_task_that_undo_freed_is_gone_from_the_next_pull(own: SandboxServer) -> None:
    connection = connected(own)
    made = [TaskRef(outcome.ref, outcome.record_id) for outcome in connection.create_tasks(some_tasks(connection, 2))]
    before = pulled(connection, only=(Stream.TASKS,))
    list(connection.delete_tasks(made))

    after = pulled(connection, cursors_of(before), only=(Stream.TASKS,))

    assert set(after[Stream.TASKS].deleted_ids) == {task.task_id for task in made}


def test_a_task_shows_its_type(own: SandboxServer) -> None:
    connection = connected(own)
    tasks = [replace(task, type=kind) for task, kind in zip(some_tasks(connection, 4), get_args(TaskType), strict=True)]
    made = {outcome.ref: outcome.record_id for outcome in connection.create_tasks(tasks)}

    shown = {task.type: a_person(connection).Task.get(made[task.key]) for task in tasks}

    assert {kind: (task["TaskSubtype"], task["Type"]) for kind, task in shown.items()} == {
        "todo": ("Task", None),
        "call": ("Call", "Call"),
        "email": ("Email", "Email"),
        "meeting": ("Task", "Meeting"),
    }


def test_two_hundred_tasks_are_looked_at_in_one_call(own: SandboxServer) -> None:
    connection = connected(own)
    made = [TaskRef(outcome.ref, outcome.record_id) for outcome in connection.create_tasks(some_tasks(connection, 50))]
    before = connection.usage().used_by_us

    shown = connection.fetch_tasks([*made, *(TaskRef(f"gone-{number}", f"00Tzz{number:010d}") for number in range(150))])

    assert connection.usage().used_by_us - before == 1
    assert shown.keys() == {task.key for task in made}


def people(page: Page) -> dict[str, dict[str, Any]]:
    """The rows of contacts by id, as they say of people."""
    names = [column.name for column in next(r for r in everything() if r.stream is Stream.CONTACTS).columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in page.rows}


def test_people_come_with_their_roles_and_without_who_they_are(shared: SandboxServer) -> None:
    connection = connected(shared)

    rows = people(pulled(connection, only=(Stream.CONTACTS,))[Stream.CONTACTS])

    ties = Counter(row["tie"] for row in rows.values())
    assert ties["contact"] == ties["relation"] == count(connection, "SELECT COUNT() FROM Contact")
    assert ties["role"] == count(connection, "SELECT COUNT() FROM OpportunityContactRole")
    roles = {row["roles"] for row in rows.values() if row["tie"] == "role"}
    assert {"sponsor", "decision_maker", "champion"} <= roles
    assert "@" not in repr(rows) and not [
        row for row in rows.values() if str(row["last_activity_date"] or "")[4:5] not in ("", "-")
    ]
    assert {row["is_active"] for row in rows.values() if row["left_date"]} == {False}


def test_a_person_who_is_met_moves_leaves_or_is_deleted_is_found_by_the_next_pull(own: SandboxServer) -> None:
    connection, person = connected(own), a_person(connected(own))
    first = pulled(connection, only=(Stream.ACCOUNTS, Stream.CONTACTS))
    before = [row for row in people(first[Stream.CONTACTS]).values() if row["tie"] == "contact"]
    met, moved, gone, left = (row["id"] for row in before[:4])
    elsewhere = next(one for one in ids(first[Stream.ACCOUNTS]) if one != before[1]["account_id"])
    relation = person.query(f"SELECT Id FROM AccountContactRelation WHERE ContactId = '{left}'")["records"][0]["Id"]
    person.Contact.update(moved, {"AccountId": elsewhere})
    person.Contact.delete(gone)
    person.AccountContactRelation.update(relation, {"IsActive": False, "EndDate": TODAY.isoformat()})
    person.Task.create(
        {"Subject": "Met", "WhoId": met, "Status": "Completed", "ActivityDate": TODAY.isoformat(), "Priority": "Normal"}
    )

    second = pulled(connection, cursors_of(first), only=(Stream.CONTACTS,))[Stream.CONTACTS]

    now = people(second)
    assert not second.full and gone in second.deleted_ids
    assert now[moved]["account_id"] == elsewhere
    assert now[met]["last_activity_date"] == TODAY.isoformat()  # though no stamp of the contact moved
    assert (now[relation]["is_active"], now[relation]["left_date"]) == (False, TODAY.isoformat())


def test_an_org_that_ties_contacts_to_one_account_says_nothing_of_it(tmp_path: Path) -> None:
    with an_org(accounts=20, opportunities=20, related_contacts=False) as server:
        page = pulled(connected(server), only=(Stream.CONTACTS,))[Stream.CONTACTS]

    assert {row["tie"] for row in people(page).values()} == {"contact", "role"}
    assert page.problems == ()


def test_an_org_that_hides_contacts_is_told_with_what_to_grant(tmp_path: Path) -> None:
    with an_org(accounts=20, opportunities=20, refused_objects={"Contact": "INVALID_TYPE"}) as server:
        connection = connected(server)
        page = pulled(connection, only=(Stream.CONTACTS,))[Stream.CONTACTS]
        found = list(connection.diagnose(DoctorRequest(tuple(r for r in everything() if r.stream is Stream.CONTACTS))))

    assert "'Read' and 'View All' on Contact" in page.problems[0]
    assert ["Contact" in one.message for one in found if one.check == "reading contacts" and one.status == "warning"] == [True]
