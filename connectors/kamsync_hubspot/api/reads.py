"""Read records: list pages, searches past HubSpot's 10,000, batches by id, associations. Vendor JSON in, vendor JSON out.

Lists are read ahead by one thread, so that the network works while rows are made; their pages hang together by `after` and cannot
be asked for side by side. Limits: developers.hubspot.com "CRM objects", "Search the CRM", "Associations v4".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from kamsync.errors import BadAnswer
from kamsync_hubspot.api.answer import Answer
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.translate import Link, Record, link_of

T = TypeVar("T")

LIST_PAGE = 100
SEARCH_PAGE = 200
BATCH = 100
ASSOCIATIONS_BATCH = 1_000
PAGES_AHEAD = 6
ARCHIVED_TASK_PAGES = 50  # of the archived list in which keys of deleted tasks are looked for: five thousand tasks
URL_CHARACTERS = 6_000  # of property names; longer ones go by batch read, since a long address answers 414
SEARCH_CHARACTERS = 3_000  # of a search's body, "Search the CRM"
PARTIAL_ATTEMPTS = 3
# Searching brings a thousand records a second (five calls of 200), a list nineteen hundred: where more than about half of all
# records are wanted, they are listed. Fewer than this are searched in any case: ten calls.
LIST_ABOVE_RECORDS = 2_000
LIST_ABOVE_SHARE = 0.5
NOT_FOUND = "OBJECT_NOT_FOUND"
_END = object()


def list_pages(
    client: Client,
    object_type: str,
    properties: Sequence[str],
    *,
    associations: Sequence[str] = (),
    archived: bool = False,
    limit_pages: int | None = None,
) -> Iterator[list[Record]]:
    """All records in the order of their ids, 100 a page, read ahead. `limit_pages` stops early."""
    doing = f"the list of {'archived ' if archived else ''}{object_type}"
    named = ",".join(properties)
    is_wide = len(named) > URL_CHARACTERS
    options: dict[str, Any] = {"limit": LIST_PAGE, "archived": archived}
    if named and not is_wide:
        options["properties"] = [named]
    if associations:
        options["associations"] = [",".join(associations)]

    def pages() -> Iterator[list[Record]]:
        after, count, asked = "", 0, set[str]()
        while limit_pages is None or count < limit_pages:
            where: dict[str, Any] = {"after": after} if after else {}
            answer = client.call(client.records.get_page, object_type, doing=doing, **options, **where)
            yield answer.records(client.unread)
            count += 1
            if answer.after in asked:
                raise BadAnswer(f"HubSpot's {doing} does not get on from {after}.", fix="Run again; report this if it stays.")
            after = answer.after
            asked.add(after)
            if not after:
                return

    found = ahead(pages(), PAGES_AHEAD) if limit_pages is None else pages()
    if not is_wide:
        return found
    return (_widened(client, object_type, page, properties, archived=archived) for page in found)


def _widened(client: Client, object_type: str, page: list[Record], properties: Sequence[str], *, archived: bool) -> list[Record]:
    """The page with properties that no address has room for."""
    ids = [str(record["id"]) for record in page]
    whole = {str(one["id"]): one for one in read_batch(client, object_type, ids, properties, archived=archived)}
    return [{**record, "properties": whole[str(record["id"])]["properties"]} for record in page if str(record["id"]) in whole]


def is_list_quicker(wanted: int, existing: int) -> bool:
    """Whether listing all `existing` records is quicker than searching for the `wanted` ones among them."""
    return wanted > max(LIST_ABOVE_RECORDS, existing * LIST_ABOVE_SHARE)


def search(client: Client, object_type: str, body: Mapping[str, Any], *, doing: str) -> tuple[list[Record], int]:
    """One page and the number of all results. Properties for which the body has no room come by batch read."""
    properties = body["properties"]
    is_wide = len(orjson.dumps(body)) > SEARCH_CHARACTERS
    asked = {**body, "properties": []} if is_wide else body
    answer = client.call(client.search.do_search, object_type, asked, doing=doing, is_search=True)
    records, total = answer.records(client.unread), answer.content.get("total")
    found = _widened(client, object_type, records, properties, archived=False) if is_wide else records
    return found, total if isinstance(total, int) else len(answer.results)


def search_pages(
    client: Client, object_type: str, filters: Sequence[dict[str, Any]], properties: Sequence[str]
) -> Iterator[tuple[list[Record], int]]:
    """Pages of 200 with the number of records from there on, in the order of ids.

    By keyset: each page asks for greater ids, so neither the 10,000 results of a query nor many records with one stamp stop it.
    Raises BadAnswer where a page brings no greater id.
    """
    last_id = ""
    while True:
        keyset = [{"propertyName": "hs_object_id", "operator": "GT", "value": last_id}] if last_id else []
        body = {
            "filterGroups": [{"filters": [*filters, *keyset]}] if filters or keyset else [],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": SEARCH_PAGE,
        }
        doing = f"the search for changed {object_type}"
        records, total = search(client, object_type, body, doing=doing)
        yield records, total
        if not records or total <= len(records):
            return
        greatest = str(max(int(record["id"]) for record in records))
        if last_id and int(greatest) <= int(last_id):
            raise BadAnswer(f"HubSpot's search for {object_type} does not get on.", fix="Run again; report this if it stays.")
        last_id = greatest


def read_batch(
    client: Client,
    object_type: str,
    ids: Sequence[str],
    properties: Sequence[str],
    *,
    id_property: str = "",
    archived: bool = False,
) -> Iterator[Record]:
    """The records of these ids (or of these values of a unique property) that exist, as they are now: no index lags here."""
    for start in range(0, len(ids), BATCH):
        body: dict[str, Any] = {
            "inputs": [{"id": one} for one in ids[start : start + BATCH]],
            "properties": list(properties),
            "propertiesWithHistory": [],
        }
        if id_property:
            body["idProperty"] = id_property
        doing = f"reading {object_type}"
        answer = _whole(client, doing, lambda body=body: (client.batches.read, object_type, body), {"archived": archived})
        yield from answer.records(client.unread)


def fetch_links(client: Client, source: str, target: str, ids: Iterable[str]) -> dict[str, list[Link]]:
    """Associated records by id of `source`; a record with none is missing. Labels are read from the types' numbers.

    Raises BadAnswer where a page leads back to itself.
    """
    found: dict[str, list[Link]] = {}
    waiting: list[dict[str, str]] = [{"id": one} for one in ids]
    asked: set[tuple[str, str]] = set()
    while waiting:
        inputs, waiting = waiting[:ASSOCIATIONS_BATCH], waiting[ASSOCIATIONS_BATCH:]
        doing = f"reading which {target} belong to {source}"
        answer = _whole(
            client, doing, lambda inputs=inputs: (client.associations.get_page, source, target, {"inputs": inputs}), {}
        )
        for result in answer.results:
            record_id = str(result["from"]["id"])
            found.setdefault(record_id, []).extend(link_of(entry) for entry in result.get("to") or ())
            following = ((result.get("paging") or {}).get("next") or {}).get("after")
            if following:  # 500 a record and answer
                if (record_id, str(following)) in asked:
                    raise BadAnswer(
                        f"HubSpot, {doing}, does not get on from {following}.", fix="Run again; report this if it stays."
                    )
                asked.add((record_id, str(following)))
                waiting.append({"id": record_id, "after": str(following)})
    return found


def _whole(client: Client, doing: str, request: Any, options: dict[str, Any]) -> Answer:
    """The answer of a batch that reads. Ids that do not exist are no error; any other partial failure is asked again."""
    for _ in range(PARTIAL_ATTEMPTS):
        send, *arguments = request()
        answer = client.call(send, *arguments, doing=doing, **options)
        failed = [error for error in answer.errors if error.get("category") != NOT_FOUND]
        if not failed:
            return answer
    raise BadAnswer(
        f"HubSpot could not finish {doing}: {failed[0].get('message') or 'no reason given'}",
        fix="Run again; run `kamsync doctor` if it stays.",
    )


def ahead(source: Iterator[T], depth: int) -> Iterator[T]:
    """The items of `source`, made by a thread that runs up to `depth` items ahead. An error arrives in its place."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="kamsync-hubspot-ahead")
    try:
        waiting = deque(pool.submit(next, source, _END) for _ in range(depth))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, source, _END))
            yield item  # type: ignore[misc]  # mypy does not narrow by identity with a sentinel
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Archived:
    """Archived records, of so many pages; not all of them where the bound was reached."""

    records: Sequence[Record]
    pages: int


def read_archived(client: Client, object_type: str, properties: Sequence[str], most_pages: int) -> Archived:
    """Archived records of the first `most_pages` pages; where there are as many, there may be more."""
    pages = list(list_pages(client, object_type, properties, archived=True, limit_pages=most_pages))
    return Archived([record for page in pages for record in page], len(pages))
