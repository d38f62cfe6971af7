"""Translate what simple-salesforce, requests and Salesforce's own JSON say into kamsync's errors, grouped by remedy.

The one place where the two error roots of simple-salesforce (SalesforceError, SalesforceOperationError) meet ours. A translated
error keeps the original as its cause, so that `fault_of` can still tell its code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import requests

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, RecordRejected, TryLater
from kamsync.foreign import answer_in_words, json_of, mend_of_down, words_of
from kamsync.http import network_error, passes_by_itself, redact, was_never_sent
from kamsync_salesforce.api.mends import DENIED, LOGIN_CODES, LOGIN_PHRASES
from kamsync_salesforce.api.vendor import exceptions as vendor

# REST API Developer Guide, "Status Codes and Error Responses"; SOAP API Developer Guide, "ExceptionCode".
_PLATFORM_CODES = frozenset(
    {"SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVICE_UNAVAILABLE"}
)
# Refused before anything was written, so that even a create may be repeated.
_NOT_APPLIED_CODES = frozenset({"UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "INVALID_SESSION_ID"})
_VERSION_CODES = frozenset({"UNSUPPORTED_API_VERSION", "INVALIDVERSION"})
_FIELD = re.compile(r"No such column '([^']+)' on (?:entity|sobject of type) '?([A-Za-z0-9_]+)'?", re.IGNORECASE)
_BULK_FIELD = re.compile(r"Field name not found\s*:\s*(\S+)", re.IGNORECASE)
_RELATIONSHIP = re.compile(r"Didn't understand relationship '([^']+)'", re.IGNORECASE)

# Limits that all records of a call share: Apex Developer Guide, "Execution Governors and Limits" (a LimitException comes as
# CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, from a flow as CANNOT_EXECUTE_FLOW_TRIGGER) and "Bulk DML Exception Handling".
_SIZE_WORDS = re.compile(
    r"System\.LimitException|Apex (?:CPU time|heap size)|Too many (?:SOQL queries|query rows|SOSL|DML|callouts|future calls"
    r"|queueable jobs|batch retries|email invocations|records)|time spent in callouts|maximum number of iterations",
    re.IGNORECASE,
)
_SIZE_CODES = frozenset({"REQUEST_RUNNING_TOO_LONG", "EXCEEDED_ID_LIMIT", "TOO_MANY_ENTERED"})
REQUEST_TOO_LARGE_STATUS = 413


def depends_on_size(code: str, message: str) -> bool:
    """Whether a call with fewer records might not be refused so."""
    return code in _SIZE_CODES or bool(_SIZE_WORDS.search(message))


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as Salesforce states it. `code` is "" where the body was no error list (an edge server's HTML)."""

    status: int
    code: str
    message: str
    is_json: bool = True

    @property
    def said(self) -> str:
        """For people: Salesforce's words with their code; of an answer that is not Salesforce's the status, and its words."""
        if self.code:
            return f"{self.message} ({self.code})" if self.message else self.code
        if self.is_json and self.message:
            return self.message
        return answer_in_words(self.status, self.message)

    @property
    def missing_field(self) -> str:
        """The API name in "No such column …", or ""."""
        for pattern in (_FIELD, _BULK_FIELD, _RELATIONSHIP):
            found = pattern.search(self.message)
            if found:
                return found.group(1)
        return ""

    @property
    def is_too_large_operation(self) -> bool:
        """A query on activities met more records than a user without View All Data may be checked against."""
        return self.code == "OPERATION_TOO_LARGE" or "OPERATION_TOO_LARGE" in self.message or "distinct who/what" in self.message

    @property
    def depends_on_size(self) -> bool:
        """Whether a smaller request might not be refused so."""
        return self.status == REQUEST_TOO_LARGE_STATUS or depends_on_size(self.code, self.message)

    @property
    def means_no_such_object(self) -> bool:
        """The object is absent, switched off or not permitted: Salesforce does not tell these apart."""
        return self.code in ("INVALID_TYPE", "INVALIDENTITY") or "is not supported" in self.message


# What says that this one thing is refused or wrong, as opposed to a line that is down (TryLater) or a budget that is spent.
GONE = ("ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY")  # codes of a record that is not there, or not for us
REFUSALS = (AccessDenied, ConfigError, BadAnswer, RecordRejected)


class JobFailed(vendor.SalesforceOperationError):
    """A Bulk API 2.0 job ended in state Failed or Aborted; the text is its errorMessage."""


def parse_fault(status: int, content: Any) -> Fault:
    """A Fault from a body: a list of errors (REST), one object (OAuth, some Bulk answers), or what an edge server says."""
    try:
        read = json_of(content) if isinstance(content, bytes | str) else content
    except ValueError:
        read = content
    entry = read[0] if isinstance(read, list) and read else read
    if isinstance(entry, dict):
        code = str(entry.get("errorCode") or entry.get("statusCode") or entry.get("error") or "")
        text = str(entry.get("message") or entry.get("error_description") or "")
        return Fault(status, redact(code), redact(text.strip()))
    return Fault(status, "", redact(words_of(content)), is_json=False)


def fault_of(error: BaseException | None) -> Fault | None:
    """What Salesforce said, for an error of simple-salesforce or one that we translated from it."""
    while error is not None:
        if isinstance(error, vendor.SalesforceAuthenticationFailed):
            return Fault(error.status, str(error.code or ""), redact(error.auth_message))
        if isinstance(error, vendor.SalesforceError):
            return parse_fault(error.status, error.content)
        if isinstance(error, vendor.SalesforceOperationError):
            return Fault(0, "JOB_FAILED", redact(str(error)))
        error = error.__cause__
    return None


def translate(error: BaseException, *, doing: str, host: str, retry_after: float | None = None) -> KamsyncError:
    """`error` as the remedy that mends it. `doing` completes "Salesforce refused …"."""
    if isinstance(error, KamsyncError):
        return error
    if isinstance(error, vendor.SalesforceAuthenticationFailed):
        return login_refused(str(error.code or ""), error.auth_message)
    if isinstance(error, vendor.SalesforceError):
        return _from_fault(parse_fault(error.status, error.content), doing=doing, host=host, retry_after=retry_after)
    if isinstance(error, vendor.SalesforceOperationError):
        job = fault_of(error)
        if job is not None and job.is_too_large_operation:
            return _from_fault(job, doing=doing, host=host, retry_after=retry_after)
        return BadAnswer(
            f"Salesforce could not carry out the bulk job for {doing}: {redact(str(error))}",
            fix="Setup → Bulk Data Load Jobs shows the job; run again, or run `kamsync doctor`.",
        )
    if isinstance(error, requests.exceptions.JSONDecodeError):
        if _is_cut_json(error):
            return TryLater(f"Salesforce's answer to {doing} was cut short.", fix="Run again; check the network if it lasts.")
        return BadAnswer(
            f"{host} answered {doing} with something that is not JSON.",
            fix="Check `login_url` and `instance_url`; a proxy's sign-in page answers like this.",
        )
    if isinstance(error, requests.RequestException):
        return network_error(error, host)
    raise TypeError(f"Not an error of the Salesforce client: {type(error).__name__}") from error


def _from_fault(fault: Fault, *, doing: str, host: str, retry_after: float | None) -> KamsyncError:
    return _passing(fault, fault.said, doing, retry_after) or _lasting(fault, fault.said, doing, host)


def _passing(fault: Fault, said: str, doing: str, retry_after: float | None) -> KamsyncError | None:
    """What is mended by waiting; a version that Salesforce has given up answers like that too, and is not."""
    if fault.code == "QUERY_TIMEOUT":
        return TryLater(
            f"Salesforce took too long over {doing}: {said}.",
            fix="Run again at a quiet hour; if it stays, ask Salesforce for an index on the mapped field that is filtered.",
            retry_after_seconds=retry_after,
        )
    if fault.code == "REQUEST_LIMIT_EXCEEDED":
        if "concurrent" in fault.message.lower():
            return TryLater(
                f"Salesforce has too many long requests in progress: {said}.",
                fix="Run again in some minutes.",
                retry_after_seconds=retry_after,
            )
        return TryLater(
            f"The Salesforce org has used up its API calls of 24 hours: {said}.",
            fix="Run again in some hours (Setup → Company Information → API Requests), or buy more API calls.",
            retry_after_seconds=retry_after if retry_after is not None else 3600.0,
        )
    if fault.status == 410 or fault.code in _VERSION_CODES:
        return ConfigError(
            f"Salesforce no longer offers this API version: {said}.",
            fix="Remove `api_version` from [crm.salesforce], or set it to a version that `kamsync doctor` lists.",
        )
    if fault.status in (429, 500, 502, 503, 504) or fault.code in _PLATFORM_CODES:
        return TryLater(
            f"Salesforce is not available for {doing}: {said}.",
            fix=mend_of_down("https://status.salesforce.com", is_told=fault.is_json and bool(fault.message)),
            retry_after_seconds=retry_after,
        )
    return None


def _lasting(fault: Fault, said: str, doing: str, host: str) -> KamsyncError:
    """What somebody must mend."""
    if fault.status == 401 or fault.code == "INVALID_SESSION_ID":
        return AccessDenied(
            f"Salesforce ended our session: {said}.",
            fix="Check that the user is active, may use the API, and comes from an allowed IP range; then run `kamsync doctor`.",
        )
    if not fault.is_json:
        return BadAnswer(
            f"{host} answered {doing} with no Salesforce error, but with {said}.",
            fix="Check `login_url` and `instance_url`; a proxy may be answering in between.",
        )
    if fault.missing_field:
        return ConfigError(
            f"Salesforce does not show the field {fault.missing_field} for {doing}: {said}.",
            fix="Correct the mapping file, or grant the field to our user; `kamsync setup` creates and grants the KAM fields.",
        )
    if fault.status == 403 or fault.code in DENIED or fault.is_too_large_operation:
        code = "OPERATION_TOO_LARGE" if fault.is_too_large_operation else fault.code
        mend = DENIED.get(code, "Give our user the object and field permissions, then run `kamsync doctor`.")
        return AccessDenied(f"Salesforce refuses {doing}: {said}.", fix=mend)
    if fault.code == "STORAGE_LIMIT_EXCEEDED":
        return RecordRejected(
            f"Salesforce refuses {doing}: {said}.", fix="Make room in the org (Setup → Storage Usage), or buy storage."
        )
    if fault.code in ("LIMIT_EXCEEDED", "EXCEEDED_ID_LIMIT"):
        return RecordRejected(
            f"Salesforce refuses {doing}: {said}.", fix="Run again later; Setup → System Overview shows the org's limits."
        )
    if fault.status == 300:
        return RecordRejected(f"More than one record matches {doing}.", fix="Remove the duplicates in Salesforce.")
    return BadAnswer(f"Salesforce refused {doing}: {said}.", fix="Run `kamsync doctor`; report this if it stays.")


def login_refused(code: str, description: str | None) -> KamsyncError:
    """A refused sign-in. OAuth 2.0 errors: Salesforce Help, "OAuth Authorization Flows → Errors"."""
    said = redact(description or "").strip()
    text = f"{code} {said}".lower()
    fix = next((fix for words, fix in LOGIN_PHRASES if words in text), "") or LOGIN_CODES.get(
        code, "Check the credentials in [crm.salesforce], then run `kamsync doctor`."
    )
    return AccessDenied(f"Salesforce refused the sign-in: {said or 'no reason given'} ({code or 'no code'}).", fix=fix)


def passes(error: BaseException) -> bool:
    """Whether the failure (ours, with its vendor cause) may be gone a moment later."""
    cause = error.__cause__ or error
    if isinstance(cause, requests.exceptions.JSONDecodeError):
        return _is_cut_json(cause)
    if isinstance(cause, requests.RequestException):
        return passes_by_itself(cause)
    fault = fault_of(error)
    if fault is None:
        return False
    if fault.code == "REQUEST_LIMIT_EXCEEDED":
        return "concurrent" in fault.message.lower()
    return fault.status in (429, 500, 502, 503, 504) or fault.code in _PLATFORM_CODES - {"QUERY_TIMEOUT"}


def _is_cut_json(error: requests.exceptions.JSONDecodeError) -> bool:
    """JSON that breaks off, as opposed to a proxy's page in its place."""
    return str(error.doc).lstrip()[:1] in ("{", "[")


def means_unavailable(error: KamsyncError) -> bool:
    """What was asked for is absent, not in this edition or not for our user; not: the org is down, or our budget is spent."""
    fault = fault_of(error)
    if fault is None or isinstance(error, TryLater) or fault.status == 401:
        return False
    if fault.means_no_such_object or fault.missing_field or fault.code == "INVALID_FIELD":
        return True
    return fault.is_json and (fault.status in (403, 404) or fault.code in DENIED)


def surely_not_applied(error: BaseException) -> bool:
    """Whether Salesforce cannot have written anything before it failed, so that a create may be sent again."""
    cause = error.__cause__ or error
    if isinstance(cause, requests.RequestException):
        return was_never_sent(cause)
    fault = fault_of(error)
    if fault is None:
        return False
    # A 4xx is a refusal; 5xx may come after the commit.
    return fault.code in _NOT_APPLIED_CODES or 400 <= fault.status < 500


def is_unanswered(error: BaseException) -> bool:
    """Whether a write's fate is unknown: the line broke or the platform failed after the request may have arrived."""
    return isinstance(error, TryLater) and passes(error) and not surely_not_applied(error)
