"""The fleet's page: every org with its state, why and how to mend it. Only in a console that was started with --fleet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from kamsync.console.site import Site

if TYPE_CHECKING:
    from kamsync.fleet.status import FleetStatus

ORGS_SHOWN = 500


async def fleet(site: Site, request: Request) -> Response:
    """All orgs, the worst first; with `?state=` those of one state."""
    if site.fleet is None:
        return site.missing()
    found: FleetStatus = await asyncio.to_thread(site.fleet)
    wanted = request.query_params.get("state", "")
    orgs = [org for org in found.orgs if wanted in ("", org.state)]
    return site.page(
        "fleet.html",
        current="fleet",
        states=found.states,
        wanted=wanted,
        workers=found.workers,
        queued=sum(org.queued for org in found.orgs),
        orgs=orgs[:ORGS_SHOWN],
        more=max(0, len(orgs) - ORGS_SHOWN),
    )
