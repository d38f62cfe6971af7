"""Ask each stream's own question once, with exactly the properties that a pull asks for: what doctor runs. One page each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from kamsync.contract import Context, Finding, PullRequest
from kamsync.errors import KamsyncError
from kamsync.model import STREAMS, Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import fetch_links, list_pages
from kamsync_hubspot.pull.activities import activity_properties
from kamsync_hubspot.pull.changes import latest_page
from kamsync_hubspot.pull.rows import properties_of
from kamsync_hubspot.pull.sources import source_of
from kamsync_hubspot.pull.streams import NO_COMPANY
from kamsync_hubspot.pull.tasks import ours_filter, task_properties_read
from kamsync_hubspot.translate import ACTIVITY_KINDS, CONTACT_PROPERTIES, MERGED_IDS


@dataclass(frozen=True, slots=True)
class _Probe:
    """`what` was asked for; `error` is None where HubSpot answered, with `found` records on the first page.

    `is_optional`: a pull goes on without it.
    """

    what: str
    error: KamsyncError | None
    found: int = 0
    is_optional: bool = False


def probe(client: Client, portal: Portal, context: Context, request: PullRequest) -> Iterator[Finding]:
    """What a pull of this stream asks first, and whether HubSpot answers. A refusal is a finding; nothing is raised for it."""
    for found in _probes(client, portal, context, request):
        yield _finding(portal, request, found)


def _finding(portal: Portal, request: PullRequest, found: _Probe) -> Finding:
    check = f"reading {found.what}"
    if found.error is not None:
        bearable = found.is_optional and is_refused(found.error)
        return Finding(check, "warning" if bearable else "failed", found.error.message, found.error.fix)
    if request.stream is Stream.ACCOUNTS and not found.found:
        what, _, fix = NO_COMPANY.format(portal=portal.id).partition(". ")
        return Finding(check, "failed", f"{what}.", fix)
    return Finding(check, "ok", f"HubSpot answers what a pull asks for ({found.what}).")


def _probes(client: Client, portal: Portal, context: Context, request: PullRequest) -> Iterator[_Probe]:
    match request.stream:
        case Stream.OWNERS:
            yield _asked("owners", lambda: len(list(portal.owners(archived=False))), is_optional=True)
            yield _asked("owners who have left", lambda: len(list(portal.owners(archived=True))), is_optional=True)
        case Stream.RATES:
            yield _asked("exchange rates", lambda: len(portal.current_rates()), is_optional=True)
        case Stream.ACTIVITIES:
            for object_type in ACTIVITY_KINDS:
                properties = activity_properties(object_type, context.mapping.task_key)
                yield _asked(object_type, partial(_linked, client, object_type, properties), is_optional=True)
        case Stream.CONTACTS:
            properties = properties_of(request.columns, CONTACT_PROPERTIES)
            yield _asked("contacts", partial(_linked, client, "contacts", properties), is_optional=True)
        case Stream.TASKS:
            yield _asked("tasks of this program", partial(_own_tasks, client, context.mapping.task_key), is_optional=True)
        case _:
            yield from _objects(client, portal, context, request)


def _objects(client: Client, portal: Portal, context: Context, request: PullRequest) -> Iterator[_Probe]:
    source = source_of(request, portal, context)
    names = (*source.properties, MERGED_IDS) if source.has_merges else source.properties

    def listed() -> int:
        associations = (source.parent,) if source.parent else ()
        pages = list_pages(client, source.object_type, names, associations=associations, limit_pages=1)
        return sum(len(page) for page in pages)

    is_optional = not STREAMS[request.stream].is_always_pulled
    yield _asked(source.object_type.replace("_", " "), listed, is_optional=is_optional)
    yield _asked(
        f"changed {source.object_type.replace('_', ' ')}",
        lambda: len(latest_page(client, source.object_type, names)[0]),
        is_optional=is_optional,
    )


def _own_tasks(client: Client, key: str) -> int:
    records, _ = latest_page(client, "tasks", task_properties_read(key), [ours_filter(key)])
    return len(records)


def _linked(client: Client, object_type: str, properties: list[str]) -> int:
    """Engagements, and the companies of one of them."""
    records, _ = latest_page(client, object_type, properties)
    fetch_links(client, object_type, "companies", [str(record["id"]) for record in records[:1]])
    return len(records)


def _asked(what: str, ask: Callable[[], int], *, is_optional: bool = False) -> _Probe:
    try:
        return _Probe(what, None, ask(), is_optional)
    except KamsyncError as error:
        return _Probe(what, error, 0, is_optional)
