"""Between Salesforce's shapes and canonical rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kamsync.errors import ConfigError
from kamsync.model import Column
from kamsync_salesforce.translate import (
    OPPORTUNITY_FIELDS,
    RowShape,
    flag_from_json,
    flag_to_csv,
    flag_to_json,
    full_id,
    leaf,
    quote,
    rows_of_records,
    select,
    share_of_percent,
)


def test_a_quote_in_a_value_cannot_end_the_soql_string() -> None:
    assert quote("O'Brien\\'s\nline") == "'O\\'Brien\\\\\\'s\\nline'"


def test_conditions_are_kept_apart_by_parentheses() -> None:
    soql = select("Task", ["Id"], ["IsClosed = true", "A = 1 OR B = 2"], "Id")

    assert soql == "SELECT Id FROM Task WHERE (IsClosed = true) AND (A = 1 OR B = 2) ORDER BY Id"


def test_rows_that_stand_in_order_are_handed_on_as_they_came() -> None:
    shape = RowShape.of([Column("id"), Column("name")], OPPORTUNITY_FIELDS)
    values = [["006A", "Renewal"]]

    assert shape.fields == ("Id", "Name")
    assert shape.rows(values) is values


def test_a_field_mapped_twice_is_selected_once() -> None:
    shape = RowShape.of([Column("id", field="Id"), Column("name", field="Name"), Column("label", field="name")], {})

    assert shape.fields == ("Id", "Name")
    assert shape.rows([["006A", "Renewal"]]) == [["006A", "Renewal", "Renewal"]]


def test_the_only_currency_of_an_org_stands_in_for_the_field_that_it_lacks() -> None:
    columns = [Column("id"), Column("currency"), Column("amount", "number")]
    shape = RowShape.of(columns, OPPORTUNITY_FIELDS, constants={"currency": "BRL"})

    assert shape.fields == ("Id", "Amount")
    assert shape.rows([["006A", "12.50"]]) == [["006A", "BRL", "12.50"]]


@pytest.mark.parametrize(("given", "expected"), [("75", 0.75), (30.0, 0.3), (0, 0.0), ("", None), (None, None), ("n/a", "n/a")])
def test_probability_becomes_a_share(given: object, expected: object) -> None:
    assert share_of_percent(given) == expected


def test_parents_are_followed_and_a_missing_parent_is_null() -> None:
    records: list[dict[str, Any]] = [{"Id": "1", "Product2": {"Family": "Pumps"}}, {"Id": "2", "Product2": None}]

    assert rows_of_records(records, ["Id", "Product2.Family"]) == [["1", "Pumps"], ["2", None]]


def test_field_names_in_another_case_are_found() -> None:
    assert rows_of_records([{"Id": "1", "NPS__c": 9.0}], ["Id", "nps__c"]) == [["1", 9.0]]


def test_a_compound_field_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match="BillingAddress") as caught:
        leaf({"BillingAddress": {"city": "Recife"}}, "BillingAddress")
    assert "BillingCountry" in caught.value.fix


def test_clearing_a_flag_is_null_in_rest_and_a_marker_in_csv() -> None:
    assert flag_to_json(None) is None
    assert flag_to_csv(None) == "#N/A"


def test_flags_keep_their_types_there_and_back() -> None:
    moment = datetime(2025, 6, 2, 9, 30, tzinfo=UTC)

    assert flag_to_json(moment) == "2025-06-02T09:30:00Z"
    assert flag_from_json("evaluated_at", "2025-06-02T09:30:00.000+0000") == moment
    assert flag_from_json("since", flag_to_json(date(2025, 6, 2))) == date(2025, 6, 2)
    assert flag_from_json("score", 81) == 81.0
    assert flag_from_json("tier", None) is None


@pytest.mark.parametrize(
    ("given", "full"),
    [
        ("001A000010khO8J", "001A000010khO8JIAU"),
        ("001A000010khO8JIAU", "001A000010khO8JIAU"),
        ("001a000010kho8j", "001a000010kho8jAAA"),
        ("ana@acme.com", ""),
        ("001A000010khO8", ""),
        ("", ""),
    ],
)
def test_an_id_of_15_characters_equals_its_18(given: str, full: str) -> None:
    assert full_id(given) == full
