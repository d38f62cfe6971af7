"""Which company a task of this program is about, whatever people or a merge did to its associations. Reads only.

A task's key ends in the id of its company. People add companies to a task, and a merge gives the company a new id, to which
the task moves while its key stays: then HubSpot is asked where the old id leads ("a read by an old id answers with the new
one", changelog "Updated merge functionality for contacts and companies").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import read_batch
from kamsync_hubspot.translate import MERGED_IDS, Link, Record, key_of, least, merged_pairs, named_account


def accounts_of(
    client: Client, records: Iterable[Record], links: Mapping[str, Sequence[Link]], key_property: str
) -> dict[str, str]:
    """Company ids by task id; a task that hangs on no company is missing.

    Of several companies it is the one that the key names or that the named one was merged into, else the one of least id.
    """
    chosen: dict[str, str] = {}
    unsure: dict[str, tuple[str, list[str]]] = {}
    for record in records:
        task_id, named = str(record["id"]), named_account(key_of(record, key_property))
        companies = [link.id for link in links.get(task_id, ())]
        if named in companies or len(set(companies)) == 1:
            chosen[task_id] = named if named in companies else companies[0]
        elif companies:
            unsure[task_id] = (named, companies)
    survivors = survivors_of(client, (named for named, _ in unsure.values()))
    for task_id, (named, companies) in unsure.items():
        survivor = survivors.get(named, "")
        chosen[task_id] = survivor if survivor in companies else least(companies) or ""
    return chosen


def accounts_of_archived(client: Client, records: Sequence[Record], key_property: str) -> dict[str, str]:
    """Company ids by task id of archived tasks, which have lost their associations: what the key names, as it is called now."""
    named = {str(record["id"]): named_account(key_of(record, key_property)) for record in records}
    survivors = survivors_of(client, named.values())
    return {task_id: survivors.get(account, account) for task_id, account in named.items()}


def survivors_of(client: Client, company_ids: Iterable[str]) -> dict[str, str]:
    """Where ids lead that are another company's since a merge; one that is still its own, or gone, is missing."""
    asked = [one for one in dict.fromkeys(company_ids) if one.isdigit()]
    found = read_batch(client, "companies", asked, [MERGED_IDS])
    wanted = set(asked)
    return {old: new for old, new in merged_pairs(found) if old in wanted and old != new}
