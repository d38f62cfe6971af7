"""Whatever text of the CRM stands in the Markdown of an account plan, a Markdown reader shows that text and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kamsync.report.account_plan.documents import escaped

READER = MarkdownIt("commonmark").enable("table")
MARKUP = st.text(alphabet="#*_-+=[]()<>!`~|&.:;@$\\{}^/'\" 1ax\t", max_size=12)


def shown_in_a_list(text: str) -> str:
    """What a reader shows of `- text`; fails where it is more than a line of text."""
    tokens = READER.parse(f"- {escaped(text)}\n")
    expected = ["bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    assert [token.type for token in tokens] == [*expected, "bullet_list_close"], escaped(text)
    return plain(tokens[3].children)


def shown_in_a_table(text: str) -> str:
    tokens = READER.parse(f"| a | b |\n| --- | --- |\n| {escaped(text)} | x |\n")
    cells = [plain(token.children) for token in tokens if token.type == "inline"]
    assert (len(cells), cells[3]) == (4, "x"), escaped(text)
    return cells[2]


def plain(children: object) -> str:
    assert isinstance(children, list) and {token.type for token in children} <= {"text"}, children
    return "".join(token.content for token in children)


@given(MARKUP.filter(str.strip))
def test_no_text_marks_anything_up(text: str) -> None:
    said = " ".join(text.split())
    assert " ".join(shown_in_a_list(text).split()) == " ".join(shown_in_a_table(text).split()) == said


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("score 76 (A from 45): Customer value EUR 571K, +9 %", "score 76 (A from 45): Customer value EUR 571K, +9 %"),
        ("Harbour S.A. de C.V. & Co. – 1.523 employees!", r"Harbour S.A. de C.V. \& Co. – 1.523 employees!"),
        ("see www.bad.example, http://bad.example", r"see www\.bad\.example, http\://bad\.example"),
        ("mail a@bad.example :tada:", r"mail a\@bad\.example \:tada:"),
    ],
)
def test_what_marks_nothing_up_stays_as_people_write_it(text: str, written: str) -> None:
    assert escaped(text) == written
