"""Pull owners and exchange rates: few, read with one call, and unchanged most days."""

from __future__ import annotations

from kamsync.contract import Context, Page, PullRequest
from kamsync.model import Stream
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
    archived = ({**owner, "archived": True} for owner in portal.owners(archived=True))
    found = {str(owner["id"]): owner for owner in (*archived, *active)}
    rows = [[owner_values(owner).get(column.name) for column in request.columns] for owner in found.values()]
    context.progress(str(Stream.OWNERS), len(rows), len(rows))
    return Page(Stream.OWNERS, rows=rows, last=True, full=True, cursor=Cursor({}, scope, now).dump())


def pull_rates(portal: Portal, request: PullRequest) -> Page:
    """Rates are read once a day: deals come in the portal's currency already."""
    now = portal.now()
    scope = fingerprint([portal.currency, now.date().isoformat(), *(column.name for column in request.columns)])
    cursor = load(request.cursor)
    if cursor is not None and cursor.serves(scope, now, None):
        return Page(Stream.RATES, last=True, cursor=request.cursor)
    found = [(portal.currency, "1")] if portal.currency else []
    found += portal.current_rates()
    named = [{"currency": currency, "valid_from": None, "rate": rate} for currency, rate in found]
    rows = [[entry.get(column.name) for column in request.columns] for entry in named]
    problems = () if found else ("The portal does not tell its currency: amounts are taken to be in the programme's currency.",)
    return Page(Stream.RATES, rows=rows, last=True, full=True, cursor=Cursor({}, scope, now).dump(), problems=tuple(problems))
