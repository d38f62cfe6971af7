"""Write records through the sObject Collections resources, 200 a call, and report each record by itself.

REST API Developer Guide, "sObject Collections": 200 OK carries one result a record, in the order sent; a failed one has no id.
One bad record never blocks the others: locks are tried again record by record, and what a smaller call might not refuse is sent
again in halves: a request that is refused whole, and records for which the org's Apex or flows had no room in this company.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, RecordRejected
from kamsync.http import Silences
from kamsync.model.exchange import Outcome
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import depends_on_size, fault_of, is_unanswered

RECORDS_PER_CALL = 200
LOCK_ATTEMPTS = 5
HOPELESS_ALONE = 20  # single records, one after the other, that are too much for the org's limits
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
    depends_on_size: bool = False
    refused_whole: bool = False  # the request, maybe for another record's sake

    @property
    def may_pass_in_smaller_company(self) -> bool:
        """Whether a call with fewer records may not refuse this one."""
        return self.depends_on_size or self.refused_whole


def write(
    send: Send,
    records: Sequence[Mapping[str, Any]],
    *,
    sleep: Callable[[float], None] = time.sleep,
    silences: Silences | None = None,
) -> Iterator[tuple[int, Result]]:
    """(position, result) of every record. `send` makes one call and must retry by itself what may be repeated.

    Where `send` counts `silences`, a refusal after an attempt without an answer is `unanswered`: that attempt may have written
    what the next was refused.
    """
    pace = _Pace()
    heard = silences or Silences()
    start = 0
    while start < len(records):
        positions = list(range(start, min(start + pace.size, len(records))))
        pace.start()
        heard.count = 0
        for position, result in _write_with_locks(send, records, positions, pace, sleep):
            yield position, replace(result, status=heard.doubt(result.status))
        pace.end()
        start += len(positions)


@dataclass
class _Pace:
    """How many records of this write a call takes, and how many more calls a refusal may cost. Lives for one write.

    The org's triggers and flows share their limits among the records of a call, so what is too much for two hundred may be fine
    for ten; once it is known how many go, the rest is sent so from the start.
    """

    size: int = RECORDS_PER_CALL
    halvings: int = HALVINGS
    refused_alone: int = 0
    largest_served: int = 0
    was_too_much: bool = False

    def start(self) -> None:
        """A new portion of `size` records."""
        self.halvings, self.largest_served, self.was_too_much = HALVINGS, 0, False

    def served(self, count: int) -> None:
        """A call of `count` records was within the limits."""
        self.refused_alone = 0
        self.largest_served = max(self.largest_served, count)

    def too_much(self, count: int) -> None:
        """A call of `count` records was not."""
        if count > 1:
            self.was_too_much = True
        else:
            self.refused_alone += 1

    def end(self) -> None:
        """Of the portion: the next ones are as large as what went through; where nothing did, size was not the matter."""
        if self.was_too_much:
            self.size = self.largest_served or RECORDS_PER_CALL

    @property
    def is_hopeless(self) -> bool:
        """Record after record is too much by itself: smaller calls do not help, and would only eat the API budget."""
        return self.refused_alone >= HOPELESS_ALONE


def _write_with_locks(
    send: Send, records: Sequence[Mapping[str, Any]], positions: list[int], pace: _Pace, sleep: Callable[[float], None]
) -> Iterator[tuple[int, Result]]:
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        locked: list[int] = []
        for position, result in _send_halving(send, records, positions, pace):
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
    send: Send, records: Sequence[Mapping[str, Any]], positions: list[int], pace: _Pace
) -> Iterator[tuple[int, Result]]:
    """One call; what it refuses and a smaller call might not is sent again in halves, down to one record."""
    try:
        answer = send([records[position] for position in positions])
    except KamsyncError as error:
        if is_unanswered(error):
            yield from ((position, Result("unanswered", message=str(error))) for position in positions)
            return
        refused = _refused_whole(error)
        if refused is None:
            raise
        results = dict.fromkeys(positions, refused)
    else:
        results = _read_results(answer, positions)
    again = _worth_another_call(results, positions, pace)
    kept = set(positions).difference(again)
    yield from ((position, results[position]) for position in positions if position in kept)
    middle = (len(again) + 1) // 2
    for half in (again[:middle], again[middle:]):
        if half and pace.is_hopeless:
            yield from ((position, results[position]) for position in half)
        elif half:
            yield from _send_halving(send, records, half, pace)


def _worth_another_call(results: Mapping[int, Result], positions: Sequence[int], pace: _Pace) -> list[int]:
    """Which of the refused to send again in smaller company; notes in `pace` what this call's answer says."""
    again = [position for position in positions if results[position].may_pass_in_smaller_company]
    if any(result.depends_on_size for result in results.values()):
        pace.too_much(len(positions))
        return [] if len(positions) == 1 or pace.is_hopeless else again
    pace.served(len(positions))
    if not again or len(positions) == 1 or pace.halvings <= 0:
        return []
    pace.halvings -= 2
    return again


def _read_results(answer: Any, positions: Sequence[int]) -> dict[int, Result]:
    if not isinstance(answer, list) or len(answer) != len(positions):
        raise BadAnswer("Salesforce did not answer with one result for each record.", fix="Run again; report this if it stays.")
    return {position: _result(entry) for position, entry in zip(positions, answer, strict=True)}


def _refused_whole(error: KamsyncError) -> Result | None:
    """The refusal of a whole request as every record's own, where a smaller request may fare better; None where not."""
    fault = fault_of(error)
    if fault is not None and fault.depends_on_size:
        return Result("refused", code=fault.code, message=fault.message, depends_on_size=True)
    if fault is not None and _is_about_a_record(error):
        return Result("refused", code=fault.code, message=fault.message, refused_whole=True)
    return None


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
    code = str(first.get("statusCode") or "")
    return Result(
        "refused",
        id=str(entry.get("id") or ""),
        code=code,
        message=f"{message} [{fields}]" if fields and fields not in message else message,
        depends_on_size=depends_on_size(code, message),
    )


def collection(sobject: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of a collections call: a bad record fails alone."""
    return {"allOrNone": False, "records": [{"attributes": {"type": sobject}, **record} for record in records]}


def write_updates(
    client: Client,
    sobject: str,
    records: Sequence[Mapping[str, Any]],
    *,
    doing: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[int, Result]]:
    """Updates by id, as `write`: the same values again do no harm, so an unanswered call is repeated."""
    silences = Silences()

    def send(some: Sequence[Mapping[str, Any]]) -> Any:
        body = collection(sobject, some)
        return client.rest("PATCH", "composite/sobjects", json=body, doing=doing, headers=HEADERS, silences=silences)

    return write(send, records, sleep=sleep, silences=silences)


def outcome(ref: str, record_id: str, result: Result, url_of: Callable[[str], str]) -> Outcome:
    """A result as the contract's outcome; a refusal in Salesforce's words, with the record's link."""
    if result.status == "done":
        return Outcome(ref, "done", result.id or record_id)
    if result.status == "unanswered":
        return Outcome(ref, "unknown", record_id, result.message, url_of(record_id))
    text = f"{result.message} ({result.code})" if result.code else result.message
    return Outcome(ref, "rejected", record_id, text, url_of(record_id))
