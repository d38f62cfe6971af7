"""The sample company as a HubSpot portal would hold it: ids, enumerations, associations, money.

Ids are the company's keys above a base of one width, so that they sort as on every other CRM. A deal's amount stays in its
own currency; the exchange rate is the company's rate on the close date, so that converting gives the same money everywhere.
"""

from __future__ import annotations

import gc
from datetime import date
from decimal import Decimal

from kamsync.sandbox.company_records import SampleCompany

from .catalog import option
from .kinds import KINDS
from .options import PortalOptions
from .pipelines import NEW_BUSINESS, RENEWALS, SAMPLE_STAGES
from .plain_objects import PLAIN_OBJECTS, PlainObject
from .portal import ExchangeRate, Portal, PortalOwner
from .sample_words import (
    BUYING_ROLES,
    COMPANY_TYPES,
    DEAL_TYPES,
    INDUSTRIES,
    USER_BASE,
    activity_values,
    day_ms,
    moment_ms,
    owner_id,
)
from .store import Record, Table
from .wire import iso, plain

DAY_MS = 86_400_000


def load(company: SampleCompany, options: PortalOptions, today: date) -> Portal:
    """The portal with everything in it. The garbage collector rests meanwhile: all of it is there to stay."""
    rates = list(company.rates())
    currency = options.currency or next((rate.currency for rate in rates if rate.rate == 1), "USD")
    dated = {rate.currency for rate in rates if rate.valid_from}
    exchange = [
        # A current rate beside dated ones holds from today; alone, it has always held.
        ExchangeRate(rate.currency, day_ms(rate.valid_from or today) if rate.currency in dated else 0, 1 / rate.rate)
        for rate in rates
    ]
    owners = [
        PortalOwner(owner_id(one.key), USER_BASE + one.key * 7, one.first_name, one.last_name, one.email, one.is_active)
        for one in company.owners()
    ]
    portal = Portal(options, currency, exchange, owners)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _Loader(portal, company, today).load()
    finally:
        if was_enabled:
            gc.enable()
    return portal


class _Loader:
    def __init__(self, portal: Portal, company: SampleCompany, today: date) -> None:
        self._portal = portal
        self._company = company
        self._today = today
        self._now = min(portal.now_ms(), day_ms(today) + 43_200_000)
        self._one_stamp = day_ms(today) - DAY_MS + 123 if portal.options.one_stamp else 0
        self._owners = {one.key: owner_id(one.key) for one in company.owners()}

    def load(self) -> None:
        self._companies()
        self._contacts()
        self._deals()
        self._products()
        for one in PLAIN_OBJECTS:
            self._plain(one)
        self._activities()
        for table in self._portal.tables.values():
            if table.ids:
                table.next_id = int(table.ids[-1]) + 1

    def _record(self, table: Table, key: int, created_ms: int) -> Record:
        """An empty record with its id and stamps; changed some days after it was made, as records are.

        What lies ahead (a meeting) was entered within the last day: nothing was made or changed in the future, nor is a new
        portal full of records that were all changed this minute.
        """
        if created_ms > self._now:
            created_ms = self._now - key * 86_399 % DAY_MS
        later, age = key * 7_919 % 40 * DAY_MS + key * 17 % DAY_MS, self._now - created_ms
        stamp = self._one_stamp or created_ms + (later if later <= age else later % (age + 1))
        record = Record(str(table.kind.first_id + key), [None] * len(table.slots), max(stamp, created_ms))
        values, slots = record.values, table.slots
        values[slots["hs_object_id"]] = record.id
        values[slots[table.kind.created]] = iso(created_ms)
        values[slots[table.kind.stamp]] = iso(record.updated)
        return record

    def _companies(self) -> None:
        table, graph = self._portal.tables["companies"], self._portal.associations
        slots, first = table.slots, KINDS["companies"].first_id
        industries: dict[str, str] = {}
        for account in self._company.accounts():
            record = self._record(table, account.key, moment_ms(account.created))
            website = account.website
            for name, value in (
                ("name", account.name or None),
                ("hubspot_owner_id", self._owners.get(account.owner)),
                ("type", COMPANY_TYPES.get(account.type)),
                ("industry", self._industry(table, industries, account.industry)),
                ("country", account.country or None),
                ("city", account.city or None),
                ("numberofemployees", None if account.employees is None else str(account.employees)),
                ("annualrevenue", None if account.annual_revenue is None else plain(account.annual_revenue)),
                ("company_currency", account.currency or None),
                ("website", website or None),
                ("domain", website.split("//")[-1].removeprefix("www.").split("/")[0] or None),
                ("nps", None if account.nps is None else str(account.nps)),
                ("authority_evidence_date", _day(account.authority_evidence_date)),
                ("strategic_market", "true" if account.strategic_market else "false"),
                ("next_renewal_date", _day(account.next_renewal_date)),
                ("lifecyclestage", "customer" if account.type == "Customer" else "lead"),
                ("hs_num_child_companies", "0"),
            ):
                record.values[slots[name]] = value
            table.append(record)
            if account.parent is not None:
                child, parent = record.id, str(first + account.parent)
                graph.put(graph.types[14], child, parent)
                graph.put(graph.types[13], parent, child)
                record.values[slots["hs_parent_company_id"]] = parent
        for parent, children in graph.links.get(("companies", "companies"), {}).items():
            count = sum(13 in type_ids for type_ids in children.values())
            if count and parent in table.records:
                table.put(table.records[parent], "hs_num_child_companies", str(count))

    @staticmethod
    def _industry(table: Table, known: dict[str, str], name: str) -> str | None:
        if not name:
            return None
        if name not in known:
            value = INDUSTRIES.get(name) or "".join(c if c.isalnum() else "_" for c in name.upper())
            definition = table.definitions["industry"]
            if value not in definition.values:
                definition.options.append(option(value, name, len(definition.options)))
                definition.values |= {value}
            known[name] = value
        return known[name]

    def _contacts(self) -> None:
        table, slots = self._portal.tables["contacts"], self._portal.tables["contacts"].slots
        companies = self._portal.tables["companies"]
        for contact in self._company.contacts():
            company_id = str(KINDS["companies"].first_id + contact.account)
            company = companies.records.get(company_id)
            record = self._record(table, contact.key, company.updated if company else self._now)
            for name, value in (
                ("firstname", contact.first_name),
                ("lastname", contact.last_name),
                ("email", contact.email.lower() or None),
                ("jobtitle", contact.title or None),
                ("associatedcompanyid", company_id if company else None),
                ("hs_buying_role", BUYING_ROLES.get(contact.role)),
                ("notes_last_updated", iso(day_ms(contact.last_activity)) if contact.last_activity else None),
                ("hs_employment_change_detected_date", iso(day_ms(contact.left)) if contact.left else None),
            ):
                record.values[slots[name]] = value
            table.append(record)
            if company:
                self._attach("contacts", record.id, "companies", company_id, (1, 279), (2, 280))

    def _attach(
        self, source: str, source_id: str, target: str, target_id: str, forth: tuple[int, ...], back: tuple[int, ...]
    ) -> None:
        """Both directions at once; the type tuples are shared by all records."""
        links = self._portal.associations.links
        links.setdefault((source, target), {}).setdefault(source_id, {})[target_id] = forth
        links.setdefault((target, source), {}).setdefault(target_id, {})[source_id] = back

    def _deals(self) -> None:
        portal = self._portal
        table, graph = portal.tables["deals"], portal.associations
        slots = table.slots
        first, company_count = KINDS["companies"].first_id, len(portal.tables["companies"].ids)
        options = table.definitions["dealtype"]
        options.options.append(option("renewal", "Renewal", 2))  # a choice that this portal's people have added
        options.values |= {"renewal"}
        names = (
            "dealname", "amount", "deal_currency_code", "hs_exchange_rate", "amount_in_home_currency", "closedate", "dealstage",
            "pipeline", "dealtype", "hubspot_owner_id", "hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost",
            "hs_deal_stage_probability", "contract_start", "contract_months",
        )  # fmt: skip
        places = [slots[name] for name in names]
        rate_texts: dict[Decimal, str] = {}
        primary, plain_link = ((5, 341), (6, 342)), ((341,), (342,))
        for deal in self._company.opportunities():
            record = self._record(table, deal.key, moment_ms(deal.created))
            pipeline = NEW_BUSINESS if deal.type == "new" else RENEWALS
            stage = SAMPLE_STAGES[pipeline.id][deal.stage]
            close_ms = day_ms(deal.close_date) + DAY_MS // 2  # the same day in most time zones
            rate = portal.rate_at(deal.currency, close_ms + DAY_MS // 2 - 1) if deal.currency != portal.currency else Decimal(1)
            if rate not in rate_texts:
                rate_texts[rate] = plain(rate)
            amount = deal.amount
            row = (
                deal.name, None if amount is None else plain(amount), deal.currency or None, rate_texts[rate],
                None if amount is None else plain(amount * rate), iso(close_ms), stage.id, pipeline.id, DEAL_TYPES.get(deal.type),
                self._owners.get(deal.owner), "true" if stage.is_closed else "false", "true" if stage.is_won else "false",
                "true" if stage.is_closed and not stage.is_won else "false", str(deal.probability),
                _day(deal.contract_start), None if deal.contract_months is None else str(deal.contract_months),
            )  # fmt: skip
            values = record.values
            for place, value in zip(places, row, strict=True):
                values[place] = value
            table.append(record)
            if deal.account is None:
                continue
            # The own company of a deal is its primary one; every thirtieth deal has a partner as a second, without that label.
            forth, back = primary
            self._attach("deals", record.id, "companies", str(first + deal.account), forth, back)
            other = deal.account % company_count + 1
            if deal.key % 30 == 0 and other != deal.account:
                self._attach("deals", record.id, "companies", str(first + other), *plain_link)
        companies = portal.tables["companies"]
        for company_id, deals in graph.links.get(("companies", "deals"), {}).items():
            if company_id in companies.records:
                companies.put(companies.records[company_id], "num_associated_deals", str(len(deals)))

    def _products(self) -> None:
        table = self._portal.tables["products"]
        for product in self._company.products():
            record = self._record(table, product.key, day_ms(self._today) - 900 * DAY_MS)
            for name, value in (("name", product.name), ("price", plain(product.price)), ("product_family", product.family)):
                table.put(record, name, value or None)
            table.append(record)

    def _plain(self, one: PlainObject) -> None:
        """The records of an object that hangs on another one: as old as what they hang on."""
        table, parents = self._portal.tables[one.kind.plural], self._portal.tables[one.parent]
        places = [table.slots[name] for name in one.sample_properties]
        parent_base = parents.kind.first_id

        def of_parent(key: int, name: str) -> str | None:
            parent = parents.records.get(str(parent_base + key))
            return parent.values[parents.slots[name]] if parent else None

        for told in one.sample(self._company, of_parent):
            parent = parents.records.get(str(parent_base + told.parent))
            record = self._record(table, told.key, parent.updated if parent else day_ms(self._today))
            for place, value in zip(places, told.values, strict=True):
                record.values[place] = value
            table.append(record)
            if parent:
                self._attach(one.kind.plural, record.id, one.parent, parent.id, (one.to_parent,), (one.from_parent,))

    def _activities(self) -> None:
        company_base = KINDS["companies"].first_id
        to_company = {"tasks": 192, "notes": 190, "meetings": 188, "calls": 182, "emails": 186}
        for activity in self._company.activities():
            plural = f"{activity.kind}s"
            table = self._portal.tables[plural]
            start_ms = moment_ms(activity.start)
            record = self._record(table, activity.key, start_ms)
            for name, value in activity_values(activity, start_ms):
                table.put(record, name, value)
            table.put(record, "hubspot_owner_id", self._owners.get(activity.owner))
            table.append(record)
            type_id = to_company[plural]
            self._attach(plural, record.id, "companies", str(company_base + activity.account), (type_id,), (type_id - 1,))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
