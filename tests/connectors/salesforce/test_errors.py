"""What Salesforce and its client say, as the remedy that mends it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import requests
from simple_salesforce import exceptions as vendor

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, RecordRejected, TryLater
from kamsync_salesforce.api.errors import (
    JobFailed,
    fault_of,
    is_unanswered,
    login_refused,
    parse_fault,
    passes,
    surely_not_applied,
    translate,
)

VENDOR_ERRORS = sorted(
    (item for _, item in inspect.getmembers(vendor, inspect.isclass) if issubclass(item, Exception)),
    key=lambda item: item.__name__,
)
LINE_ERRORS: list[type[requests.RequestException]] = sorted(
    (item for _, item in inspect.getmembers(requests.exceptions, inspect.isclass) if issubclass(item, requests.RequestException)),
    key=lambda item: item.__name__,
)


def an_error(kind: type[Exception], status: int = 400, content: Any = None) -> Exception:
    if kind is vendor.SalesforceAuthenticationFailed:
        return vendor.SalesforceAuthenticationFailed("invalid_grant", "authentication failure")
    if issubclass(kind, vendor.SalesforceError):
        body: Any = content or [{"errorCode": "X", "message": "words"}]
        return kind("https://acme.my.salesforce.com/x", status, "query", body)
    return kind("the job failed")


def said(status: int, code: str, message: str) -> KamsyncError:
    """The translation of one REST error, with its cause as the client leaves it."""
    cause = vendor.SalesforceGeneralError("https://acme.my.salesforce.com/x", status, "query", _body(code, message))
    error = translate(cause, doing="a query", host="acme.my.salesforce.com")
    error.__cause__ = cause
    return error


def _body(code: str, message: str) -> Any:
    return [{"errorCode": code, "message": message}]


def test_the_vendor_still_has_the_two_error_roots_that_we_know() -> None:
    roots = {item.__name__ for item in VENDOR_ERRORS if item.__bases__ == (Exception,)}

    assert roots == {"SalesforceError", "SalesforceOperationError"}


@pytest.mark.parametrize("kind", VENDOR_ERRORS, ids=lambda kind: kind.__name__)
def test_every_exception_of_simple_salesforce_becomes_one_of_ours_with_a_mend(kind: type[Exception]) -> None:
    error = translate(an_error(kind), doing="a query", host="acme.my.salesforce.com")

    assert isinstance(error, KamsyncError)
    assert error.message and error.fix


@pytest.mark.parametrize(
    "kind",
    LINE_ERRORS,
    ids=lambda kind: kind.__name__,
)
def test_every_failure_of_the_line_becomes_one_of_ours_with_a_mend(kind: type[requests.RequestException]) -> None:
    cause = kind("text", "body", 0) if kind is requests.exceptions.JSONDecodeError else kind("text")

    error = translate(cause, doing="a query", host="acme.my.salesforce.com")

    assert isinstance(error, KamsyncError)
    assert error.message and error.fix


def test_an_error_that_is_nobodys_is_not_swallowed() -> None:
    with pytest.raises(TypeError, match="ZeroDivisionError"):
        translate(ZeroDivisionError(), doing="a query", host="x")


@pytest.mark.parametrize(
    ("status", "code", "message", "remedy"),
    [
        (401, "INVALID_SESSION_ID", "Session expired or invalid", AccessDenied),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", TryLater),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", TryLater),
        (403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", AccessDenied),
        (400, "INVALID_FIELD", "No such column 'NPS__c' on entity 'Account'.", ConfigError),
        (400, "INVALID_FIELD", "No such column 'NPS__c' on sobject of type Account", ConfigError),
        (410, "", "", ConfigError),
        (400, "UNSUPPORTED_API_VERSION", "old", ConfigError),
        (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.", TryLater),
        (503, "SERVER_UNAVAILABLE", "Maintenance", TryLater),
        (400, "QUERY_TIMEOUT", "Your query request was running for too long.", TryLater),
        (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", TryLater),
        (400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", AccessDenied),
        (400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", RecordRejected),
        (400, "MALFORMED_QUERY", "unexpected token", BadAnswer),
    ],
)
def test_an_error_code_names_its_remedy(status: int, code: str, message: str, remedy: type[KamsyncError]) -> None:
    error = said(status, code, message)

    assert type(error) is remedy
    assert error.fix


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("API_DISABLED_FOR_ORG", "edition"),
        ("API_CURRENTLY_DISABLED", "Ask Salesforce"),
        ("FUNCTIONALITY_NOT_ENABLED", "feature"),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "edit access"),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "account or owner"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "trigger"),
        ("OPERATION_TOO_LARGE", "View All Data"),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", "'Edit'"),
        ("STORAGE_LIMIT_EXCEEDED", "storage"),
        ("QUERY_TIMEOUT", "quiet hour"),
    ],
)
def test_each_known_refusal_has_a_mend_of_its_own(code: str, mend: str) -> None:
    assert mend in said(400, code, "words").fix


def test_a_bulk_job_that_met_too_many_activities_names_the_permission_as_a_query_does() -> None:
    cause = JobFailed("OPERATION_TOO_LARGE: exceeded 100000 distinct who/what's")

    error = translate(cause, doing="the bulk query on Task", host="acme")

    assert isinstance(error, AccessDenied) and "View All Data" in error.fix


def test_the_daily_limit_is_not_waited_for_and_the_concurrent_one_is() -> None:
    assert not passes(said(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    assert passes(said(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."))


def test_a_refusal_may_be_repeated_and_a_lost_answer_may_not() -> None:
    refused = said(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")
    lost = said(503, "SERVER_UNAVAILABLE", "gone")

    assert surely_not_applied(refused) and not is_unanswered(refused)
    assert not surely_not_applied(lost) and is_unanswered(lost)


def test_a_page_of_an_edge_server_is_reported_without_its_markup() -> None:
    cause = vendor.SalesforceGeneralError("https://x", 418, "query", b"<html><body><h1>Corporate  proxy</h1></body></html>")

    error = translate(cause, doing="a query", host="acme.my.salesforce.com")

    assert isinstance(error, BadAnswer)
    assert "Corporate proxy" in error.message and "<" not in error.message


def test_oauth_errors_are_read_as_well_as_rest_errors() -> None:
    fault = parse_fault(400, {"error": "invalid_grant", "error_description": "authentication failure"})

    assert (fault.code, fault.message) == ("invalid_grant", "authentication failure")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            "\nSELECT NPS__c FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'NPS__c' on entity 'Account'.",
            "NPS__c",
        ),
        ("No such column 'KAM_Tier__c' on sobject of type Account", "KAM_Tier__c"),
        ("InvalidBatch : Field name not found : KAM_Tier__c", "KAM_Tier__c"),
        ("Didn't understand relationship 'Product9' in field path.", "Product9"),
        ("sObject type 'X' is not supported.", ""),
    ],
)
def test_the_missing_field_is_read_out_of_salesforces_sentence(message: str, field: str) -> None:
    assert parse_fault(400, _body("INVALID_FIELD", message)).missing_field == field


def test_the_fault_is_still_known_after_translation() -> None:
    fault = fault_of(said(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))

    assert fault is not None and fault.code == "INVALID_QUERY_LOCATOR"


@pytest.mark.parametrize(
    ("code", "description", "mend"),
    [
        ("invalid_grant", "user hasn't approved this consumer", "Pre-authorise"),
        ("invalid_grant", "audience is invalid", "jwt_audience"),
        ("invalid_grant", "invalid assertion", "private_key"),
        ("invalid_client_id", "client identifier invalid", "client_id"),
        ("invalid_client", "invalid client credentials", "client_secret"),
        ("invalid_grant", "authentication failure", "credentials"),
        ("invalid_grant", "request not supported on this domain", "My Domain"),
        ("LOGIN_MUST_USE_SECURITY_TOKEN", "…", "security_token"),
        ("INVALID_OPERATION", "INVALID_OPERATION: SOAP API login() is disabled by default in this org.", "client_credentials"),
        ("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.", "sandbox"),
        ("API_DISABLED_FOR_ORG", "API is disabled for this User", "edition"),
        ("invalid_grant", "expired authorization code", "clock"),
        ("invalid_grant", "expired access/refresh token", "Pre-authorise"),
    ],
)
def test_a_refused_sign_in_says_what_to_correct(code: str, description: str, mend: str) -> None:
    error = login_refused(code, description)

    assert isinstance(error, AccessDenied)
    assert mend in error.fix
