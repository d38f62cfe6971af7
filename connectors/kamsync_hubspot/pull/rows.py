"""HubSpot's companies, deals and line items as rows of the canonical model: which property fills which column. Pure.

Text stays text, as in `translate`. Won, lost and open are told by the stage's metadata, and for a stage that no pipeline has by
HubSpot's own marks on the deal. A deal's probability is what the mapped
property says, as its amount and every other column; its stage's where that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kamsync.model import Column
from kamsync_hubspot.pull.oddities import CLOSED_MARK, WON_MARK, own_mark
from kamsync_hubspot.translate import ACCOUNT_PROPERTIES, DEAL_PROPERTIES, Link, Record, Stage, least

Row = tuple[Any, ...]
Getter = Callable[[Record, Mapping[str, Any]], Any]

DEAL_CURRENCY = "deal_currency_code"
HOME_AMOUNT = "amount_in_home_currency"
PARENT = "_belongs_to"  # beside a record: the id that its associations name


def properties_of(columns: Iterable[Column], defaults: Mapping[str, str]) -> list[str]:
    """The properties that the columns need, without those that every record carries or that are computed."""
    found = [column.field or defaults.get(column.name, "") for column in columns]
    return list(dict.fromkeys(name for name in found if name and name != "hs_object_id"))


def account_getters(columns: Sequence[Column], home_currency: str) -> list[Getter]:
    """Getters of companies, one a column; `home_currency` is the portal's, "" unknown."""

    def getter(column: Column) -> Getter:
        name = column.field or ACCOUNT_PROPERTIES.get(column.name, "")
        if column.name == "id" and name in ("", "hs_object_id"):
            return _record_id
        if column.name == "currency":
            # A company has no currency of its own: its revenue is in the portal's, unless the admin maps a property.
            return lambda record, properties: (properties.get(name) if name else None) or home_currency or None
        return _property(name)

    return [getter(column) for column in columns]


def deal_getters(columns: Sequence[Column], stages: Mapping[str, Stage], home_currency: str) -> list[Getter]:
    """Getters of everything but `account_id`, which `with_parent` puts in; amounts in the portal's currency where it can."""
    deals = _DealValues(stages, home_currency)
    amount_field = next((column.field for column in columns if column.name == "amount"), "")
    computed: dict[str, Getter] = {
        "id": _record_id,
        "stage": deals.stage_label,
        "is_closed": deals.mark(lambda stage: stage.is_closed, CLOSED_MARK),
        "is_won": deals.mark(lambda stage: stage.is_won, WON_MARK),
    }

    def getter(column: Column) -> Getter:
        name = column.field or DEAL_PROPERTIES.get(column.name, "")
        if column.name == "amount" and name == "amount":
            return deals.amount
        if column.name == "currency" and name in ("", DEAL_CURRENCY):
            # Another property in amount's place is taken to be in the deal's own currency.
            return deals.currency if amount_field in ("", "amount") else deals.own_currency
        if column.name == "probability":
            return deals.probability(column.field)
        if column.name in computed and name in ("", "hs_object_id", "dealstage"):
            return computed[column.name]
        return _property(name)

    return [getter(column) for column in columns]


@dataclass(frozen=True, slots=True)
class _DealValues:
    """What is computed of a deal, by the portal's stages (by id) and its currency; each a Getter, or makes one."""

    stages: Mapping[str, Stage]
    home_currency: str

    def _stage(self, properties: Mapping[str, Any]) -> Stage | None:
        return self.stages.get(str(properties.get("dealstage") or ""))

    def _is_foreign(self, properties: Mapping[str, Any]) -> bool:
        code = properties.get(DEAL_CURRENCY)
        return bool(code) and code != self.home_currency

    def stage_label(self, record: Record, properties: Mapping[str, Any]) -> Any:
        return stage.label if (stage := self._stage(properties)) else properties.get("dealstage")

    def amount(self, record: Record, properties: Mapping[str, Any]) -> Any:
        home = properties.get(HOME_AMOUNT)
        return home if self._is_foreign(properties) and home not in (None, "") else properties.get("amount")

    def currency(self, record: Record, properties: Mapping[str, Any]) -> Any:
        if self._is_foreign(properties) and properties.get(HOME_AMOUNT) in (None, ""):
            return properties.get(DEAL_CURRENCY)
        return self.home_currency or properties.get(DEAL_CURRENCY)

    def own_currency(self, record: Record, properties: Mapping[str, Any]) -> Any:
        return properties.get(DEAL_CURRENCY) or self.home_currency or None

    def probability(self, name: str) -> Getter:
        def get(record: Record, properties: Mapping[str, Any]) -> Any:
            value = properties.get(name) if name else None
            stage = self._stage(properties)
            return value if value not in (None, "") else (stage.probability or None) if stage else None

        return get

    def mark(self, of_stage: Callable[[Stage], bool], own: str) -> Getter:
        return lambda record, properties: of_stage(stage) if (stage := self._stage(properties)) else own_mark(properties, own)


def plain_getters(columns: Sequence[Column], defaults: Mapping[str, str]) -> list[Getter]:
    """Getters of records of which nothing is computed."""

    def getter(column: Column) -> Getter:
        name = column.field or defaults.get(column.name, "")
        return _record_id if column.name == "id" else _property(name)

    return [getter(column) for column in columns]


def rows_of(records: Iterable[Record], getters: Sequence[Getter]) -> list[Row]:
    """One tuple a record, in the order of the request's columns."""
    found = []
    for record in records:
        properties = record["properties"]
        found.append(tuple(get(record, properties) for get in getters))
    return found


def _record_id(record: Record, properties: Mapping[str, Any]) -> Any:
    return record["id"]


def _property(name: str) -> Getter:
    if not name:
        return lambda record, properties: None
    return lambda record, properties: properties.get(name)


def with_parent(columns: Sequence[Column], name: str, getters: Sequence[Getter]) -> list[Getter]:
    """The getters, that of column `name` replaced by one of what `belonging.attach` put beside the record."""

    def parent(record: Record, properties: Mapping[str, Any]) -> Any:
        return record.get(PARENT)

    return [parent if column.name == name else getter for column, getter in zip(columns, getters, strict=True)]


def primary_link(links: Sequence[Link]) -> str | None:
    """Of several companies the primary one, else the one of least id (DECISIONS.md §2)."""
    primary = [link.id for link in links if link.is_primary]
    return least(primary or [link.id for link in links])
