"""Who the people of one account are, for a page that a person looks at: at most three queries, and nothing of it is kept.

The queries are those of the stream (pull.contacts), narrowed to the account, with `Name` and `Title` of the contacts beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from kamsync.contract import PeopleShown, PullRequest
from kamsync.errors import KamsyncError
from kamsync.portions import portions
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of, means_unavailable
from kamsync_salesforce.pull.contacts import contact_sources
from kamsync_salesforce.pull.source import Rows, Source
from kamsync_salesforce.translate import quote, rows_of_records, select

IDS_PER_QUERY = 200  # of contacts who belong elsewhere; a statement holds 100,000 characters
NAMES = ("Name", "Title")
DOING = "reading the people of an account"


def fetch_people(client: Client, account_id: str, request: PullRequest) -> PeopleShown:
    """Contacts of the account, and those who are related to it or have a part in its opportunities. Raises AccessDenied."""
    contacts, roles, relations = contact_sources(request)
    id_at = [column.name for column in request.columns].index("contact_id")
    rows: Rows = []
    for source, belongs in ((roles, "Opportunity.AccountId"), (relations, "AccountId")):
        rows += _unless_absent(client, source, (f"{belongs} = {quote(account_id)}", *source.full_where))
    elsewhere = sorted({str(row[id_at]) for row in rows if row[id_at]})
    names: dict[str, tuple[str, str]] = {}
    for where in _contacts_where(account_id, elsewhere):
        for record, told in _read(client, contacts, where, extra=NAMES):
            rows += contacts.to_rows([record])
            names[str(record[0])] = (str(told[0] or ""), str(told[1] or ""))
    return PeopleShown(rows, names)


def _contacts_where(account_id: str, elsewhere: Sequence[str]) -> Iterator[str]:
    own = f"AccountId = {quote(account_id)}"
    yield own
    for some in portions(elsewhere, IDS_PER_QUERY):
        listed = ", ".join(quote(one) for one in some)
        yield f"Id IN ({listed}) AND AccountId != {quote(account_id)}"


def _unless_absent(client: Client, source: Source, where: Sequence[str]) -> Rows:
    """No rows where the org lacks the object or hides it: the contacts themselves still are worth a page."""
    try:
        soql = select(source.sobject, source.fields, where)
        return source.to_rows(rows_of_records(client.records(soql, doing=DOING), source.fields))
    except KamsyncError as error:
        if not means_unavailable(error):
            raise
        return []


def _read(client: Client, source: Source, where: str, extra: Sequence[str]) -> Iterator[tuple[list[Any], list[Any]]]:
    """Each record's values, cut into those of the source and the `extra` ones. A droppable field that is absent reads as null."""
    asked = [name for name in source.fields if name not in source.absent]
    try:
        records = client.records(select(source.sobject, [*asked, *extra], (where,)), doing=DOING)
    except KamsyncError as error:
        fault = fault_of(error)
        missing = fault.missing_field if fault is not None else ""
        gone = next((name for name in source.droppable - source.absent if name.lower() == missing.lower()), None)
        if gone is None:
            raise
        yield from _read(client, replace(source.dropping(gone), full_where=()), where, extra)
        return
    names = [*source.fields, *extra]
    for values in rows_of_records(records, names):
        yield values[: len(source.fields)], values[len(source.fields) :]
