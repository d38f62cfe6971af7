"""Objects whose records hang on one company or deal and compute nothing by themselves, each told here and nowhere else.

Its names and ids, its properties, what it is associated to, which scopes open it, and the sample company's records of it: the
portal, its definitions, its scopes and its seed are made of these. Ids of types and associations: see `kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from kamsync.sandbox.company_records import SampleCompany

from .object_kind import ObjectKind
from .wire import plain

PRODUCTS_FROM = 5_000_000_000  # ids of products start above it
OfParent = Callable[[int, str], str | None]


class SampleRecord(NamedTuple):
    """One record of the sample company: its key, its parent's, and values in the order of `PlainObject.sample_properties`."""

    key: int
    parent: int
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class PlainObject:
    """`properties`: lines as in `catalog`. `parent`: the plural of what a record hangs on, by the types of association
    `from_parent` and `to_parent`. `sample`: the company's records; it may ask for a property of a parent by the parent's key.
    """

    kind: ObjectKind
    properties: str
    parent: str
    from_parent: int
    to_parent: int
    sample_properties: tuple[str, ...]
    sample: Callable[[SampleCompany, OfParent], Iterator[SampleRecord]]


def _line_items(company: SampleCompany, of_deal: OfParent) -> Iterator[SampleRecord]:
    products = {product.key: product for product in company.products()}
    for item in company.line_items():
        product = products[item.product]
        money = (plain(item.unit_price), plain(item.unit_price * item.quantity))
        family, currency = product.family or None, of_deal(item.opportunity, "deal_currency_code")
        values = (product.name, str(PRODUCTS_FROM + item.product), str(item.quantity), *money, family, currency)
        yield SampleRecord(item.key, item.opportunity, values)


PLAIN_OBJECTS = (
    PlainObject(
        kind=ObjectKind(
            "line_items",
            "line_item",
            "0-8",
            4_000_000_000,
            ("amount", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_product_id", "quantity"),
            ("name", "hs_sku"),
            scope_beside="e-commerce",
        ),
        properties="""
createdate|Create Date|datetime|date|r
name|Name|string|text
hs_product_id|Product ID|number|number
quantity|Quantity|number|number
price|Unit price|number|number
amount|Net price|number|number|c
hs_line_item_currency_code|Currency|enumeration|select
hs_sku|SKU|string|text
product_family|Product family|string|text|k
""",
        parent="deals",
        from_parent=19,
        to_parent=20,
        sample_properties=(
            "name",
            "hs_product_id",
            "quantity",
            "price",
            "amount",
            "product_family",
            "hs_line_item_currency_code",
        ),
        sample=_line_items,
    ),
)
