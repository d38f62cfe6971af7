"""Writing associations v4: default and labelled, single and in batches.

Bad ids in a batch answer 207 (`INVALID_IDENTIFIER`); making one that exists changes nothing. developers.hubspot.com
"Associations v4".
"""

from __future__ import annotations

from typing import Any

from .associations_read_api import number
from .batch_api import inputs_of
from .kinds import AssociationType, object_kind
from .links import default_type, link, resolve_types, unlink
from .object_kind import ObjectKind
from .portal import Portal
from .routes import Route
from .wire import Answer, Request, batch_answer, not_found

WRITE_LIMIT = 2_000


def _ends(
    portal: Portal, given: dict[str, Any], source: ObjectKind, target: ObjectKind
) -> tuple[str, str, dict[str, Any] | None]:
    """The live ids of both ends, or the error of a 207."""
    source_id, target_id = str((given.get("from") or {}).get("id", "")), str((given.get("to") or {}).get("id", ""))
    one, other = portal.table(source).find(source_id), portal.table(target).find(target_id)
    if one is not None and other is not None:
        return one.id, other.id, None
    bad = [record_id for record_id, record in ((source_id, one), (target_id, other)) if record is None]
    error = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
        "message": f"One or more object ids are not valid: {', '.join(bad)}",
        "context": {"fromObjectId": [source_id], "toObjectId": [target_id], "invalidObjectIds": bad},
    }
    return source_id, target_id, error


def _pair_shown(source: ObjectKind, source_id: str, target: ObjectKind, target_id: str, labels: list[str]) -> dict[str, Any]:
    return {
        "fromObjectTypeId": source.type_id,
        "fromObjectId": number(source_id),
        "toObjectTypeId": target.type_id,
        "toObjectId": number(target_id),
        "labels": labels,
    }


def batch_create(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """`{inputs: [{from, to, types}]}`, at most 2,000: 201 with the pairs and their labels, 207 where an id leads nowhere.

    Raises Refusal 400 for a type that does not join these objects.
    """
    source, target = object_kind(source_name), object_kind(target_name)
    inputs = inputs_of(request.json(), WRITE_LIMIT)
    kinds_of = [resolve_types(portal, given.get("types"), source, target) for given in inputs]
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    for given, kinds in zip(inputs, kinds_of, strict=True):
        source_id, target_id, error = _ends(portal, given, source, target)
        if error:
            errors.append(error)
            continue
        for kind in kinds:
            link(portal, kind, source_id, target_id)
        results.append(_pair_shown(source, source_id, target, target_id, [kind.label for kind in kinds if kind.label]))
    return batch_answer(results, errors, request.now_ms, status=201)


def _default_shown(kind: AssociationType, source_id: str, target_id: str) -> dict[str, Any]:
    return {
        "from": {"id": source_id},
        "to": {"id": target_id},
        "associationSpec": {"associationCategory": kind.category, "associationTypeId": kind.type_id},
    }


def batch_create_default(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """`{inputs: [{from, to}]}` with the unlabelled type: 200 with a result a pair, 207 where an id leads nowhere."""
    source, target = object_kind(source_name), object_kind(target_name)
    kind = default_type(portal, source, target)
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    for given in inputs_of(request.json(), WRITE_LIMIT):
        source_id, target_id, error = _ends(portal, given, source, target)
        if error:
            errors.append(error)
            continue
        link(portal, kind, source_id, target_id)
        results.append(_default_shown(kind, source_id, target_id))
    return batch_answer(results, errors, request.now_ms)


def put_default(portal: Portal, request: Request, source_name: str, source_id: str, target_name: str, target_id: str) -> Answer:
    """Joins one pair by the unlabelled type: 200 with both directions. Raises Refusal 404 for an unknown record."""
    source, target = object_kind(source_name), object_kind(target_name)
    kind = default_type(portal, source, target)
    one, other = portal.table(source).find(source_id), portal.table(target).find(target_id)
    if one is None or other is None:
        raise not_found()
    link(portal, kind, one.id, other.id)
    forth, back = (
        _default_shown(kind, one.id, other.id),
        _default_shown(portal.associations.types[kind.inverse], other.id, one.id),
    )
    return batch_answer([forth, back], [], request.now_ms)


def put_labelled(portal: Portal, request: Request, source_name: str, source_id: str, target_name: str, target_id: str) -> Answer:
    """`[{associationCategory, associationTypeId}]` for a pair: 201 with its labels. Raises Refusal 404 for an unknown record."""
    source, target = object_kind(source_name), object_kind(target_name)
    kinds = resolve_types(portal, request.json_list(), source, target)
    one, other = portal.table(source).find(source_id), portal.table(target).find(target_id)
    if one is None or other is None:
        raise not_found()
    for kind in kinds:
        link(portal, kind, one.id, other.id)
    labels = [kind.label for kind in kinds if kind.label]
    return Answer(201, _pair_shown(source, one.id, target, other.id, labels))


def delete_pair(portal: Portal, request: Request, source_name: str, source_id: str, target_name: str, target_id: str) -> Answer:
    """Takes every type between the two away: 204, also where there was none."""
    unlink(portal, object_kind(source_name), source_id, object_kind(target_name), target_id)
    return Answer(204)


def batch_archive(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """`{inputs: [{from, to: [{id}]}]}`: takes every type between them away. 204 on v4, 200 with a body on the dated form."""
    source, target = object_kind(source_name), object_kind(target_name)
    for given in inputs_of(request.json(), WRITE_LIMIT):
        ends = given.get("to") or []
        for end in ends if isinstance(ends, list) else [ends]:
            unlink(portal, source, str((given.get("from") or {}).get("id", "")), target, str(end.get("id", "")))
    # The dated form answers 200 with a body, v4 answers 204 (OpenAPI documents).
    return batch_answer([], [], request.now_ms) if request.dated else Answer(204)


def batch_archive_labels(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """`{inputs: [{from, to, types}]}`: takes those types away and leaves the others: 204."""
    source, target = object_kind(source_name), object_kind(target_name)
    for given in inputs_of(request.json(), WRITE_LIMIT):
        source_id, target_id = str((given.get("from") or {}).get("id", "")), str((given.get("to") or {}).get("id", ""))
        for kind in resolve_types(portal, given.get("types"), source, target):
            portal.associations.remove(kind, source_id, target_id)
        portal.count_associations(source.plural, source_id)
        portal.count_associations(target.plural, target_id)
    return Answer(204)


_V4 = "/crm/v4/associations/*/*"
_PAIR = "/crm/v4/objects/*/*/associations"
ROUTES = (
    Route("POST", f"{_V4}/batch/create", batch_create, "associations.write"),
    Route("POST", f"{_V4}/batch/associate/default", batch_create_default, "associations.write"),
    Route("POST", f"{_V4}/batch/archive", batch_archive, "associations.write"),
    Route("POST", f"{_V4}/batch/labels/archive", batch_archive_labels, "associations.write"),
    Route("PUT", f"{_PAIR}/default/*/*", put_default, "associations.of_record.write"),
    Route("PUT", f"{_PAIR}/*/*", put_labelled, "associations.of_record.write"),
    Route("DELETE", f"{_PAIR}/*/*", delete_pair, "associations.of_record.write"),
)
