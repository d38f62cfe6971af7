"""Which choices the portal's pick lists do not know, as after a tier was added to the programme. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamsync.contract import Context
from kamsync.errors import KamsyncError
from kamsync.flags import FLAGS
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.setup.metadata import wanted_properties


def lacking_choices(definitions: Definitions, context: Context) -> Mapping[str, tuple[str, ...]]:
    """By flag; none where a property is missing (that is doctor's and setup's to say), is free text, or may not be looked at."""
    try:
        known = definitions.of("companies")
    except KamsyncError as error:
        if not is_refused(error):
            raise
        return {}
    return {flag: missing for flag, missing in lacking_in(known, context).items() if FLAGS[flag].choices.startswith("tiers")}


def lacking_in(known: Mapping[str, Mapping[str, Any]], context: Context) -> Mapping[str, tuple[str, ...]]:
    """The same of definitions at hand, for every flag with choices."""
    flags = {name: flag for flag, name in context.mapping.flags.items()}
    found: dict[str, tuple[str, ...]] = {}
    for spec in wanted_properties(context):
        there = known.get(spec.name)
        if spec.name not in flags or there is None or there.get("type") != "enumeration":
            continue
        values = {str(one.get("value")) for one in there.get("options") or ()}
        missing = tuple(choice.name for choice in spec.choices if choice.name not in values)
        if missing:
            found[flags[spec.name]] = missing
    return found
