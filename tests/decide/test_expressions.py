"""What an expression may say, what it means in SQLite, and how a refusal reads (DECISIONS.md §3)."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamsync.decide.expressions import FUNCTIONS, compile_expression, names_in
from kamsync.decide.place import Expression, Place
from kamsync.errors import ConfigError
from kamsync.model import Kind

ROW: dict[str, object] = {
    "industry": "Energy", "employees": 7, "nps": None, "left": 1, "values": "x", "type": "Customer", "group": "g",
    "won_amount_12m": 100.0, "order": 3, "index": 2,
}  # fmt: skip
COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(("industry", "values", "type", "group"), "text"),
    **dict.fromkeys(("employees", "nps", "won_amount_12m", "order", "index"), "number"),
    "left": "boolean",
}


def value_of(text: str) -> object:
    """As an evaluation computes it: over one row of the facts."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA case_sensitive_like = ON")
        db.execute(f"CREATE TABLE facts ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in ROW)})")
        db.execute(f"INSERT INTO facts VALUES ({', '.join('?' * len(ROW))})", list(ROW.values()))
        return db.execute(f"SELECT {compile_expression(Expression(text), COLUMNS).sql} FROM facts").fetchone()[0]


def refusal(text: str, place: Place = Place()) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        compile_expression(Expression(text, place), COLUMNS)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("employees / 2", 3.5),
        ("employees / 2 / 2", 1.75),
        ("employees / (2 - 2)", None),
        ("1 / 0.0", None),
        ("employees / 1", 7.0),
        ("8 / (employees - 6) / (2 / index)", 8.0),
        ("(employees / 2) / (employees / 2)", 1.0),
        ("min (employees, 3)", 3),
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
        ("employees = 7 or nps = 1 and left", 1),
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


@pytest.mark.parametrize(
    ("text", "what", "caret_under"),
    [
        ("; nps", "statements and comments are not allowed", "^; nps"),
        ("employees ; nps -- x", "statements and comments are not allowed", "employees ^; nps -- x"),
        ("nps -- ; x", "statements and comments are not allowed", "nps ^-- ; x"),
        ("employees /* x", "statements and comments are not allowed", "employees ^/* x"),
        ("type = employees )", "Invalid expression / Unexpected token", "type = employees ^)"),
        ("(nps) ) left", "Invalid expression / Unexpected token", "(nps) ^) left"),
        ("employees +", "something is missing here", "employees ^+"),
        ("left = = 1", "something is missing here", "left = ^= 1"),
        ("", "it is not one expression", "^"),
        ("1 + [left]", "'left' stands alone, without brackets or dots", "1 + [^left]"),
        ("employees.nps", "'nps' stands alone, without brackets or dots", "employees.^nps"),
        ("[left nps]", "'left\" \"nps' is no fact", "^[left nps]"),
        ("nps + iif(left, 1)", "iif() takes 3 arguments", "nps + ^iif(left, 1)"),
        ("nps + MIN(left)", "min() takes 2 arguments or more", "nps + ^MIN(left)"),
        ("nps > length(left, 2)", "length() takes 1 argument", "nps > ^length(left, 2)"),
        ("foo(nps) > bar(1)", "unknown function 'foo'", "^foo(nps) > bar(1)"),
        ("nps > 'a' + \"zork\"", "unknown name 'zork'", "nps > 'a' + ^\"zork\""),
        ("nps || left", '\'"nps" || "left"\' is not allowed here', "^nps || left"),
        ("1 + current_date", "unknown name 'current_date'", "1 + ^current_date"),
        ("1 + 2 % 3", "'2 % 3' is not allowed here", "1 + ^2 % 3"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_the_caret_stands_under_it(text: str, what: str, caret_under: str) -> None:
    assert str(refusal(text)).splitlines() == [what, f"    {text}", "    " + " " * caret_under.index("^") + "^"]


@pytest.mark.parametrize(
    ("text", "line", "at"),
    [
        ("nps > 1\nand left = = 2\nor left", "and left = = 2", 11),
        ("nps > 1\n\n  and zork\n  or left", "  and zork", 6),
        ("left and\ntype = 1 )", "type = 1 )", 9),
        ("zork\nor left", "zork", 0),
    ],
)
def test_of_several_lines_the_one_with_the_mistake_is_shown(text: str, line: str, at: int) -> None:
    assert str(refusal(text)).splitlines()[1:] == [f"    {line}", "    " + " " * at + "^"]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("1" * 4001, "Split it into several criteria or rules."),
        ("(" * 101 + "1" + ")" * 101, "Split it into several criteria or rules."),
        ("nps; 1", "Write one expression over facts."),
        (" ", "Write one expression over facts."),
        ("nps +", "See docs/decisions.md for what an expression may say."),
        ("round(1, 2) + min(2)", "Mend the call."),
        ("iif(1, 2)", "Mend the call."),
        ("left.nps", "`kamsync facts` lists the names as they are written."),
        ("zork", "`kamsync facts` lists them; a field of your own must be mapped first."),
        ("industr", "Did you mean 'industry'? `kamsync facts` lists them; a field of your own must be mapped first."),
        ("1 % 2", "Functions: coalesce, nullif, iif, abs, round, min, max, lower, upper, trim, length, substr, has."),
        ("glob(1, 2)", "Functions: coalesce, nullif, iif, abs, round, min, max, lower, upper, trim, length, substr, has."),
    ],
)
def test_a_refusal_says_what_to_do(text: str, fix: str) -> None:
    assert refusal(text).fix == fix


def test_an_expression_may_be_4000_characters_long_and_100_levels_deep() -> None:
    assert value_of("1" + " " * 3999) == 1
    assert "longer than 4000 characters" in str(refusal("1" + " " * 4000))
    assert value_of("+".join("1" * 100)) == 100
    assert str(refusal("+".join("1" * 101))).splitlines() == ["it is nested too deeply", "    " + "+".join("1" * 101), "    ^"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("count", range(6))
def test_a_call_that_passes_is_one_that_sqlite_can_run(name: str, count: int) -> None:
    try:
        compile_expression(Expression(f"{name}({', '.join('12345'[:count])})"), COLUMNS)
    except ConfigError:
        return
    value_of(f"{name}({', '.join('12345'[:count])})")


def test_what_is_not_allowed_is_quoted_by_its_beginning() -> None:
    assert str(refusal(f"nps || '{'long ' * 20}'")).startswith(
        "'\"nps\" || \\'long long long long long long ' is not allowed here"
    )


def test_a_refusal_without_a_place_begins_with_what_is_wrong() -> None:
    assert str(refusal("zork")).startswith("unknown name 'zork'\n")
    assert str(refusal("zork", Place("c.toml", 3))).startswith("c.toml:3: unknown name 'zork'\n")


def test_a_comment_sign_inside_text_is_text_and_does_not_draw_the_caret() -> None:
    caret = str(refusal("industry = 'a;b' ; 1")).splitlines()[-1]
    assert caret.index("^") - 4 == 17


def test_the_columns_come_in_the_order_of_their_appearance() -> None:
    assert compile_expression(Expression("employees / nps + left + nps"), COLUMNS).columns == ("employees", "nps", "left")
    assert names_in("coalesce(employees, 'nps') + left") == ("employees", "left")
    assert names_in('"left" + LOWER (type) + left and 1e3') == ("left", "type")


@given(st.text(alphabet="abs()industry nps'\"[]`;-/*+.,:?@$0123456789=<>|&~%\n", max_size=60))
def test_no_text_passes_that_sqlite_would_not_read_as_a_scalar_over_the_facts(text: str) -> None:
    try:
        compiled = compile_expression(Expression(text), COLUMNS)
    except ConfigError:
        return
    assert set(compiled.columns) <= set(ROW)
    value_of(text)


@pytest.mark.parametrize(
    ("text", "caret_under"),
    [
        ("nps + left + nps )", "nps + left + nps ^)"),
        (")", "^)"),
        ("nps ; left ; nps", "nps ^; left ; nps"),
        ("min(1) + min(2)", "^min(1) + min(2)"),
        ("nps and zork or zork", "nps and ^zork or zork"),
    ],
)
def test_the_caret_stands_under_the_first_mistake(text: str, caret_under: str) -> None:
    assert str(refusal(text)).splitlines()[-1] == "    " + " " * caret_under.index("^") + "^"


def test_a_text_that_is_never_closed_is_refused() -> None:
    assert str(refusal("nps = '1")).splitlines() == ["it cannot be read", "    nps = '1", "    ^"]
