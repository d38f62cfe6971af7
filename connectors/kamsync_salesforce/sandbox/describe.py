"""describe: what an object and its fields are, for the running user; fields without field-level security are left out."""

from __future__ import annotations

from typing import Any

from .org import Org
from .schema import Field, SObject

_SOAP = {
    "id": "tns:ID", "reference": "xsd:string", "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime",
    "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double", "int": "xsd:int",
}  # fmt: skip


def describe_global(org: Org, version: str) -> dict[str, Any]:
    """Every object that this org has and our user may read (REST API Developer Guide, "Describe Global")."""
    shown = [one for one in org.objects.values() if org.has(one) and org.may(one, "Read")]
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_summary(org, one, version) for one in shown]}


def basic_information(org: Org, sobject: SObject, version: str) -> dict[str, Any]:
    """What GET sobjects/X answers ("sObject Basic Information"); the records that its user last saw are none here."""
    return {"objectDescribe": _summary(org, sobject, version), "recentItems": []}


def describe(org: Org, sobject: SObject, version: str) -> dict[str, Any]:
    """The object with its fields, as our user sees them ("sObject Describe")."""
    fields = [f for f in sobject.fields.values() if org.visible(sobject, f)]
    children = [
        {"childSObject": child, "field": field, "relationshipName": name, "cascadeDelete": True, "deprecatedAndHidden": False}
        for name, (child, field) in sobject.children.items()
    ]
    answer = _summary(org, sobject, version)
    return {**answer, "fields": [_field(org, sobject, f) for f in fields], "childRelationships": children, "recordTypeInfos": []}


def _summary(org: Org, sobject: SObject, version: str) -> dict[str, Any]:
    url = f"/services/data/{version}/sobjects/{sobject.name}"
    writable = sobject.writable
    return {
        "activateable": False,
        "createable": writable and org.may(sobject, "Create"),
        "custom": sobject.custom,
        "deletable": writable and org.may(sobject, "Delete"),
        "keyPrefix": sobject.prefix,
        "label": sobject.name,
        "labelPlural": sobject.name + "s",
        "layoutable": writable,
        "mergeable": sobject.name in ("Account", "Contact"),
        "name": sobject.name,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": writable and sobject.has_bin,
        "updateable": writable and org.may(sobject, "Edit"),
        "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
    }


def _field(org: Org, sobject: SObject, field: Field) -> dict[str, Any]:
    writable = org.editable(sobject, field) and field.name != "Id"
    numeric = field.type in ("double", "currency", "percent")
    labels = field.choice_labels or field.choices
    long_text = field.type == "textarea" and field.length > 255
    return {
        "name": field.name,
        "label": field.label or field.name,
        "type": field.type,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "length": 18 if field.type in ("id", "reference") else field.length if field.sql_type == "TEXT" else 0,
        "byteLength": field.length * 3 if field.sql_type == "TEXT" else 0,
        "precision": 18 if numeric else 0,
        "scale": 2 if numeric else 0,
        "digits": 9 if field.type == "int" else 0,
        "createable": writable,
        "updateable": writable and field.updateable,
        "nillable": not field.required and field.type not in ("boolean", "id"),
        "defaultedOnCreate": field.type == "boolean",
        "filterable": not long_text,
        "sortable": not long_text,
        "groupable": not long_text and not numeric,
        "aggregatable": not long_text,
        "calculated": False,
        "autoNumber": False,
        "custom": field.custom,
        "externalId": field.external_id,
        "idLookup": field.name == "Id" or field.external_id,
        "unique": field.unique,
        "caseSensitive": False,
        "permissionable": field.custom and not field.required,
        "restrictedPicklist": field.restricted,
        "nameField": field.name == "Name",
        "namePointing": field.name in ("WhatId", "WhoId"),
        "referenceTo": [field.reference] if field.reference else [],
        "relationshipName": field.relationship or None,
        "deprecatedAndHidden": False,
        "defaultValue": False if field.type == "boolean" else None,
        "inlineHelpText": None,
        "picklistValues": [
            {"active": True, "defaultValue": False, "label": label, "validFor": None, "value": value}
            for value, label in zip(field.choices, labels, strict=True)
        ],
    }
