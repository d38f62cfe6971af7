"""Doctor's check of opportunity stages: those that records carry and the org's list no longer has."""

from __future__ import annotations

from collections.abc import Iterator

from kamsync.contract import Finding
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import REFUSALS

SHOWN = 5


def stage_findings(client: Client) -> Iterator[Finding]:
    """A warning with numbers and a first id. Each record's own IsClosed and IsWon decide how it counts (DECISIONS.md §2)."""
    try:
        known = {
            str(record[name]).casefold()
            for record in client.records("SELECT MasterLabel, ApiName FROM OpportunityStage", doing="the stages")
            for name in ("MasterLabel", "ApiName")
        }
        used = client.records(
            "SELECT StageName, COUNT(Id) number, MIN(Id) first FROM Opportunity GROUP BY StageName", doing="the stages in use"
        )
    except REFUSALS as error:
        yield Finding("stages", "warning", f"Stages could not be checked: {error.message}", error.fix)
        return
    unknown = [entry for entry in used if entry.get("StageName") and str(entry["StageName"]).casefold() not in known]
    if not unknown:
        yield Finding("stages", "ok", "Every opportunity is in a stage that the org's list has.")
        return
    listed = "; ".join(f"{entry['number']} in “{entry['StageName']}” (first: {entry['first']})" for entry in unknown[:SHOWN])
    more = f"; and {len(unknown) - SHOWN} more stages" if len(unknown) > SHOWN else ""
    yield Finding(
        "stages",
        "warning",
        f"Opportunities are in stages that the org's list no longer has: {listed}{more}. They count as they are marked.",
        "Replace the deleted stage on those records (Setup → Object Manager → Opportunity → Stage).",
    )
