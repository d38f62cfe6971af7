"""`/crm/v3/objects/{type}/batch/*`: a hundred records a call, and HubSpot's four ways to fail part of them.

A bad value refuses the whole batch (400); unknown ids answer 207 in one error; creations with an `objectWriteTraceId` in
every input answer 207 with one error each; the same id twice is a 400. Recorded in amp-labs/connectors and rudderlabs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .kinds import object_kind
from .links import attach_at_creation
from .objects_api import create_one, find_by, properties_of
from .portal import Portal
from .records import Renderer
from .routes import Route
from .store import Record, Table
from .wire import Answer, Refusal, Request, bad_request, batch_answer

BATCH_LIMIT = 100
HISTORY_BATCH_LIMIT = 50


def inputs_of(body: dict[str, Any], limit: int = BATCH_LIMIT) -> list[dict[str, Any]]:
    """The `inputs` of a body. Raises Refusal 400 where they are no list of objects, or more than `limit`."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise bad_request(
            "Invalid input JSON on line 1, column 1: Some required fields were not set: [inputs]",
            context={"missingFields": ["inputs"]},
        )
    if len(inputs) > limit:
        raise bad_request(f"The maximum batch size is {limit}; received {len(inputs)} inputs.")
    return inputs


def _missing(table: Table, ids: Sequence[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    return [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Could not get some {table.kind.upper} objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            "context": {"ids": list(ids)},
        }
    ]


def _refuse_twins(ids: Sequence[str]) -> None:
    twins = [one for one, count in Counter(ids).items() if count > 1]
    if twins:
        raise bad_request(f"Duplicate IDs found in batch input: [{', '.join(twins)}]. IDs must be unique", context={"ids": twins})


def _ids(inputs: Sequence[dict[str, Any]]) -> list[str]:
    if any("id" not in one for one in inputs):
        raise bad_request("Some required fields were not set: [id]", context={"missingFields": ["id"]})
    return [str(one["id"]) for one in inputs]


def batch_read(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{id}], properties, idProperty?, propertiesWithHistory?}`: each record once, 207 with the ids that lead nowhere.

    At most 100 inputs, 50 with history (developers.hubspot.com "CRM objects").
    """
    table = portal.table(object_kind(name))
    body = request.json()
    history = list(body.get("propertiesWithHistory") or [])
    ids = _ids(inputs_of(body, HISTORY_BATCH_LIMIT if history else BATCH_LIMIT))
    id_property = str(body.get("idProperty") or "")
    show = Renderer(portal, table, body.get("properties") or (), history=history).show
    results: list[Any] = []
    missing: list[str] = []
    for record_id in dict.fromkeys(ids):
        in_archive = request.flag("archived")
        record = portal.archived(table, record_id) if in_archive else find_by(portal, table, record_id, id_property)
        if record is None:
            missing.append(record_id)
        else:
            results.append(show(record))
    return batch_answer(results, _missing(table, missing), request.now_ms)


def batch_create(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{properties, associations?, objectWriteTraceId?}]}`: 201 with the records in the order of the inputs.

    With a trace id in every input a bad one fails alone (207); without, it refuses them all.
    """
    table = portal.table(object_kind(name))
    inputs = inputs_of(request.json())
    traced = bool(inputs) and all(one.get("objectWriteTraceId") for one in inputs)
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    show = Renderer(portal, table, table.definitions).show
    if not traced:
        _check_all_before_creating(portal, table, inputs)
    for given in inputs:
        try:
            record = create_one(portal, table, given)
        except Refusal as refused:
            if not traced:
                raise
            errors.append(_traced_error(refused, given))
            continue
        shown = show(record)
        if traced:
            shown["objectWriteTraceId"] = given["objectWriteTraceId"]
        results.append(shown)
    return batch_answer(results, errors, request.now_ms, status=201)


def _check_all_before_creating(portal: Portal, table: Table, inputs: Sequence[dict[str, Any]]) -> None:
    """Nothing is written when one input does not pass."""
    taken: set[tuple[str, str]] = set()
    for given in inputs:
        values = portal.validate(table, properties_of(given), None)
        portal.check_required(table, values)
        portal.check_unique(table, values, None)
        attach_at_creation(portal, table, given.get("associations") or [])
        for name in table.unique:
            value = values.get(name)
            if value and (name, value) in taken:
                raise bad_request(f"Duplicate value found in batch input for the unique property {name}: {value}")
            taken.add((name, value or ""))


def _traced_error(refused: Refusal, given: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {"objectWriteTraceId": [str(given["objectWriteTraceId"])], **(refused.context or {})}
    error: dict[str, Any] = {
        "status": "error",
        "category": refused.category,
        "message": refused.message,
        "context": context,
    }
    if refused.errors:
        error["errors"] = refused.errors
    return error


def batch_update(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{id, idProperty?, properties}]}`: 200 with what was written, 207 with the ids that lead nowhere.

    Raises Refusal 400 for the whole batch where one value is not valid or an id stands twice: nothing is written then.
    """
    table = portal.table(object_kind(name))
    inputs = inputs_of(request.json())
    ids = _ids(inputs)
    _refuse_twins(ids)
    missing: list[str] = []
    changes: list[tuple[Record, dict[str, str | None]]] = []
    for record_id, given in zip(ids, inputs, strict=True):
        record = find_by(portal, table, record_id, str(given.get("idProperty") or ""))
        values = portal.validate(table, properties_of(given), record)
        if record is None:
            missing.append(record_id)
            continue
        portal.check_unique(table, values, record)
        changes.append((record, values))
    results = []
    for record, values in changes:
        portal.update(table, record, values)
        results.append(Renderer(portal, table, values).show(record))
    return batch_answer(results, _missing(table, missing), request.now_ms)


def batch_upsert(portal: Portal, request: Request, name: str) -> Answer:
    """The same, and a record is made for a value of a unique `idProperty` that nobody has: `new` says which. No associations.

    Raises Refusal 400 as `batch_update` does, and for an `idProperty` that is not unique.
    """
    table = portal.table(object_kind(name))
    inputs = inputs_of(request.json())
    ids = _ids(inputs)
    _refuse_twins(ids)
    missing: list[str] = []
    changes: list[tuple[Record | None, dict[str, str | None]]] = []
    for record_id, given in zip(ids, inputs, strict=True):
        id_property = str(given.get("idProperty") or "")
        record = find_by(portal, table, record_id, id_property)
        properties = properties_of(given)
        if id_property and record is None:
            properties = {id_property: record_id, **properties}
        values = portal.validate(table, properties, record)
        if record is None and not id_property:
            missing.append(record_id)
            continue
        if record is None:
            portal.check_required(table, values)
        portal.check_unique(table, values, record)
        changes.append((record, values))
    results = []
    for record, values in changes:
        new = record is None
        if record is None:
            record = portal.create(table, values)
        else:
            portal.update(table, record, values)
        results.append({**Renderer(portal, table, (*table.kind.defaults, *values)).show(record), "new": new})
    return batch_answer(results, _missing(table, missing), request.now_ms)


def batch_archive(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{id}]}`: 204, whether or not they were there."""
    table = portal.table(object_kind(name))
    for record_id in _ids(inputs_of(request.json())):
        portal.archive(table, record_id)
    return Answer(204)


ROUTES = (
    Route("POST", "/crm/v3/objects/*/batch/read", batch_read, "objects.read"),
    Route("POST", "/crm/v3/objects/*/batch/create", batch_create, "objects.write"),
    Route("POST", "/crm/v3/objects/*/batch/update", batch_update, "objects.write"),
    Route("POST", "/crm/v3/objects/*/batch/upsert", batch_upsert, "objects.write"),
    Route("POST", "/crm/v3/objects/*/batch/archive", batch_archive, "objects.write"),
)
