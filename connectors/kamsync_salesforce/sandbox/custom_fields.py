"""Custom fields by the Tooling API and list views by the Metadata API, with the consequences that they have in the real service."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from .ids import make_id
from .org import Org
from .problems import ApiProblem, malformed, no_such_type
from .schema import Field, custom_object

_TYPES = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Number": "double", "Currency": "currency",
    "Percent": "percent", "Date": "date", "DateTime": "datetime", "Checkbox": "boolean", "Picklist": "picklist", "Url": "url",
    "Email": "email", "Phone": "phone",
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,38}[A-Za-z0-9]__c")
_OWNERS = {"activity": ("task", "event")}  # fields of Task and Event are defined on Activity


class Customizing:
    """What an administrator changes by API."""

    def __init__(self, org: Org) -> None:
        self._org = org

    # -- Tooling API -----------------------------------------------------------------------------------------------------------

    def query(self, soql: str, version: str) -> dict[str, Any]:
        """The few shapes of tooling queries on CustomField that clients use; `Metadata` and `FullName` one row at a time only.

        Raises ApiProblem for any other.
        """
        match = re.fullmatch(r"\s*SELECT\s+(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+LIMIT\s+\d+)?\s*", soql, re.I | re.S)
        if match is None:
            raise malformed("unexpected token in tooling query")
        every = {"customfield": self._org.custom_fields.values(), "customobject": self._custom_objects()}.get(match[2].lower())
        if every is None:
            raise no_such_type(match[2])
        entity = "CustomField" if match[2].lower() == "customfield" else "CustomObject"
        columns = [name.strip() for name in match[1].split(",")]
        found = [entry for entry in every if _matches(entry, match[3] or "")]
        if {"metadata", "fullname"} & {name.lower() for name in columns} and len(found) > 1:
            raise malformed("When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one row for retrieval. Result size: " + str(len(found)))  # fmt: skip
        records = []
        for entry in found:
            record: dict[str, Any] = {
                "attributes": {"type": entity, "url": f"/services/data/{version}/tooling/sobjects/{entity}/{entry['Id']}"}
            }
            for name in columns:
                key = next((k for k in entry if k.lower() == name.lower()), None)
                if key is None:
                    raise ApiProblem("INVALID_FIELD", f"No such column '{name}' on entity '{entity}'.")
                record[key] = entry[key]
            records.append(record)
        return {
            "size": len(records),
            "totalSize": len(records),
            "done": True,
            "queryLocator": None,
            "entityTypeName": entity,
            "records": records,
        }

    def _custom_objects(self) -> list[dict[str, Any]]:
        """Those that setup has made, whoever may see them."""
        names = [one.name for one in self._org.objects.values() if one.custom]
        return [
            {"Id": make_id("01I", place), "DeveloperName": name.removesuffix("__c"), "NamespacePrefix": None}
            for place, name in enumerate(names, start=1)
        ]

    def create_object(self, name: str, label: str, fields: Sequence[Mapping[str, Any]]) -> None:
        """An object with its fields (each `fullName` and a definition), which nobody may use yet."""
        if name.lower() in self._org.objects:
            return
        made = [_field(str(one["fullName"]), one) for one in fields]
        self._org.add_object(custom_object(name, label, made))
        for one in fields:
            self._register(f"{name}.{one['fullName']}", name, one)

    def create_field(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`{FullName, Metadata}`: the field is there for all objects that it is defined on, and visible to nobody before a grant.

        Raises ApiProblem for an unknown object, a bad or taken name, or a unique field on Activity where the org takes none.
        """
        full_name = str(body.get("FullName", ""))
        owner, _, name = full_name.partition(".")
        targets = [self._org.objects[key] for key in _OWNERS.get(owner.lower(), (owner.lower(),)) if key in self._org.objects]
        if not targets:
            raise ApiProblem("INVALID_CROSS_REFERENCE_KEY", f"Entity enumeration or ID is not valid: {owner}")
        if not _NAME.fullmatch(name):
            raise ApiProblem("INVALID_FIELD", f"The field name {name} is not valid")
        if targets[0].field(name) is not None:
            raise ApiProblem(
                "DUPLICATE_DEVELOPER_NAME", f"There is already a field named {name} on {owner.title()}.", 400, ["FullName"]
            )
        metadata = dict(body.get("Metadata") or {})
        field = _field(name, metadata)
        if owner.lower() == "activity" and (field.unique or field.external_id) and not self._org.options.activity_external_id:
            raise ApiProblem("FIELD_INTEGRITY_EXCEPTION", "Unique and external ID fields are not allowed on Activity", 400)
        for target in targets:
            self._org.add_column(target, field)
        field_id = self._register(full_name, owner, metadata)
        return {"id": field_id, "success": True, "errors": [], "warnings": [], "infos": []}

    def _register(self, full_name: str, owner: str, metadata: Mapping[str, Any]) -> str:
        field_id = self._org.next_id("00N")
        self._org.custom_fields[field_id] = {
            "Id": field_id, "DeveloperName": full_name.partition(".")[2].removesuffix("__c"), "TableEnumOrId": owner,
            "FullName": full_name, "Metadata": dict(metadata), "NamespacePrefix": None,
        }  # fmt: skip
        return field_id

    def field(self, field_id: str) -> dict[str, Any]:
        """The definition of a custom field. Raises ApiProblem (NOT_FOUND) for an unknown id."""
        entry = self._org.custom_fields.get(field_id)
        if entry is None:
            raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
        return {"attributes": {"type": "CustomField"}, **entry}

    def change_field(self, field_id: str, body: Mapping[str, Any]) -> None:
        """`{Metadata}` in place of what was defined. Raises ApiProblem (NOT_FOUND) for an unknown id."""
        entry = self._org.custom_fields.get(field_id)
        if entry is None:
            raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
        owner, _, name = entry["FullName"].partition(".")
        entry["Metadata"] = dict(body.get("Metadata") or {})
        for key in _OWNERS.get(owner.lower(), (owner.lower(),)):
            self._org.objects[key].fields[name.lower()] = _field(name, entry["Metadata"])

    # -- Metadata API ----------------------------------------------------------------------------------------------------------

    def soap(self, envelope: bytes) -> str:
        """upsertMetadata and createMetadata of ListView and CustomObject: one result a component."""
        try:
            root = ET.fromstring(envelope)
        except ET.ParseError as error:
            raise malformed(str(error)) from error
        results = []
        call = next((_local(e) for e in root.iter() if _local(e) in ("upsertMetadata", "createMetadata")), "")
        if not call:
            raise malformed("This operation of the Metadata API is not part of the sandbox.")
        for element in (e for e in root.iter() if _local(e) == "metadata"):
            name = next((e.text or "" for e in element if _local(e) == "fullName"), "")
            label = next((e.text or "" for e in element if _local(e) == "label"), name)
            kind = next((value for key, value in element.attrib.items() if key.endswith("}type")), "").rpartition(":")[2]
            make = self._object if kind == "CustomObject" else self._list_view
            results.append(make(name, label, element))
        body = "".join(results)
        return (
            '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><{call}Response>{body}</{call}Response>'
            "</soapenv:Body></soapenv:Envelope>"
        )

    def _object(self, name: str, label: str, element: ET.Element) -> str:
        fields = [{_local(part): part.text or "" for part in one} for one in element if _local(one) == "fields"]
        if not _NAME.fullmatch(name):
            return _failed(name, "INVALID_FULL_NAME", f"The object name {name} is not valid")
        created = name.lower() not in self._org.objects
        try:
            self.create_object(name, label, [{**one, "unique": one.get("unique") == "true"} for one in fields])
        except ApiProblem as problem:
            return _failed(name, problem.code, problem.message)
        return _succeeded(name, created=created)

    def _list_view(self, name: str, label: str, element: ET.Element) -> str:
        owner, _, developer_name = name.partition(".")
        sobject = self._org.objects.get(owner.lower())
        for column in (e.text or "" for e in element.iter() if _local(e) in ("columns", "field")):
            if column.endswith("__c") and sobject is not None and sobject.field(column.split(".")[-1]) is None:
                return _failed(name, "INVALID_FIELD", f"Could not resolve list view column: {column}")
        found = self._org.db.execute(
            "SELECT Id FROM ListView WHERE DeveloperName = ? AND SobjectType = ?", (developer_name, owner)
        ).fetchone()
        if found is None:
            stamp = self._org.stamp()
            columns = (
                "Id",
                "IsDeleted",
                "Name",
                "DeveloperName",
                "SobjectType",
                "CreatedDate",
                "LastModifiedDate",
                "SystemModstamp",
            )
            row = (self._org.next_id("00B"), 0, label, developer_name, owner, stamp, stamp, stamp)
            self._org.insert_rows("ListView", columns, [row])
        return _succeeded(name, created=found is None)


def _matches(entry: Mapping[str, Any], where: str) -> bool:
    for condition in re.split(r"\s+AND\s+", where, flags=re.I) if where else ():
        match = re.fullmatch(r"\s*(\w+)\s*(=|IN)\s*(.+?)\s*", condition, re.I | re.S)
        if match is None:
            raise malformed(f"unexpected token: {condition}")
        values = [value.lower() for value in re.findall(r"'((?:[^'\\]|\\.)*)'", match[3])]
        key = next((k for k in entry if k.lower() == match[1].lower()), "")
        if str(entry.get(key, "")).lower() not in values:
            return False
    return True


def _field(name: str, metadata: Mapping[str, Any]) -> Field:
    kind = str(metadata.get("type", ""))
    if kind not in _TYPES:
        raise ApiProblem("INVALID_TYPE", f"Unknown field type {kind!r}", 400, ["Metadata"])
    if not metadata.get("label"):
        raise ApiProblem("REQUIRED_FIELD_MISSING", "Required fields are missing: [label]", 400, ["label"])
    if kind == "Text" and not metadata.get("length"):
        raise ApiProblem("REQUIRED_FIELD_MISSING", "Must specify 'length' for a CustomField of type Text", 400, ["length"])
    if kind in ("Number", "Currency", "Percent") and (metadata.get("precision") is None or metadata.get("scale") is None):
        raise ApiProblem("REQUIRED_FIELD_MISSING", f"Must specify 'precision' and 'scale' for a CustomField of type {kind}", 400)
    value_set = metadata.get("valueSet") or {}
    values = (value_set.get("valueSetDefinition") or {}).get("value") or []
    if kind == "Picklist" and not values:
        raise ApiProblem("FIELD_INTEGRITY_EXCEPTION", "You must specify a value set for a picklist", 400)
    return Field(
        name,
        _TYPES[kind],
        int(metadata.get("length") or 255),
        custom=True,
        label=str(metadata["label"]),
        external_id=bool(metadata.get("externalId")),
        unique=bool(metadata.get("unique")),
        restricted=bool(value_set.get("restricted")),
        choices=tuple(str(v.get("valueName") or v.get("fullName")) for v in values),
        choice_labels=tuple(str(v.get("label") or v.get("valueName") or v.get("fullName")) for v in values),
    )


def _local(element: ET.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _succeeded(name: str, *, created: bool) -> str:
    made = str(created).lower()
    return f"<result><created>{made}</created><fullName>{escape(name)}</fullName><success>true</success></result>"


def _failed(name: str, code: str, message: str) -> str:
    return (
        f"<result><created>false</created><errors><message>{escape(message)}</message><statusCode>{code}</statusCode></errors>"
        f"<fullName>{escape(name)}</fullName><success>false</success></result>"
    )
