"""What `kamsync setup` makes in an org, for sandboxes that start as if it had run already: fields, and our user's right to them."""

from __future__ import annotations

from typing import Any

from kamsync.flags import FLAGS, LIGHTS, SEGMENTS, Flag

from .custom_fields import Customizing
from .org import Org
from .view import FLAG_FIELDS, KEY_FIELD

TIERS = ("A", "B", "C")
_CHOICES = {"tiers": TIERS, "tiers_or_none": (*TIERS, "none"), "segments": SEGMENTS, "lights": LIGHTS}
_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "Number", "precision": 5, "scale": 2},
    "date": {"type": "Date"},
    "instant": {"type": "DateTime"},
    "boolean": {"type": "Checkbox", "defaultValue": False},
}
_SET = "Key_Account_Management_Agent"
_LEASE = "KAM_Lease__c"
_TEXT = {"type": "Text", "length": 255}
_LEASE_FIELDS: tuple[dict[str, Any], ...] = (
    {"fullName": "KAM_Key__c", "label": "What is written", **_TEXT, "externalId": True, "unique": True},
    {"fullName": "KAM_Run__c", "label": "Run", **_TEXT},
    {"fullName": "KAM_Machine__c", "label": "Machine", **_TEXT},
    {"fullName": "KAM_Until__c", "label": "Until", "type": "DateTime"},
)
_RIGHTS = tuple(f"Permissions{right}" for right in ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords"))


def provision(org: Org) -> None:
    """Makes the fields of every flag that the shipped mapping names, the tasks' key and the lease; grants them in one set."""
    customizing = Customizing(org)
    names = {flag.name: FLAG_FIELDS[flag.name] for flag in FLAGS.values() if not flag.optional}
    for flag, name in names.items():
        customizing.create_field({"FullName": f"Account.{name}", "Metadata": _metadata(FLAGS[flag])})
    is_unique = org.options.activity_external_id
    key = {"type": "Text", "label": "Key Account Task Key", "length": 255, "externalId": is_unique, "unique": is_unique}
    customizing.create_field({"FullName": f"Activity.{KEY_FIELD}", "Metadata": key})
    customizing.create_object(_LEASE, "Key Account Lease", _LEASE_FIELDS)
    lease = [(_LEASE, one["fullName"]) for one in _LEASE_FIELDS]
    _grant(org, [*(("Account", name) for name in names.values()), ("Task", KEY_FIELD), ("Event", KEY_FIELD), *lease])


def _metadata(flag: Flag) -> dict[str, Any]:
    label = {"label": f"Key Account {flag.name.replace('_', ' ').title()}"}
    if flag.choices:
        values = [{"valueName": name, "label": name, "default": False} for name in _CHOICES[flag.choices]]
        return label | {"type": "Picklist", "valueSet": {"valueSetDefinition": {"sorted": False, "value": values}}}
    if flag.kind == "text":
        return label | ({"type": "TextArea"} if flag.long else {"type": "Text", "length": flag.length})
    return label | _TYPES[flag.kind]


def _grant(org: Org, fields: list[tuple[str, str]]) -> None:
    stamp, permission_set = org.stamp(), org.next_id("0PS")
    common, values = ("IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp"), (0, stamp, stamp, stamp)
    org.insert_rows("PermissionSet", ("Id", "Name", "Label", *common), [(permission_set, _SET, _SET.replace("_", " "), *values)])
    org.insert_rows(
        "PermissionSetAssignment",
        ("Id", "AssigneeId", "PermissionSetId", *common),
        [(org.next_id("0Pa"), org.agent_id, permission_set, *values)],
    )
    org.insert_rows(
        "FieldPermissions",
        ("Id", "ParentId", "SobjectType", "Field", "PermissionsRead", "PermissionsEdit", *common),
        [(org.next_id("01k"), permission_set, sobject, f"{sobject}.{name}", 1, 1, *values) for sobject, name in fields],
    )
    org.insert_rows(
        "ObjectPermissions",
        ("Id", "ParentId", "SobjectType", *_RIGHTS, *common),
        [(org.next_id("110"), permission_set, _LEASE, *(1 for _ in _RIGHTS), *values)],
    )
