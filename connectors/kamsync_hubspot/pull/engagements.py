"""Read engagements (tasks, meetings, calls, e-mails, notes) and the companies that they hang on.

They come by search, 200 a call, and a call of associations for a thousand: lists would bring the portal's whole past. Where most
of that past is wanted anyway, a list is quicker and tells the companies too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import ASSOCIATIONS_BATCH, fetch_links, is_list_quicker, list_pages, search_pages
from kamsync_hubspot.pull.changes import changes_since, latest_page
from kamsync_hubspot.pull.cursor import Mark, Watch
from kamsync_hubspot.translate import Link, Record, inline_ids


def read_engagements(
    client: Client,
    portal: Portal,
    object_type: str,
    before: Mark | None,
    watch: Watch,
    properties: Sequence[str],
    filters: Sequence[dict[str, Any]],
    within: Sequence[dict[str, Any]] = (),
) -> tuple[Iterator[list[Record]], int]:
    """What changed since the mark, or all that passes the filters (and more); and how many records there are."""
    if before is not None:
        changes = changes_since(client, object_type, before, portal.now(), properties, within)
        return _portions(changes.pages, watch), changes.living
    latest, living = latest_page(client, object_type, (), within)
    watch.unseen(latest)  # among them some that do not count, and are no news to the next pull
    searched = search_pages(client, object_type, [*within, *filters], properties)
    first, wanted = next(searched)
    if is_list_quicker(wanted, living) and not within:
        client.log("listed_instead", object=object_type)
        listed = list_pages(client, object_type, properties, associations=("companies",))
        return (watch.unseen(_with_companies(records)) for records in listed), living
    return _portions(itertools.chain([first], (records for records, _ in searched)), watch), living


def companies_of(client: Client, object_type: str, records: Sequence[Record], watch: Watch) -> dict[str, list[Link]]:
    """Companies by id of record: as a list tells them with it, and by a call for what it leaves open."""
    links: dict[str, list[Link]] = {}
    for record in records:
        ids, is_complete = inline_ids(record, "companies") if "associations" in record else ((), False)
        if is_complete:
            links[str(record["id"])] = [Link(one) for one in ids]
    rest = [record_id for record in records if (record_id := str(record["id"])) not in links]
    links |= fetch_links(client, object_type, "companies", rest)
    watch.loose(record_id for record in records if not links.get(record_id := str(record["id"])))
    return links


def _with_companies(records: list[Record]) -> list[Record]:
    """Listed records: where no association is told, there is none."""
    for record in records:
        record.setdefault("associations", {})
    return records


def _portions(pages: Iterable[list[Record]], watch: Watch) -> Iterator[list[Record]]:
    """The pages of a search, without what is known already, put together to what one call of associations takes."""
    waiting: list[Record] = []
    for records in map(watch.unseen, pages):
        if len(waiting) + len(records) > ASSOCIATIONS_BATCH:
            yield waiting
            waiting = []
        waiting = waiting + records
    if waiting:
        yield waiting
