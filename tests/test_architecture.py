"""The arrows of the design, as far as import-linter cannot see them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = [ROOT / "kamsync", ROOT / "connectors"]
RUNS_SQL = {"execute", "executemany", "executescript"}
BROAD_EXCEPTS_ALLOWED = {"kamsync/cli/__init__.py", "kamsync/cli/main.py", "kamsync/run/daemon.py"}


def _modules(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


@cache
def _nodes(module: Path) -> tuple[ast.AST, ...]:
    """Every node of a file: each is parsed and walked once for all tests."""
    return tuple(ast.walk(_tree(module)))


@cache
def _calls(module: Path) -> frozenset[str]:
    return frozenset(ast.unparse(node.func) for node in _nodes(module) if isinstance(node, ast.Call))


def test_import_rules_hold() -> None:
    """Runs import-linter, so that `pytest` alone finds a broken arrow too."""
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_below_the_command_line_loads_a_part_of_it_by_its_name() -> None:
    """An arrow that no import shows: whoever has its modules loaded beforehand is told which."""
    for module in _modules(ROOT / "kamsync"):
        if "cli" not in module.parts:
            assert not [text for text in _texts(module) if text.startswith("kamsync.cli")], module


@pytest.mark.parametrize("clock", ["datetime.now", "date.today", "datetime.utcnow", "time.time", "random.random"])
def test_decisions_have_no_clock_and_no_dice(clock: str) -> None:
    for module in _modules(ROOT / "kamsync" / "decide"):
        assert clock not in _calls(module), module


def test_broad_excepts_stand_only_where_errors_are_shown_or_the_night_is_survived() -> None:
    found = set()
    for module in _modules(*SHIPPED):
        for node in _nodes(module):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.unparse(node.type) if node.type else "everything"
            if caught in {"everything", "Exception", "BaseException"} and not _reraises(node):
                found.add(str(module.relative_to(ROOT)))
    assert found <= BROAD_EXCEPTS_ALLOWED


def _reraises(handler: ast.ExceptHandler) -> bool:
    """A handler that cleans up and raises again hides nothing."""
    return isinstance(handler.body[-1], ast.Raise)


def test_only_the_command_line_prints() -> None:
    for module in _modules(*SHIPPED):
        if "cli" in module.parts:
            continue
        assert "print" not in _calls(module), module


def test_only_the_store_runs_sql() -> None:
    """The embedded Salesforce keeps its records in a database of its own, which is the CRM's business and not the cache.

    So does a fleet: what its workers have in common is in PostgreSQL, and one folder knows how.
    """
    for module in _modules(*SHIPPED):
        if "store" in module.parts or "sandbox" in module.parts or module.parent == ROOT / "kamsync" / "fleet" / "tables":
            continue
        assert not {call.rpartition(".")[2] for call in _calls(module) if "." in call} & RUNS_SQL, module
        assert not {"sqlite3", "sqlite_utils"} & _imported(module), module
        assert not [text for text in _texts(module) if text.lstrip().startswith(("INSERT ", "UPDATE ", "DELETE FROM "))], module


def _imported(module: Path) -> set[str]:
    """The first names of what is imported, at the top, inside a function or for types."""
    found = set()
    for node in _nodes(module):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _texts(module: Path) -> Iterator[str]:
    for node in _nodes(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_only_the_store_knows_what_a_write_makes_stale() -> None:
    for module in _modules(*SHIPPED):
        if "store" not in module.parts:
            assert not {call for call in _calls(module) if call.endswith(".outdate")}, module


def test_a_fact_about_the_whole_cache_has_one_name() -> None:
    """Its key stands in store.schema alone, so that a slip of the keyboard asks for nothing that nobody ever notes."""
    keys = re.compile(r"\bmeta\b.*\bname\b = '")
    for module in _modules(ROOT / "kamsync" / "store"):
        assert not keys.search(" ".join(_texts(module))), module


def test_a_write_of_the_store_names_its_columns() -> None:
    """A positional INSERT puts values into the wrong columns when one is added. A pair, and one connection's table, are safe."""
    positional = re.compile(r"INSERT (?:OR \w+ )?INTO (?!temp\.)\S+ (?:SELECT|VALUES \(\?, \?, \?)")
    for module in _modules(ROOT / "kamsync"):
        assert not positional.search(" ".join(_texts(module))), module


# Nouns in their own right, or the design's own names for an activity.
NAMED_AS_NOUNS = {"checking", "explaining", "mapping", "planning", "printing", "scoring", "seed", "tracing"}
NAMED_AS_STATES = {"compiled", "shipped"}  # the programme compiled, the files shipped: what the design calls them


def test_a_file_is_named_after_what_it_holds_and_not_by_a_participle() -> None:
    participle = re.compile(r"(?:ing|ed|found|shown|kept|held|wanted|made)$")
    found = {module.stem for module in _modules(*SHIPPED) if participle.search(module.stem)}

    assert found <= NAMED_AS_NOUNS | NAMED_AS_STATES


def test_what_one_crm_calls_a_thing_names_nothing_in_the_core() -> None:
    """An account is no company here, and an opportunity no deal: those words stay in the HubSpot connector, and in samples."""
    vendors = re.compile(r"(?:^|_)(?:company|companies|deals?|engagements?)(?:_|$)")
    named = [
        f"{module.relative_to(ROOT)}:{node.lineno} {node.name}"
        for module in _modules(ROOT / "kamsync")
        if not {"sandbox", "testing", "sandboxes.py"} & set(module.parts)
        for node in _nodes(module)
        if isinstance(node, Defined) and vendors.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name).lower())
    ]

    assert not named


def test_whatever_is_public_says_what_it_is() -> None:
    """A class, function or method without a docstring fails here, but for what a protocol or a base class says already."""
    modules = list(_modules(*SHIPPED))
    said = {name for module in modules for name in _said_by_bases(module)}
    mute = [
        f"{module.relative_to(ROOT)}:{node.lineno} {node.name}"
        for module in modules
        for node, owner in _public(_tree(module))
        if not ast.get_docstring(node) and not node.name.startswith("test_") and not (owner and node.name in said)
    ]

    assert not mute, "no docstring: " + ", ".join(mute)


def test_whatever_raises_an_error_of_ours_itself_says_which() -> None:
    """By the error's own name, or that of one it is a kind of. A command's docstring is its help, and says none."""
    families = _error_families()
    silent = [
        f"{module.relative_to(ROOT)}:{node.lineno} {node.name}: {error}"
        for module in _modules(*SHIPPED)
        if "commands" not in module.parts
        for node, _ in _public(_tree(module))
        if not isinstance(node, ast.ClassDef) and not node.name.startswith("test_")
        for error in sorted(_raised(node) & families.keys())
        if not any(name in (ast.get_docstring(node) or error) for name in families[error])
    ]

    assert not silent, "; ".join(silent)


def _error_families() -> dict[str, set[str]]:
    """Each error with those that it is a kind of, and what a sandbox answers with."""
    tree = _tree(ROOT / "kamsync" / "errors.py")
    families: dict[str, set[str]] = {"ApiProblem": {"ApiProblem"}, "Refusal": {"Refusal"}}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            above = [families[base] for base in map(ast.unparse, node.bases) if base in families]
            families[node.name] = {node.name}.union(*above)
    return families


def _raised(node: ast.AST) -> set[str]:
    """The names of what the function's own body raises, without functions inside it."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
            found.add(ast.unparse(child.exc.func))
        found |= _raised(child)
    return found


Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[Defined, ast.ClassDef | None]]:
    """What has a public name, in modules and public classes, with the class that it is a method of."""
    for node in tree.body:
        if isinstance(node, Defined) and not node.name.startswith("_"):
            yield node, tree if isinstance(tree, ast.ClassDef) else None
            if isinstance(node, ast.ClassDef):
                yield from _public(node)


def _said_by_bases(module: Path) -> Iterator[str]:
    """Methods that a protocol or an abstract class documents for all who have them."""
    for node in _nodes(module):
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & {"Protocol", "ABC"}:
            yield from (one.name for one in node.body if isinstance(one, ast.FunctionDef) and ast.get_docstring(one))


def _recipes() -> dict[str, set[str]]:
    """What a new thing touches, by its name, as CONTRIBUTING.md says it; the last column counts the files."""
    table = (
        (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("| a new | touches | files |")[2].partition("\n\n")[0]
    )
    rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    found = {name.strip(): set(re.findall(r"`([\w./]+)`", touched)) for name, touched, _ in rows}
    assert {name.strip(): int(count) for name, _, count in rows} == {name: len(paths) for name, paths in found.items()}
    return found


# Issue 8: how many files a new thing may touch beside its tests and documentation.
MOST_TOUCHED = {"fact": 1, "scale": 2, "flag": 5, "stream": 12, "command": 1}


def test_a_new_thing_touches_few_files_and_its_recipe_names_them() -> None:
    recipes = _recipes()
    assert recipes.keys() == MOST_TOUCHED.keys()
    for thing, paths in recipes.items():
        assert len(paths) <= MOST_TOUCHED[thing], thing
        assert all((ROOT / path).exists() for path in paths), thing


def test_a_stream_is_named_where_its_recipe_says_and_nowhere_else() -> None:
    """Line items stand for every stream that is the records of one object; the contract suite is the tests of a connector."""
    shipped = [module for module in _modules(*SHIPPED) if "kamsync/testing" not in module.as_posix()]
    named = {module.relative_to(ROOT).as_posix() for module in shipped if "Stream.LINE_ITEMS" in module.read_text("utf-8")}
    assert named and named <= _recipes()["stream"]
