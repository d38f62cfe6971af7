"""What `kamsync setup` makes in a portal, for sandboxes that start as if it had run already."""

from __future__ import annotations

from typing import Any

from kamsync.flags import FLAGS, LIGHTS, SEGMENTS, Flag

from .portal import Portal
from .properties_api import define

GROUP = "key_account_management"
TIERS = ("A", "B", "C")
PROPERTIES = {name: "kam_tier_override" if name == "override" else f"kam_{name}" for name in FLAGS}
TASK_KEY = "kam_task_key"


_CHOICES = {"": (), "tiers": TIERS, "tiers_or_none": (*TIERS, "none"), "segments": SEGMENTS, "lights": LIGHTS}
_TYPES = {"text": ("string", "text"), "number": ("number", "number"), "date": ("date", "date"), "instant": ("datetime", "date")}


def _property(flag: Flag) -> dict[str, Any]:
    values = _CHOICES[flag.choices]
    kind, field_type = ("enumeration", "select") if values else _TYPES[flag.kind]
    return {
        "name": PROPERTIES[flag.name],
        "label": f"Key account {flag.name.replace('_', ' ')}",
        "type": kind,
        "fieldType": "textarea" if flag.long else field_type,
        "groupName": GROUP,
        "options": [{"label": value.capitalize() if value.islower() else value, "value": value} for value in values],
    }


def provision(portal: Portal) -> None:
    """Adds the property group, a property for each flag that the shipped mapping names, and the tasks' key."""
    portal.groups["companies"][GROUP] = {"name": GROUP, "label": "Key account management", "displayOrder": -1, "archived": False}
    for flag in FLAGS.values():
        if not flag.optional:
            define(portal, portal.tables["companies"], _property(flag))
    define(
        portal,
        portal.tables["tasks"],
        {
            "name": TASK_KEY,
            "label": "Key account task key",
            "type": "string",
            "fieldType": "text",
            "groupName": "taskinformation",
            "hasUniqueValue": portal.options.unique_task_key,
        },
    )
