"""One HubSpot portal: its records and the rules that hold whoever writes (the API, or a person on the page).

Validation, required properties, unique values, calculated properties, archiving and merging are here; HTTP is not.
Behaviour follows developers.hubspot.com "CRM objects", "Tasks" and the changelog of merges; unsourced details say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .catalog import default_definitions
from .kinds import KINDS
from .object_kind import ACTIVITIES, ObjectKind
from .options import PortalOptions
from .pipelines import NEW_BUSINESS, PIPELINES, STAGES, Pipeline
from .store import Associations, Export, Record, Segment, Table
from .values import Invalid, clean, refusal
from .wire import Refusal, bad_request, iso, plain

ARCHIVE_DAYS = 90


@dataclass(frozen=True, slots=True)
class PortalOwner:
    """`id` is what `hubspot_owner_id` holds, `user_id` another number."""

    id: str
    user_id: int
    first_name: str
    last_name: str
    email: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """Units of the company's currency for one unit of `currency`, from `valid_from_ms` on."""

    currency: str
    valid_from_ms: int
    rate: Decimal


class Portal:
    """All state of one portal. Not thread-safe: one event loop owns it."""

    def __init__(
        self, options: PortalOptions, currency: str, rates: Sequence[ExchangeRate], owners: Sequence[PortalOwner]
    ) -> None:
        self.options = options
        self.currency = currency
        self.rates: dict[str, list[ExchangeRate]] = {}
        for rate in sorted(rates, key=lambda one: one.valid_from_ms):
            self.rates.setdefault(rate.currency, []).append(rate)
        self.owners = {owner.id: owner for owner in owners}
        currencies = {code: code for code in (currency, *sorted(set(self.rates) - {currency}))}
        self.tables = {
            kind.plural: Table(kind, default_definitions(kind.plural, kind.singular, currencies)) for kind in KINDS.values()
        }
        self.groups: dict[str, dict[str, dict[str, Any]]] = {
            kind.plural: {
                name: {"name": name, "label": f"{kind.singular.capitalize()} information", "displayOrder": 0, "archived": False}
                for name in (f"{kind.singular.replace('_', '')}information",)
            }
            for kind in KINDS.values()
        }
        self.associations = Associations()
        self.segments: dict[str, Segment] = {}
        self.exports: dict[str, Export] = {}
        self.pipelines: dict[str, Pipeline] = dict(PIPELINES)

    def now_ms(self) -> int:
        """The portal's clock, in epoch milliseconds."""
        return int(self.options.clock() * 1000)

    def table(self, kind: ObjectKind) -> Table:
        """The records of that object type."""
        return self.tables[kind.plural]

    def is_active_owner(self, owner_id: str) -> bool:
        """Whether records may be given to that owner."""
        owner = self.owners.get(owner_id)
        return owner is not None and owner.is_active

    # --- validation -----------------------------------------------------------------------------------------------

    def validate(self, table: Table, properties: Mapping[str, Any], record: Record | None) -> dict[str, str | None]:
        """The values to store, or a Refusal that names every bad property (but, as HubSpot, not the record)."""
        values, invalid = clean(
            table.definitions,
            properties,
            self.is_active_owner,
            lambda name: table.get(record, name) if record else None,
        )
        if table.kind.plural == "deals":
            invalid.extend(self._stage_problems(table, values, record))
        if table.kind.plural == "companies":
            invalid.extend(self._pin_problems(values, record))
        if invalid:
            raise refusal(invalid, self.options.portal_id)
        return values

    def _pin_problems(self, values: Mapping[str, str | None], record: Record | None) -> list[Invalid]:
        """Only an activity that is associated with the company can be pinned on it ("Companies" guide)."""
        pinned = values.get("hs_pinned_engagement_id")
        if not pinned:
            return []
        linked = record is not None and any(pinned in self.associations.of("companies", record.id, one) for one in ACTIVITIES)
        return [] if linked else [Invalid("hs_pinned_engagement_id", "INVALID_VALUE", f"{pinned} is not an associated activity")]

    def _stage_problems(self, table: Table, values: dict[str, str | None], record: Record | None) -> list[Invalid]:
        def held(name: str) -> str | None:
            return values[name] if name in values else table.get(record, name) if record else None

        if record is None:
            values.setdefault("pipeline", NEW_BUSINESS.id)
            pipeline = self.pipelines.get(values["pipeline"] or "")
            if pipeline:
                values.setdefault("dealstage", pipeline.stages[0].id)
        if "pipeline" not in values and "dealstage" not in values:
            return []
        pipeline = self.pipelines.get(held("pipeline") or "")
        if pipeline is None:
            return [
                Invalid(
                    "pipeline",
                    "INVALID_OPTION",
                    f"{held('pipeline')} is not a valid pipeline ID. Valid options are: {[*self.pipelines]}",
                )
            ]
        stage = held("dealstage") or ""
        if stage not in {one.id for one in pipeline.stages}:
            options = ", ".join(
                f"pipelineId={one.id} : [{', '.join(s.id for s in one.stages)}]" for one in self.pipelines.values()
            )
            return [
                Invalid("dealstage", "INVALID_OPTION", f"{stage} is not a valid pipeline stage ID. Valid options are: {options}")
            ]
        return []

    def check_unique(self, table: Table, values: Mapping[str, str | None], record: Record | None) -> None:
        """Raises Refusal 400 (`CONFLICTING_UNIQUE_VALUE`; 409 for an email) where another record has one of the values."""
        for name in table.unique:
            value = values.get(name)
            holder = table.find_unique(name, value) if value else None
            if holder is None or (record is not None and holder.id == record.id):
                continue
            if name == "email":
                raise Refusal(409, f"Contact already exists. Existing ID: {holder.id}", category="CONFLICT",
                              context={"existingId": [holder.id]})  # fmt: skip
            message = f"Cannot set PropertyValueCoordinates: {holder.id} already has that value for the unique property {name}."
            raise bad_request(
                message,
                errors=[{"message": message, "code": "CONFLICTING_UNIQUE_VALUE", "context": {"propertyName": [name]}}],
                context={"existingId": [holder.id]},
            )

    def check_required(self, table: Table, values: Mapping[str, str | None]) -> None:
        """Raises Refusal 400 for an activity without `hs_timestamp`."""
        if table.kind.is_activity and not values.get("hs_timestamp"):
            raise bad_request(
                f"Error creating {table.kind.upper}. Some required properties were not set.",
                context={"properties": ["hs_timestamp"]},
            )

    # --- writing --------------------------------------------------------------------------------------------------

    def create(self, table: Table, values: Mapping[str, str | None]) -> Record:
        """A new record with those values, which have been checked; search sees it once its index has caught up."""
        now = self.now_ms()
        record = Record(table.new_id(), [None] * len(table.slots), now)
        table.put(record, "hs_object_id", record.id)
        if not values.get("createdate") or table.kind.created != "createdate":
            table.put(record, table.kind.created, iso(now))
        for name, value in values.items():
            table.put(record, name, value)
        table.put(record, table.kind.stamp, iso(now))
        self.calculate(table, record)
        table.append(record)
        self._lag(table, record.id, None, now)
        return record

    def update(self, table: Table, record: Record, values: Mapping[str, str | None]) -> None:
        """Writes values, which have been checked; the change stamp moves on by a millisecond at least."""
        now = max(self.now_ms(), record.updated + 1)
        before = record.copy()
        table.write(record, values, now)
        table.put(record, table.kind.stamp, iso(now))
        self.calculate(table, record)
        self._lag(table, record.id, before, now)

    def _lag(self, table: Table, record_id: str, before: Record | None, now: int) -> None:
        table.hide_from_search(record_id, before, now + round(self.options.search_lag_seconds * 1000))

    def indexed_at_ms(self) -> int:
        """When search shows all that was written so far, in epoch milliseconds; 0 where it does already."""
        return max((until for table in self.tables.values() for until, _ in table.unindexed.values()), default=0)

    def archive(self, table: Table, record_id: str) -> None:
        """Takes the record away with its associations. An id that does not exist is no error (n8n-io/n8n#3219)."""
        record = table.find(record_id)
        if record is None:
            return
        now = self.now_ms()
        before = record.copy()
        table.archive(record, now)
        for target, target_id in self.associations.forget(table.kind.plural, record.id):
            self.count_associations(target, target_id)
        self._lag(table, record.id, before, now)

    def archived(self, table: Table, record_id: str) -> Record | None:
        """An archived record of the last 90 days, after which HubSpot forgets it; None where there is none."""
        record = table.archived.get(record_id)
        fresh = record is not None and record.archived > self.now_ms() - ARCHIVE_DAYS * 86_400_000
        return record if fresh else None

    def merge(self, table: Table, primary: Record, other: Record) -> Record:
        """A new record with a new id, to which both old ids lead (changelog "Updated merge functionality …"); with the option
        `merges_keep_id` the primary one lives on, as it did before."""
        values = {
            name: table.get(primary, name) or table.get(other, name)
            for name, definition in table.definitions.items()
            if not definition.read_only and not definition.calculated
        }
        losers = (other,) if self.options.merges_keep_id else (primary, other)
        inherited = [
            (kind_name, target_id, type_ids)
            for record in (other, primary)  # the primary's unique labels are added last and win
            for (origin, kind_name), links in self.associations.links.items()
            if origin == table.kind.plural
            for target_id, type_ids in links.get(record.id, {}).items()
        ]
        old_ids = [old for one in (primary, other) for old in (table.get(one, "hs_merged_object_ids") or "").split(";") if old]
        old_ids += [one.id for one in losers]
        for record in losers:
            self.archive(table, record.id)
            table.archived.pop(record.id, None)
        if self.options.merges_keep_id:
            winner = primary
            self.update(table, winner, values)
        else:
            winner = self.create(table, values)
        table.put(winner, "hs_merged_object_ids", ";".join(old_ids))
        for old_id in old_ids:
            table.aliases[old_id] = winner.id
        for target, target_id, type_ids in inherited:
            if (target, target_id) in ((table.kind.plural, primary.id), (table.kind.plural, other.id)):
                continue
            for type_id in type_ids:
                self.associations.add(self.associations.types[type_id], winner.id, target_id)
            self.count_associations(target, target_id)
        self.count_associations(table.kind.plural, winner.id)
        return winner

    # --- what the service computes --------------------------------------------------------------------------------

    def calculate(self, table: Table, record: Record) -> None:
        """Sets what HubSpot computes: a deal's outcome and home amount, a task's completion, a line item's amount."""
        if table.kind.plural == "deals":
            self._calculate_deal(table, record)
        elif table.kind.plural == "tasks":
            done = table.get(record, "hs_task_status") == "COMPLETED"
            table.put(record, "hs_task_is_completed", "1" if done else "0")
            if not done:
                table.put(record, "hs_task_completion_date", None)
            elif not table.get(record, "hs_task_completion_date"):
                table.put(record, "hs_task_completion_date", iso(record.updated))
        elif table.kind.plural == "line_items":
            price, quantity = table.get(record, "price"), table.get(record, "quantity") or "1"
            table.put(record, "amount", plain(Decimal(price) * Decimal(quantity)) if price else None)

    def _calculate_deal(self, table: Table, record: Record) -> None:
        stage = STAGES[table.get(record, "dealstage") or NEW_BUSINESS.stages[0].id][1]
        was_closed = table.get(record, "hs_is_closed") == "true"
        table.put(record, "hs_is_closed", "true" if stage.is_closed else "false")
        table.put(record, "hs_is_closed_won", "true" if stage.is_won else "false")
        table.put(record, "hs_is_closed_lost", "true" if stage.is_closed and not stage.is_won else "false")
        table.put(record, "hs_deal_stage_probability", stage.probability)
        if stage.is_closed and not table.get(record, "closedate"):
            table.put(record, "closedate", iso(record.updated))
        amount = table.get(record, "amount")
        if not (was_closed and stage.is_closed and table.get(record, "hs_exchange_rate")):  # frozen while it stays closed
            rate = self.rate_at(table.get(record, "deal_currency_code") or self.currency, record.updated)
            table.put(record, "hs_exchange_rate", plain(rate))
        rate = Decimal(table.get(record, "hs_exchange_rate") or "1")
        table.put(record, "amount_in_home_currency", plain(Decimal(amount) * rate) if amount else None)

    def rate_at(self, currency: str, moment_ms: int) -> Decimal:
        """Home currency for one unit: the rate valid at that moment, the first one before that, 1 where there is none."""
        rates = self.rates.get(currency)
        if not rates:
            return Decimal(1)
        held = [rate.rate for rate in rates if rate.valid_from_ms <= moment_ms]
        return held[-1] if held else rates[0].rate

    def count_associations(self, plural: str, record_id: str) -> None:
        """Association counts and the parent's id follow; the change stamp does not (airbytehq/airbyte#44554)."""
        table = self.tables[plural]
        table.index_version += 1  # searches by association see it at once
        record = table.records.get(record_id)
        if record is None or plural not in ("companies", "deals", "contacts"):
            return
        of = self.associations.of
        if plural == "companies":
            relatives = of(plural, record_id, plural)
            parent = next((other for other, type_ids in relatives.items() if 14 in type_ids), None)
            table.put(record, "hs_parent_company_id", parent)
            table.put(record, "hs_num_child_companies", str(sum(13 in type_ids for type_ids in relatives.values())))
            table.put(record, "num_associated_deals", str(len(of(plural, record_id, "deals")) or "") or None)
        if plural in ("companies", "deals"):
            table.put(record, "num_associated_contacts", str(len(of(plural, record_id, "contacts"))))
        else:
            primary = next((other for other, type_ids in of(plural, record_id, "companies").items() if 1 in type_ids), None)
            table.put(record, "associatedcompanyid", primary)
