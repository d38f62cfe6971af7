"""Writing in batches, so that one bad record never stops the others.

A value that does not validate refuses the whole batch (400) and names no record: halves are tried until it stands alone. Unknown
ids answer 207 and are named. A batch without an answer leaves its records unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kamsync.errors import BadAnswer, RecordRejected, TryLater
from kamsync_hubspot.client import Answer, Client
from kamsync_hubspot.errors import fault_of, is_unanswered
from kamsync_hubspot.reader import BATCH, Record

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
) -> Iterator[tuple[str, Result]]:
    """Posts `inputs` by the hundred; one result for each input's `id`. `key_of` finds that id in a record of the answer."""
    for start in range(0, len(inputs), BATCH):
        yield from _batch(client, path, list(inputs[start : start + BATCH]), doing, key_of)


def _batch(
    client: Client, path: str, inputs: list[Record], doing: str, key_of: Callable[[Record], str]
) -> Iterator[tuple[str, Result]]:
    try:
        answer = client.post(path, {"inputs": inputs}, doing=doing)
    except RecordRejected as error:
        fault = fault_of(error)
        if len(inputs) == 1:
            yield inputs[0]["id"], Result("refused", message=fault.message if fault else error.message)
            return
        middle = len(inputs) // 2
        yield from _batch(client, path, inputs[:middle], doing, key_of)
        yield from _batch(client, path, inputs[middle:], doing, key_of)
        return
    except (TryLater, BadAnswer) as error:
        if not is_unanswered(error):
            raise  # nothing was written, and nothing will be: a spent day, no connection at all
        for given in inputs:
            yield given["id"], Result("unanswered", message=error.message)
        return
    yield from _results(answer, inputs, key_of)


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
    for name in ("ids", "id", "fromObjectId"):
        value = context.get(name) if isinstance(context, dict) else None
        found += [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []
    return found
