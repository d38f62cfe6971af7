"""Several writes as one call: REST API Developer Guide, "Composite". Later subrequests may name what earlier ones answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kamsync.model.exchange import Outcome
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import GONE

SUBREQUESTS = 25  # of one request
HALTED = "PROCESSING_HALTED"  # of the others in a request that was all or nothing


def subrequest(client: Client, method: str, path: str, reference: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One write of a record, `path` its place below `sobjects`."""
    asked: dict[str, Any] = {
        "method": method,
        "url": f"/services/data/v{client.api_version}/sobjects/{path}",
        "referenceId": reference,
    }
    return asked if values is None else {**asked, "body": dict(values)}


def send(client: Client, requests: Sequence[Mapping[str, Any]], doing: str, *, together: bool = False) -> list[Mapping[str, Any]]:
    """The answers in the order of the requests. `together`: all or nothing; such a call, which may make records, is sent once."""
    body = {"allOrNone": together, "compositeRequest": list(requests)}
    answer = client.rest("POST", "composite", json=body, doing=doing, repeatable=not together)
    by_reference = {one["referenceId"]: one for one in (answer or {}).get("compositeResponse") or ()}
    return [by_reference.get(one["referenceId"], {}) for one in requests]


def is_good(answer: Mapping[str, Any]) -> bool:
    """Whether the subrequest was carried out."""
    return 200 <= int(answer.get("httpStatusCode") or 0) < 300


def code_of(answer: Mapping[str, Any]) -> str:
    """The code of its refusal, "" where there is none."""
    return str(_error_of(answer).get("errorCode") or "") if not is_good(answer) else ""


def is_gone(answer: Mapping[str, Any]) -> bool:
    """Whether it was refused because the record does not exist any more."""
    return code_of(answer) in GONE


def outcome_of(account_id: str, record_id: str, answers: Sequence[Mapping[str, Any]]) -> Outcome:
    """Of a write of several subrequests: refused in the words of the one that was refused itself."""
    bad = [answer for answer in answers if not is_good(answer)]
    if not bad:
        return Outcome(account_id, "done", record_id)
    told = next((answer for answer in bad if answer and code_of(answer) != HALTED), bad[0])
    if not told:
        return Outcome(account_id, "unknown", record_id, "Salesforce gave no answer for this record.")
    message = _error_of(told).get("message") or "no reason given"
    return Outcome(account_id, "rejected", record_id, f"{message} ({code_of(told) or 'no code'})")


def _error_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    body = answer.get("body")
    first = body[0] if isinstance(body, list) and body else body
    return first if isinstance(first, Mapping) else {}
