"""Writing in batches, so that one bad record never stops the others.

A value that does not validate refuses the whole batch (400) and names no record, but the property and the value: one record
that carries it is tried alone, and where it is refused too, all that carry it are. Otherwise halves are tried until the bad one
stands alone. Unknown ids answer 207 and are named. A batch without an answer leaves its records unknown, and so does a refusal
after an attempt without one, which may have written what the next was refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kamsync.errors import BadAnswer, RecordRejected, TryLater
from kamsync.http import Silences
from kamsync.model.exchange import Outcome
from kamsync.portions import portions
from kamsync_hubspot.api.answer import Answer
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import Fault, fault_of, is_unanswered
from kamsync_hubspot.api.reads import BATCH
from kamsync_hubspot.translate import Record

Status = Literal["done", "missing", "refused", "unanswered"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input. `record` is HubSpot's answer for it, where there is one."""

    status: Status
    record: Record | None = None
    message: str = ""


def write(
    client: Client,
    path: str,
    inputs: Sequence[Record],
    *,
    doing: str,
    key_of: Callable[[Record], str] = lambda record: str(record["id"]),
    repeatable: bool = True,
    names_done: bool = True,
    silences: Silences | None = None,
) -> Iterator[tuple[str, Result]]:
    """Posts `inputs` by the hundred; one result for each input's `id`. `key_of` finds that id in a record of the answer.

    `repeatable=False` is for a create, which a second call would make again; `names_done=False` for what HubSpot answers with
    nothing (204) where all went well. `silences` counts attempts without an answer, for a caller that looks by itself what those
    did; otherwise a refusal after one is `unanswered`.
    """
    for some in portions(inputs, BATCH):
        heard = Silences() if silences is None else silences
        for key, result in _Batches(client, path, doing, key_of, repeatable, names_done, heard).write(list(some)):
            yield key, doubted(result, heard) if silences is None else result


def archive(client: Client, path: str, ids: Sequence[str], *, doing: str) -> Iterator[tuple[str, Result]]:
    """Archives by the hundred, as `write` does; one result an id. HubSpot answers 204, also for what is gone already."""
    return write(client, path, [{"id": one} for one in ids], doing=doing, names_done=False)


def doubted(result: Result, silences: Silences) -> Result:
    """A refusal after an attempt without an answer tells nothing of what that attempt did."""
    return replace(result, status=silences.doubt(result.status))


@dataclass(frozen=True, slots=True)
class _Batches:
    """Batches of one kind."""

    client: Client
    path: str
    doing: str
    key_of: Callable[[Record], str]
    repeatable: bool
    names_done: bool
    silences: Silences

    def write(self, inputs: list[Record]) -> Iterator[tuple[str, Result]]:
        if not inputs:
            return
        try:
            answer = self._post(inputs)
        except RecordRejected as error:
            fault = fault_of(error)
            if len(inputs) == 1:
                yield inputs[0]["id"], Result("refused", message=fault.message if fault else error.message)
                return
            suspect = _suspect(fault, inputs) if fault else None
            yield from self._without(*suspect, inputs) if suspect else self._halves(inputs)
            return
        except (TryLater, BadAnswer) as error:
            if not is_unanswered(error):
                raise  # nothing was written, and nothing will be: a spent day, no connection at all
            for given in inputs:
                yield given["id"], Result("unanswered", message=error.message)
            return
        if not self.names_done and not answer.content:
            yield from ((given["id"], Result("done")) for given in inputs)
        else:
            yield from _results(answer, inputs, self.key_of)

    def _post(self, inputs: list[Record]) -> Answer:
        # The API's own keys only: `id` tells inputs apart here, and is none of a create.
        sent = (
            [{key: value for key, value in given.items() if key != "id"} for given in inputs] if not self.repeatable else inputs
        )
        return self.client.post(self.path, {"inputs": sent}, doing=self.doing, repeatable=self.repeatable, silences=self.silences)

    def _without(self, name: str, value: str, inputs: list[Record]) -> Iterator[tuple[str, Result]]:
        """One that carries the value, by itself; what became of it holds for all that carry it where it is a refusal."""
        carrying = [given for given in inputs if _properties(given).get(name) == value]
        others = [given for given in inputs if _properties(given).get(name) != value]
        ((_, first),) = self.write(carrying[:1])
        yield carrying[0]["id"], first
        if first.status != "refused":
            yield from self._halves([*carrying[1:], *others])
            return
        for given in carrying[1:]:
            yield given["id"], first
        yield from self.write(others)

    def _halves(self, inputs: list[Record]) -> Iterator[tuple[str, Result]]:
        middle = (len(inputs) + 1) // 2
        yield from self.write(inputs[:middle])
        yield from self.write(inputs[middle:])


def _suspect(fault: Fault, inputs: Sequence[Record]) -> tuple[str, str] | None:
    """The (property, value) among the inputs that the refusal speaks of: the value that its text names first."""
    found: list[tuple[int, str, str]] = []
    for name in fault.properties:
        for value in {str(_properties(given)[name]) for given in inputs if name in _properties(given)}:
            place = re.search(rf"(?<![\w.]){re.escape(value)}(?![\w.])", fault.message) if value else None
            if place:
                found.append((place.start(), name, value))
    return min(found)[1:] if found else None


def _properties(given: Record) -> Mapping[str, Any]:
    """None of an input that is archived."""
    found: Mapping[str, Any] = given.get("properties", {})
    return found


def _results(answer: Answer, inputs: list[Record], key_of: Callable[[Record], str]) -> Iterator[tuple[str, Result]]:
    """A 2xx is no success: each input must be in the answer or in one of its errors."""
    records = {key_of(record): record for record in answer.results}
    failed: dict[str, Result] = {}
    general = ""
    for error in answer.errors:
        text = str(error.get("message") or "refused")
        status: Status = "missing" if error.get("category") == "OBJECT_NOT_FOUND" else "refused"
        named = error_ids(error)
        failed |= {one: Result(status, message=text) for one in named}
        general = general if named else text
    for given in inputs:
        key = given["id"]
        if key in failed:
            yield key, failed[key]
        elif key in records:
            yield key, Result("done", records[key])
        else:
            yield key, Result("refused" if general else "unanswered", message=general or "HubSpot's answer leaves this one out.")


def error_ids(error: Mapping[str, Any]) -> list[str]:
    """The ids that an error of a 207 names: one error may name many."""
    context = error.get("context")
    found: list[str] = []
    for name in ("ids", "id", "fromObjectId", "objectWriteTraceId"):
        value = context.get(name) if isinstance(context, dict) else None
        found += [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []
    return found


def outcome(ref: str, record_id: str, result: Result, url: str) -> Outcome:
    """A result as the contract's outcome; a refusal in HubSpot's words, with the record's link."""
    match result.status:
        case "done":
            return Outcome(ref, "done", record_id, result.message)
        case "unanswered":
            return Outcome(ref, "unknown", record_id, result.message, url)
    return Outcome(ref, "rejected", record_id, result.message, url)
