"""`/crm/v3/lists`: segments. Dynamic ones are evaluated when they are read; manual ones hold what was added.

Shapes: HubSpot's OpenAPI document of Lists v3 and recorded answers in amp-labs/connectors. Property filters only.
"""

from __future__ import annotations

from typing import Any

from kamsync_hubspot.sandbox.store import Segment

from .kinds import object_kind
from .list_filters import check_branch, matches
from .object_kind import ObjectKind
from .portal import Portal
from .routes import Route
from .wire import PUBLIC_HOST, Answer, Refusal, Request, bad_request, iso, not_found

PROCESSING = ("DYNAMIC", "MANUAL", "SNAPSHOT")


def _shown(portal: Portal, segment: Segment, *, with_filters: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "listId": segment.id,
        "listVersion": segment.version,
        "name": segment.name,
        "objectTypeId": segment.kind.type_id,
        "processingType": segment.processing,
        "processingStatus": "COMPLETE",
        "createdById": "901",
        "updatedById": "901",
        "createdAt": iso(segment.created_ms),
        "updatedAt": iso(segment.updated_ms),
        "filtersUpdatedAt": iso(segment.updated_ms),
        "size": len(_members(portal, segment)),
    }
    if with_filters and segment.branch:
        answer["filterBranch"] = segment.branch
    return answer


def _members(portal: Portal, segment: Segment) -> list[str]:
    table = portal.table(segment.kind)
    if segment.processing != "DYNAMIC" or segment.branch is None:
        return sorted(record_id for record_id in segment.members if record_id in table.records)
    branch = segment.branch
    return [record.id for record in table.records.values() if matches(table, branch, record)]


def _segment(portal: Portal, list_id: str) -> Segment:
    found = portal.segments.get(list_id)
    if found is None or found.deleted:
        raise Refusal(
            404, f"List does not exist with ID {list_id}.", category="OBJECT_NOT_FOUND", sub_category="ListError.LIST_NOT_FOUND"
        )
    return found


def _named(portal: Portal, kind: ObjectKind, name: str) -> Segment | None:
    for segment in portal.segments.values():
        if not segment.deleted and segment.kind == kind and segment.name.lower() == name.lower():
            return segment
    return None


def _check_name(portal: Portal, kind: ObjectKind, name: str) -> None:
    if _named(portal, kind, name) is not None:
        raise bad_request(
            f"List name must be unique. There is already a list named '{name}'.",
            sub_category="ListError.DUPLICATE_LIST_NAMES",
            context={"name": [name]},
        )


def create_list(portal: Portal, request: Request) -> Answer:
    """`{name, objectTypeId, processingType, filterBranch?}`: 200 with `{list}`. Raises Refusal 400 for a name that is taken, in
    whatever case, or a branch that will not do."""
    given = request.json()
    missing = [one for one in ("name", "objectTypeId", "processingType") if not given.get(one)]
    if missing:
        raise bad_request(f"Some required fields were not set: [{', '.join(missing)}]", context={"missingFields": missing})
    kind, processing = object_kind(str(given["objectTypeId"])), str(given["processingType"])
    if processing not in PROCESSING:
        raise bad_request(f"Invalid processingType {processing}: must be one of {', '.join(PROCESSING)}")
    _check_name(portal, kind, str(given["name"]))
    branch = given.get("filterBranch")
    if processing == "DYNAMIC" and branch is None:
        raise bad_request("A DYNAMIC list needs a filterBranch")
    if branch is not None:
        check_branch(portal.table(kind), branch)
    now = request.now_ms
    segment = Segment(str(len(portal.segments) + 1), str(given["name"]), kind, processing, branch, now, now)
    if processing == "SNAPSHOT" and branch is not None:
        table = portal.table(kind)
        segment.members = {record.id: now for record in table.records.values() if matches(table, branch, record)}
    portal.segments[segment.id] = segment
    return Answer(200, {"list": _shown(portal, segment, with_filters=True)})


def read_list(portal: Portal, request: Request, list_id: str) -> Answer:
    """`{list}`, with its filters where `includeFilters` says so. Raises Refusal 404 for a list that is not there or deleted."""
    shown = _shown(portal, _segment(portal, list_id), with_filters=request.flag("includeFilters"))
    return Answer(200, {"list": shown})


def read_lists(portal: Portal, request: Request) -> Answer:
    """`{lists}` of those among `listIds` that are there."""
    wanted = request.names("listIds")
    found = [one for one in portal.segments.values() if one.id in wanted and not one.deleted]
    return Answer(200, {"lists": [_shown(portal, one, with_filters=request.flag("includeFilters")) for one in found]})


def read_by_name(portal: Portal, request: Request, type_id: str, name: str) -> Answer:
    """`{list}` of that object type by its exact name, in whatever case. Raises Refusal 404 where there is none."""
    found = _named(portal, object_kind(type_id), name)
    if found is None:
        raise Refusal(404, f"List does not exist with name {name} and object type ID {type_id}.", category="OBJECT_NOT_FOUND")
    return Answer(200, {"list": _shown(portal, found, with_filters=request.flag("includeFilters"))})


def search_lists(portal: Portal, request: Request) -> Answer:
    """`{query, processingTypes, listIds, objectTypeId, offset, count}`: `{offset, hasMore, lists, total}`, each with its size."""
    given = request.json()
    words, offset, count = str(given.get("query") or "").lower(), int(given.get("offset") or 0), int(given.get("count") or 20)
    kinds = [str(one) for one in given.get("processingTypes") or []]
    ids = [str(one) for one in given.get("listIds") or []]
    found = [
        one
        for one in portal.segments.values()
        if not one.deleted
        and words in one.name.lower()
        and (not kinds or one.processing in kinds)
        and (not ids or one.id in ids)
        and (not given.get("objectTypeId") or one.kind.type_id == given["objectTypeId"])
    ]
    page = found[offset : offset + count]
    shown = [{**_shown(portal, one), "additionalProperties": {"hs_list_size": str(len(_members(portal, one)))}} for one in page]
    more = offset + count < len(found)
    return Answer(200, {"offset": offset + len(page), "hasMore": more, "lists": shown, "total": len(found)})


def rename_list(portal: Portal, request: Request, list_id: str) -> Answer:
    """`listName`: 200 with `{updatedList}`. Raises Refusal 404 for an unknown list, 400 for a name that is taken."""
    segment, name = _segment(portal, list_id), request.first("listName")
    if name and name != segment.name:
        _check_name(portal, segment.kind, name)
        segment.name, segment.updated_ms = name, request.now_ms
    return Answer(200, {"updatedList": _shown(portal, segment, with_filters=request.flag("includeFilters"))})


def update_filters(portal: Portal, request: Request, list_id: str) -> Answer:
    """`{filterBranch}`: 200 with `{updatedList}`, one version further. Raises Refusal 400 for a list that is not dynamic."""
    segment, branch = _segment(portal, list_id), request.json().get("filterBranch")
    if segment.processing != "DYNAMIC":
        raise bad_request(f"List {list_id} is not DYNAMIC: it has no filters to update")
    check_branch(portal.table(segment.kind), branch)
    segment.branch, segment.updated_ms, segment.version = branch, request.now_ms, segment.version + 1
    return Answer(200, {"updatedList": _shown(portal, segment, with_filters=True)})


def delete_list(portal: Portal, request: Request, list_id: str) -> Answer:
    """204; `restore_list` brings it back. Raises Refusal 404 for an unknown list."""
    _segment(portal, list_id).deleted = True
    return Answer(204)


def restore_list(portal: Portal, request: Request, list_id: str) -> Answer:
    """204, also where it was not deleted. Raises Refusal 404 for a list that never was."""
    segment = portal.segments.get(list_id)
    if segment is None:
        raise not_found()
    segment.deleted = False
    return Answer(204)


def memberships(portal: Portal, request: Request, list_id: str) -> Answer:
    """`results: [{recordId, membershipTimestamp}]` in the order of ids, up to 250 a page. Raises Refusal 404."""
    segment = _segment(portal, list_id)
    limit, after = min(max(request.whole("limit", 100), 1), 250), request.first("after")
    ids = [record_id for record_id in _members(portal, segment) if not after or record_id > after]
    results = [{"recordId": one, "membershipTimestamp": iso(segment.members.get(one, segment.updated_ms))} for one in ids[:limit]]
    payload: dict[str, Any] = {"results": results, "total": len(_members(portal, segment))}
    if len(ids) > limit:
        payload["paging"] = {"next": {"after": ids[limit - 1], "link": f"{PUBLIC_HOST}{request.path}?after={ids[limit - 1]}"}}
    return Answer(200, payload)


def _manual(portal: Portal, list_id: str) -> Segment:
    segment = _segment(portal, list_id)
    if segment.processing == "DYNAMIC":
        raise bad_request(f"List {list_id} is DYNAMIC: its members follow from its filters")
    return segment


def add_members(portal: Portal, request: Request, list_id: str) -> Answer:
    """A bare list of record ids. Raises Refusal 400 for a dynamic list, whose members follow from its filters."""
    return _change_members(portal, request, list_id, [str(one) for one in request.json_list()], [])


def remove_members(portal: Portal, request: Request, list_id: str) -> Answer:
    """The same, to take them out."""
    return _change_members(portal, request, list_id, [], [str(one) for one in request.json_list()])


def add_and_remove_members(portal: Portal, request: Request, list_id: str) -> Answer:
    """`{recordIdsToAdd, recordIdsToRemove}`, as the two above."""
    given = request.json()
    added, removed = given.get("recordIdsToAdd") or [], given.get("recordIdsToRemove") or []
    return _change_members(portal, request, list_id, [str(one) for one in added], [str(one) for one in removed])


def _change_members(portal: Portal, request: Request, list_id: str, add: list[str], remove: list[str]) -> Answer:
    segment = _manual(portal, list_id)
    known = portal.table(segment.kind).records
    added = [one for one in add if one in known and one not in segment.members]
    removed = [one for one in remove if one in segment.members]
    segment.members.update(dict.fromkeys(added, request.now_ms))
    for one in removed:
        del segment.members[one]
    missing = [one for one in (*add, *remove) if one not in known]
    return Answer(200, {"recordIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})


_ONE = "/crm/v3/lists/*"
ROUTES = (
    Route("POST", "/crm/v3/lists", create_list, "crm.lists.write"),
    Route("GET", "/crm/v3/lists", read_lists, "crm.lists.read"),
    Route("POST", "/crm/v3/lists/search", search_lists, "crm.lists.read"),
    Route("GET", "/crm/v3/lists/object-type-id/*/name/*", read_by_name, "crm.lists.read"),
    Route("GET", _ONE, read_list, "crm.lists.read"),
    Route("DELETE", _ONE, delete_list, "crm.lists.write"),
    Route("PUT", f"{_ONE}/restore", restore_list, "crm.lists.write"),
    Route("PUT", f"{_ONE}/update-list-name", rename_list, "crm.lists.write"),
    Route("PUT", f"{_ONE}/update-list-filters", update_filters, "crm.lists.write"),
    Route("GET", f"{_ONE}/memberships", memberships, "crm.lists.read"),
    Route("PUT", f"{_ONE}/memberships/add", add_members, "crm.lists.write"),
    Route("PUT", f"{_ONE}/memberships/remove", remove_members, "crm.lists.write"),
    Route("PUT", f"{_ONE}/memberships/add-and-remove", add_and_remove_members, "crm.lists.write"),
)
