"""Which words of this programme the pick lists of the org do not know. Reads descriptions only."""

from __future__ import annotations

from collections.abc import Mapping

from kamsync import words
from kamsync.contract import Context
from kamsync.flags import FLAGS
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.setup.metadata import texts


def lacking_choices(fields: Fields, context: Context, *, restricted_only: bool = True) -> Mapping[str, tuple[str, ...]]:
    """Flag name → words that its pick list lacks. An unrestricted one takes any value by API, so it is left out by default."""
    lacking: dict[str, tuple[str, ...]] = {}
    for name, flag in FLAGS.items():
        wanted = words.choices_of(flag, context.tiers, texts(context.language))
        field = fields.find("Account", context.mapping.flags.get(name, "")) if wanted else None
        if field is None or field.get("type") != "picklist" or (restricted_only and not field.get("restrictedPicklist")):
            continue
        active = {str(entry.get("value")) for entry in field.get("picklistValues") or () if entry.get("active", True)}
        missing = tuple(choice.name for choice in wanted if choice.name not in active)
        if missing:
            lacking[name] = missing
    return lacking
