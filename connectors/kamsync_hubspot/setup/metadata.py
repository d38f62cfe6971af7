"""What `kamsync setup` wants to exist in a portal: a property group, properties, segments. Values only.

Types and their field types: developers.hubspot.com "Properties". Segments: "Lists" (an OR branch that holds AND branches).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kamsync import words
from kamsync.contract import Context, TierChoice
from kamsync.flags import FLAGS, Flag
from kamsync.model import Kind
from kamsync_hubspot.api.portal import COMPANY_TYPE_ID
from kamsync_hubspot.setup.words import texts

GROUP = "key_account_management"
REASONS_LENGTH = 65_536  # "Properties": characters of a text property
# type and fieldType of a property without options, by the kind of its values.
_TYPES: Mapping[Kind, tuple[str, str]] = {
    "text": ("string", "text"),
    "number": ("number", "number"),
    "boolean": ("bool", "booleancheckbox"),
    "date": ("date", "date"),
    "instant": ("datetime", "date"),
}
STANDARD_PREFIX = "hs_"  # HubSpot's own; nobody else may create them


@dataclass(frozen=True, slots=True)
class PropertySpec:
    """A property to create: `body` is its definition as the API takes it, `choices` the options that it needs."""

    object_type: str
    name: str
    body: Mapping[str, Any]
    choices: tuple[TierChoice, ...] = ()

    @property
    def full_name(self) -> str:
        """Object and property, as setup and doctor name it."""
        return f"{self.object_type}.{self.name}"


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """A dynamic list of the companies in one tier."""

    name: str
    body: Mapping[str, Any]


def wanted_properties(context: Context) -> tuple[PropertySpec, ...]:
    """What the mapping, the tiers and the language of this programme ask for; HubSpot's own properties are there already."""
    text = texts(context.language)
    mapping = context.mapping
    found = [
        _company_property(flag, mapping.flags[name], context, text)
        for name, flag in FLAGS.items()
        if name in mapping.flags and not mapping.flags[name].startswith(STANDARD_PREFIX)
    ]
    key = {
        "name": mapping.task_key,
        "label": text["task_key"],
        "type": "string",
        "fieldType": "text",
        "groupName": GROUP,
        "description": text["key_help"],
        "hasUniqueValue": True,
    }
    return (*found, PropertySpec("tasks", mapping.task_key, key))


def _company_property(flag: Flag, name: str, context: Context, text: Mapping[str, str]) -> PropertySpec:
    choices = words.choices_of(flag, context.tiers, text)
    kind, field_type = ("enumeration", "select") if choices else _TYPES[flag.kind]
    body: dict[str, Any] = {
        "name": name,
        "label": text[flag.name],
        "type": kind,
        "fieldType": "textarea" if flag.long else field_type,
        "groupName": GROUP,
        "description": text.get(f"{flag.name}_help", text["written"]),
    }
    if choices:
        body["options"] = options(choices)
    return PropertySpec("companies", name, body, choices)


def options(choices: Sequence[TierChoice], first: int = 0) -> list[dict[str, Any]]:
    """The options of an enumeration, numbered from `first` in the order given."""
    return [
        {"label": choice.label or choice.name, "value": choice.name, "displayOrder": order, "hidden": False}
        for order, choice in enumerate(choices, start=first)
    ]


def wanted_segments(context: Context) -> tuple[SegmentSpec, ...]:
    """One for each tier, named as the list views on other CRMs."""
    tier = context.mapping.flags.get("tier", "")
    text = texts(context.language)
    return tuple(_segment(text["list"].format(one.name), tier, one.name) for one in context.tiers if tier)


def _segment(name: str, property_name: str, value: str) -> SegmentSpec:
    filters = [
        {
            "filterType": "PROPERTY",
            "property": property_name,
            "operation": {
                "operationType": "ENUMERATION",
                "operator": "IS_ANY_OF",
                "values": [value],
                "includeObjectsWithNoValueSet": False,
            },
        }
    ]
    inner = {"filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [], "filters": filters}
    branch = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filterBranches": [inner], "filters": []}
    return SegmentSpec(name, {"name": name, "objectTypeId": COMPANY_TYPE_ID, "processingType": "DYNAMIC", "filterBranch": branch})
