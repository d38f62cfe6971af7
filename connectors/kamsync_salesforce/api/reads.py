"""Read one SOQL query whole, by REST pages or as a bulk job, as lists of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from kamsync.errors import BadAnswer, KamsyncError, TryLater
from kamsync_salesforce.api.bulk import QueryJob, result_pages
from kamsync_salesforce.api.client import Client, never_twice
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.translate import STAMP, greatest_moment, leaf, literal, parse_moment, quote, rows_of_records, select

BATCH_ROWS = 500  # measured: larger batches fall out of the processor cache between their steps, and take half as long again
RESTARTS = 20
Values = list[list[Any]]


class TooManyForRest(Exception):
    """The first page told of more records than REST pages are good for; nothing was handed out yet."""


def read_by_rest(
    client: Client,
    sobject: str,
    fields: Sequence[str],
    where: Sequence[str],
    *,
    include_deleted: bool,
    most: int | None,
) -> Iterator[Values]:
    """Batches of values in the order of `fields`, which ends with the stamp.

    Ordered by stamp and id, so that a query whose cursor the org has closed (INVALID_QUERY_LOCATOR: ten are open for a user,
    for two days) is taken up after the last record seen, ties included. Raises TooManyForRest before the first batch if there
    are more than `most`, TryLater where the org closes the query too often.
    """
    doing = f"reading {sobject}"
    checkpoint: tuple[str, str] | None = None
    asked: set[str] = set()
    for _ in range(RESTARTS):
        conditions = [*where, *([_after(*checkpoint)] if checkpoint else [])]
        soql = select(sobject, _with_id(fields), conditions, f"{STAMP}, Id")
        page = client.query(soql, include_deleted=include_deleted, doing=doing)
        total = page.get("totalSize")
        if checkpoint is None and most is not None and isinstance(total, int) and total > most and not page["done"]:
            raise TooManyForRest
        while True:
            records = page["records"]
            yield rows_of_records(records, fields)
            if page["done"]:
                return
            if records:
                checkpoint = _checkpoint(records[-1]) or checkpoint
            try:
                never_twice(page["nextRecordsUrl"], asked, doing)
                page = client.query_more(page["nextRecordsUrl"], doing=doing)
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or fault.code != "INVALID_QUERY_LOCATOR":
                    raise
                client.log("query_restarted", sobject=sobject)
                break
    raise TryLater(
        f"Salesforce closed the query on {sobject} {RESTARTS} times.", fix="Other programs use this user: give us our own."
    )


def _checkpoint(record: Any) -> tuple[str, str] | None:
    """Where to go on after the record, if it can be read."""
    stamp, record_id = leaf(record, STAMP), leaf(record, "Id")
    return (stamp, record_id) if greatest_moment([stamp]) and isinstance(record_id, str) else None


def _with_id(fields: Sequence[str]) -> Sequence[str]:
    return fields if any(name.lower() == "id" for name in fields) else [*fields, "Id"]


def _after(stamp: str, record_id: str) -> str:
    moment = literal(parse_moment(stamp))
    return f"{STAMP} > {moment} OR ({STAMP} = {moment} AND Id > {quote(record_id)})"


def read_by_bulk(client: Client, job: QueryJob, fields: Sequence[str]) -> Iterator[Values]:
    """Batches of text values in the order of `fields`. Raises TryLater where a page holds fewer than were told with it."""
    for page in result_pages(client, job):
        rows = page.rows
        if [name.lower() for name in page.header] != [name.lower() for name in fields]:
            rows = _reordered(rows, page.header, fields)
        count = 0
        while batch := list(islice(rows, BATCH_ROWS)):
            count += len(batch)
            yield batch
        if page.told is not None and page.told != count:
            raise TryLater(
                f"Salesforce announced {page.told} records of {job.sobject} and delivered {count}.",
                fix="Run again: nothing of this pull was kept.",
            )


def _reordered(rows: Iterator[list[str]], header: Sequence[str], fields: Sequence[str]) -> Iterator[list[str]]:
    places = {name.lower(): index for index, name in enumerate(header)}
    missing = [name for name in fields if name.lower() not in places]
    if missing:
        raise BadAnswer(f"The bulk result has no column {', '.join(missing)}.", fix="Run again; report this if it stays.")
    pick = itemgetter(*(places[name.lower()] for name in fields))
    return (list(pick(row)) for row in rows)
