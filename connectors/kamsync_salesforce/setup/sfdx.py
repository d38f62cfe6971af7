"""Write what setup creates as Salesforce source, so that an admin can review it and deploy it with their own tools.

Source format: Salesforce DX Developer Guide, "Salesforce DX Project Structure and Source Format". `sf project deploy start`
takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from kamsync.files import write_private
from kamsync_salesforce.setup.metadata import FieldSpec, ListViewSpec, ObjectSpec, PermissionSetSpec, Wanted

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
OBJECT_RIGHTS = ("allowCreate", "allowDelete", "allowEdit", "allowRead", "modifyAllRecords", "viewAllRecords")


def write_source(folder: Path, wanted: Wanted, api_version: str) -> list[Path]:
    """Writes the project below `folder` and tells the files."""
    files: dict[str, str] = {
        "sfdx-project.json": '{\n  "packageDirectories": [{ "path": "force-app", "default": true }],\n'
        f'  "sourceApiVersion": "{api_version}"\n}}\n',
        "manifest/package.xml": _package(wanted, api_version),
    }
    root = "force-app/main/default"
    lease = f"{root}/objects/{wanted.lease.name}/{wanted.lease.name}.object-meta.xml"
    files[lease] = document("CustomObject", object_metadata(wanted.lease))
    for field in (*wanted.fields, *wanted.lease.fields):
        files[f"{root}/objects/{field.sobject}/fields/{field.name}.field-meta.xml"] = document(
            "CustomField", field_metadata(field)
        )
    for view in wanted.list_views:
        files[f"{root}/objects/Account/listViews/{view.name}.listView-meta.xml"] = document("ListView", list_view_metadata(view))
    for permission_set in wanted.permission_sets:
        files[f"{root}/permissionsets/{permission_set.name}.permissionset-meta.xml"] = document(
            "PermissionSet", permission_set_metadata(permission_set)
        )
    written = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, text, "source file")
        written.append(path)
    return written


def field_metadata(field: FieldSpec) -> dict[str, Any]:
    """The field in the spelling of files (Metadata API Developer Guide, "CustomField")."""
    metadata = {key: value for key, value in field.metadata.items() if key != "valueSet"}
    if "valueSet" in field.metadata:
        definition = field.metadata["valueSet"]
        values = [
            {"fullName": value["valueName"], "default": value["default"], "label": value["label"]}
            for value in definition["valueSetDefinition"]["value"]
        ]
        metadata["valueSet"] = {"restricted": definition["restricted"], "valueSetDefinition": {"sorted": False, "value": values}}
    return {"fullName": field.name, **dict(sorted(metadata.items()))}


def object_metadata(spec: ObjectSpec) -> dict[str, Any]:
    """The object in the spelling of files ("CustomObject"), which have its fields beside it."""
    return {
        "deploymentStatus": "Deployed",
        "description": spec.description,
        "label": spec.label,
        "nameField": {"displayFormat": "L-{00000000}", "label": "Id", "type": "AutoNumber"},
        "pluralLabel": spec.plural,
        "sharingModel": "Private",
    }


def custom_object_metadata(spec: ObjectSpec) -> dict[str, Any]:
    """The object with its fields, as one component of the Metadata API."""
    return {"fullName": spec.name, **object_metadata(spec), "fields": [field_metadata(field) for field in spec.fields]}


def list_view_metadata(view: ListViewSpec) -> dict[str, Any]:
    """The list view in the spelling of files ("ListView")."""
    return {
        "fullName": view.name,
        "columns": list(view.columns),
        "filterScope": "Everything",
        "filters": {"field": view.filter_field, "operation": "equals", "value": view.filter_value},
        "label": view.label,
    }


def permission_set_metadata(permission_set: PermissionSetSpec) -> dict[str, Any]:
    """The permission set in the spelling of files ("PermissionSet")."""
    grants = [
        {"editable": grant.edit, "field": f"{grant.sobject}.{grant.field}", "readable": True} for grant in permission_set.grants
    ]
    return {
        "description": permission_set.description,
        "fieldPermissions": grants,
        "hasActivationRequired": False,
        "label": permission_set.label,
        "objectPermissions": [{**dict.fromkeys(OBJECT_RIGHTS, True), "object": name} for name in permission_set.objects],
    }


def document(element: str, metadata: Mapping[str, Any]) -> str:
    """A metadata file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{element} xmlns="{NAMESPACE}">\n{xml_of(metadata)}</{element}>\n'


def xml_of(values: Mapping[str, Any], depth: int = 1) -> str:
    """Nested values as elements; a list repeats its element."""
    indent = "    " * depth
    lines = []
    for name, value in values.items():
        for item in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
            if isinstance(item, Mapping):
                lines.append(f"{indent}<{name}>\n{xml_of(item, depth + 1)}{indent}</{name}>\n")
            else:
                text = str(item).lower() if isinstance(item, bool) else escape(str(item))
                lines.append(f"{indent}<{name}>{text}</{name}>\n")
    return "".join(lines)


def _package(wanted: Wanted, api_version: str) -> str:
    members = {
        "CustomField": [field.full_name for field in (*wanted.fields, *wanted.lease.fields)],
        "CustomObject": [wanted.lease.name],
        "ListView": [f"Account.{view.name}" for view in wanted.list_views],
        "PermissionSet": [permission_set.name for permission_set in wanted.permission_sets],
    }
    types = [{"members": names, "name": kind} for kind, names in members.items() if names]
    return document("Package", {"types": types, "version": api_version})
