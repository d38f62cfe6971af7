"""Orgs as customers have them: automation with limits, users without rights, editions without features, people of a sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from kamsync.contract import DoctorRequest, Finding, PullRequest
from kamsync.errors import AccessDenied, PlanRefused
from kamsync.model import Stream
from kamsync.model.exchange import AccountUpdate, TaskRef
from kamsync.sandbox.server import SandboxServer
from kamsync_salesforce.connection import SalesforceConnection
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


def findings(server: SandboxServer, *, people: dict[str, str] | None = None, **changes: Any) -> dict[str, Finding]:
    """Doctor's findings that are not ok, by check."""
    request = DoctorRequest(tuple(everything()), people=people or {})
    return {one.check: one for one in connected(server, **changes).diagnose(request) if one.status != "ok"}


def all_findings(server: SandboxServer, **people: str) -> dict[str, Finding]:
    request = DoctorRequest(tuple(everything()), people=people)
    return {one.check: one for one in connected(server).diagnose(request)}


# --- refusals that depend on size ---------------------------------------------------------------------------------------------


def updates(connection: SalesforceConnection, tier: str) -> list[AccountUpdate]:
    return [AccountUpdate(one, one, {"tier": tier}) for one in account_ids(connection)]


@pytest.mark.parametrize("most", [20, 1])
def test_what_is_too_much_for_the_orgs_triggers_goes_in_smaller_calls(most: int) -> None:
    with an_org(accounts=230, opportunities=50, activities=0) as server:
        connection = connected(server)
        wanted = updates(connection, "A")
        crm: Any = server.crm
        crm.org.options.apex_limits = {"Account": most, "Task": most}

        outcomes = list(connection.push_accounts(wanted))

        assert [outcome.status for outcome in outcomes] == ["done"] * len(wanted)
        assert count(connection, "SELECT COUNT() FROM Account WHERE KAM_Tier__c = 'A'") == len(wanted)


def test_once_it_is_known_how_many_go_no_call_is_wasted_on_more() -> None:
    with an_org(accounts=1_000, opportunities=50, activities=0, apex_limits={"Account": 25}) as server:
        connection = connected(server)
        wanted = updates(connection, "A")
        before = connection.usage().used_by_us

        list(connection.push_accounts(wanted))

        assert connection.usage().used_by_us - before <= 15 + 1_000 / 25


def test_tasks_are_made_and_undone_in_smaller_calls_too() -> None:
    with an_org(accounts=60, opportunities=50, apex_limits={"Task": 7}) as server:
        connection = connected(server)
        tasks = some_tasks(connection, 50)

        made = list(connection.create_tasks(tasks))
        undone = list(connection.delete_tasks([TaskRef(one.ref, one.record_id) for one in made]))

        assert {one.status for one in (*made, *undone)} == {"done"}


def test_triggers_that_fail_whatever_comes_are_told_in_their_words_and_do_not_eat_the_budget() -> None:
    with an_org(accounts=1_000, opportunities=50, activities=0, apex_limits={"Account": 0}) as server:
        connection = connected(server)
        wanted = updates(connection, "A")
        before = connection.usage().used_by_us

        outcomes = list(connection.push_accounts(wanted))

        assert {outcome.status for outcome in outcomes} == {"rejected"} and len(outcomes) == len(wanted)
        assert "Apex CPU time limit exceeded" in outcomes[0].message
        assert connection.usage().used_by_us - before < 100


def test_what_a_bulk_job_refuses_and_a_call_would_let_through_is_written_by_calls() -> None:
    with an_org(accounts=2_300, opportunities=50, activities=0) as server:
        connection = connected(server)
        wanted = updates(connection, "B")
        crm: Any = server.crm
        crm.org.options.duplicate_alerts = tuple(update.account_id for update in wanted[:30])

        outcomes = list(connection.push_accounts(wanted))

        assert any("/jobs/ingest" in request.path for request in server.requests)
        assert {outcome.status for outcome in outcomes} == {"done"} and len(outcomes) == len(wanted)


# --- activities of more records than our user may be checked against ----------------------------------------------------------


@pytest.fixture(scope="module")
def blind() -> Any:
    """An org whose agent lacks View All Data; a query may not be about more than 100 records."""
    with an_org(accounts=300, opportunities=100, views_all_data=False, activity_limit=100) as server:
        yield server


def test_activities_that_are_too_much_for_one_query_are_read_in_slices(blind: SandboxServer) -> None:
    crm: Any = blind.crm
    found = pulled(connected(blind), only=(Stream.ACTIVITIES,))[Stream.ACTIVITIES]
    crm.org.options.views_all_data = True
    whole = pulled(connected(blind), only=(Stream.ACTIVITIES,))[Stream.ACTIVITIES]
    crm.org.options.views_all_data = False

    assert ids(found) == ids(whole) and len(ids(found)) > 300
    assert found.full


def test_changes_of_activities_are_read_in_slices_too(blind: SandboxServer) -> None:
    connection = connected(blind)
    cursors = cursors_of(pulled(connection, only=(Stream.ACTIVITIES,)))

    again = pulled(connection, cursors, only=(Stream.ACTIVITIES,))[Stream.ACTIVITIES]

    assert not again.full


def test_doctor_says_which_permission_spares_the_slices(blind: SandboxServer) -> None:
    found = findings(blind)["reading activities"]

    assert found.status == "warning" and "View All Data" in found.fix and "OPERATION_TOO_LARGE" in found.message


def test_a_day_that_is_too_much_by_itself_names_the_permission() -> None:
    with an_org(accounts=300, opportunities=100, views_all_data=False, activity_limit=0) as server:
        with pytest.raises(AccessDenied, match="OPERATION_TOO_LARGE") as caught:
            pulled(connected(server))
        assert "View All Data" in caught.value.fix


# --- reads without which the rest works ---------------------------------------------------------------------------------------


def reading(server: SandboxServer, stream: Stream) -> tuple[list[Any], tuple[str, ...]]:
    request = next(one for one in everything() if one.stream is stream)
    pages = list(connected(server).pull([PullRequest(request.stream, request.columns, None, request.since)]))
    return [list(row) for page in pages for row in page.rows], pages[-1].problems


@pytest.mark.parametrize("code", ["INSUFFICIENT_ACCESS", "FUNCTIONALITY_NOT_ENABLED", "NOT_FOUND", "INVALID_TYPE"])
@pytest.mark.parametrize(
    "sobject", ["CurrencyType", "DatedConversionRate", "ListView", "OpportunityLineItem", "OpportunityStage"]
)
def test_an_optional_object_that_is_refused_or_absent_ends_no_run(sobject: str, code: str) -> None:
    with an_org(accounts=20, opportunities=60, refused_objects={sobject: code}, provisioned=False) as server:
        steps = list(connected(server).setup(dry_run=False))
        pages = pulled(connected(server))
        found = findings(server)

        assert {step.kind for step in steps if step.status == "failed"} <= ({"view"} if sobject == "ListView" else set())
        assert pages[Stream.ACCOUNTS].rows and pages[Stream.OPPORTUNITIES].rows
        assert not [one for one in found.values() if one.status == "failed"]


def test_exchange_rates_that_are_refused_are_a_sentence_and_records_keep_their_own_currency() -> None:
    with an_org(accounts=40, opportunities=60, refused_objects={"CurrencyType": "INSUFFICIENT_ACCESS"}) as server:
        rows, problems = reading(server, Stream.RATES)
        pages = pulled(connected(server), only=(Stream.ACCOUNTS,))

        assert len({row[9] for row in pages[Stream.ACCOUNTS].rows}) > 1
        assert rows and "rates" in " ".join(problems)


@pytest.mark.parametrize("field", ["ManagerId", "Email"])
def test_a_hidden_detail_of_users_is_a_sentence_and_a_finding(field: str) -> None:
    with an_org(accounts=20, opportunities=20, hidden_fields=(f"User.{field}",)) as server:
        rows, problems = reading(server, Stream.OWNERS)

        assert rows and field in " ".join(problems)
        assert field in findings(server)["reading owners"].message


def test_an_org_that_shows_no_account_says_so_and_which_permission_is_missing() -> None:
    with an_org(accounts=20, opportunities=20, unseen_objects=("Account",)) as server:
        rows, problems = reading(server, Stream.ACCOUNTS)
        finding = findings(server)["accounts"]

        assert not rows and "View All" in " ".join(problems)
        assert finding.status == "failed" and "View All" in finding.fix


# --- money, stages, people, choices -------------------------------------------------------------------------------------------


def test_dated_rates_hold_only_where_advanced_currency_management_is_on_and_doctor_says_so() -> None:
    with an_org(accounts=20, opportunities=20, advanced_currency=True) as on, an_org(accounts=20, opportunities=20) as off:
        for server in (on, off):
            crm: Any = server.crm
            rate = ("04w000000000001AAA", 0, "USD", "2024-01-01", 0.5)
            crm.org.insert_rows("DatedConversionRate", ("Id", "IsDeleted", "IsoCode", "StartDate", "ConversionRate"), [rate])
        dated = [row for row in reading(on, Stream.RATES)[0] if row[1]]
        current = reading(off, Stream.RATES)[0]
        said_on, said_off = (all_findings(server)["exchange rates"].message for server in (on, off))

        assert dated and current and not [row for row in current if row[1]]
        assert "management is on" in said_on and "management is off" in said_off
        assert "1,000 USD are 2,000.00 EUR" in said_on and "1,000" in said_off


def test_a_pull_asks_for_rates_in_no_more_calls_than_before() -> None:
    with an_org(accounts=20, opportunities=20) as server:
        connection = connected(server)
        cursors = cursors_of(pulled(connection))
        again = connected(server)
        again.identity()

        pulled(again, cursors)

        assert again.usage().used_by_us <= 14


def test_opportunities_in_a_stage_that_was_deleted_are_told_with_their_number_and_first_id() -> None:
    with an_org(accounts=20, opportunities=200, retired_stages=("Closed Won",)) as server:
        finding = findings(server)["stages"]
        number = count(connected(server), "SELECT COUNT() FROM Opportunity WHERE StageName = 'Closed Won'")
        won = [
            row
            for row in pulled(connected(server), only=(Stream.OPPORTUNITIES,))[Stream.OPPORTUNITIES].rows
            if row[8] in (True, "true")
        ]

        assert f"{number} in “Closed Won” (first: 006" in finding.message
        assert len(won) == number  # the record's own mark decides


def test_people_are_known_by_either_form_of_their_id_and_by_the_address_that_a_sandbox_made_invalid() -> None:
    with an_org(accounts=20, opportunities=20, invalid_emails=True) as server:
        users = a_person(connected(server)).query("SELECT Id, Email, IsActive FROM User")["records"]
        active = next(user for user in users if user["IsActive"])
        gone = next(user for user in users if not user["IsActive"])
        mail = str(active["Email"]).removesuffix(".invalid")

        found = all_findings(
            server, short=active["Id"][:15], long=active["Id"], mail=mail.upper(), gone=gone["Id"], unknown="nobody@acme.com"
        )

        assert [found[name].status for name in ("short", "long", "mail", "gone", "unknown")] == ["ok"] * 3 + ["failed"] * 2
        assert f"{mail}.invalid" in found["mail"].message
        assert "inactive" in found["gone"].message and "unknown" in found["unknown"].message


def test_a_tier_that_a_restricted_pick_list_lacks_is_known_before_anything_is_written() -> None:
    with an_org(accounts=20, opportunities=20) as server:
        assert connected(server).lacking_choices() == {}
        crm: Any = server.crm
        fields = crm.org.objects["account"].fields
        tier = fields["kam_tier__c"]
        fields["kam_tier__c"] = type(tier)(**{**_values(tier), "restricted": True, "choices": ("A", "B"), "choice_labels": ()})

        assert connected(server).lacking_choices() == {"tier": ("C",)}
        assert findings(server)["tier values"].status == "failed"


def _values(field: Any) -> dict[str, Any]:
    return {name: getattr(field, name) for name in type(field).__dataclass_fields__}


# --- mends --------------------------------------------------------------------------------------------------------------------


def test_an_org_without_an_api_says_so_and_not_that_a_permission_is_missing() -> None:
    with an_org(accounts=5, opportunities=5, provisioned=False, api_enabled=False) as server:
        with pytest.raises(AccessDenied, match="not enabled") as caught:
            connected(server)
        assert "edition" in caught.value.fix


def test_a_sign_in_by_soap_that_is_switched_off_names_the_ways_that_are_left() -> None:
    with an_org(accounts=5, opportunities=5, provisioned=False, soap_login=False) as server:
        with pytest.raises(AccessDenied, match="disabled by default") as caught:
            connected(server, auth="password", username="u", password="p", client_id="")
        assert "client_credentials" in caught.value.fix


@pytest.mark.parametrize("calls", range(1, 12))
def test_a_budget_that_is_spent_is_no_missing_access_whichever_check_meets_it(calls: int) -> None:
    with an_org(accounts=10, opportunities=10) as server:
        used = connected(server).usage()
        assert used.remaining is not None

        found = list(
            connected(server, share=(calls + 0.5) / used.remaining).diagnose(DoctorRequest(tuple(everything()), calls_needed=1))
        )

        assert "budget" in found[-1].message and "api_budget_share" in found[-1].fix
        assert not [one for one in found if "Grant" in one.fix]


def test_a_budget_that_is_spent_stops_a_write_and_says_so() -> None:
    with an_org(accounts=10, opportunities=10) as server:
        used = connected(server).usage()
        assert used.remaining is not None
        connection = connected(server, share=1.5 / used.remaining)
        with pytest.raises(PlanRefused, match="budget"):
            for _ in range(3):
                connection.fetch_tasks([TaskRef(f"x:{TODAY}", "")])
