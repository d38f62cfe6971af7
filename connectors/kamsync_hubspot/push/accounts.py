"""Write flags to companies, and read them back for the last look before writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kamsync.contract import Context
from kamsync.model import Value
from kamsync.model.exchange import AccountUpdate, Outcome
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import read_batch
from kamsync_hubspot.api.writes import outcome, write
from kamsync_hubspot.mirror import mirrored
from kamsync_hubspot.translate import flag_value, property_text

COMPANY_BATCH = "/crm/v3/objects/companies/batch"


def push_accounts(client: Client, portal: Portal, context: Context, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
    """One outcome for each update."""
    flags = context.mapping.flags
    inputs = []
    for update in updates:
        properties = {flags[flag]: property_text(value) for flag, value in update.fields.items()}
        inputs.append({"id": update.account_id, "properties": properties | mirrored(context, update.fields)})
    for company_id, result in write(client, f"{COMPANY_BATCH}/update", inputs, doing="updating companies"):
        yield outcome(company_id, company_id, result, portal.record_url(company_id))


def fetch_accounts(client: Client, context: Context, ids: Sequence[str], flags: Sequence[str]) -> dict[str, dict[str, Value]]:
    """Present flags by company id. A merged company answers under its new id: the old one counts as gone."""
    names = context.mapping.flags
    wanted = set(ids)
    found: dict[str, dict[str, Value]] = {}
    for record in read_batch(client, "companies", list(ids), [names[flag] for flag in flags]):
        company_id = str(record["id"])
        if company_id in wanted:
            found[company_id] = {flag: flag_value(flag, record["properties"].get(names[flag])) for flag in flags}
    return found
