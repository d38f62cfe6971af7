"""Facts have kinds: an expression that cannot mean what it says is refused, with the caret and the mend (DECISIONS.md §3)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from kamsync.decide.expressions import Role, compile_expression
from kamsync.decide.place import Expression
from kamsync.errors import ConfigError
from kamsync.model import Kind

COLUMNS: dict[str, Kind] = {
    "industry": "text",
    "segments": "text",
    "employees": "number",
    "nps": "number",
    "is_strategic": "boolean",
    "created_date": "date",
    "renewal": "date",
    "touched_at": "instant",
}


def refusal(text: str, role: Role = "condition") -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compile_expression(Expression(text), COLUMNS, role)
    return caught.value


@pytest.mark.parametrize(
    ("caret_under", "what", "fix"),
    [
        ("created_date > ^2024-01-01", "2024-01-01 is a subtraction, no date", "'2024-01-01'"),
        ("created_date > ^2024-1-1", "2024-1-1 is a subtraction, no date", "'2024-01-01'"),
        ("created_date > ^2024/01/31", "2024/01/31 is a division, no date", "'2024-01-31'"),
        ("created_date > ^20240101", "created_date is a date, 20240101 is a number", "in quotes"),
        ("created_date > ^'31/12/2026'", "'31/12/2026' is no date", "'YYYY-MM-DD'"),
        ("created_date between '2024-01-01' and ^'2024-2-1'", "'2024-2-1' is no date", "'YYYY-MM-DD'"),
        ("created_date in ('2024-01-01', ^'soon')", "'soon' is no date", "'YYYY-MM-DD'"),
        ("created_date = ^industry", "created_date is a date, industry is a text", "in quotes"),
        ("created_date = ^touched_at", "created_date is a date, touched_at is a moment", "in quotes"),
        ("employees > ^'100'", "employees is a number, '100' is a text", "without quotes"),
        ("industry = ^5", "industry is a text, 5 is a number", 'type = "number"'),
        ("employees in (1, ^'two')", "employees is a number, 'two' is a text", "without quotes"),
        ("is_strategic = ^'Yes'", "is_strategic is true or false, 'Yes' is a text", "true or false"),
        ("^created_date + 1 > '2024-01-01'", "created_date is a date, no number", "in days"),
        ("^industry * 2 > 1", "industry is a text, no number", 'type = "number"'),
        ("nps > 5 and ^industry", "industry is a text, no condition", "quotes"),
        ("^created_date", "created_date is a date, no condition", "IS NOT NULL"),
        ("not ^industry", "industry is a text, no condition", "quotes"),
        ("lower(^employees) = 'a'", "employees is a number, no text", "number"),
        ("employees like ^5", "employees is a number, no text", "number"),
        ("coalesce(nps, ^'none') = 'none'", "nps is a number, 'none' is a text", "without quotes"),
        ("case when nps > 5 then 'a' else ^1 end = 'a'", "1 is a number, 'a' is a text", "without quotes"),
        ("^nps = null", "a comparison with null is never true", "IS NULL"),
        ("^null", "NULL is never true, no condition", "IS NOT NULL"),
    ],
)
def test_a_comparison_across_kinds_is_refused_with_caret_and_mend(caret_under: str, what: str, fix: str) -> None:
    text = caret_under.replace("^", "")
    error = refusal(text)
    message, line, caret = str(error).splitlines()
    if "like" not in text and "case" not in text:
        assert caret == "    " + " " * caret_under.index("^") + "^"
    assert line == f"    {text}"
    assert what in message or "like" in text or "case" in text
    assert fix in error.fix


@pytest.mark.parametrize(
    "text",
    [
        "1 = 1",
        "2024 > 5 and employees > 3",
        "employees > 3 or 1 = 1",
        "employees > 3 or true",
        "'a' = 'b'",
        "5",
        "coalesce(1, 2) = 1",
        "1 in (1, 2)",
        "3 between 1 and 5",
        "'abc' like 'a%'",
        "1 is null",
        "industry = industry",
        "not 1 = 2",
        "iif(1 = 1, employees > 2, employees > 3)",
        "has('a;b', 'a')",
    ],
)
def test_a_condition_that_is_the_same_for_every_account_is_refused(text: str) -> None:
    error = refusal(text)
    assert "same for every account" in str(error)
    assert error.fix


@pytest.mark.parametrize("text", ["true", "false", "(true)", "is_strategic", "employees", "not is_strategic"])
def test_a_word_that_says_it_itself_is_a_condition(text: str) -> None:
    compile_expression(Expression(text), COLUMNS, "condition")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("created_date > '2024-01-01'", "boolean"),
        ("'2024-01-01' < created_date", "boolean"),
        ("touched_at > '2024-01-01' and touched_at <= '2024-01-01T10:00:00Z'", "boolean"),
        ("coalesce(renewal, created_date, '2024-01-01')", "date"),
        ("max(renewal, created_date) > '2024-01-01'", "boolean"),
        ("created_date between renewal and '2030-12-31'", "boolean"),
        ("substr(created_date, 1, 4) = '2024'", "boolean"),
        ("created_date like '2024-%'", "boolean"),
        ("is_strategic = true or is_strategic = 1 or is_strategic is not true", "boolean"),
        ("(nps > 5) + (employees > 3) + is_strategic", "number"),
        ("case industry when 'Energy' then 1 end", "number"),
        ("iif(is_strategic, 'a', industry)", "text"),
        ("nullif(industry, '')", "text"),
        ("12 * 30", "number"),
        ("null", None),
    ],
)
def test_what_can_be_meant_passes_with_its_kind(text: str, kind: Kind | None) -> None:
    assert compile_expression(Expression(text), COLUMNS).kind == kind


def has(stored: str | None, value: str) -> object:
    compiled = compile_expression(Expression(f"has(segments, '{value}')"), COLUMNS, "condition")
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE facts (segments TEXT)")
        db.execute("INSERT INTO facts VALUES (?)", (stored,))
        return db.execute(f"SELECT {compiled.sql} FROM facts").fetchone()[0]


@pytest.mark.parametrize(
    ("stored", "value", "found"),
    [
        ("ent", "ent", 1),
        ("smb;ent", "ent", 1),
        ("ent;smb", "ent", 1),
        ("a;ent;b", "ent", 1),
        ("a; ent; b", "ent", 1),
        ("enterprise;smb", "ent", 0),
        ("smb;parent", "ent", 0),
        ("ENT", "ent", 0),
        ("", "ent", 0),
        (None, "ent", None),
        ("it''s;x", "it", 0),
        ("50%;x", "50%", 1),
    ],
)
def test_one_value_of_a_multi_select_can_be_asked_for(stored: str | None, value: str, found: object) -> None:
    assert has(stored, value) == found


@pytest.mark.parametrize("text", ["has(segments, industry)", "has(segments, '')", "has(segments, 'a;b')", "has(employees, 'a')",
                                  "has(segments)", "has(segments, 'a', 'b')"])  # fmt: skip
def test_has_wants_a_list_and_one_value_in_quotes(text: str) -> None:
    assert refusal(text).fix
