"""`/crm/v3/properties/{type}/groups`: the groups that properties are shown in. One that is there already answers 409."""

from __future__ import annotations

from .kinds import object_kind
from .portal import Portal
from .properties_api import NAME
from .routes import Route
from .wire import Answer, Refusal, Request, bad_request, not_found


def list_groups(portal: Portal, request: Request, name: str) -> Answer:
    """`{results: [{name, label, displayOrder, archived}]}`."""
    return Answer(200, {"results": list(portal.groups[object_kind(name).plural].values())})


def read_group(portal: Portal, request: Request, name: str, group: str) -> Answer:
    """One group. Raises Refusal 404 where there is none of that name."""
    found = portal.groups[object_kind(name).plural].get(group)
    if found is None:
        raise not_found(f"Property group {group} does not exist")
    return Answer(200, found)


def create_group(portal: Portal, request: Request, name: str) -> Answer:
    """`{name, label, displayOrder?}`: 201 with the group. Raises Refusal 400 for a bad name, 409 where there is one."""
    groups, given = portal.groups[object_kind(name).plural], request.json()
    missing = [field for field in ("name", "label") if not given.get(field)]
    if missing:
        raise bad_request(f"Some required fields were not set: [{', '.join(missing)}]", context={"missingFields": missing})
    group = str(given["name"])
    if not NAME.fullmatch(group):
        raise bad_request(f"Property group name {group} is not valid")
    if group in groups:
        raise Refusal(409, f"A property group named '{group}' already exists.", category="OBJECT_ALREADY_EXISTS")
    groups[group] = {
        "name": group,
        "label": str(given["label"]),
        "displayOrder": int(given.get("displayOrder", -1)),
        "archived": False,
    }
    return Answer(201, groups[group])


def update_group(portal: Portal, request: Request, name: str, group: str) -> Answer:
    """`{label?, displayOrder?}`: 200 with the group as it is now. Raises Refusal 404 where there is none of that name."""
    shown, given = read_group(portal, request, name, group).payload, request.json()
    shown.update({field: given[field] for field in ("label", "displayOrder") if field in given})
    return Answer(200, shown)


def archive_group(portal: Portal, request: Request, name: str, group: str) -> Answer:
    """Takes the group away: 204. Raises Refusal 404 where there is none, 400 while properties are in it."""
    table = portal.table(object_kind(name))
    read_group(portal, request, name, group)
    if any(one.group == group and not one.archived_ms for one in table.definitions.values()):
        raise bad_request(f"Property group {group} still has properties")
    del portal.groups[table.kind.plural][group]
    return Answer(204)


_BASE = "/crm/v3/properties/*"
ROUTES = (
    Route("GET", f"{_BASE}/groups", list_groups, "schemas.read"),
    Route("POST", f"{_BASE}/groups", create_group, "schemas.write"),
    Route("GET", f"{_BASE}/groups/*", read_group, "schemas.read"),
    Route("PATCH", f"{_BASE}/groups/*", update_group, "schemas.write"),
    Route("DELETE", f"{_BASE}/groups/*", archive_group, "schemas.write"),
)
