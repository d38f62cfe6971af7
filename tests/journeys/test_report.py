"""`kamsync report` as an admin types it: one file that needs nothing, or each chart and table as a file."""

from __future__ import annotations

import csv
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Desk, desks

MOST_BYTES = 5_000_000
EVIL = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A CRM of 60 accounts with its first tiers written, one account with a hostile name."""
    with desks(tmp_path_factory.mktemp("report")) as open_desk:
        made = open_desk("salesforce")
        made.begin("setup", "apply --yes")
        with sqlite3.connect(made.folder / "kamsync.db") as cache:
            cache.execute(
                "UPDATE accounts SET name = ? WHERE id = (SELECT min(id) FROM accounts WHERE flag_tier IS NOT NULL)", (EVIL,)
            )
        yield made


class Seen(HTMLParser):
    """What a browser would fetch or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.fetched += [str(found[name]) for name in ("src", "srcset", "data") if name in found]
        if tag == "link":
            self.fetched.append(str(found.get("href")))
        if tag == "script":
            self.scripts.append(found)
        if tag == "section":
            self.ids.append(str(found.get("id")))


@pytest.fixture(scope="module")
def report(desk: Desk) -> tuple[Path, Any]:
    """The file, in another language than the programme's, and what `--json` said of it."""
    return desk.folder / "r.html", desk.good("report", "--out", "r.html", "--language", "pt_BR", "--json").json


def test_one_file_shows_everything_and_needs_no_network(report: tuple[Path, Any]) -> None:
    file, said = report
    text = file.read_text(encoding="utf-8")
    seen = Seen(text)
    assert len(text.encode()) < MOST_BYTES
    assert seen.fetched == []
    assert "default-src 'none'" in text and "unsafe-eval" not in text
    assert {"matrix", "moves", "over_time", "achievements", "coverage", "overrides"} <= set(seen.ids)
    assert text.count("<svg") >= 8  # drawn without a script, for paper and for readers without one
    assert said["headlines"]["key_accounts"] > 0 and said["files"] == ["r.html"]


def test_a_name_out_of_the_crm_stays_a_name(report: tuple[Path, Any]) -> None:
    text = report[0].read_text(encoding="utf-8")
    assert EVIL not in text and "alert(1)" in text
    assert all(one.get("type") in (None, "application/json") for one in Seen(text).scripts)


def test_the_report_is_read_by_its_owner_only(report: tuple[Path, Any]) -> None:
    assert report[0].stat().st_mode & 0o077 == 0


def test_the_script_that_shows_its_charts_is_kept_for_the_next(report: tuple[Path, Any]) -> None:
    text = report[0].read_text(encoding="utf-8").replace("<\\/script", "</script").replace("<\\!--", "<!--")
    kept = (Path(os.environ["XDG_CACHE_HOME"]) / "kamsync").glob("charts.js-*")
    assert any(one.read_text(encoding="utf-8").partition("\n")[2] in text for one in kept)


def test_it_speaks_the_language_that_is_asked_for(report: tuple[Path, Any]) -> None:
    text = report[0].read_text(encoding="utf-8")
    assert 'lang="pt-BR"' in text and "Relatório de contas-chave" in text


def test_each_table_is_a_csv_file_with_every_account(desk: Desk) -> None:
    desk.good("report", "--format", "csv", "--out", "tables")
    with (desk.folder / "tables" / "matrix.csv").open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert {"account", "account_id", "tier", "attractiveness", "revenue"} <= set(found[0])
    shown = desk.look("accounts", "--all", "--json").json
    assert {row["account_id"] for row in found} == {one["id"] for one in shown if one["segment"]}


def test_each_table_is_a_parquet_file_with_typed_columns(desk: Desk) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    desk.good("report", "--format", "parquet", "--out", "typed")
    found = parquet.read_table(desk.folder / "typed" / "revenue_by_tier.parquet")
    assert [str(kind) for kind in found.schema.types] == ["string", "int64", "double", "double", "double"]


@pytest.mark.parametrize(("format", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_each_chart_is_a_picture_of_its_own(desk: Desk, format: str, begins: bytes) -> None:
    desk.good("report", "--format", format, "--out", format)
    found = sorted((desk.folder / format).iterdir())
    assert {"matrix", "health_by_tier", "load"} <= {path.stem for path in found}
    assert all(path.read_bytes().startswith(begins) for path in found)


def test_changes_are_shown_since_the_day_that_is_asked_for(desk: Desk) -> None:
    told = desk.good("report", "--format", "csv", "--out", "since", "--since", "2020-01-31", "--json")
    assert told.json["since"] == "2020-01-31"
    late = desk.run("report", "--since", "2999-01-01")
    assert late.code == 2 and "still to come" in late.err


@pytest.mark.parametrize(
    ("format", "library", "extra"),
    [("png", "altair", "report"), ("svg", "vl_convert", "report"), ("parquet", "pyarrow", "parquet")],
)
def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    desk: Desk, tmp_path: Path, format: str, library: str, extra: str
) -> None:
    said = without(library, tmp_path, desk, "report", "--format", format, "--out", "none")
    assert said.returncode == 2 and f"pip install 'kamsync[{extra}]'" in said.stderr


def test_without_the_libraries_for_pictures_the_tables_are_there(desk: Desk, tmp_path: Path) -> None:
    said = without("altair", tmp_path, desk, "report", "--out", "plain.html", "--language", "es")
    text = (desk.folder / "plain.html").read_text(encoding="utf-8")
    assert said.returncode == 0 and "kamsync[report]" in said.stderr
    assert 'lang="es"' in text and "Informe de cuentas clave" in text
    assert "<svg" not in text and re.search(r"<td>.*</td>", text)


def without(library: str, folder: Path, desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where that library is not installed."""
    (folder / f"{library}.py").write_text("raise ImportError\n")
    environment = {**os.environ, **desk.environment, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "kamsync", *arguments]
    return subprocess.run(command, cwd=desk.folder, env=environment, capture_output=True, text=True, timeout=120)
