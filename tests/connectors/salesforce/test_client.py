"""Sessions, retries, the call budget and odd answers, against scripted answers in the shapes that Salesforce documents."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from kamsync.contract import Secret
from kamsync.errors import AccessDenied, BadAnswer, ConfigError, PlanRefused, TryLater
from kamsync.http import RetryPolicy
from kamsync_salesforce.api.auth import read_credentials
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.api.reads import read_by_rest

DOMAIN = "https://acme.my.salesforce.com"
BASE = f"{DOMAIN}/services/data/v62.0"
TOKEN_URL = f"{DOMAIN}/services/oauth2/token"
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
EMPTY = {"totalSize": 0, "done": True, "records": []}


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as scripted:
        yield scripted


def a_client(
    answers: responses.RequestsMock, *, remaining: int = 10_000, share: float = 0.5, retry: RetryPolicy | None = None
) -> Client:
    """An open client whose waits take no time."""
    answers.post(TOKEN_URL, json=_token(1))
    answers.get(f"{BASE}/limits", json={"DailyApiRequests": {"Max": 15_000, "Remaining": remaining}})
    credentials = read_credentials(
        {"auth": "client_credentials", "login_url": DOMAIN, "client_id": "the-app", "client_secret": Secret("s3cret-s3cret")}
    )
    client = Client(credentials, budget_share=share, retry=retry or RetryPolicy(sleep=lambda seconds: None))
    client.open()
    return client


def _token(number: int) -> dict[str, str]:
    return {
        "access_token": f"session-{number}",
        "instance_url": DOMAIN,
        "id": f"{DOMAIN}/id/00D000000000001AAA/005000000000001AAA",
    }


def a_page(*ids: str, stamp: str = "2025-01-01T00:00:00.000+0000", more: str = "") -> dict[str, Any]:
    records = [{"attributes": {"type": "Account"}, "Id": record_id, "SystemModstamp": stamp} for record_id in ids]
    return {"totalSize": 3, "done": not more, "records": records} | ({"nextRecordsUrl": more} if more else {})


def test_a_session_that_ends_midway_is_renewed_and_the_page_is_not_lost(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(f"{BASE}/query/", json=EXPIRED, status=401)
    answers.post(TOKEN_URL, json=_token(2))
    answers.get(f"{BASE}/query/", json=a_page("001A"))

    page = client.query("SELECT Id FROM Account")

    assert [record["Id"] for record in page["records"]] == ["001A"]
    assert answers.calls[-1].request.headers["Authorization"] == "Bearer session-2"


def test_a_session_that_stays_invalid_ends_in_an_error_and_not_in_a_loop(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(f"{BASE}/query/", json=EXPIRED, status=401)
    answers.post(TOKEN_URL, json=_token(2))

    with pytest.raises(AccessDenied, match="Session expired"):
        client.query("SELECT Id FROM Account")
    assert len(answers.calls) < 10


def test_a_given_access_token_cannot_be_renewed_and_says_so(answers: responses.RequestsMock) -> None:
    answers.get(f"{BASE}/limits", json=EXPIRED, status=401)
    client = Client(read_credentials({"auth": "access_token", "instance_url": DOMAIN, "access_token": Secret("00Dxx!given")}))

    with pytest.raises(AccessDenied, match="access token has expired") as caught:
        client.open()
    assert "access_token" in caught.value.fix


def test_a_platform_failure_is_tried_again_after_the_time_that_salesforce_asks_for(answers: responses.RequestsMock) -> None:
    waits: list[float] = []
    client = a_client(answers, retry=RetryPolicy(sleep=waits.append))
    busy = [{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}]
    answers.get(f"{BASE}/query/", json=busy, status=503, headers={"Retry-After": "7"})
    answers.get(f"{BASE}/query/", json=EMPTY)

    client.query("SELECT Id FROM Account")

    assert len(waits) == 1 and 7 <= waits[0] < 8


def test_a_spent_daily_allowance_is_not_tried_again(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    spent = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    answers.get(f"{BASE}/query/", json=spent, status=403)

    with pytest.raises(TryLater, match="TotalRequests"):
        client.query("SELECT Id FROM Account")
    assert len(answers.calls) == 3  # token, limits, one query


def test_a_create_whose_answer_was_lost_is_not_sent_again(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.post(f"{BASE}/sobjects/Task", body=requests.exceptions.ReadTimeout("no answer"))

    with pytest.raises(TryLater):
        client.rest("POST", "sobjects/Task", json={}, doing="creating a task")
    assert sum(call.request.method == "POST" and "sobjects" in str(call.request.url) for call in answers.calls) == 1


def test_an_update_whose_answer_was_lost_is_sent_again(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.patch(f"{BASE}/composite/sobjects", body=requests.exceptions.ConnectionError("reset"))
    answers.patch(f"{BASE}/composite/sobjects", json=[{"id": "001A", "success": True, "errors": []}])

    assert client.rest("PATCH", "composite/sobjects", json={}, doing="updating") == [
        {"id": "001A", "success": True, "errors": []}
    ]


def test_no_call_goes_out_beyond_the_share_of_what_was_left(answers: responses.RequestsMock) -> None:
    client = a_client(answers, remaining=6, share=0.5)
    answers.get(f"{BASE}/query/", json=EMPTY)

    client.query("SELECT Id FROM Account")
    client.query("SELECT Id FROM Account")
    with pytest.raises(PlanRefused, match="budget") as caught:
        client.query("SELECT Id FROM Account")

    assert "guard.api_budget_share" in caught.value.fix
    assert client.usage().used_by_us == 3  # limits and two queries


def test_limits_that_our_user_may_not_read_come_from_the_header(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json=_token(1))
    refusal = [{"message": "not enabled", "errorCode": "INSUFFICIENT_ACCESS"}]
    answers.get(f"{BASE}/limits", json=refusal, status=403, headers={"Sforce-Limit-Info": "api-usage=18/5000"})
    client = Client(
        read_credentials({"login_url": DOMAIN, "client_id": "the-app", "client_secret": Secret("s3cret-s3cret")}),
        retry=RetryPolicy(sleep=lambda seconds: None),
    )

    client.open()

    assert (client.usage().limit, client.usage().remaining) == (5000, 4982)


def test_json_is_not_asked_for_indented(answers: responses.RequestsMock) -> None:
    a_client(answers)

    assert "X-PrettyPrint" not in answers.calls[1].request.headers


@pytest.mark.parametrize("address", ["https://evil.example/services/data/x", "//evil.example/x", "@evil.example/x"])
def test_a_next_page_on_a_strangers_host_is_not_asked_for(answers: responses.RequestsMock, address: str) -> None:
    client = a_client(answers)

    with pytest.raises(BadAnswer):
        client.query_more(address)
    assert all("evil" not in str(call.request.url) for call in answers.calls)


def test_a_download_from_a_strangers_host_is_not_sent_our_session(answers: responses.RequestsMock) -> None:
    client = a_client(answers)

    with pytest.raises(BadAnswer, match=r"evil\.example"):
        client.download("https://evil.example/results", io.BytesIO(), doing="a download")


def test_html_in_place_of_json_is_told_apart_from_salesforce(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(f"{BASE}/query/", body="<html>proxy</html>", content_type="text/html")

    with pytest.raises(BadAnswer, match="not JSON"):
        client.query("SELECT Id FROM Account")


def test_a_private_authoritys_missing_file_is_named_before_anything_is_sent() -> None:
    credentials = read_credentials({"auth": "access_token", "instance_url": DOMAIN, "access_token": Secret("00Dxx!given")})

    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Client(credentials, ca_bundle="nowhere.pem")


@pytest.mark.parametrize("version", ["v62.0", "62", "29.0", ""])
def test_an_api_version_that_will_not_do_is_refused(version: str) -> None:
    credentials = read_credentials({"auth": "access_token", "instance_url": DOMAIN, "access_token": Secret("00Dxx!given")})

    with pytest.raises(ConfigError, match="api_version"):
        Client(credentials, api_version=version)


def test_a_query_whose_cursor_was_closed_goes_on_after_the_last_record_seen(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(f"{BASE}/query/", json=a_page("001A", "001B", more="/services/data/v62.0/query/0r8-2000"))
    closed = [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]
    answers.get(f"{BASE}/query/0r8-2000", json=closed, status=400)
    answers.get(f"{BASE}/query/", json=a_page("001C"))

    batches = list(read_by_rest(client, "Account", ["Id", "SystemModstamp"], [], include_deleted=False, most=None))

    assert [row[0] for batch in batches for row in batch] == ["001A", "001B", "001C"]
    asked = str(answers.calls[-1].request.params["q"])  # type: ignore[attr-defined]  # added by responses
    assert "SystemModstamp = 2025-01-01T00:00:00.000Z AND Id > '001B'" in asked


def test_the_fault_behind_an_error_stays_readable(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(
        f"{BASE}/query/", json=[{"message": "sObject type 'X' is not supported.", "errorCode": "INVALID_TYPE"}], status=400
    )

    with pytest.raises(BadAnswer) as caught:
        client.query("SELECT Id FROM X")

    fault = fault_of(caught.value)
    assert fault is not None and fault.means_no_such_object


def test_json_that_breaks_off_is_asked_for_again(answers: responses.RequestsMock) -> None:
    client = a_client(answers)
    answers.get(f"{BASE}/query/", body='{"totalSize": 1, "done": tr', content_type="application/json")
    answers.get(f"{BASE}/query/", json=EMPTY)

    assert client.query("SELECT Id FROM Account")["done"] is True
