"""What a property accepts: HubSpot's validation of values, with its codes and words.

Codes and the double report (text of `message` and `errors[]`) as recorded in amp-labs/connectors. Pure: owners, stages and
the record's present values come in as arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from .catalog import PropertyDefinition
from .wire import Refusal, bad_request, iso, millis

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DAY_MS = 86_400_000
MAX_TEXT = 65_536


@dataclass(frozen=True, slots=True)
class Invalid:
    """One value that does not pass."""

    name: str
    code: str
    message: str


def refusal(invalid: Iterable[Invalid], portal_id: int) -> Refusal:
    """HubSpot's 400 for invalid values: in the text of `message` and again in `errors`, by property, never by record."""
    found = list(invalid)
    told = [
        {"isValid": False, "message": one.message, "error": one.code, "name": one.name, "localizedErrorMessage": one.message,
         "portalId": portal_id}
        for one in found
    ]  # fmt: skip
    return bad_request(
        f"Property values were not valid: {orjson.dumps(told).decode()}",
        errors=[{"message": one.message, "code": one.code, "context": {"propertyName": [one.name]}} for one in found],
    )


def text_of(value: Any) -> str:
    """A JSON value as HubSpot keeps it: everything is text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def clean(
    definitions: Mapping[str, PropertyDefinition],
    properties: Mapping[str, Any],
    is_active_owner: Callable[[str], bool],
    present: Callable[[str], str | None],
) -> tuple[dict[str, str | None], list[Invalid]]:
    """The values to store (None clears) and those that do not pass."""
    values: dict[str, str | None] = {}
    invalid: list[Invalid] = []
    for name, given in properties.items():
        definition = definitions.get(name)
        if definition is None or definition.archived_ms:
            invalid.append(Invalid(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        if definition.read_only or definition.calculated:
            invalid.append(Invalid(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.'))
            continue
        text = text_of(given)
        if text == "":
            values[name] = None
            continue
        outcome = _clean_one(definition, text, is_active_owner, present(name))
        if isinstance(outcome, Invalid):
            invalid.append(outcome)
        else:
            values[name] = outcome
    return values, invalid


def _clean_one(
    definition: PropertyDefinition, text: str, is_active_owner: Callable[[str], bool], present: str | None
) -> str | Invalid:
    name = definition.name
    if name == "hubspot_owner_id":
        # Unsourced code: only that HubSpot takes active owners alone is documented ("Tasks" guide).
        if is_active_owner(text):
            return text
        return Invalid(name, "INVALID_OWNER_ID", f"The owner with ID {text} does not exist or is not active")
    if definition.type == "number":
        if _NUMBER.fullmatch(text.strip()):
            return text.strip()
        return Invalid(name, "INVALID_DOUBLE", f"{text} was not a valid number.")
    if definition.type == "datetime":
        return _instant(name, text)
    if definition.type == "date":
        return _date(name, text)
    if definition.type in ("enumeration", "bool") and not definition.externally:
        return _choice(definition, text, present)
    if name == "email" and not _EMAIL.fullmatch(text):
        return Invalid(name, "INVALID_EMAIL", f"Email address {text} is invalid")
    if len(text) > MAX_TEXT:
        return Invalid(name, "STRING_TOO_LONG", f"Property value is too long: {len(text)} characters, at most {MAX_TEXT}")
    return text


def _instant(name: str, text: str) -> str | Invalid:
    try:
        return iso(millis(text.strip()))
    except (ValueError, OverflowError):
        return Invalid(name, "INVALID_LONG", f"{text} was not a valid long.")


def _date(name: str, text: str) -> str | Invalid:
    try:
        moment = millis(text.strip())
        if moment % _DAY_MS:
            return Invalid(name, "INVALID_DATE", f"{text} is at {iso(moment)[11:]} UTC, not midnight!")
        return datetime.fromtimestamp(moment / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError):
        return Invalid(name, "INVALID_DATE", f"{text} was not a valid date.")


def _choice(definition: PropertyDefinition, text: str, present: str | None) -> str | Invalid:
    several = definition.field_type == "checkbox"
    chosen = [part for part in text.split(";") if part] if several else [text]
    if not set(chosen) <= definition.values:
        allowed = ", ".join(f'label: "{option["label"]}"\nvalue: "{option["value"]}"' for option in definition.options[:50])
        return Invalid(definition.name, "INVALID_OPTION", f"{text} was not one of the allowed options: [{allowed}]")
    if several and text.startswith(";"):  # a leading semicolon appends to the present choices
        chosen = list(dict.fromkeys([*(present or "").split(";"), *chosen]))
        return ";".join(part for part in chosen if part)
    return text
