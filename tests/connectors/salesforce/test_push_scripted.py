"""Writing flags and tasks against scripted answers: bulk jobs, lost answers, keys that are there already."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from kamsync.errors import AccessDenied
from kamsync.http import RetryPolicy
from kamsync.model.exchange import AccountUpdate, NewTask, Outcome, TaskRef
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.push.tasks import Tasks

DOMAIN = "https://acme.my.salesforce.com"
BASE = f"{DOMAIN}/services/data/v62.0"
KEY = "KAM_Task_Key__c"


def some_updates(count: int) -> list[AccountUpdate]:
    return [
        AccountUpdate(f"001{number:015d}", f"Account {number}", {"tier": "A", "since": date(2025, 6, 2)})
        for number in range(count)
    ]


def by_ref(outcomes: Any) -> dict[str, Outcome]:
    return {outcome.ref: outcome for outcome in outcomes}


def an_ingest_job(org: Any, *, processed: int, failed: str = "", state: str = "JobComplete") -> None:
    job = {"id": "7501", "state": "Open", "contentUrl": "services/data/v62.0/jobs/ingest/7501/batches"}
    org.mock.post(f"{BASE}/jobs/ingest", json=job)
    org.mock.put(f"{BASE}/jobs/ingest/7501/batches", status=201)
    org.mock.patch(f"{BASE}/jobs/ingest/7501", json={**job, "state": "UploadComplete"})
    done = {
        "id": "7501",
        "state": state,
        "numberRecordsProcessed": processed,
        "numberRecordsFailed": max(failed.count("\n") - 1, 0),
    }
    org.mock.get(f"{BASE}/jobs/ingest/7501", json=done)
    org.mock.get(f"{BASE}/jobs/ingest/7501/failedResults", body=failed)


def test_many_accounts_go_into_one_bulk_job_and_few_calls(org: Any) -> None:
    connection = org.connect()
    before = connection.usage().used_by_us
    an_ingest_job(org, processed=5_000)

    outcomes = by_ref(connection.push_accounts(some_updates(5_000)))

    assert len(outcomes) == 5_000 and all(outcome.status == "done" for outcome in outcomes.values())
    assert connection.usage().used_by_us - before <= 6
    upload = next(call.request.body for call in org.mock.calls if call.request.method == "PUT")
    rows = list(csv.DictReader(io.StringIO(upload.decode())))
    assert rows[0] == {"Id": "001000000000000000", "KAM_Tier__c": "A", "KAM_Since__c": "2025-06-02"}


def test_clearing_a_flag_in_a_bulk_job_is_told_apart_from_leaving_it(org: Any) -> None:
    connection = org.connect()
    an_ingest_job(org, processed=2_001)
    updates = [*some_updates(2_000), AccountUpdate("001Z", "Acme", {"tier": None})]

    list(connection.push_accounts(updates))

    upload = next(call.request.body for call in org.mock.calls if call.request.method == "PUT").decode()
    assert "001Z,#N/A,\n" in upload


def test_a_record_that_the_bulk_job_refused_is_reported_in_salesforces_words_with_its_link(org: Any) -> None:
    connection = org.connect()
    refused = "001000000000000007"
    text = '"sf__Id","sf__Error",Id,KAM_Tier__c\n'
    text += f'"{refused}","FIELD_CUSTOM_VALIDATION_EXCEPTION:Strategic accounts need an industry:Industry --",{refused},A\n'
    an_ingest_job(org, processed=2_500, failed=text)

    outcomes = by_ref(connection.push_accounts(some_updates(2_500)))

    assert outcomes[refused].status == "rejected"
    assert outcomes[refused].message == "Strategic accounts need an industry [Industry] (FIELD_CUSTOM_VALIDATION_EXCEPTION)"
    assert outcomes[refused].url == f"{DOMAIN}/{refused}"
    assert sum(outcome.status == "done" for outcome in outcomes.values()) == 2_499


def test_a_bulk_job_that_broke_is_finished_by_collections(org: Any) -> None:
    connection = org.connect()
    an_ingest_job(org, processed=0, state="Failed")
    org.mock.add_callback(responses.PATCH, f"{BASE}/composite/sobjects", callback=_accept)

    outcomes = by_ref(connection.push_accounts(some_updates(2_100)))

    assert len(outcomes) == 2_100 and all(outcome.status == "done" for outcome in outcomes.values())


def _accept(request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
    records = json.loads(request.body or b"")["records"]
    return 200, {}, json.dumps([{"id": record["Id"], "success": True, "errors": []} for record in records])


def test_few_accounts_go_by_collections_with_only_what_changes(org: Any) -> None:
    connection = org.connect()
    org.mock.add_callback(responses.PATCH, f"{BASE}/composite/sobjects", callback=_accept)

    outcomes = list(connection.push_accounts([AccountUpdate("001A", "Acme", {"tier": None, "score": 81.5})]))

    body = json.loads(org.mock.calls[-1].request.body)
    assert body["records"] == [{"attributes": {"type": "Account"}, "Id": "001A", "KAM_Tier__c": None, "KAM_Score__c": 81.5}]
    assert body["allOrNone"] is False and outcomes == [Outcome("001A", "done", "001A")]


def test_writing_before_setup_says_to_run_it(org: Any) -> None:
    connection = org.connect()
    refusal = [{"errorCode": "INVALID_FIELD", "message": "No such column 'KAM_Tier__c' on sobject of type Account"}]
    org.mock.patch(f"{BASE}/composite/sobjects", json=refusal, status=400)

    with pytest.raises(AccessDenied, match="KAM_Tier__c") as caught:
        list(connection.push_accounts(some_updates(3)))
    assert "kamsync setup" in caught.value.fix


class TaskTable:
    """An org's tasks, by key, behind the endpoints that creating uses; `lose` answers are lost after the commit."""

    def __init__(self, org: Any, *, unique: bool, lose: int = 0) -> None:
        self.by_key: dict[str, list[dict[str, Any]]] = {}
        self.lose = lose
        key = {"name": KEY, "createable": True, "externalId": unique, "unique": unique}
        priority = {"name": "Priority", "picklistValues": [{"value": name, "active": True} for name in ("High", "Normal", "Low")]}
        fields = [{"name": "Id"}, key, priority, {"name": "IsReminderSet"}]
        org.mock.get(f"{BASE}/sobjects/Task/describe", json={"fields": fields})
        org.mock.add_callback(responses.PATCH, f"{BASE}/composite/sobjects/Task/{KEY}", callback=self._upsert)
        org.mock.add_callback(responses.POST, f"{BASE}/composite/sobjects", callback=self._insert)
        org.mock.remove(responses.GET, f"{BASE}/queryAll/")
        org.mock.add_callback(responses.GET, f"{BASE}/queryAll/", callback=self._find)

    def _find(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        soql = parse_qs(urlsplit(str(request.url)).query)["q"][0]
        found = [
            {"Id": task["Id"], KEY: key, "IsDeleted": task.get("IsDeleted", False)}
            for key, tasks in self.by_key.items()
            for task in tasks
            if f"'{key}'" in soql
        ]
        return 200, {}, json.dumps({"totalSize": len(found), "done": True, "records": found})

    def _insert(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        answers = []
        for record in json.loads(request.body or b"")["records"]:
            tasks = self.by_key.setdefault(record[KEY], [])
            tasks.append({**record, "Id": f"00T{len(self.by_key)}{len(tasks)}"})
            answers.append({"id": tasks[-1]["Id"], "success": True, "errors": []})
        return self._answer(answers)

    def _upsert(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        answers = []
        for record in json.loads(request.body or b"")["records"]:
            tasks = self.by_key.setdefault(record[KEY], [])
            created = not tasks
            if created:
                tasks.append({"Id": f"00T{len(self.by_key)}"})
            tasks[0].update(record)
            answers.append({"id": tasks[0]["Id"], "success": True, "errors": [], "created": created})
        return self._answer(answers)

    def _answer(self, answers: list[dict[str, Any]]) -> tuple[int, Mapping[str, str], str]:
        if self.lose:
            self.lose -= 1
            raise requests.exceptions.ConnectionError("the line broke after the commit")
        return 200, {}, json.dumps(answers)


def a_task(key: str, **changes: Any) -> NewTask:
    given: dict[str, Any] = {
        "key": key,
        "account_id": "001A",
        "owner_id": "005A",
        "subject": "Plan the review",
        "body": "Why: …",
        "due": date(2025, 6, 30),
        **changes,
    }
    return NewTask(**given)


def a_task_writer(org: Any) -> Tasks:
    """The connection's own, but with waits that take no time."""
    client = org.client(RetryPolicy(sleep=lambda seconds: None))
    return Tasks(client, Fields(client), KEY, lambda record_id: f"{DOMAIN}/{record_id}", sleep=lambda seconds: None)


@pytest.mark.parametrize("unique", [True, False])
def test_a_lost_answer_never_makes_a_second_task(org: Any, unique: bool) -> None:
    table = TaskTable(org, unique=unique, lose=1)

    outcomes = by_ref(a_task_writer(org).create([a_task("welcome:call:once:001A"), a_task("welcome:plan:once:001A")]))

    assert {ref: outcome.status for ref, outcome in outcomes.items()} == {
        "welcome:call:once:001A": "done",
        "welcome:plan:once:001A": "done",
    }
    assert all(len(tasks) == 1 for tasks in table.by_key.values())


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_task_that_a_person_touched_or_deleted_is_left_as_it_is(org: Any, unique: bool, is_deleted: bool) -> None:
    table = TaskTable(org, unique=unique)
    mine = {"Id": "00T9", "Subject": "Done differently", "IsDeleted": is_deleted}
    table.by_key["welcome:call:once:001A"] = [dict(mine)]

    outcomes = by_ref(a_task_writer(org).create([a_task("welcome:call:once:001A")]))

    assert outcomes["welcome:call:once:001A"].status == "existed"
    assert table.by_key["welcome:call:once:001A"] == [mine]


def test_an_answer_that_never_comes_leaves_the_outcome_unknown(org: Any) -> None:
    table = TaskTable(org, unique=True)
    org.mock.remove(responses.PATCH, f"{BASE}/composite/sobjects/Task/{KEY}")
    org.mock.patch(f"{BASE}/composite/sobjects/Task/{KEY}", body=requests.exceptions.ReadTimeout("nothing"))

    outcomes = by_ref(a_task_writer(org).create([a_task("welcome:call:once:001A")]))

    assert outcomes["welcome:call:once:001A"].status == "unknown"
    assert not table.by_key


def test_a_task_carries_what_the_plan_says_and_no_reminder(org: Any) -> None:
    table = TaskTable(org, unique=True)

    list(a_task_writer(org).create([a_task("welcome:call:once:001A", priority="high", subject="word " * 80)]))

    task = table.by_key["welcome:call:once:001A"][0]
    assert (task["WhatId"], task["OwnerId"], task["ActivityDate"], task["Priority"]) == ("001A", "005A", "2025-06-30", "High")
    assert task["IsReminderSet"] is False
    assert len(task["Subject"]) <= 255 and task["Subject"].endswith("word…")


def test_a_duplicate_that_salesforce_itself_refuses_counts_as_existing(org: Any) -> None:
    TaskTable(org, unique=True)
    org.mock.remove(responses.PATCH, f"{BASE}/composite/sobjects/Task/{KEY}")
    message = f"duplicate value found: {KEY} duplicates value on record with id: 00T000000000007"
    errors = [{"statusCode": "DUPLICATE_VALUE", "message": message, "fields": [KEY]}]
    org.mock.patch(f"{BASE}/composite/sobjects/Task/{KEY}", json=[{"success": False, "errors": errors}])

    outcomes = by_ref(a_task_writer(org).create([a_task("welcome:call:once:001A")]))

    assert outcomes["welcome:call:once:001A"] == Outcome("welcome:call:once:001A", "existed", "00T000000000007EAA")


def test_without_the_key_field_no_task_is_created(org: Any) -> None:
    org.mock.get(f"{BASE}/sobjects/Task/describe", json={"fields": [{"name": "Id"}]})

    with pytest.raises(AccessDenied, match=KEY) as caught:
        list(a_task_writer(org).create([a_task("welcome:call:once:001A")]))
    assert "kamsync setup" in caught.value.fix


def test_many_keys_are_looked_up_in_queries_that_an_address_can_hold(org: Any) -> None:
    TaskTable(org, unique=True)
    tasks = [a_task(f"onboarding:kick-off meeting:2025-Q2:001{number:015d}") for number in range(500)]

    list(a_task_writer(org).create(tasks))

    lookups = [call.request.url for call in org.mock.calls if "/queryAll/" in call.request.url]
    assert len(lookups) > 1 and max(len(url) for url in lookups) < 16_000


def test_a_task_is_closed_with_the_orgs_own_status_and_a_gone_one_needs_none(org: Any) -> None:
    org.says("FROM TaskStatus", [{"ApiName": "Erledigt"}])
    gone = {"success": False, "errors": [{"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}]}
    org.mock.patch(f"{BASE}/composite/sobjects", json=[{"id": "00T1", "success": True, "errors": []}, gone])

    outcomes = by_ref(a_task_writer(org).close([TaskRef("a", "00T1"), TaskRef("b", "00T2")]))

    assert json.loads(org.mock.calls[-1].request.body)["records"][0]["Status"] == "Erledigt"
    assert (outcomes["a"].status, outcomes["b"].status) == ("done", "done")


TASK_ID = "00T000000000001EAA"
GONE = {"success": False, "errors": [{"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}]}


def test_deleting_a_task_that_is_gone_is_done(org: Any) -> None:
    org.mock.patch(f"{BASE}/composite/sobjects", json=[GONE])

    outcomes = list(a_task_writer(org).delete([TaskRef("a", TASK_ID)]))

    assert [outcome.status for outcome in outcomes] == ["done"]


def test_a_key_is_emptied_before_its_task_is_deleted(org: Any) -> None:
    org.mock.patch(f"{BASE}/composite/sobjects", json=[{"id": TASK_ID, "success": True, "errors": []}])
    org.mock.delete(f"{BASE}/composite/sobjects", json=[{"id": TASK_ID, "success": True, "errors": []}])

    outcomes = list(a_task_writer(org).delete([TaskRef("a", TASK_ID)]))

    freeing, deleting = [call.request for call in org.mock.calls if "composite/sobjects" in call.request.url]
    assert json.loads(freeing.body)["records"] == [{"attributes": {"type": "Task"}, "Id": TASK_ID, KEY: None}]
    assert deleting.method == "DELETE" and outcomes == [Outcome("a", "done", TASK_ID)]


def test_a_task_whose_key_cannot_be_emptied_is_not_deleted(org: Any) -> None:
    refusal = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Tasks are read-only here", "fields": []}
    org.mock.patch(f"{BASE}/composite/sobjects", json=[{"success": False, "errors": [refusal]}])

    (outcome,) = a_task_writer(org).delete([TaskRef("a", TASK_ID)])

    assert outcome.status == "rejected" and "read-only" in outcome.message
    assert not [call for call in org.mock.calls if call.request.method == "DELETE"]


@pytest.mark.parametrize("code", ["DUPLICATE_VALUE", "INVALID_FIELD_FOR_INSERT_UPDATE"])
def test_what_is_refused_on_the_repetition_of_a_lost_call_is_done_if_its_key_is_there(org: Any, code: str) -> None:
    """The lost call commits only after the look that follows it, so the repetition meets its own task."""
    table = TaskTable(org, unique=True)
    org.mock.remove(responses.PATCH, f"{BASE}/composite/sobjects/Task/{KEY}")
    task = {"Id": "00T000000000007EAA"}

    def commit_late(request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        table.by_key[a_task("x").key] = [task]
        message = f"duplicate value found: {KEY} duplicates value on record with id: 00T000000000007"
        return 200, {}, json.dumps([{"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}])

    org.mock.patch(f"{BASE}/composite/sobjects/Task/{KEY}", body=requests.exceptions.ReadTimeout("nothing"))
    org.mock.add_callback(responses.PATCH, f"{BASE}/composite/sobjects/Task/{KEY}", callback=commit_late)

    outcomes = list(a_task_writer(org).create([a_task("x")]))

    assert outcomes == [Outcome("x", "done", "00T000000000007EAA")]


def a_kind_of_task(org: Any, kind: str, **fields: list[str]) -> dict[str, Any]:
    """The record that is sent for a task of `kind` to an org whose Task has these picklists."""
    table = TaskTable(org, unique=True)
    described = [{"name": KEY, "createable": True, "externalId": True, "unique": True}]
    described += [
        {"name": name, "createable": True, "picklistValues": [{"value": value, "active": True} for value in values]}
        for name, values in fields.items()
    ]
    org.mock.replace(responses.GET, f"{BASE}/sobjects/Task/describe", json={"fields": described})
    list(a_task_writer(org).create([a_task("x", type=kind)]))
    return table.by_key["x"][0]


def test_a_tasks_type_is_said_in_the_fields_and_values_that_the_org_has(org: Any) -> None:
    task = a_kind_of_task(org, "call", TaskSubtype=["Task", "Call"], Type=["CALL", "Meeting"])

    assert (task["TaskSubtype"], task["Type"]) == ("Call", "CALL")


def test_a_meeting_has_no_subtype_and_an_org_without_the_value_gets_a_plain_task(org: Any) -> None:
    task = a_kind_of_task(org, "meeting", TaskSubtype=["Task", "Call"], Type=["Phone"])

    assert not {"TaskSubtype", "Type"} & task.keys()
