"""`/crm/v3/properties/{type}`: definitions of properties.

Names, type–fieldType pairs, options and the limit of ten unique properties: developers.hubspot.com "Properties" and the
changelog "how CRM object property creation is validated".
"""

from __future__ import annotations

import re
from typing import Any

from .batch_api import inputs_of
from .catalog import PropertyDefinition
from .kinds import object_kind
from .portal import Portal
from .routes import Route
from .store import Table
from .wire import Answer, Refusal, Request, bad_request, batch_answer, not_found

NAME = re.compile(r"[a-z][a-z0-9_]*")
UNIQUE_LIMIT = 10
FIELD_TYPES = {
    "string": ("text", "textarea", "html", "phonenumber", "file", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "bool": ("booleancheckbox",),
}
REQUIRED = ("name", "label", "type", "fieldType", "groupName")


def list_properties(portal: Portal, request: Request, name: str) -> Answer:
    """`{results}`: the definitions, or with `archived=true` only the archived ones; `properties` narrows them to names."""
    table, archived = portal.table(object_kind(name)), request.flag("archived")
    wanted = set(request.names("properties"))
    found = [
        one for one in table.definitions.values() if bool(one.archived_ms) is archived and (not wanted or one.name in wanted)
    ]
    return Answer(200, {"results": [one.shown() for one in found]})


def _definition(table: Table, property_name: str, *, archived: bool = False) -> PropertyDefinition:
    found = table.definitions.get(property_name)
    if found is None or bool(found.archived_ms) is not archived:
        raise not_found(f"Property {property_name} does not exist")
    return found


def read_property(portal: Portal, request: Request, name: str, property_name: str) -> Answer:
    """One definition. Raises Refusal 404 where there is none of that name."""
    table = portal.table(object_kind(name))
    return Answer(200, _definition(table, property_name, archived=request.flag("archived")).shown())


def create_property(portal: Portal, request: Request, name: str) -> Answer:
    """A definition: 201 with it as it is shown. Raises Refusal 400 or 409 as `define` does."""
    return Answer(201, define(portal, portal.table(object_kind(name)), request.json()).shown())


def define(portal: Portal, table: Table, given: dict[str, Any]) -> PropertyDefinition:
    """Checks and adds one property. An archived one keeps its name and comes back with the new definition (unsourced).

    Raises Refusal 400 for a bad name, pair or option, 409 where there is one of that name.
    """
    missing = [field for field in REQUIRED if not given.get(field)]
    if missing:
        raise bad_request(
            f"Invalid input JSON on line 1, column 1: Some required fields were not set: [{', '.join(missing)}]",
            context={"missingFields": missing},
        )
    name = str(given["name"])
    if not NAME.fullmatch(name):
        raise bad_request(
            f"Property name {name} is not valid: names must start with a letter and contain only lowercase letters, "
            "numbers and underscores",
            errors=[{"message": f"{name} is not a valid property name", "code": "INVALID_PROPERTY_NAME", "in": "name"}],
        )
    if name.startswith("hs_"):
        raise bad_request(f"Property name {name} is not valid: the prefix hs_ is reserved for HubSpot's own properties")
    existing = table.definitions.get(name)
    if existing is not None and not existing.archived_ms:
        raise Refusal(
            409,
            f"A property named '{name}' already exists.",
            category="OBJECT_ALREADY_EXISTS",
            sub_category="Properties.PROPERTY_EXISTS",
            context={"name": [name]},
        )
    _check_group(portal, table, str(given["groupName"]))
    options = _checked_pair(str(given["type"]), str(given["fieldType"]), given.get("options") or [])
    unique = bool(given.get("hasUniqueValue"))
    _check_unique(portal, table, unique)
    now = portal.now_ms()
    definition = PropertyDefinition(
        name, str(given["label"]), str(given["type"]), str(given["fieldType"]), str(given["groupName"]),
        description=str(given.get("description") or ""), options=options, unique=unique, custom=True,
        display_order=int(given.get("displayOrder", -1)), hidden=bool(given.get("hidden")),
        form_field=bool(given.get("formField")), created_ms=now, updated_ms=now,
    )  # fmt: skip
    table.define(definition)
    return definition


def _check_group(portal: Portal, table: Table, group: str) -> None:
    if group not in portal.groups[table.kind.plural]:
        raise bad_request(
            f"Property group {group} does not exist",
            errors=[{"message": f"groupName {group} does not exist", "code": "GROUP_DOESNT_EXIST", "in": "groupName"}],
        )


def _check_unique(portal: Portal, table: Table, unique: bool) -> None:
    if not unique:
        return
    if table.kind.is_activity and not portal.options.unique_task_key:
        raise bad_request(f"Unique properties are not supported for object type {table.kind.type_id}")
    if sum(one.unique and one.custom and not one.archived_ms for one in table.definitions.values()) >= UNIQUE_LIMIT:
        raise bad_request(f"The limit of {UNIQUE_LIMIT} unique properties has been reached for object type {table.kind.type_id}")


def _checked_pair(kind: str, field_type: str, options: Any) -> list[dict[str, Any]]:
    if field_type not in FIELD_TYPES.get(kind, ()):
        raise bad_request(f"Property type {kind} cannot be combined with fieldType {field_type}")
    if kind not in ("enumeration", "bool"):
        if options:
            raise bad_request(f"A property of type {kind} cannot have options")
        return []
    return checked_options(kind, field_type, options)


def checked_options(kind: str, field_type: str, options: Any) -> list[dict[str, Any]]:
    """The options as a definition keeps them. Raises Refusal 400 where one lacks label or value, where two are alike, or where
    those of a boolean are other than `true` and `false`."""
    shown = []
    for order, given in enumerate(options if isinstance(options, list) else []):
        if not isinstance(given, dict) or given.get("label") in (None, "") or given.get("value") in (None, ""):
            raise bad_request("Every option needs a label and a value", context={"missingFields": ["label", "value"]})
        shown.append(
            {
                "label": str(given["label"]),
                "value": str(given["value"]),
                "displayOrder": int(given.get("displayOrder") or order),
                "hidden": bool(given.get("hidden")),
                "description": str(given.get("description") or ""),
            }
        )
    for field in ("value", "label"):
        texts = [one[field] for one in shown]
        if len(set(texts)) != len(texts):
            raise bad_request(f"Option {field}s must be unique")
    if (kind == "bool" or field_type == "booleancheckbox") and {one["value"] for one in shown} != {"true", "false"}:
        raise bad_request("A boolean property must have exactly the options true and false")
    if not shown:
        raise bad_request("An enumeration property must have options")
    return shown


def update_property(portal: Portal, request: Request, name: str, property_name: str) -> Answer:
    """Changes label, group, options, type: 200 with the definition. Raises Refusal 400 for one of HubSpot's own, 404 for none.

    A property cannot be made unique afterwards.
    """
    table, given = portal.table(object_kind(name)), request.json()
    definition = _definition(table, property_name)
    if not definition.custom:
        raise bad_request(f"Property {property_name} is defined by HubSpot: its definition is read-only")
    if "groupName" in given:
        _check_group(portal, table, str(given["groupName"]))
        definition.group = str(given["groupName"])
    if "type" in given or "fieldType" in given:
        kind, field_type = str(given.get("type", definition.type)), str(given.get("fieldType", definition.field_type))
        _checked_pair(kind, field_type, given.get("options", definition.options))
        definition.type, definition.field_type = kind, field_type
    if "options" in given:
        definition.options = checked_options(definition.type, definition.field_type, given["options"])
        definition.values = frozenset(one["value"] for one in definition.options)
    for field, attribute in (
        ("label", "label"),
        ("description", "description"),
        ("displayOrder", "display_order"),
        ("hidden", "hidden"),
    ):
        if field in given:
            setattr(definition, attribute, given[field])
    definition.updated_ms = portal.now_ms()
    return Answer(200, definition.shown())


def archive_property(portal: Portal, request: Request, name: str, property_name: str) -> Answer:
    """204; its values are gone, its name stays taken. Raises Refusal 400 for one of HubSpot's own, 404 for none."""
    table = portal.table(object_kind(name))
    definition = table.definitions.get(property_name)
    if definition is None or definition.archived_ms:
        raise not_found(f"Property {property_name} does not exist")
    if not definition.custom:
        raise bad_request(f"Property {property_name} is defined by HubSpot and cannot be archived")
    definition.archived_ms = portal.now_ms()
    table.unique.pop(property_name, None)
    for record in table.records.values():
        table.put(record, property_name, None)
    return Answer(204)


def batch_create(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [definition]}`, at most 100: 201 with those made, 207 where some were refused."""
    table = portal.table(object_kind(name))
    results, errors = [], []
    for given in inputs_of(request.json()):
        try:
            results.append(define(portal, table, given).shown())
        except Refusal as refused:
            error = {
                "status": "error",
                "category": refused.category,
                "message": refused.message,
                "context": {"name": [str(given.get("name"))]},
            }
            if refused.sub_category:
                error["subCategory"] = refused.sub_category
            errors.append(error)
    return batch_answer(results, errors, request.now_ms, status=201)


def batch_read(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{name}], archived}`: 200 with the definitions, 207 with the names that there are not."""
    table, body = portal.table(object_kind(name)), request.json()
    results, missing = [], []
    for given in inputs_of(body):
        found = table.definitions.get(str(given.get("name", "")))
        if found is None or bool(found.archived_ms) is not bool(body.get("archived")):
            missing.append(str(given.get("name", "")))
        else:
            results.append(found.shown())
    errors = [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"Property {one} does not exist",
            "context": {"name": [one]},
        }
        for one in missing
    ]
    return batch_answer(results, errors, request.now_ms)


def batch_archive(portal: Portal, request: Request, name: str) -> Answer:
    """`{inputs: [{name}]}`: 204; what is not there, or HubSpot's own, is passed over."""
    table = portal.table(object_kind(name))
    for given in inputs_of(request.json()):
        definition = table.definitions.get(str(given.get("name", "")))
        if definition is not None and definition.custom and not definition.archived_ms:
            archive_property(portal, request, name, definition.name)
    return Answer(204)


_BASE = "/crm/v3/properties/*"
ROUTES = (
    Route("GET", _BASE, list_properties, "schemas.read"),
    Route("POST", _BASE, create_property, "schemas.write"),
    Route("POST", f"{_BASE}/batch/create", batch_create, "schemas.write"),
    Route("POST", f"{_BASE}/batch/read", batch_read, "schemas.read"),
    Route("POST", f"{_BASE}/batch/archive", batch_archive, "schemas.write"),
    Route("GET", f"{_BASE}/*", read_property, "schemas.read"),
    Route("PATCH", f"{_BASE}/*", update_property, "schemas.write"),
    Route("DELETE", f"{_BASE}/*", archive_property, "schemas.write"),
)
