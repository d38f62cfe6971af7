"""Doctor's checks of the portal as a whole: clock, calls, pipelines, owners, money. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from kamsync.contract import Context, Finding
from kamsync.errors import KamsyncError
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import search_pages

CLOCK_TOLERANCE_SECONDS = 60
LOW_SHARE_OF_CALLS = 0.1
DAILY_USAGE = "/account-info/v3/api-usage/daily/private-apps"
OWNERS_A_SEARCH = 50


def clock(client: Client) -> Finding:
    """Whether this machine's clock agrees with HubSpot's to CLOCK_TOLERANCE_SECONDS."""
    server = client.server_time
    if server is None:
        return Finding("clock", "warning", "The answers carry no Date, so the clock could not be checked.")
    skew = (server - datetime.now(UTC)).total_seconds()
    if abs(skew) <= CLOCK_TOLERANCE_SECONDS:
        return Finding("clock", "ok", "This machine's clock agrees with HubSpot's.")
    return Finding(
        "clock",
        "warning",
        f"This machine's clock is {abs(skew):.0f} seconds {'behind' if skew > 0 else 'ahead of'} HubSpot's.",
        "Switch on time synchronisation (NTP): dates of tasks and decisions come from this clock.",
    )


def quota(client: Client, context: Context, needed: int) -> Finding:
    """Whether a run of so many calls fits into what is left today."""
    usage = client.usage()
    limit, remaining = usage.limit, usage.remaining
    if not client.token.can_renew:
        limit, remaining = _daily_usage(client) or (limit, remaining)
    if limit is None or remaining is None:
        return Finding("API calls", "ok", "HubSpot tells no daily limit for this app.")
    text = f"{remaining:,} of {limit:,} calls are left for today."
    mine = int(remaining * context.api_budget_share)
    if mine < needed:
        return Finding(
            "API calls",
            "failed",
            f"{text} A run needs about {needed}, and `guard.api_budget_share` leaves us {mine}.",
            "Run after midnight of the portal's time zone, or find what else uses the API (Settings → Integrations → API).",
        )
    if remaining < limit * LOW_SHARE_OF_CALLS:
        return Finding("API calls", "warning", text, "Find what else uses the API (Settings → Integrations → API).")
    return Finding("API calls", "ok", text)


def _daily_usage(client: Client) -> tuple[int, int] | None:
    """What HubSpot says it has counted today; None where it does not say."""
    try:
        entry = client.get(DAILY_USAGE, doing="the API usage").results[0]
        return int(entry["usageLimit"]), max(0, int(entry["usageLimit"]) - int(entry["currentUsage"]))
    except (KamsyncError, LookupError, TypeError, ValueError) as error:
        client.log("usage_untold", error=str(error))
        return None


def pipelines(portal: Portal) -> Iterator[Finding]:
    """Whether every pipeline that counts has a won stage."""
    stages = portal.stages()
    wanted = portal.wanted_pipelines()
    used = {stage.pipeline for stage in stages.values()} if wanted is None else wanted
    without = sorted(one for one in used if not any(stage.is_won for stage in stages.values() if stage.pipeline == one))
    if without:
        yield Finding(
            "pipelines",
            "warning",
            f"The pipeline {', '.join(without)} has no won stage (closed with probability 100 %).",
            "Give its won stage the probability “Won” (Settings → Objects → Deals → Pipelines).",
        )
    else:
        yield Finding("pipelines", "ok", f"{len(used)} deal pipelines, each with a won stage.")


def owners(client: Client, portal: Portal) -> Iterator[Finding]:
    """How many companies belong to people who cannot be given tasks."""
    archived = [str(owner["id"]) for owner in portal.owners(archived=True)]
    count = _companies_of(client, archived)
    if count:
        yield Finding(
            "owners",
            "warning",
            f"{count} companies belong to deactivated owners, who cannot be given tasks: the fallback owner gets them.",
            "Reassign them (filter companies by owner).",
        )
    else:
        yield Finding("owners", "ok", "No company belongs to a deactivated owner.")


def _companies_of(client: Client, ids: Sequence[str]) -> int:
    count = 0
    for start in range(0, len(ids), OWNERS_A_SEARCH):
        values = list(ids[start : start + OWNERS_A_SEARCH])
        filters = [{"propertyName": "hubspot_owner_id", "operator": "IN", "values": values}]
        for _, total in search_pages(client, "companies", filters, ["name"]):
            count += total
            break
    return count


def currencies(portal: Portal) -> Finding:
    """The company currency, and what becomes of deals in others."""
    if not portal.currency:
        return Finding("currencies", "warning", "The portal does not tell its company currency.")
    more = " Deals in other currencies count with their amount in it." if portal.has_many_currencies else ""
    return Finding("currencies", "ok", f"The company currency is {portal.currency}.{more}")
