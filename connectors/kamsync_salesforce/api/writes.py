"""Write records through the sObject Collections resources, 200 a call, and report each record by itself.

REST API Developer Guide, "sObject Collections": 200 OK carries one result a record, in the order sent; a failed one has no id.
One bad record never blocks the others: locks are tried again record by record, and a request that is refused whole is halved.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, RecordRejected
from kamsync.model import Outcome
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of, is_unanswered

RECORDS_PER_CALL = 200
LOCK_ATTEMPTS = 5
HALVINGS = 40  # extra calls that one refused request may cost, so that a hopeless one cannot eat the API budget
HEADERS = {
    "Sforce-Auto-Assign": "FALSE",  # our update must not move accounts or tasks by assignment rules
    "Sforce-Duplicate-Rule-Header": "allowSave=true",  # a duplicate alert is not about our fields
}

Send = Callable[[Sequence[Mapping[str, Any]]], Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What Salesforce said to one record: `code` and `message` where it refused; `unanswered` where no answer came."""

    status: Literal["done", "refused", "unanswered"]
    id: str = ""
    created: bool = True
    code: str = ""
    message: str = ""


def write(
    send: Send, records: Sequence[Mapping[str, Any]], *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[int, Result]]:
    """(position, result) of every record. `send` makes one call and must retry by itself what may be repeated."""
    for start in range(0, len(records), RECORDS_PER_CALL):
        positions = list(range(start, min(start + RECORDS_PER_CALL, len(records))))
        yield from _write_with_locks(send, records, positions, sleep)


def _write_with_locks(
    send: Send, records: Sequence[Mapping[str, Any]], positions: list[int], sleep: Callable[[float], None]
) -> Iterator[tuple[int, Result]]:
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        locked: list[int] = []
        for position, result in _send_halving(send, records, positions, [HALVINGS]):
            if result.code == "UNABLE_TO_LOCK_ROW" and attempt < LOCK_ATTEMPTS:
                locked.append(position)
            else:
                yield position, result
        if not locked:
            return
        # Whoever holds the row needs time; jitter keeps two writers from meeting again. Only what was refused is sent again.
        sleep(random.uniform(0.5, 1.0) * min(2.0 ** (attempt - 1), 8.0))
        positions = locked


def _send_halving(
    send: Send, records: Sequence[Mapping[str, Any]], positions: list[int], halvings: list[int]
) -> Iterator[tuple[int, Result]]:
    try:
        answer = send([records[position] for position in positions])
    except KamsyncError as error:
        if is_unanswered(error):
            yield from ((position, Result("unanswered", message=str(error))) for position in positions)
            return
        fault = fault_of(error)
        if not _is_about_a_record(error):
            raise
        if len(positions) == 1 or halvings[0] <= 0:
            message = fault.message if fault else str(error)
            yield from (
                (position, Result("refused", code=fault.code if fault else "", message=message)) for position in positions
            )
            return
        halvings[0] -= 2
        middle = len(positions) // 2
        yield from _send_halving(send, records, positions[:middle], halvings)
        yield from _send_halving(send, records, positions[middle:], halvings)
        return
    if not isinstance(answer, list) or len(answer) != len(positions):
        raise BadAnswer("Salesforce did not answer with one result for each record.", fix="Run again; report this if it stays.")
    for position, entry in zip(positions, answer, strict=True):
        yield position, _result(entry)


def _is_about_a_record(error: KamsyncError) -> bool:
    """Whether a refusal of a whole request may be due to one record in it: not when access, a field or the line is the matter."""
    fault = fault_of(error)
    return (
        fault is not None
        and fault.status == 400
        and fault.is_json
        and not fault.missing_field
        and fault.code != "INVALID_FIELD"
        and isinstance(error, BadAnswer | RecordRejected)
        and not isinstance(error, ConfigError | AccessDenied)
    )


def _result(entry: Any) -> Result:
    if not isinstance(entry, Mapping):
        raise BadAnswer("Salesforce's result of a record cannot be read.", fix="Run again; report this if it stays.")
    if entry.get("success"):
        return Result("done", id=str(entry.get("id") or ""), created=bool(entry.get("created", True)))
    errors = entry.get("errors") or [{}]
    first = errors[0]
    fields = ", ".join(first.get("fields") or ())
    message = str(first.get("message") or "refused without a reason")
    return Result(
        "refused",
        id=str(entry.get("id") or ""),
        code=str(first.get("statusCode") or ""),
        message=f"{message} [{fields}]" if fields and fields not in message else message,
    )


def collection(sobject: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of a collections call: a bad record fails alone."""
    return {"allOrNone": False, "records": [{"attributes": {"type": sobject}, **record} for record in records]}


def updater(client: Client, sobject: str, doing: str) -> Send:
    """Updates by id: the same values again do no harm, so an unanswered call is repeated."""

    def send(records: Sequence[Mapping[str, Any]]) -> Any:
        return client.rest("PATCH", "composite/sobjects", json=collection(sobject, records), doing=doing, headers=HEADERS)

    return send


def outcome(ref: str, record_id: str, result: Result, url_of: Callable[[str], str]) -> Outcome:
    """A result as the contract's outcome; a refusal in Salesforce's words, with the record's link."""
    if result.status == "done":
        return Outcome(ref, "done", result.id or record_id)
    if result.status == "unanswered":
        return Outcome(ref, "unknown", record_id, result.message, url_of(record_id))
    text = f"{result.message} ({result.code})" if result.code else result.message
    return Outcome(ref, "rejected", record_id, text, url_of(record_id))
