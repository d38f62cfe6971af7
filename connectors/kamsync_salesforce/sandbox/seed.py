"""The sample company as a Salesforce org holds it. Ids follow the company's keys, so that they sort as on every other CRM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from kamsync.sandbox.company_records import Account, Activity, Contact, ContactRole, Opportunity, OpportunityStage, SampleCompany

from .ids import make_id
from .org import USERNAME, Org
from .plain_objects import PlainObject, plain_objects
from .schema import STAGES

STAGE_NAMES: dict[OpportunityStage, str] = {
    "prospecting": "Prospecting",
    "qualification": "Qualification",
    "proposal": "Proposal/Price Quote",
    "negotiation": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
ROLE_NAMES: Mapping[ContactRole, str] = {
    "sponsor": "Executive Sponsor",
    "decision_maker": "Decision Maker",
    "champion": "Champion",
    "influencer": "Influencer",
    "user": "Business User",
}
TYPES = {"new": "New Business", "expansion": "Existing Business", "renewal": "Renewal"}
ARCHIVED_AFTER_DAYS = 365
ACTIVITIES_AT_ONCE = 10_000  # in memory; the largest companies have millions
_SYSTEM = ("IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp")


def load(org: Org, company: SampleCompany) -> None:
    """Fills the org."""
    _Loader(org, company).load()


class _Loader:
    def __init__(self, org: Org, company: SampleCompany) -> None:
        self._org, self._company = org, company
        self._money = org.options.multi_currency

    def load(self) -> None:
        self._settings()
        self._users()
        org, money = self._org, self._money
        account_fields = ["Id", "Name", "OwnerId", "ParentId", "Type", "Industry", "BillingCity", "BillingCountry", "NumberOfEmployees",
                          "AnnualRevenue", "Website", "NPS__c", "Authority_Evidence_Date__c", "Strategic_Market__c", "Next_Renewal_Date__c"]  # fmt: skip
        columns = [*account_fields, *(["CurrencyIsoCode"] if money else []), *_SYSTEM]
        org.insert_rows("Account", columns, (self._account(one) for one in self._company.accounts()))
        columns = ["Id", "Name", "AccountId", "Amount", "CloseDate", "StageName", "Probability", "Type", "IsClosed", "IsWon", "OwnerId",
                   "HasOpportunityLineItem", "Contract_Start__c", "Contract_Months__c", *(["CurrencyIsoCode"] if money else []), *_SYSTEM]  # fmt: skip
        org.insert_rows("Opportunity", columns, (self._opportunity(one) for one in self._company.opportunities()))
        self._contacts()
        if org.options.products:
            self._products()
        for one in plain_objects(products=org.options.products):
            self._plain(one)
        self._activities()
        for name, indexed in (("Account", "SystemModstamp"), ("Opportunity", "SystemModstamp"), ("Opportunity", "AccountId"),
                              ("Task", "AccountId"), ("Task", "SystemModstamp"), ("Event", "SystemModstamp")):  # fmt: skip
            org.db.execute(f"CREATE INDEX {name}_{indexed} ON {name} ({indexed})")

    def _settings(self) -> None:
        org, stamp = self._org, self._stamp(self._org.today - timedelta(days=900))
        tail = (0, stamp, stamp, stamp)
        columns = ["Id", "Name", "IsSandbox", "DefaultLocaleSidKey", "TimeZoneSidKey", "OrganizationType", "LanguageLocaleKey"]
        row: list[Any] = [org.org_id, "Sample Company", 1, "en_US", "Europe/Berlin", "Enterprise Edition", "en_US"]
        if self._money:
            columns.append("DefaultCurrencyIsoCode")
            row.append(self._company.home_currency)
        org.insert_rows("Organization", [*columns, *_SYSTEM], [(*row, *tail)])
        stages = [(make_id("01J", i), name, name, 1, int(closed), int(won), share, i, *tail)
                  for i, (name, (won, closed, share)) in enumerate(STAGES.items(), start=1)
                  if name not in org.options.retired_stages]  # fmt: skip
        org.insert_rows("OpportunityStage", ["Id", "MasterLabel", "ApiName", "IsActive", "IsClosed", "IsWon", "DefaultProbability", "SortOrder", *_SYSTEM], stages)  # fmt: skip
        statuses = [(make_id("01Z", i), name, name, int(name == "Completed"), int(i == 1), i, *tail)
                    for i, name in enumerate(org.objects["task"].fields["status"].choices, start=1)]  # fmt: skip
        org.insert_rows("TaskStatus", ["Id", "MasterLabel", "ApiName", "IsClosed", "IsDefault", "SortOrder", *_SYSTEM], statuses)
        if self._money:
            rates = list(self._company.rates())
            org.rates = {rate.currency: float(rate.rate) for rate in rates if rate.valid_from is None}
            current = [(make_id("01L", i), code, rate, 1, int(code == self._company.home_currency), 2, *tail)
                       for i, (code, rate) in enumerate(org.rates.items(), start=1)]  # fmt: skip
            org.insert_rows(
                "CurrencyType", ["Id", "IsoCode", "ConversionRate", "IsActive", "IsCorporate", "DecimalPlaces", *_SYSTEM], current
            )
            dated = [(make_id("04w", i), r.currency, r.valid_from.isoformat(), float(r.rate), *tail)
                     for i, r in enumerate(rates, start=1) if r.valid_from is not None]  # fmt: skip
            org.insert_rows("DatedConversionRate", ["Id", "IsoCode", "StartDate", "ConversionRate", *_SYSTEM], dated)

    def _users(self) -> None:
        org, stamp = self._org, self._stamp(self._org.today - timedelta(days=800))
        columns = [
            "Id",
            "Username",
            "FirstName",
            "LastName",
            "Name",
            "Email",
            "IsActive",
            "ManagerId",
            "UserType",
            "Alias",
            *_SYSTEM,
        ]
        people = [
            (make_id("005", o.key), o.email, o.first_name, o.last_name, f"{o.first_name} {o.last_name}",
             o.email + (".invalid" if org.options.invalid_emails else ""), int(o.is_active),
             None if o.manager is None else make_id("005", o.manager), "Standard", f"user{o.key}", 0, stamp, stamp, stamp)
            for o in self._company.owners()
        ]  # fmt: skip
        org.counters["005"] = len(people) + 1
        org.agent_id = make_id("005", len(people) + 1)
        agent = (
            org.agent_id,
            USERNAME,
            "kamsync",
            "agent",
            "kamsync agent",
            USERNAME,
            1,
            None,
            "Standard",
            "kamsync",
            0,
            stamp,
            stamp,
            stamp,
        )
        org.insert_rows("User", columns, [*people, agent])

    def _account(self, one: Account) -> tuple[Any, ...]:
        self._org.counters["001"] = one.key
        stamp = self._changed(one.created, one.key)
        return (
            make_id("001", one.key), one.name, make_id("005", one.owner), None if one.parent is None else make_id("001", one.parent),
            one.type or None, one.industry or None, one.city or None, one.country or None, one.employees,
            None if one.annual_revenue is None else float(one.annual_revenue), one.website or None, one.nps, _day(one.authority_evidence_date),
            int(one.strategic_market), _day(one.next_renewal_date), *((one.currency,) if self._money else ()),
            0, self._moment(one.created), stamp, stamp,
        )  # fmt: skip

    def _opportunity(self, one: Opportunity) -> tuple[Any, ...]:
        self._org.counters["006"] = one.key
        stamp = self._changed(one.created, one.key)
        amount = None if one.amount is None else float(one.amount)
        if amount is not None and not self._money and one.currency != self._company.home_currency:
            amount = round(amount / self._rate(one.currency), 2)
        return (
            make_id("006", one.key), one.name, None if one.account is None else make_id("001", one.account), amount,
            one.close_date.isoformat(), STAGE_NAMES[one.stage], one.probability * 100, TYPES[one.type],
            int(one.stage in ("won", "lost")), int(one.stage == "won"), make_id("005", one.owner), 0,
            _day(one.contract_start), one.contract_months, *((one.currency,) if self._money else ()), 0, self._moment(one.created), stamp, stamp,
        )  # fmt: skip

    def _rate(self, currency: str) -> float:
        return next(float(rate.rate) for rate in self._company.rates() if rate.currency == currency and rate.valid_from is None)

    def _contacts(self) -> None:
        org, stamp = self._org, self._stamp(self._org.today - timedelta(days=100))
        tail, people = (0, stamp, stamp, stamp), list(self._company.contacts())
        rows = [
            (make_id("003", c.key), make_id("001", c.account), c.first_name, c.last_name, f"{c.first_name} {c.last_name}", c.email,
             c.title, _day(c.last_activity), org.agent_id, *tail)
            for c in people
        ]  # fmt: skip
        org.counters["003"] = len(rows)
        columns = ["Id", "AccountId", "FirstName", "LastName", "Name", "Email", "Title", "LastActivityDate", "OwnerId", *_SYSTEM]
        org.insert_rows("Contact", columns, rows)
        self._roles(people, tail)

    def _roles(self, people: Sequence[Contact], tail: tuple[Any, ...]) -> None:
        """A role stands on the account's last opportunity; with none, and where somebody left, on the relation to the account."""
        org, related = self._org, self._org.options.related_contacts
        deals = {one.account: one.key for one in self._company.opportunities() if one.account is not None}
        in_deals = [c for c in people if c.role and c.account in deals and c.left is None]
        roles = [
            (make_id("00K", c.key), make_id("006", deals[c.account]), make_id("003", c.key), ROLE_NAMES[c.role], 0, *tail)
            for c in in_deals
        ]
        org.insert_rows("OpportunityContactRole", ["Id", "OpportunityId", "ContactId", "Role", "IsPrimary", *_SYSTEM], roles)
        org.counters["00K"] = len(people)
        if related:
            said = {c.key for c in in_deals}
            relations = [
                (make_id("07k", c.key), make_id("001", c.account), make_id("003", c.key),
                 ROLE_NAMES[c.role] if c.role and c.key not in said else None, 1, int(c.left is None), _day(c.left), *tail)
                for c in people
            ]  # fmt: skip
            columns = ["Id", "AccountId", "ContactId", "Roles", "IsDirect", "IsActive", "EndDate", *_SYSTEM]
            org.insert_rows("AccountContactRelation", columns, relations)
            org.counters["07k"] = len(people)

    def _products(self) -> None:
        stamp = self._stamp(self._org.today - timedelta(days=700))
        products = [(make_id("01t", p.key), p.name, p.family, 1, 0, stamp, stamp, stamp) for p in self._company.products()]
        self._org.insert_rows("Product2", ["Id", "Name", "Family", "IsActive", *_SYSTEM], products)
        self._org.counters["01t"] = len(products)

    def _plain(self, one: PlainObject) -> None:
        stamp = self._stamp(self._org.today - timedelta(days=700))
        rows = ((make_id(one.prefix, key), *values, 0, stamp, stamp, stamp) for key, *values in one.sample(self._company))
        self._org.insert_rows(one.name, ["Id", *one.sample_fields, *_SYSTEM], rows)
        self._org.counters[one.prefix] = self._org.db.execute(f"SELECT count(*) FROM {one.name}").fetchone()[0]

    def _activities(self) -> None:
        columns = ["Id", "Subject", "WhatId", "AccountId", "OwnerId", "ActivityDate", "IsArchived"]
        task = [*columns, "Status", "Priority", "IsClosed", "CompletedDateTime", "TaskSubtype", *_SYSTEM]
        event = [*columns, "ActivityDateTime", "StartDateTime", "EndDateTime", "DurationInMinutes", "IsAllDayEvent", *_SYSTEM]
        everything = self._company.activities()
        while some := list(islice(everything, ACTIVITIES_AT_ONCE)):
            self._org.insert_rows("Task", task, self._tasks(one for one in some if one.kind != "meeting"))
            self._org.insert_rows("Event", event, self._events(one for one in some if one.kind == "meeting"))

    def _tasks(self, activities: Iterator[Activity]) -> Iterator[tuple[Any, ...]]:
        """Calls and e-mails are tasks with a subtype here, notes are plain ones; all are done when they were logged."""
        for one in activities:
            self._org.counters["00T"] = max(self._org.counters.get("00T", 0), one.key)
            done = one.completed_at is not None or one.kind != "task"
            day = one.due if one.kind == "task" else one.start.date()
            account, stamp = make_id("001", one.account), self._moment(one.start)
            yield (
                make_id("00T", one.key), one.subject, account, account, make_id("005", one.owner), _day(day),
                int(done and day is not None and (self._org.today - day).days > ARCHIVED_AFTER_DAYS),
                "Completed" if done else "Not Started", "Normal", int(done),
                self._moment(one.completed_at or one.start) if done else None,
                {"call": "Call", "email": "Email"}.get(one.kind, "Task"), 0, stamp, stamp, stamp,
            )  # fmt: skip

    def _events(self, activities: Iterator[Activity]) -> Iterator[tuple[Any, ...]]:
        for one in activities:
            self._org.counters["00U"] = max(self._org.counters.get("00U", 0), one.key)
            account, start = make_id("001", one.account), self._moment(one.start)
            archived = int((self._org.today - one.start.date()).days > ARCHIVED_AFTER_DAYS)
            yield (
                make_id("00U", one.key), one.subject, account, account, make_id("005", one.owner), one.start.date().isoformat(), archived,
                start, start, self._moment(one.start + timedelta(minutes=one.minutes)), one.minutes, 0, 0, start, start, start,
            )  # fmt: skip

    def _changed(self, created: datetime, key: int) -> str:
        """Some days after it was made, as records are; never in the future."""
        moment = created + timedelta(days=key * 7_919 % 40, seconds=key * 17 % 86_400)
        return self._moment(min(moment, self._org.now() - timedelta(hours=1)))

    @staticmethod
    def _moment(moment: datetime) -> str:
        return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}.000Z"

    @staticmethod
    def _stamp(day: date) -> str:
        return f"{day.isoformat()}T09:00:00.000Z"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
