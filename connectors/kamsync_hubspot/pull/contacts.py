"""Pull the people of companies: who they are is read for a page only, else that they are there, in which roles, since when not.

One row for each (contact, company). Roles are HubSpot's own "Buying Role" and the labels that people gave the association
("Associations v4"). An association moves no stamp: a new label is seen with the contact's next change and every full pull.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from kamsync.contract import Context, Page, PeopleShown, PullRequest
from kamsync.model import Stream, roles_text
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import ASSOCIATIONS_BATCH, fetch_links, is_list_quicker, list_pages, read_batch
from kamsync_hubspot.pull.changes import archived_since, changes_since
from kamsync_hubspot.pull.cursor import Cursor, Mark, Watch, fingerprint, load
from kamsync_hubspot.pull.rows import properties_of
from kamsync_hubspot.pull.tally import reckon
from kamsync_hubspot.translate import CONTACT_PROPERTIES, Link, Record, inline_ids, is_true

CONTACTS = "contacts"
NAME_PROPERTIES = ("firstname", "lastname", "jobtitle")  # asked for a page that a person looks at, never by a pull


def fetch_people(client: Client, account_id: str, request: PullRequest) -> PeopleShown:
    """The contacts of one company with their names and job titles: two calls, and nothing of it is kept."""
    of_company = fetch_links(client, "companies", CONTACTS, [account_id]).get(account_id, ())
    ids = list(dict.fromkeys(link.id for link in of_company))
    if not ids:
        return PeopleShown((), {})
    properties = [*properties_of(request.columns, CONTACT_PROPERTIES), *NAME_PROPERTIES]
    records = list(read_batch(client, CONTACTS, ids, list(dict.fromkeys(properties))))
    rows: list[list[Any]] = []
    names = {}
    for record in records:
        record_id, told = str(record["id"]), record["properties"]
        # The labels are those of the association, which both of its ends tell.
        links = [Link(account_id, link.is_primary, link.labels) for link in of_company if link.id == record_id]
        rows += contact_rows(record, links, request)
        first, last, title = (str(told.get(name) or "").strip() for name in NAME_PROPERTIES)
        names[record_id] = (f"{first} {last}".strip(), title)
    return PeopleShown(rows, names)


class ContactReader:
    """Reads contacts for one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context

    def pages(self, request: PullRequest) -> Iterator[Page]:
        """Whole, or what changed since the cursor; whole again where the numbers do not add up."""
        properties = properties_of(request.columns, CONTACT_PROPERTIES)
        names = (f"{column.name}={sorted(column.values.items())}" for column in request.columns)
        scope = fingerprint([CONTACTS, *properties, *names])
        now = self._portal.now()
        cursor = load(request.cursor)
        mark = cursor.marks.get(CONTACTS) if cursor and cursor.serves(scope, now, None) else None
        if cursor is not None and mark is not None:
            changes = changes_since(self._client, CONTACTS, mark, now, properties)
            if not is_list_quicker(changes.changed, mark.count):
                watch = Watch(mark, now)
                for records in _portions(watch.unseen(records) for records in changes.pages):
                    # Rows of companies that a contact no longer belongs to must go first.
                    yield Page(Stream.CONTACTS, deleted_ids=tuple(str(record["id"]) for record in records))
                    yield self._page(records, request, watch)
                archived = archived_since(self._client, CONTACTS, mark, watch, changes.living)
                found = reckon(self._client, CONTACTS, watch, changes.living, archived, since=cursor.read_at)
                gone = {str(record["id"]) for record in archived.records} - watch.ids | set(found.vanished)
                if gone:
                    yield Page(Stream.CONTACTS, deleted_ids=tuple(sorted(gone)))
                if found.is_explained:
                    after = watch.mark(changes.living + found.late, archived.pages)
                    yield Page(Stream.CONTACTS, last=True, cursor=Cursor({CONTACTS: after}, scope, now).dump())
                    return
            self._client.log("listed_instead", object=CONTACTS)
        yield from self._whole(request, properties, scope)

    def _whole(self, request: PullRequest, properties: Sequence[str], scope: str) -> Iterator[Page]:
        now = self._portal.now()
        watch = Watch(None, now)
        listed = list_pages(self._client, CONTACTS, properties, associations=("companies",))
        for records in _portions(watch.unseen(_with_companies(records)) for records in listed):
            yield self._page(records, request, watch)
        mark: Mark = watch.mark(watch.count)
        yield Page(Stream.CONTACTS, last=True, full=True, cursor=Cursor({CONTACTS: mark}, scope, now).dump())

    def _page(self, records: Sequence[Record], request: PullRequest, watch: Watch) -> Page:
        links = fetch_links(self._client, CONTACTS, "companies", [str(one["id"]) for one in records if _may_belong(one)])
        watch.loose(record_id for record in records if not links.get(record_id := str(record["id"])))
        self._context.progress(str(Stream.CONTACTS), watch.count, None)
        rows = itertools.chain.from_iterable(contact_rows(one, links.get(str(one["id"]), ()), request) for one in records)
        return Page(Stream.CONTACTS, rows=list(rows))


def contact_rows(record: Record, links: Sequence[Link], request: PullRequest) -> Iterator[list[Any]]:
    """One row for each company of the contact; with several links to one company, all their labels."""
    properties = record["properties"]
    fields = {column.name: column.field or CONTACT_PROPERTIES.get(column.name, "") for column in request.columns}
    words = next((column.values for column in request.columns if column.name == "roles"), {})
    active = properties.get(fields.get("is_active", "")) if fields.get("is_active") else None
    own = str(properties.get(fields.get("roles", "")) or "").split(";")
    values: dict[str, Any] = {
        "id": str(record["id"]),
        "contact_id": str(record["id"]),
        "tie": "contact",
        "is_active": True if active in (None, "") else is_true(active),
        "left_date": properties.get(fields["left_date"]) if fields.get("left_date") else None,
        "last_activity_date": properties.get(fields.get("last_activity_date", "")),
    }
    for account_id in dict.fromkeys(link.id for link in links):
        labels = [label for link in links if link.id == account_id for label in link.labels]
        values |= {"account_id": account_id, "roles": roles_text([*own, *labels], words)}
        yield [values.get(column.name) for column in request.columns]


def _with_companies(records: list[Record]) -> list[Record]:
    """Listed records: where no association is told, there is none."""
    for record in records:
        record.setdefault("associations", {})
    return records


def _may_belong(record: Record) -> bool:
    """False where a list said that there is no company; a search does not say."""
    ids, is_complete = inline_ids(record, "companies")
    return "associations" not in record or bool(ids) or not is_complete


def _portions(pages: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Put together to what one call of associations takes."""
    waiting: list[Record] = []
    for records in pages:
        waiting += records
        while len(waiting) >= ASSOCIATIONS_BATCH:
            yield waiting[:ASSOCIATIONS_BATCH]
            waiting = waiting[ASSOCIATIONS_BATCH:]
    if waiting:
        yield waiting
