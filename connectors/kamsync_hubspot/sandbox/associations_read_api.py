"""Reading associations: v4 in batches and by record, the list form of v3, and labels.

Batch reads answer 207 as soon as one record has none (`NO_ASSOCIATIONS_FOUND`); `toObjectId` is a JSON number in recorded
answers; 500 a record and page. developers.hubspot.com "Associations v4".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .batch_api import inputs_of
from .kinds import AssociationType, object_kind
from .links import default_type
from .object_kind import ObjectKind
from .portal import Portal
from .routes import Route
from .wire import PUBLIC_HOST, Answer, Request, bad_request, batch_answer, not_found

READ_LIMIT = 1_000
PAGE = 500


def number(record_id: str) -> int | str:
    """An id as v4 shows it: a JSON number."""
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
    """`{inputs: [{id, after?}]}`, at most 1,000: for each record with any, `to: [{toObjectId, associationTypes}]`, 500 a page.

    207 as soon as one record has none; `paging.next.after` of an input goes into its own next `after`.
    """
    source, target = object_kind(source_name), object_kind(target_name)
    results: list[Any] = []
    errors: list[dict[str, Any]] = []
    for given in inputs_of(request.json(), READ_LIMIT):
        asked_id = str(given.get("id", ""))
        record = portal.table(source).find(asked_id)
        linked = portal.associations.of(source.plural, record.id, target.plural) if record else {}
        pairs, after = _page(linked, str(given.get("after") or ""), PAGE)
        if not linked:
            errors.append(_none_found(source, target, asked_id))
            continue
        entry: dict[str, Any] = {
            "from": {"id": asked_id},
            "to": [{"toObjectId": number(other), "associationTypes": _types(portal, type_ids)} for other, type_ids in pairs],
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
    """One record's, up to 500 a page: `results: [{toObjectId, associationTypes}]`. Raises Refusal 404 for an unknown record."""
    source, target = object_kind(source_name), object_kind(target_name)
    pairs, after = _linked_page(portal, request, source, record_id, target)
    payload: dict[str, Any] = {
        "results": [{"toObjectId": number(other), "associationTypes": _types(portal, type_ids)} for other, type_ids in pairs]
    }
    if after:
        payload["paging"] = _paging(request.path, after)
    return Answer(200, payload)


def list_of_record_v3(portal: Portal, request: Request, source_name: str, record_id: str, target_name: str) -> Answer:
    """The same as version 3 tells it: an entry a type, `results: [{id, type}]`, `id` as text."""
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


def labels(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """The types in this direction: `results: [{category, typeId, label}]`, `label` null for unlabelled ones."""
    source, target = object_kind(source_name), object_kind(target_name)
    kinds = portal.associations.types_between(source.plural, target.plural)
    return Answer(200, {"results": _types(portal, [kind.type_id for kind in kinds])})


def create_label(portal: Portal, request: Request, source_name: str, target_name: str) -> Answer:
    """`{name, label, inverseLabel?}`: a pair of `USER_DEFINED` types; 200 with both. Raises Refusal 400 where one is missing."""
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
ROUTES = (
    Route("POST", f"{_V4}/batch/read", batch_read, "associations.read"),
    Route("GET", f"{_V4}/labels", labels, "associations.read"),
    Route("POST", f"{_V4}/labels", create_label, "associations.write"),
    Route("GET", "/crm/v4/objects/*/*/associations/*", list_of_record, "associations.of_record"),
    Route("GET", "/crm/v3/objects/*/*/associations/*", list_of_record_v3, "associations.of_record"),
)
