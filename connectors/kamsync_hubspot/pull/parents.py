"""To which record another belongs: a deal to its company, a line item to its deal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import ASSOCIATIONS_BATCH, fetch_links
from kamsync_hubspot.pull.rows import PARENT
from kamsync_hubspot.pull.sources import Source
from kamsync_hubspot.translate import Record, inline_ids


def attach(client: Client, source: Source, pages: Iterable[list[Record]], *, inline: bool) -> Iterator[list[Record]]:
    """The records with the id that they belong to beside them, in portions of changing size.

    Inline associations say it where there is one; which of several is the primary one is read from the types of v4, a
    thousand records a call, as are those that inline lists leave out beyond their page.
    """
    waiting: list[Record] = []
    for records in pages:
        settled: list[Record] = []
        for record in records:
            ids, is_complete = inline_ids(record, source.parent) if inline else ((), False)
            if is_complete and len(ids) <= 1:
                record[PARENT] = next(iter(ids), None)
                settled.append(record)
            else:
                waiting.append(record)
        if settled:
            yield settled
        while len(waiting) >= ASSOCIATIONS_BATCH:
            yield _linked(client, source, waiting[:ASSOCIATIONS_BATCH])
            waiting = waiting[ASSOCIATIONS_BATCH:]
    if waiting:
        yield _linked(client, source, waiting)


def _linked(client: Client, source: Source, records: list[Record]) -> list[Record]:
    links = fetch_links(client, source.object_type, source.parent, [str(record["id"]) for record in records])
    for record in records:
        record[PARENT] = source.choose(links.get(str(record["id"]), ()))
    return records
