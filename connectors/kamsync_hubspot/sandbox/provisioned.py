"""What `kamsync setup` makes in a portal, for sandboxes that start as if it had run already."""

from __future__ import annotations

from typing import Any

from .portal import Portal
from .properties_api import define

GROUP = "key_account_management"
TIERS = ("A", "B", "C")
FLAGS = {
    "tier": "kam_tier",
    "score": "kam_score",
    "segment": "kam_segment",
    "health": "kam_health",
    "reasons": "kam_reasons",
    "since": "kam_since",
    "evaluated_at": "kam_evaluated_at",
    "override": "kam_tier_override",
    "override_until": "kam_override_until",
}
TASK_KEY = "kam_task_key"


def _choices(*values: str) -> list[dict[str, str]]:
    return [{"label": value.capitalize() if value.islower() else value, "value": value} for value in values]


_PROPERTIES: tuple[tuple[str, str, str, str, list[dict[str, str]]], ...] = (
    ("kam_tier", "Key account tier", "enumeration", "select", _choices(*TIERS)),
    ("kam_score", "Key account score", "number", "number", []),
    (
        "kam_segment",
        "Key account segment",
        "enumeration",
        "select",
        _choices("key", "development", "maintenance", "opportunistic"),
    ),
    ("kam_health", "Key account health", "enumeration", "select", _choices("green", "amber", "red")),
    ("kam_reasons", "Key account reasons", "string", "textarea", []),
    ("kam_since", "Key account since", "date", "date", []),
    ("kam_evaluated_at", "Key account evaluated at", "datetime", "date", []),
    ("kam_tier_override", "Key account tier override", "enumeration", "select", _choices(*TIERS, "none")),
    ("kam_override_until", "Key account override until", "date", "date", []),
)


def provision(portal: Portal) -> None:
    portal.groups["companies"][GROUP] = {"name": GROUP, "label": "Key account management", "displayOrder": -1, "archived": False}
    for name, label, kind, field_type, options in _PROPERTIES:
        given: dict[str, Any] = {"name": name, "label": label, "type": kind, "fieldType": field_type, "groupName": GROUP}
        define(portal, portal.tables["companies"], {**given, "options": options})
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
