"""What an expression may say, what it means in SQLite, and how a refusal reads (DECISIONS.md §3)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.expressions import compile_expression, names_in
from kamsync.decide.program import Expression, Place
from kamsync.errors import ConfigError

ROW: dict[str, object] = {
    "industry": "Energy", "employees": 7, "nps": None, "left": 1, "values": "x", "type": "Customer", "group": "g",
    "won_amount_12m": 100.0, "order": 3, "index": 2,
}  # fmt: skip


def value_of(text: str) -> object:
    """As an evaluation computes it: over one row of the facts."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA case_sensitive_like = ON")
        db.execute(f"CREATE TABLE facts ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in ROW)})")
        db.execute(f"INSERT INTO facts VALUES ({', '.join('?' * len(ROW))})", list(ROW.values()))
        return db.execute(f"SELECT {compile_expression(Expression(text), ROW).sql} FROM facts").fetchone()[0]


def refusal(text: str, place: Place = Place()) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compile_expression(Expression(text, place), ROW)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("employees / 2", 3.5),
        ("employees / 2 / 2", 1.75),
        ("employees / (2 - 2)", None),
        ("1 / 0.0", None),
        ("-employees / 2", -3.5),
        ("employees + 1 * 2", 9),
        ("nps / 2", None),
        ("industry like 'E%'", 1),
        ("industry like 'e%'", 0),
        ("industry not like 'e%'", 1),
        ("industry = 'energy'", 0),
        ("industry in ('Energy', 'Retail')", 1),
        ("employees not in (1, 2)", 1),
        ("employees between 7 and 8", 1),
        ("nps is null and not left = 0", 1),
        ("nps is not null", 0),
        ("case when employees > 5 then 'big' else 'small' end", "big"),
        ("case industry when 'Energy' then 1 end", 1),
        ("coalesce(nps, employees)", 7),
        ("nullif(employees, 7)", None),
        ("iif(employees > 5, 1, 2)", 1),
        ("abs(-employees)", 7),
        ("round(employees / 3, 2)", 2.33),
        ("min(employees, 3) + max(employees, 3, 9)", 12),
        ("lower(industry) = 'energy' and upper(type) = 'CUSTOMER'", 1),
        ("trim('  a ')", "a"),
        ("trim('xax', 'x')", "a"),
        ("length(industry)", 6),
        ("substr(industry, 2, 3)", "ner"),
        ("substr(industry, 5)", "gy"),
        ("left and \"order\" = 3 and \"values\" = 'x' and type = 'Customer'", 1),
        ("group = 'g' and index = 2", 1),
        ("'it''s; -- /* fine */'", "it's; -- /* fine */"),
        ("true", 1),
        ("employees = 7 or nps = 1 and 1 = 0", 1),
        ("1e3 + .5", 1000.5),
    ],
)
def test_an_expression_means_this(text: str, value: object) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "(select 1)",
        "employees in (select 1)",
        "exists(select 1)",
        "employees; drop table accounts",
        "employees -- a comment",
        "employees /* a comment */",
        "attach 'x' as y",
        "pragma_table_info('accounts')",
        "load_extension('x')",
        "readfile('x')",
        "random()",
        "current_date",
        "count(*)",
        "sum(employees)",
        "min(employees)",
        "max(employees) over ()",
        "cast(employees as text)",
        "employees || 'x'",
        "employees % 2",
        "employees & 1",
        "industry glob 'E*'",
        "industry collate nocase = 'energy'",
        "industry like 'E' escape 'x'",
        "employees as x",
        "employees nps",
        "employees, nps",
        "(employees, nps)",
        "(employees, nps) = (1, 2)",
        "*",
        "[industry]",
        "`industry`",
        "industry.nps",
        '"temp"."facts"',
        ":as_of",
        "?1",
        "@employees",
        "$employees",
        "x'41'",
        "0x1F",
        "employees::text",
        "Industry",
        "iif(employees)",
        "iif(employees, 1)",
        "abs(1, 2)",
        "round()",
        "employees +",
        "(employees",
        "employees)",
        "'open",
        "",
        "   ",
        "1" * 5000,
        "(" * 1500 + "1" + ")" * 1500,
        "+".join("1" * 1500),
        "not " * 900 + "1",
    ],
)
def test_anything_else_is_refused_with_a_fix(text: str) -> None:
    assert refusal(text).fix


def test_a_refusal_names_the_place_the_word_and_the_nearest_name() -> None:
    error = refusal("employees > 5\n  and won_amount_12 > 3", Place("criteria.toml", 12, "rules.0.when"))
    assert str(error).splitlines() == [
        "criteria.toml:12 (rules.0.when): unknown name 'won_amount_12'",
        "      and won_amount_12 > 3",
        "          ^",
    ]
    assert "'won_amount_12m'" in error.fix


def test_a_function_that_is_nearly_known_is_suggested() -> None:
    error = refusal("employees + coalesc(nps, 1)")
    assert str(error).splitlines()[-1].index("^") - 4 == "employees + coalesc".index("coalesc")
    assert "'coalesce'" in error.fix


@pytest.mark.parametrize(("text", "at"), [("employees ; nps", 10), ("nps -- ; x", 4), ("type = employees )", 17), ("[left]", 1)])
def test_the_caret_stands_under_the_mistake(text: str, at: int) -> None:
    shown, caret = str(refusal(text)).splitlines()[-2:]
    assert shown.strip() == text
    assert abs(caret.index("^") - 4 - at) <= 1


def test_a_comment_sign_inside_text_is_text_and_does_not_draw_the_caret() -> None:
    caret = str(refusal("industry = 'a;b' ; 1")).splitlines()[-1]
    assert caret.index("^") - 4 == 17


def test_the_columns_come_in_the_order_of_their_appearance() -> None:
    assert compile_expression(Expression("employees / nps + left + nps"), ROW).columns == ("employees", "nps", "left")
    assert names_in("coalesce(employees, 'nps') + left") == ("employees", "left")


@given(st.text(alphabet="abs()industry nps'\"[]`;-/*+.,:?@$0123456789=<>|&~%\n", max_size=60))
def test_no_text_passes_that_sqlite_would_not_read_as_a_scalar_over_the_facts(text: str) -> None:
    try:
        compiled = compile_expression(Expression(text), ROW)
    except ConfigError:
        return
    assert set(compiled.columns) <= set(ROW)
    value_of(text)
