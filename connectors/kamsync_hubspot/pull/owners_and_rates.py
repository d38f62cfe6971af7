"""Pull owners and exchange rates: few, read with one call, and unchanged most days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamsync.contract import Context, Page, PullRequest
from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.pull.cursor import Cursor, fingerprint, load
from kamsync_hubspot.translate import owner_values


def pull_owners(portal: Portal, context: Context, request: PullRequest) -> Page:
    """An owner is archived by leaving the active list, so while that is the same the archived ones are too."""
    active = list(portal.owners(archived=False))
    scope = fingerprint([*(column.name for column in request.columns), *sorted(repr(owner_values(one)) for one in active)])
    cursor = load(request.cursor)
    now = portal.now()
    if cursor is not None and cursor.serves(scope, now, None):
        return Page(Stream.OWNERS, last=True, cursor=request.cursor)
    archived, problems = _archived_owners(portal)
    found = {str(owner["id"]): owner for owner in (*archived, *active)}
    rows = [[owner_values(owner).get(column.name) for column in request.columns] for owner in found.values()]
    context.progress(str(Stream.OWNERS), len(rows), len(rows))
    text = Cursor({}, scope, now).dump()
    return Page(Stream.OWNERS, rows=rows, last=True, full=True, cursor=text, problems=problems)


def _archived_owners(portal: Portal) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
    try:
        return [{**owner, "archived": True} for owner in portal.owners(archived=True)], ()
    except KamsyncError as error:
        if not is_refused(error):
            raise
        return [], (f"Owners who have left could not be read, so they are unknown. {error.message} {error.fix}",)


def pull_rates(portal: Portal, request: PullRequest) -> Page:
    """Rates are read once a day: deals come in the portal's currency already."""
    now = portal.now()
    scope = fingerprint([portal.currency, now.date().isoformat(), *(column.name for column in request.columns)])
    cursor = load(request.cursor)
    if cursor is not None and cursor.serves(scope, now, None):
        return Page(Stream.RATES, last=True, cursor=request.cursor)
    found = [(portal.currency, "1")] if portal.currency else []
    problems = () if found else ("The portal does not tell its currency: amounts are taken to be in the programme's currency.",)
    try:
        found += portal.current_rates()
    except KamsyncError as error:
        if not is_refused(error):
            raise
        # Deals bring their amount in the portal's currency along, so rates matter to few.
        problems = (*problems, f"Exchange rates could not be read. {error.message} {error.fix}")
    named = [{"currency": currency, "valid_from": None, "rate": rate} for currency, rate in found]
    rows = [[entry.get(column.name) for column in request.columns] for entry in named]
    return Page(Stream.RATES, rows=rows, last=True, full=True, cursor=Cursor({}, scope, now).dump(), problems=problems)
