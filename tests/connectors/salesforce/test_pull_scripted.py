"""Pulls against scripted answers, for what an ordinary org rarely shows: merges, absent objects, hidden fields, cut results."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kamsync.config.mapping import load_mapping
from kamsync.contract import Page, PullRequest
from kamsync.errors import AccessDenied, KamsyncError, TryLater
from kamsync.flags import FLAGS
from kamsync.model import STREAMS, Column, Stream
from kamsync_salesforce.connection import SalesforceConnection

DOMAIN = "https://acme.my.salesforce.com"
BASE = f"{DOMAIN}/services/data/v62.0"
STAMP = "2025-06-02T11:00:00.000+0000"
DATE = {"Date": "Mon, 02 Jun 2025 12:00:00 GMT"}
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())


ACCOUNT_COLUMNS = (Column("id", field="Id"), Column("name", field="Name"), Column("currency", field="CurrencyIsoCode"))


def pulled(connection: SalesforceConnection, request: PullRequest) -> list[Page]:
    return [
        Page(
            page.stream,
            [list(row) for row in page.rows],
            page.deleted_ids,
            page.merged,
            page.last,
            page.full,
            page.cursor,
            page.problems,
        )
        for page in connection.pull([request])
    ]


def rows_of(pages: list[Page]) -> list[Any]:
    return [row for page in pages for row in page.rows]


def counts(org: Any, **objects: int) -> None:
    entries = [{"name": name, "count": count} for name, count in objects.items()]
    org.mock.get(f"{BASE}/limits/recordCount", json={"sObjects": entries}, headers=DATE)


def test_changes_deletions_and_merges_are_told_apart(org: Any) -> None:
    counts(org, Account=1)
    org.says("FROM Account", [{"Id": "001A", "Name": "Acme", "SystemModstamp": STAMP}])
    connection = org.connect()
    first = pulled(connection, PullRequest(Stream.ACCOUNTS, ACCOUNT_COLUMNS))
    org.says(
        "SystemModstamp >",
        [
            {"Id": "001A", "Name": "Acme S.A.", "MasterRecordId": None, "IsDeleted": False, "SystemModstamp": STAMP},
            {"Id": "001B", "Name": "Gone", "MasterRecordId": None, "IsDeleted": True, "SystemModstamp": STAMP},
            {"Id": "001C", "Name": "Twin", "MasterRecordId": "001A", "IsDeleted": True, "SystemModstamp": STAMP},
        ],
    )

    second = pulled(connection, PullRequest(Stream.ACCOUNTS, ACCOUNT_COLUMNS, cursor=first[-1].cursor))

    assert first[-1].full and rows_of(first) == [["001A", "Acme", "BRL"]]
    assert rows_of(second) == [["001A", "Acme S.A.", "BRL"]]
    assert second[0].deleted_ids == ("001B",) and second[-1].merged == (("001C", "001A"),)
    assert second[-1].last and not second[-1].full


def test_asking_for_another_field_makes_the_pull_a_full_one(org: Any) -> None:
    counts(org, Account=1)
    org.says("FROM Account", [{"Id": "001A", "Name": "Acme", "Industry": "Banking", "SystemModstamp": STAMP}])
    connection = org.connect()
    cursor = pulled(connection, PullRequest(Stream.ACCOUNTS, ACCOUNT_COLUMNS))[-1].cursor

    wider = (*ACCOUNT_COLUMNS, Column("industry", field="Industry"))
    pages = pulled(connection, PullRequest(Stream.ACCOUNTS, wider, cursor=cursor))

    assert pages[-1].full


def test_an_org_without_opportunity_products_is_told_of_and_goes_on(org: Any) -> None:
    counts(org)
    org.says("FROM OpportunityLineItem", ("INVALID_TYPE", "sObject type 'OpportunityLineItem' is not supported."))

    pages = pulled(org.connect(), PullRequest(Stream.LINE_ITEMS, STREAMS[Stream.LINE_ITEMS].columns))

    assert len(pages) == 1 and pages[0].last
    assert "OpportunityLineItem" in pages[0].problems[0]


def test_a_query_that_is_refused_without_our_fields_too_says_to_run_setup(org: Any) -> None:
    counts(org, Account=1)
    org.says("FROM Account", ("INVALID_FIELD", "No such column 'KAM_Tier__c' on entity 'Account'."))
    org.mock.get(f"{BASE}/sobjects/Account/describe", json={"fields": [{"name": "Id"}, {"name": "Name"}]})
    flags = tuple(Column(f"flag_{name}", FLAGS[name].kind, field) for name, field in MAPPING.flags.items())

    with pytest.raises(AccessDenied, match="KAM_Tier__c") as caught:
        pulled(org.connect(), PullRequest(Stream.ACCOUNTS, (Column("id", field="Id"), *flags)))
    assert "kamsync setup" in caught.value.fix


@pytest.mark.parametrize(("exists", "words"), [(True, "hides"), (False, "has no field")])
def test_a_mapped_field_that_is_hidden_is_told_apart_from_one_that_is_not_there(org: Any, exists: bool, words: str) -> None:
    counts(org, Account=1)
    org.says("FROM Account", ("INVALID_FIELD", "No such column 'NPS__c' on entity 'Account'."))
    org.mock.get(f"{BASE}/sobjects/Account/describe", json={"fields": [{"name": "Id"}]})
    org.mock.get(f"{BASE}/tooling/query", json={"records": [{"DeveloperName": "NPS"}] if exists else []})
    columns = (Column("id", field="Id"), Column("nps", "number", "NPS__c"))

    with pytest.raises(KamsyncError, match="NPS__c") as caught:
        pulled(org.connect(), PullRequest(Stream.ACCOUNTS, columns))
    assert words in caught.value.message and caught.value.fix


def test_activities_are_what_was_done_by_people_and_not_our_own_tasks(org: Any) -> None:
    counts(org)
    task = {"AccountId": "001A", "CompletedDateTime": "2025-05-02T08:00:00.000+0000", "SystemModstamp": STAMP}
    event = {"AccountId": "001A", "ActivityDate": "2025-05-03", "SystemModstamp": STAMP}
    org.says(
        "FROM Task",
        [
            {"Id": "00T1", "ActivityDate": "2025-05-01", "TaskSubtype": "Call", **task},
            {"Id": "00T2", "ActivityDate": None, "TaskSubtype": "Task", **task},
        ],
    )
    org.says(
        "FROM Event",
        [
            {"Id": "00U1", "ActivityDateTime": "2025-05-03T09:00:00.000+0000", "IsAllDayEvent": False, **event},
            {"Id": "00U2", "ActivityDateTime": None, "IsAllDayEvent": True, **event},
        ],
    )

    request = PullRequest(Stream.ACTIVITIES, STREAMS[Stream.ACTIVITIES].columns, since=date(2023, 6, 2))
    pages = pulled(org.connect(), request)

    assert rows_of(pages) == [
        ["00T1", "001A", "call", "2025-05-01"],
        ["00T2", "001A", "task", "2025-05-02T08:00:00.000+0000"],
        ["00U1", "001A", "meeting", "2025-05-03T09:00:00.000+0000"],
        ["00U2", "001A", "meeting", "2025-05-03"],
    ]
    asked = next(soql for soql in org.asked if "FROM Task" in soql)
    assert "(IsClosed = true)" in asked and "(KAM_Task_Key__c = null)" in asked


def test_a_task_that_was_opened_again_is_no_activity_any_more(org: Any) -> None:
    counts(org)
    connection = org.connect()
    request = PullRequest(Stream.ACTIVITIES, STREAMS[Stream.ACTIVITIES].columns, since=date(2023, 6, 2))
    cursor = pulled(connection, request)[-1].cursor
    base = {
        "AccountId": "001A",
        "ActivityDate": "2025-05-01",
        "CompletedDateTime": None,
        "TaskSubtype": "Task",
        "SystemModstamp": STAMP,
    }
    org.says(
        "FROM Task",
        [
            {"Id": "00T1", "IsClosed": False, "KAM_Task_Key__c": None, "IsDeleted": False, **base},
            {"Id": "00T2", "IsClosed": True, "KAM_Task_Key__c": "a:b:once:001A", "IsDeleted": False, **base},
            {"Id": "00T3", "IsClosed": True, "KAM_Task_Key__c": None, "IsDeleted": False, **base},
        ],
    )

    request = PullRequest(request.stream, request.columns, cursor=cursor, since=request.since)
    pages = pulled(connection, request)

    assert [row[0] for row in rows_of(pages)] == ["00T3"]
    assert pages[0].deleted_ids == ("00T1", "00T2")


def test_an_org_whose_tasks_have_no_subtype_still_has_activities(org: Any) -> None:
    counts(org)
    task = {"Id": "00T1", "AccountId": "001A", "ActivityDate": "2025-05-01", "CompletedDateTime": None, "SystemModstamp": STAMP}
    org.says("FROM Task", [task])
    org.says("TaskSubtype", ("INVALID_FIELD", "No such column 'TaskSubtype' on entity 'Task'."))

    pages = pulled(org.connect(), PullRequest(Stream.ACTIVITIES, STREAMS[Stream.ACTIVITIES].columns, since=date(2023, 6, 2)))

    assert rows_of(pages) == [["00T1", "001A", "task", "2025-05-01"]]


def a_bulk_job(org: Any, *pages: str, told: int | None = None) -> None:
    """A finished query job over opportunities with these result pages."""
    org.mock.post(f"{BASE}/jobs/query", json={"id": "750A", "state": "UploadComplete"}, headers=DATE)
    org.mock.get(f"{BASE}/jobs/query/750A", json={"id": "750A", "state": "JobComplete"}, headers=DATE)
    urls = [{"resultUrl": f"/services/data/v62.0/jobs/query/750A/results?locator={number}"} for number in range(len(pages))]
    org.mock.get(f"{BASE}/jobs/query/750A/resultPages", json={"resultPages": urls, "done": True}, headers=DATE)
    for number, text in enumerate(pages):
        headers = {**DATE, "Sforce-NumberOfRecords": str(told if told is not None else text.count("\n") - 1)}
        org.mock.get(f"{BASE}/jobs/query/750A/results?locator={number}", body=text, headers=headers)


OPPORTUNITY_COLUMNS = (Column("id"), Column("account_id"), Column("probability", "number"), Column("is_won", "boolean"))
HEADER = '"Id","AccountId","Probability","IsWon","SystemModstamp"\n'


def test_a_large_object_is_read_as_a_bulk_job_with_those_that_name_no_account(org: Any) -> None:
    counts(org, Opportunity=500_000)
    a_bulk_job(
        org,
        HEADER + '"0061","001A","75","true","2025-06-01T10:00:00.000Z"\n',
        HEADER + '"0062","","1.0E1","false","2025-06-02T10:00:00.000Z"\n',
    )

    pages = pulled(org.connect(), PullRequest(Stream.OPPORTUNITIES, OPPORTUNITY_COLUMNS))

    assert rows_of(pages) == [["0061", "001A", 0.75, "true"], ["0062", "", 0.1, "false"]]
    assert pages[-1].full
    assert "2025-06-02T10:00:00+00:00" in str(pages[-1].cursor)


def test_columns_of_a_bulk_result_in_another_order_are_put_right(org: Any) -> None:
    counts(org, Opportunity=500_000)
    a_bulk_job(
        org, '"SystemModstamp","IsWon","Probability","AccountId","Id"\n"2025-06-01T10:00:00.000Z","true","75","001A","0061"\n'
    )

    pages = pulled(org.connect(), PullRequest(Stream.OPPORTUNITIES, OPPORTUNITY_COLUMNS))

    assert rows_of(pages) == [["0061", "001A", 0.75, "true"]]


def test_a_bulk_result_with_fewer_records_than_announced_is_not_taken(org: Any) -> None:
    counts(org, Opportunity=500_000)
    a_bulk_job(org, HEADER + '"0061","001A","75","true","2025-06-01T10:00:00.000Z"\n', told=2)

    with pytest.raises(TryLater, match="announced 2 records"):
        pulled(org.connect(), PullRequest(Stream.OPPORTUNITIES, OPPORTUNITY_COLUMNS))


def test_an_object_outside_the_bulk_api_is_read_by_pages(org: Any) -> None:
    counts(org, Opportunity=500_000)
    refusal = [{"errorCode": "INVALIDENTITY", "message": "Entity 'Opportunity' is not supported by the Bulk API."}]
    org.mock.post(f"{BASE}/jobs/query", json=refusal, status=400)
    org.says(
        "FROM Opportunity",
        [{"Id": "0061", "AccountId": "001A", "Probability": 75.0, "IsWon": True, "SystemModstamp": STAMP}],
    )

    pages = pulled(org.connect(), PullRequest(Stream.OPPORTUNITIES, OPPORTUNITY_COLUMNS))

    assert rows_of(pages) == [["0061", "001A", 0.75, True]]


def test_one_currency_has_one_rate(org: Any) -> None:
    pages = pulled(org.connect(), PullRequest(Stream.RATES, STREAMS[Stream.RATES].columns))

    assert rows_of(pages) == [["BRL", None, 1]]


@pytest.mark.parametrize(("described", "dated"), [(200, [["BRL", "2024-01-01", 5.4]]), (404, [])])
def test_dated_rates_are_used_only_where_advanced_currency_management_is_on(org: Any, described: int, dated: Any) -> None:
    org.says(
        "FROM CurrencyType",
        [
            {"IsoCode": "EUR", "ConversionRate": 1.0, "IsCorporate": True},
            {"IsoCode": "BRL", "ConversionRate": 6.1, "IsCorporate": False},
        ],
    )
    org.says("FROM DatedConversionRate", [{"IsoCode": "BRL", "StartDate": "2024-01-01", "ConversionRate": 5.4}])
    absent = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    answer: Any = {"fields": []} if described == 200 else absent
    org.mock.get(f"{BASE}/sobjects/DatedConversionRate/describe", json=answer, status=described)
    connection = org.connect()

    pages = pulled(connection, PullRequest(Stream.RATES, STREAMS[Stream.RATES].columns))

    assert rows_of(pages) == [["EUR", None, 1.0], ["BRL", None, 6.1], *dated]
    assert connection.identity().base_currency == "EUR"


def test_a_pull_in_which_nothing_changed_costs_no_more_than_fourteen_calls(org: Any) -> None:
    counts(org)
    org.says("FROM Account", [{"Id": "001A", "Name": "Acme", "SystemModstamp": STAMP}])
    connection = org.connect()
    requests_ = [
        PullRequest(stream, STREAMS[stream].columns, since=date(2023, 6, 2) if stream is Stream.ACTIVITIES else None)
        for stream in Stream
    ]
    cursors = {page.stream: page.cursor for page in connection.pull(requests_) if page.last}
    connection.close()
    org.says("SystemModstamp >", [])

    again = org.connect()
    again.identity()
    for page in again.pull([PullRequest(item.stream, item.columns, cursors[item.stream], item.since) for item in requests_]):
        assert not list(page.rows) or page.stream is Stream.RATES
        assert not page.last or page.full == (page.stream is Stream.RATES)

    assert again.usage().used_by_us <= 13  # and the token call
