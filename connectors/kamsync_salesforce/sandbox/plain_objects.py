"""Objects whose records hang on one account or opportunity and compute nothing by themselves, each told here and nowhere else.

Its name and fields, what it hangs on, what becomes of it with that, and the sample company's records of it: the org's objects,
its recycle bin and its seed are made of these. Fields: Object Reference for Salesforce, under each object's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kamsync.sandbox.company_records import SampleCompany

from .ids import make_id
from .schema import CURRENCY, Field, SObject, object_of


@dataclass(frozen=True)
class PlainObject:
    """`parent`: what a record hangs on, by its first field; `children`: the relationship to it from there.

    `sample`: the company's records, each its key and values in the order of `sample_fields`. A record that `is_part` goes to the
    recycle bin with its parent. `with_products`: only an org with products has it; `has_money`: amounts in a currency of its own.
    """

    name: str
    prefix: str
    fields: tuple[Field, ...]
    parent: str
    children: str
    sample_fields: tuple[str, ...]
    sample: Callable[[SampleCompany], Iterator[tuple[Any, ...]]]
    is_part: bool = True
    with_products: bool = False
    has_money: bool = False


def _line_items(company: SampleCompany) -> Iterator[tuple[Any, ...]]:
    for item in company.line_items():
        money = (float(item.unit_price), float(item.unit_price * item.quantity))
        yield item.key, make_id("006", item.opportunity), make_id("01t", item.product), float(item.quantity), *money


PLAIN_OBJECTS = (
    PlainObject(
        "OpportunityLineItem",
        "00k",
        (
            Field("OpportunityId", "reference", 18, "Opportunity", "Opportunity"),
            Field("Product2Id", "reference", 18, "Product2", "Product2"),
            Field("Quantity", "double"),
            Field("UnitPrice", "currency"),
            Field("TotalPrice", "currency"),
        ),
        parent="Opportunity",
        children="OpportunityLineItems",
        sample_fields=("OpportunityId", "Product2Id", "Quantity", "UnitPrice", "TotalPrice"),
        sample=_line_items,
        with_products=True,
        has_money=True,
    ),
)


def plain_objects(*, products: bool) -> tuple[PlainObject, ...]:
    """Those that an org has, with products or without."""
    return tuple(one for one in PLAIN_OBJECTS if products or not one.with_products)


def add_plain_objects(objects: dict[str, SObject], *, multi_currency: bool, products: bool) -> None:
    """Adds them to an org's objects, and to their parents the way to them."""
    for one in plain_objects(products=products):
        money = (CURRENCY,) if one.has_money and multi_currency else ()
        objects[one.name.lower()] = object_of(one.name, one.prefix, *one.fields, *money)
        objects[one.parent.lower()].children[one.children] = (one.name, one.fields[0].name)


def parts_of() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """By parent: the objects that go to the recycle bin with it, each with the field that names it."""
    parents = {one.parent for one in PLAIN_OBJECTS}
    return {
        parent: tuple((one.name, one.fields[0].name) for one in PLAIN_OBJECTS if one.parent == parent and one.is_part)
        for parent in parents
    }
