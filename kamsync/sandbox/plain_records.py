"""The sample company's records of streams that only hang on its accounts or opportunities, in the columns of the stream.

What a sandbox CRM adds in its vendor's words stands there; the in-memory CRM takes these as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from kamsync.model import Stream, Value
from kamsync.sandbox.company_records import SampleCompany


class PlainRecord(NamedTuple):
    """Its key, that of the account or opportunity that it hangs on, and its values by column but for the ids of both."""

    key: int
    parent: int
    values: Mapping[str, Value]


def _line_items(company: SampleCompany) -> Iterator[PlainRecord]:
    families = {product.key: product.family for product in company.products()}
    for item in company.line_items():
        yield PlainRecord(item.key, item.opportunity, {"product_family": families[item.product]})


PLAIN_RECORDS: Mapping[Stream, Callable[[SampleCompany], Iterator[PlainRecord]]] = {Stream.LINE_ITEMS: _line_items}
