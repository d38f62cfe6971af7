"""Which goals people keep for one company, for a page that a person looks at: nothing of it is kept.

HubSpot has no object for them, so they stand in properties that the mapping's [plan] names.
"""

from __future__ import annotations

from kamsync.contract import GoalsKept
from kamsync.model import PlanMapping
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import read_batch


def fetch_goals(client: Client, plan: PlanMapping, account_id: str) -> GoalsKept:
    """One call, none where no property is mapped. A property that the portal lacks reads as empty: HubSpot says no word of it."""
    if not plan.texts:
        return GoalsKept()
    record = next(iter(read_batch(client, "companies", [account_id], sorted(set(plan.texts.values())))), None)
    said = {} if record is None else record["properties"]
    goals, ours = (str(said.get(plan.texts.get(name, "")) or "") for name in ("customer_goals", "our_objectives"))
    return GoalsKept((("", goals),) if goals else (), (ours,) if ours else ())
