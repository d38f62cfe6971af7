"""Associations v4 (`/crm/v4/associations/…`, `/crm/v4/objects/…/associations/…`), and the list form of v3.

Batch reads answer 207 as soon as one record has none (`NO_ASSOCIATIONS_FOUND`); `toObjectId` is a JSON number in recorded
answers; 500 a record and page. developers.hubspot.com "Associations v4".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .kinds import AssociationType, ObjectKind, object_kind
from .portal import Portal
from .routing import Route
from .store import Table
from .wire import PUBLIC_HOST, Answer, Request, bad_request, batch_answer, not_found

READ_LIMIT = 1_000
WRITE_LIMIT = 2_000
PAGE = 500


def _inputs(request: Request, limit: int) -> list[dict[str, Any]]:
    inputs = request.json().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise bad_request("Some required fields were not set: [inputs]", context={"missingFields": ["inputs"]})
    if len(inputs) > limit:
        raise bad_request(f"The maximum batch size is {limit}; received {len(inputs)} inputs.")
    return inputs


def _number(record_id: str) -> int | str:
    return int(record_id) if record_id.isdigit() else record_id


def _types(portal: Portal, type_ids: Iterable[int]) -> list[dict[str, Any]]:
    found = (portal.associations.types[type_id] for type_id in sorted(type_ids))
    return [{"category": one.category, "typeId": one.type_id, "label": one.label} for one in found]


def _page(linked: Mapping[str, tuple[int, ...]], after: str, limit: int) -> tuple[list[tuple[str, tuple[int, ...]]], str]:
    pairs = sorted(linked.items())
    if after:
        pairs = [pair for pair in pairs if pair[0] > after]
    return pairs[:limit], pairs[limit - 1][0] if len(pairs) > limit else ""


def _paging(path: str, after: str) -> dict[str, Any]:
    return {"next": {"after": after, "link": f"{PUBLIC_HOST}{path}?after={after}"}}


def batch_read(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    for given in _inputs(request, READ_LIMIT):
        asked_id = str(given.get("id", ""))
        record = portal.table(source).find(asked_id)
        linked = portal.associations.of(source.plural, record.id, target.plural) if record else {}
        pairs, after = _page(linked, str(given.get("after") or ""), PAGE)
        if not linked:
            errors.append(_none_found(source, target, asked_id))
            continue
        entry: dict[str, Any] = {
            "from": {"id": asked_id},
            "to": [{"toObjectId": _number(other), "associationTypes": _types(portal, type_ids)} for other, type_ids in pairs],
        }
        if after:
            entry["paging"] = _paging(f"/crm/v4/objects/{source.singular}/{asked_id}/associations/{target.singular}", after)
        results.append(entry)
    return batch_answer(results, errors, request.now_ms)


def _none_found(source: ObjectKind, target: ObjectKind, record_id: str) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {target.singular} is associated with {source.singular} {record_id}.",
        "context": {
            "fromObjectId": [record_id],
            "fromObjectType": [source.singular],
            "toObjectType": [target.singular],
        },
    }


def list_of_record(portal: Portal, request: Request, source_name: str, record_id: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    pairs, after = _linked_page(portal, request, source, record_id, target)
    payload: dict[str, Any] = {
        "results": [{"toObjectId": _number(other), "associationTypes": _types(portal, type_ids)} for other, type_ids in pairs]
    }
    if after:
        payload["paging"] = _paging(request.path, after)
    return Answer(200, payload)


def list_of_record_v3(portal: Portal, request: Request, source_name: str, record_id: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    pairs, after = _linked_page(portal, request, source, record_id, target)
    names = portal.associations.types
    payload: dict[str, Any] = {
        "results": [{"id": other, "type": names[type_id].name} for other, type_ids in pairs for type_id in sorted(type_ids)]
    }
    if after:
        payload["paging"] = _paging(request.path, after)
    return Answer(200, payload)


def _linked_page(
    portal: Portal, request: Request, source: ObjectKind, record_id: str, target: ObjectKind
) -> tuple[list[tuple[str, tuple[int, ...]]], str]:
    record = portal.table(source).find(record_id)
    if record is None:
        raise not_found()
    limit = min(max(request.whole("limit", PAGE), 1), PAGE)
    return _page(portal.associations.of(source.plural, record.id, target.plural), request.first("after"), limit)


# --- writing ----------------------------------------------------------------------------------------------------------


def resolve_types(portal: Portal, specs: Any, source: ObjectKind, target: ObjectKind | None) -> list[AssociationType]:
    """The association types of a request; one that does not fit both object types is refused."""
    if not isinstance(specs, Sequence) or not specs:
        raise bad_request("Some required fields were not set: [types]", context={"missingFields": ["types"]})
    found = []
    for spec in specs:
        type_id = spec.get("associationTypeId") if isinstance(spec, dict) else None
        kind = portal.associations.types.get(int(str(type_id))) if str(type_id).isdigit() else None
        category = spec.get("associationCategory") if isinstance(spec, dict) else None
        fits = kind is not None and kind.source == source.plural and (target is None or kind.target == target.plural)
        if kind is None or not fits or category != kind.category:
            raise bad_request(
                f"Association type id {type_id} of category {category} doesn't exist between the given object types "
                f"({source.type_id} to {target.type_id if target else 'any'})"
            )
        found.append(kind)
    return found


def attach_at_creation(portal: Portal, table: Table, given: Any) -> Callable[[str], None]:
    """Checks the `associations` of a creation, all before anything is written; the result attaches them to the new id."""
    wanted: list[tuple[list[AssociationType], str]] = []
    if not isinstance(given, list):
        raise bad_request("Invalid input JSON: associations must be a list")
    for one in given:
        kinds = resolve_types(portal, one.get("types"), table.kind, None)
        other_id = str((one.get("to") or {}).get("id", ""))
        other = portal.tables[kinds[0].target].find(other_id)
        if other is None:
            raise bad_request(
                f"One or more associations are not valid: {kinds[0].target} {other_id} does not exist",
                errors=[{"message": f"Object not found. objectId: {other_id}", "code": "OBJECT_NOT_FOUND"}],
            )
        wanted.append((kinds, other.id))

    def attach(record_id: str) -> None:
        for kinds, other_id in wanted:
            for kind in kinds:
                link(portal, kind, record_id, other_id)

    return attach


def link(portal: Portal, kind: AssociationType, source_id: str, target_id: str) -> None:
    displaced = list(portal.associations.of(kind.source, source_id, kind.target)) if kind.unique else []
    portal.associations.add(kind, source_id, target_id)
    for other_id in displaced:
        portal.count_associations(kind.target, other_id)
    portal.count_associations(kind.source, source_id)
    portal.count_associations(kind.target, target_id)


def unlink(portal: Portal, source: ObjectKind, source_id: str, target: ObjectKind, target_id: str) -> None:
    portal.associations.unlink(source.plural, source_id, target.plural, target_id)
    portal.count_associations(source.plural, source_id)
    portal.count_associations(target.plural, target_id)


def default_type(portal: Portal, source: ObjectKind, target: ObjectKind) -> AssociationType:
    plain = [one for one in portal.associations.types_between(source.plural, target.plural) if one.label is None]
    if not plain:
        raise bad_request(f"No default association type exists between {source.type_id} and {target.type_id}")
    return plain[0]


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
        "fromObjectId": _number(source_id),
        "toObjectTypeId": target.type_id,
        "toObjectId": _number(target_id),
        "labels": labels,
    }


def batch_create(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    inputs = _inputs(request, WRITE_LIMIT)
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
    source, target = object_kind(source_name), object_kind(target_name)
    kind = default_type(portal, source, target)
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    for given in _inputs(request, WRITE_LIMIT):
        source_id, target_id, error = _ends(portal, given, source, target)
        if error:
            errors.append(error)
            continue
        link(portal, kind, source_id, target_id)
        results.append(_default_shown(kind, source_id, target_id))
    return batch_answer(results, errors, request.now_ms)


def put_default(portal: Portal, request: Request, source_name: str, source_id: str, target_name: str, target_id: str) -> Answer:
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
    source, target = object_kind(source_name), object_kind(target_name)
    kinds = resolve_types(portal, request_list(request), source, target)
    one, other = portal.table(source).find(source_id), portal.table(target).find(target_id)
    if one is None or other is None:
        raise not_found()
    for kind in kinds:
        link(portal, kind, one.id, other.id)
    labels = [kind.label for kind in kinds if kind.label]
    return Answer(201, _pair_shown(source, one.id, target, other.id, labels))


def request_list(request: Request) -> list[Any]:
    """A body that is a bare list, as the labelled PUT takes it."""
    wrapped = Request(request.method, request.path, "", request.headers, b'{"types":' + (request.body or b"null") + b"}")
    types = wrapped.json()["types"]
    return types if isinstance(types, list) else []


def delete_pair(portal: Portal, request: Request, source_name: str, source_id: str, target_name: str, target_id: str) -> Answer:
    unlink(portal, object_kind(source_name), source_id, object_kind(target_name), target_id)
    return Answer(204)


def batch_archive(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    for given in _inputs(request, WRITE_LIMIT):
        ends = given.get("to") or []
        for end in ends if isinstance(ends, list) else [ends]:
            unlink(portal, source, str((given.get("from") or {}).get("id", "")), target, str(end.get("id", "")))
    # The dated form answers 200 with a body, v4 answers 204 (OpenAPI documents).
    return batch_answer([], [], request.now_ms) if request.dated else Answer(204)


def batch_archive_labels(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    for given in _inputs(request, WRITE_LIMIT):
        source_id, target_id = str((given.get("from") or {}).get("id", "")), str((given.get("to") or {}).get("id", ""))
        for kind in resolve_types(portal, given.get("types"), source, target):
            portal.associations.remove(kind, source_id, target_id)
        portal.count_associations(source.plural, source_id)
        portal.count_associations(target.plural, target_id)
    return Answer(204)


def labels(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    kinds = portal.associations.types_between(source.plural, target.plural)
    return Answer(200, {"results": _types(portal, [kind.type_id for kind in kinds])})


def create_label(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    source, target = object_kind(source_name), object_kind(target_name)
    body = request.json()
    name, label = str(body.get("name") or ""), str(body.get("label") or "")
    if not name or not label:
        raise bad_request("Some required fields were not set: [label, name]", context={"missingFields": ["label", "name"]})
    types = portal.associations.types
    taken = [type_id for type_id, kind in types.items() if kind.category == "USER_DEFINED"]
    forth = max(taken, default=999) + 1
    back = forth + 1
    companion = default_type(portal, source, target)
    types[forth] = AssociationType(
        forth, source.plural, target.plural, back, name, label, companion.type_id, False, "USER_DEFINED"
    )
    inverse_label = str(body.get("inverseLabel") or label)
    types[back] = AssociationType(
        back, target.plural, source.plural, forth, name, inverse_label, companion.inverse, False, "USER_DEFINED"
    )
    return Answer(200, {"results": _types(portal, [forth, back])})


_V4 = "/crm/v4/associations/*/*"
_PAIR = "/crm/v4/objects/*/*/associations"
ROUTES = (
    Route("POST", f"{_V4}/batch/read", batch_read, "associations.read"),
    Route("POST", f"{_V4}/batch/create", batch_create, "associations.write"),
    Route("POST", f"{_V4}/batch/associate/default", batch_create_default, "associations.write"),
    Route("POST", f"{_V4}/batch/archive", batch_archive, "associations.write"),
    Route("POST", f"{_V4}/batch/labels/archive", batch_archive_labels, "associations.write"),
    Route("GET", f"{_V4}/labels", labels, "associations.read"),
    Route("POST", f"{_V4}/labels", create_label, "associations.write"),
    Route("GET", f"{_PAIR}/*", list_of_record, "associations.of_record"),
    Route("PUT", f"{_PAIR}/default/*/*", put_default, "associations.of_record.write"),
    Route("PUT", f"{_PAIR}/*/*", put_labelled, "associations.of_record.write"),
    Route("DELETE", f"{_PAIR}/*/*", delete_pair, "associations.of_record.write"),
    Route("GET", "/crm/v3/objects/*/*/associations/*", list_of_record_v3, "associations.of_record"),
)
