"""docs/promises.md names for each promise of the documentation the tests that hold it: both are where it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
GUIDE = "docs/for-key-account-managers"
# Every point of this list is a promise.
LIST = "## Why not a spreadsheet, a formula field or a workflow"


@dataclass(frozen=True)
class Promise:
    """One sentence in one document."""

    document: str
    sentence: str
    tests: tuple[str, ...]


def promises() -> Iterator[Promise]:
    for section in PROMISES.split("\n## ")[1:]:
        title, *lines = section.splitlines()
        first, *endings = title.split(", ")
        documents = [first, *(f"{GUIDE}{ending}" for ending in endings)]
        for line in lines:
            if line.startswith("| ") and not line.startswith(("| ---", "| promise", "| English")):
                *sentences, held = (cell.strip() for cell in line.strip("|").split(" | "))
                tests = tuple(re.findall(r"`([^`]+)`", held))
                yield from (Promise(document, one, tests) for document, one in zip(documents, sentences, strict=True))


@cache
def words_of(document: str) -> str:
    """As it reads, wherever its lines end."""
    return " ".join((ROOT / document).read_text(encoding="utf-8").split())


@cache
def names_in(path: Path) -> frozenset[str]:
    """Functions of a test module, and names that it gives to test cases."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


@pytest.mark.parametrize("promise", tuple(promises()), ids=lambda promise: f"{promise.document}: {promise.sentence}"[:90])
def test_a_promise_stands_where_it_is_quoted_from_and_its_tests_exist(promise: Promise) -> None:
    assert promise.sentence in words_of(promise.document)
    assert promise.tests, "no test holds it"
    for test in promise.tests:
        file, name = test.split("::")
        path = ROOT / "tests" / file
        assert path.is_file() and name.startswith(("test_", "Test")) and name in names_in(path), f"there is no test {test}"


def test_every_point_of_what_the_readme_promises_has_a_test() -> None:
    points = (ROOT / "README.md").read_text(encoding="utf-8").split(LIST)[1].split("\n## ")[0].split("\n- ")[1:]
    quoted = [promise.sentence for promise in promises() if promise.document == "README.md"]
    assert points and [point for point in points if not any(one in " ".join(point.split()) for one in quoted)] == []
