"""The sample company as records of an in-memory CRM."""

from __future__ import annotations

from kamsync.model import STREAMS, Stream, Value
from kamsync.sandbox.company_records import Activity, SampleCompany
from kamsync.sandbox.plain_records import PLAIN_RECORDS
from kamsync.testing.memory.crm import MemoryCrm


def fill(crm: MemoryCrm, company: SampleCompany) -> None:
    """Owners, rates, accounts, opportunities, what hangs on either, contacts and activities of the company, in an empty CRM."""
    owners = {one.key: crm.add_owner(f"{one.first_name} {one.last_name}", one.email, is_active=one.is_active)
              for one in company.owners()}  # fmt: skip
    for rate in company.rates():
        crm.add_rate(rate.currency, float(rate.rate), valid_from=rate.valid_from)
    accounts: dict[int, str] = {}
    for account in company.accounts():
        accounts[account.key] = crm.add_account(
            account.name,
            owner_id=owners[account.owner],
            parent_id=accounts.get(account.parent) if account.parent else None,
            type=account.type,
            industry=account.industry,
            country=account.country,
            employees=account.employees,
            annual_revenue=_number(account.annual_revenue),
            currency=account.currency,
            created_date=account.created,
        )
    opportunities: dict[int, str] = {}
    for deal in company.opportunities():
        opportunities[deal.key] = crm.add_opportunity(
            accounts[deal.account] if deal.account else None,
            deal.close_date,
            _number(deal.amount),
            name=deal.name,
            currency=deal.currency,
            stage=deal.stage,
            is_closed=deal.stage in ("won", "lost"),
            is_won=deal.stage == "won",
            probability=deal.probability,
            type=deal.type,
            owner_id=owners[deal.owner],
            contract_start=deal.contract_start,
            contract_months=deal.contract_months,
        )
    parents = {"account_id": accounts, "opportunity_id": opportunities}
    for stream, records in PLAIN_RECORDS.items():
        column = next(name for name in parents if name in STREAMS[stream].kinds)
        for one in records(company):
            crm.records.add(stream, {column: parents[column][one.parent], **one.values})
    for contact in company.contacts():
        made = crm.add_contact(accounts[contact.account], roles=contact.role, last_activity=contact.last_activity,
                               name=f"{contact.first_name} {contact.last_name}", title=contact.title)  # fmt: skip
        if contact.left is not None:
            crm.edit_contact(made, left_date=contact.left)
    for activity in company.activities():
        _add_activity(crm, activity, accounts[activity.account])


def _add_activity(crm: MemoryCrm, activity: Activity, account_id: str) -> None:
    """A task counts once it is completed, on its due date or else on the day of its completion."""
    if activity.kind != "task":
        crm.records.add(Stream.ACTIVITIES, _activity(account_id, activity.kind, activity.start.date()))
    elif activity.completed_at is not None:
        crm.records.add(Stream.ACTIVITIES, _activity(account_id, "task", activity.due or activity.completed_at.date()))


def _activity(account_id: str, kind: str, day: Value) -> dict[str, Value]:
    return {"account_id": account_id, "kind": kind, "activity_date": day}


def _number(amount: object) -> float | None:
    return None if amount is None else float(str(amount))
