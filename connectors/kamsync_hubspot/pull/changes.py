"""What has changed on an object since a mark, and what has gone: for one call where nothing has.

A search for the records changed last tells with its first page what is newer than the mark, and with its total how many records
there are: where that is what was there before and what was made since, the list of archived records (which search never finds)
need not be read. That list is in the order of ids and not of time, so it is read from its beginning, as far as a bound.
Sources: developers.hubspot.com "Search the CRM", "CRM objects" (archived records are listed for 90 days).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import SEARCH_PAGE, Archived, read_archived, search, search_pages
from kamsync_hubspot.pull.cursor import Mark, Watch, stamp_property
from kamsync_hubspot.translate import Record

ARCHIVED_PAGES = 20  # of the archived list in an incremental pull, or one for each thousand living records


@dataclass(frozen=True, slots=True)
class Changes:
    """Pages of records changed since a mark, those that the overlap finds again included. `living`: records there are."""

    pages: Iterator[list[Record]]
    changed: int
    living: int


def changes_since(
    client: Client, object_type: str, mark: Mark, now: datetime, properties: Sequence[str], within: Sequence[dict[str, Any]] = ()
) -> Changes:
    """`within`: filters of the records that count."""
    latest, living = latest_page(client, object_type, properties, within)
    changed = [record for record in latest if mark.may_miss(record)]
    if len(changed) < len(latest) or living <= len(latest):
        return Changes(iter([changed] if changed else []), len(changed), living)
    if mark.is_quiet(latest[0], living, now):
        return Changes(iter([]), 0, living)
    pages = search_pages(client, object_type, [*within, mark.filter(object_type)], properties)
    first, total = next(pages)
    return Changes((records for records, _ in itertools.chain([(first, total)], pages)), total, living)


def latest_page(
    client: Client, object_type: str, properties: Sequence[str], within: Sequence[dict[str, Any]] = ()
) -> tuple[list[Record], int]:
    """The records changed last, the newest first, and how many there are in all."""
    stamp = stamp_property(object_type)
    body = {
        "filterGroups": [{"filters": list(within)}] if within else [],
        "sorts": [{"propertyName": stamp, "direction": "DESCENDING"}],
        "properties": list(dict.fromkeys((*properties, stamp))),
        "limit": SEARCH_PAGE,
    }
    return search(client, object_type, body, doing=f"the search for changed {object_type}")


def archived_since(client: Client, object_type: str, before: Mark, watch: Watch, living: int) -> Archived:
    """Archived records, those of the time before the mark among them; none where none can have been added since."""
    if not watch.may_have_lost(living):
        return Archived((), before.archived_pages)
    return read_archived(client, object_type, (), max(ARCHIVED_PAGES, before.count // 1_000))
