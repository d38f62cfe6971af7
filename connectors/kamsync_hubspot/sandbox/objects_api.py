"""`/crm/v3/objects/{type}`: list, read, create, update, archive and merge single records.

Page sizes, idProperty and archived as documented in developers.hubspot.com "CRM objects"; facts of merges in `portal.merge`.
"""

from __future__ import annotations

from typing import Any

from .kinds import object_kind
from .links import attach_at_creation
from .portal import Portal
from .records import Renderer
from .routes import Route
from .store import Record, Table
from .wire import PUBLIC_HOST, Answer, Request, bad_request, not_found

PAGE_LIMIT = 100
HISTORY_PAGE_LIMIT = 50
UNIQUE_WITHOUT_FLAG = {"hs_object_id"}


def list_records(portal: Portal, request: Request, name: str) -> Answer:
    """`{results, paging?}` in the order of ids: 100 a page at most, 50 with history. Raises Refusal 400 for another limit."""
    table = portal.table(object_kind(name))
    history = request.names("propertiesWithHistory")
    limit = request.whole("limit", 10)
    largest = HISTORY_PAGE_LIMIT if history else PAGE_LIMIT
    if not 1 <= limit <= largest:
        raise bad_request(f"Invalid limit: {limit}. Must be between 1 and {largest}.")
    after = request.first("after")
    if after and not after.isdigit():
        raise bad_request(f"Invalid paging cursor: {after}")
    archived = request.flag("archived")
    show = _renderer(portal, request, table, history).show
    records, more = table.page(after, limit, archived=archived)
    payload: dict[str, Any] = {"results": [show(record) for record in records]}
    if more:
        last = records[-1].id
        payload["paging"] = {"next": {"after": last, "link": f"{PUBLIC_HOST}{request.path}?limit={limit}&after={last}"}}
    return Answer(200, payload)


def _renderer(portal: Portal, request: Request, table: Table, history: list[str]) -> Renderer:
    return Renderer(
        portal,
        table,
        request.names("properties"),
        history=history,
        associations=request.names("associations"),
    )


def find_by(portal: Portal, table: Table, record_id: str, id_property: str) -> Record | None:
    """A live record by id, or by a unique property; a property that is not unique is refused."""
    if not id_property or id_property in UNIQUE_WITHOUT_FLAG:
        return table.find(record_id)
    definition = table.definitions.get(id_property)
    if definition is None or not definition.unique:
        raise bad_request(
            f"Unable to perform update/upsert by non-unique {table.kind.type_id} property {id_property} "
            f"in portal ID {portal.options.portal_id}"
        )
    return table.find_unique(id_property, record_id)


def read(portal: Portal, request: Request, name: str, record_id: str) -> Answer:
    """One record, by id or by the unique `idProperty`; a merged id answers with the record it lives on in. Raises Refusal 404."""
    table = portal.table(object_kind(name))
    if request.flag("archived"):
        record = portal.archived(table, record_id)
    else:
        record = find_by(portal, table, record_id, request.first("idProperty"))
    if record is None:
        raise not_found()
    return Answer(200, _renderer(portal, request, table, request.names("propertiesWithHistory")).show(record))


def create(portal: Portal, request: Request, name: str) -> Answer:
    """`{properties, associations?}`: 201 with the record and all its properties. Raises Refusal as `create_one` does."""
    table = portal.table(object_kind(name))
    return Answer(201, Renderer(portal, table, table.definitions).show(create_one(portal, table, request.json())))


def create_one(portal: Portal, table: Table, given: dict[str, Any]) -> Record:
    """Checks and makes a record with its associations. Raises Refusal 400 or 409 before anything is made."""
    values = portal.validate(table, properties_of(given), None)
    portal.check_required(table, values)
    portal.check_unique(table, values, None)
    attach = attach_at_creation(portal, table, given.get("associations") or [])
    record = portal.create(table, values)
    attach(record.id)
    return record


def properties_of(given: dict[str, Any]) -> dict[str, Any]:
    """The `properties` of an input. Raises Refusal 400 where it has none."""
    properties = given.get("properties")
    if not isinstance(properties, dict):
        raise bad_request(
            "Invalid input JSON on line 1, column 1: Some required fields were not set: [properties]",
            context={"missingFields": ["properties"]},
        )
    return properties


def update(portal: Portal, request: Request, name: str, record_id: str) -> Answer:
    """`{properties}`, "" clears: 200 with what was written. Raises Refusal 404 for no such record, 400 for a bad value."""
    table = portal.table(object_kind(name))
    properties = properties_of(request.json())
    record = find_by(portal, table, record_id, request.first("idProperty"))
    if record is None:
        raise not_found()
    values = portal.validate(table, properties, record)
    portal.check_unique(table, values, record)
    portal.update(table, record, values)
    return Answer(200, Renderer(portal, table, (*table.kind.defaults, *values)).show(record))


def archive(portal: Portal, request: Request, name: str, record_id: str) -> Answer:
    """204, whether or not the record was there."""
    portal.archive(portal.table(object_kind(name)), record_id)
    return Answer(204)


def merge(portal: Portal, request: Request, name: str) -> Answer:
    """`{primaryObjectId, objectIdToMerge}` of companies, contacts or deals: 200 with the record of a new id that both live on in.

    Raises Refusal 404 for a record that is not there, 400 for one with itself.
    """
    table = portal.table(object_kind(name))
    if table.kind.plural not in ("companies", "contacts", "deals"):
        raise not_found()
    body = request.json()
    primary_id, other_id = str(body.get("primaryObjectId", "")), str(body.get("objectIdToMerge", ""))
    primary, other = table.find(primary_id), table.find(other_id)
    if primary is None or other is None:
        raise not_found()
    if primary.id == other.id:
        raise bad_request(f"Cannot merge {table.kind.singular} {primary_id} with itself")
    return Answer(200, Renderer(portal, table).show(portal.merge(table, primary, other)))


ROUTES = (
    Route("GET", "/crm/v3/objects/*", list_records, "objects.read"),
    Route("POST", "/crm/v3/objects/*", create, "objects.write"),
    Route("POST", "/crm/v3/objects/*/merge", merge, "objects.write"),
    Route("GET", "/crm/v3/objects/*/*", read, "objects.read"),
    Route("PATCH", "/crm/v3/objects/*/*", update, "objects.write"),
    Route("DELETE", "/crm/v3/objects/*/*", archive, "objects.write"),
)
