"""Writing records 200 a call: one bad record never blocks another, and what is unclear stays unclear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import requests
from simple_salesforce.exceptions import SalesforceMalformedRequest

from kamsync.errors import ConfigError, KamsyncError
from kamsync_salesforce.api.errors import translate
from kamsync_salesforce.api.writes import Result, write

Records = Sequence[Mapping[str, Any]]


def some_records(count: int) -> list[dict[str, Any]]:
    return [{"Id": f"{number:05d}"} for number in range(count)]


def written(send: Any, records: Records) -> dict[int, Result]:
    return dict(write(send, records, sleep=lambda seconds: None))


def all_well(records: Records) -> list[dict[str, Any]]:
    return [{"id": record["Id"], "success": True, "errors": []} for record in records]


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": ["KAM_Tier__c"]}]}


def failure(cause: Exception) -> KamsyncError:
    error = translate(cause, doing="updating accounts", host="acme")
    error.__cause__ = cause
    return error


def refused_whole(code: str, message: str) -> KamsyncError:
    body: Any = [{"errorCode": code, "message": message}]
    return failure(SalesforceMalformedRequest("https://acme", 400, "composite", body))


def test_calls_carry_at_most_two_hundred_records() -> None:
    sizes: list[int] = []

    def send(records: Records) -> Any:
        sizes.append(len(records))
        return all_well(records)

    results = written(send, some_records(450))

    assert sizes == [200, 200, 50]
    assert all(result.status == "done" for result in results.values()) and len(results) == 450


def test_a_refused_record_is_told_by_its_place_in_salesforces_words() -> None:
    def send(records: Records) -> Any:
        answers = all_well(records)
        answers[3] = refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Strategic accounts need an industry")
        return answers

    results = written(send, some_records(10))

    assert results[3].message == "Strategic accounts need an industry [KAM_Tier__c]"
    assert [place for place, result in results.items() if result.status != "done"] == [3]


def test_a_locked_row_is_tried_again_alone() -> None:
    sent: list[list[str]] = []

    def send(records: Records) -> Any:
        sent.append([record["Id"] for record in records])
        return [
            refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")
            if record["Id"] == "00002" and len(sent) < 3
            else entry
            for record, entry in zip(records, all_well(records), strict=True)
        ]

    results = written(send, some_records(5))

    assert sent[1:] == [["00002"], ["00002"]]
    assert all(result.status == "done" for result in results.values())


def test_a_row_that_stays_locked_is_reported_in_the_end() -> None:
    results = written(lambda records: [refusal("UNABLE_TO_LOCK_ROW", "locked") for _ in records], some_records(1))

    assert results[0].code == "UNABLE_TO_LOCK_ROW"


def test_a_request_that_is_refused_whole_is_halved_down_to_the_bad_record() -> None:
    def send(records: Records) -> Any:
        if any(record["Id"] == "00077" for record in records):
            raise refused_whole("JSON_PARSER_ERROR", "Cannot deserialize instance of double")
        return all_well(records)

    results = written(send, some_records(200))

    assert [place for place, result in results.items() if result.status != "done"] == [77]
    assert results[77].code == "JSON_PARSER_ERROR" and len(results) == 200


def test_a_hopeless_request_does_not_eat_the_call_budget() -> None:
    calls = 0

    def send(records: Records) -> Any:
        nonlocal calls
        calls += 1
        raise refused_whole("JSON_PARSER_ERROR", "no")

    results = written(send, some_records(200))

    assert calls <= 42 and len(results) == 200


APEX = "AccountTrigger: System.LimitException: Apex CPU time limit exceeded"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", APEX),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.LimitException: Too many SOQL queries: 101"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.LimitException: Too many DML rows: 10001"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.LimitException: Too many callouts: 101"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "Too many batch retries in the presence of Apex triggers and partial failures"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "We can't save this record because the “X” process failed. Too many SOQL queries: 101"),
    ],
)
def test_records_that_are_too_much_together_are_written_in_halves(code: str, message: str) -> None:
    def send(records: Records) -> Any:
        return all_well(records) if len(records) <= 20 else [refusal(code, message) for _ in records]

    results = written(send, some_records(450))

    assert [result.status for result in results.values()] == ["done"] * 450


@pytest.mark.parametrize(("status", "code"), [(400, "REQUEST_RUNNING_TOO_LONG"), (413, "")])
def test_a_request_that_is_too_much_as_a_whole_is_halved_too(status: int, code: str) -> None:
    def send(records: Records) -> Any:
        if len(records) > 20:
            body: Any = [{"errorCode": code, "message": "too much"}] if code else b"<html>Payload Too Large</html>"
            raise failure(SalesforceMalformedRequest("https://acme", status, "composite", body))
        return all_well(records)

    assert {result.status for result in written(send, some_records(200)).values()} == {"done"}


def test_one_record_that_is_too_much_by_itself_is_found_and_slows_the_others_little() -> None:
    sent: list[int] = []

    def send(records: Records) -> Any:
        sent.append(len(records))
        if any(record["Id"] == "00033" for record in records):
            return [refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", APEX) for _ in records]
        return all_well(records)

    results = written(send, some_records(2_000))

    assert [place for place, result in results.items() if result.status != "done"] == [33]
    assert len(sent) < 50


def test_only_what_was_refused_for_its_size_is_sent_again() -> None:
    sent: list[list[str]] = []

    def send(records: Records) -> Any:
        sent.append([record["Id"] for record in records])
        if len(sent) > 1:
            return all_well(records)
        return [
            refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", APEX) if record["Id"] == "00003" else entry
            for record, entry in zip(records, all_well(records), strict=True)
        ]

    results = written(send, some_records(10))

    assert sent[1:] == [["00003"]] and {result.status for result in results.values()} == {"done"}


def test_a_field_that_the_org_lacks_is_no_records_fault() -> None:
    def send(records: Records) -> Any:
        raise refused_whole("INVALID_FIELD", "No such column 'KAM_Tier__c' on sobject of type Account")

    with pytest.raises(ConfigError, match="KAM_Tier__c"):
        written(send, some_records(3))


def test_a_call_without_an_answer_leaves_its_records_unclear_and_goes_on_with_the_next() -> None:
    def send(records: Records) -> Any:
        if records[0]["Id"] == "00000":
            raise failure(requests.exceptions.ReadTimeout("no answer"))
        return all_well(records)

    results = written(send, some_records(201))

    assert results[0].status == "unanswered" and results[200].status == "done"
