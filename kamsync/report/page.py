"""The overview as one HTML file: no network, no script that is not hashed, every text of the CRM escaped. Pure.

Pictures come as SVG, so that the file shows and prints without a script too, and as specifications, from which the script in the
file makes them answer to a pointer. Where the libraries for pictures are missing the tables alone stand there.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kamsync.look import style_sheet
from kamsync.printable import one_line
from kamsync.report.overview.cells import Words
from kamsync.report.overview.overview import Overview
from kamsync.report.overview.tables import FEW_ROWS, MOST_ROWS, Note, Table

NUMERIC = ("money", "share", "score", "count", "days", "figure")


@dataclass(frozen=True, slots=True)
class Picture:
    """One chart: Vega-Lite, and the same drawn."""

    spec: Mapping[str, Any]
    svg: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """All charts by section, with the script that shows them and how it writes numbers."""

    by_section: Mapping[str, Picture]
    bundle: str
    locales: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Section:
    table: Table
    svg: str
    spec: str


def environment() -> Environment:
    """Jinja2 for pages that show tables: everything is escaped, a missing name is an error."""
    made = Environment(
        loader=PackageLoader("kamsync.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["line"] = lambda value: one_line(str(value))
    made.globals.update(numeric=NUMERIC, most_rows=MOST_ROWS, few_rows=FEW_ROWS, more=lambda count: Note("more_rows", (count,)))
    return made


def charts_script() -> str:
    """The script that puts living pictures in place of still ones."""
    return (files("kamsync.report") / "templates" / "charts.js").read_text(encoding="utf-8")


def report_page(overview: Overview, words: Words, pictures: Pictures | None, link: Callable[[str], str]) -> str:
    """The whole file as text. `link`: an account's address in the CRM, "" where none is known."""
    drawn = {} if pictures is None else pictures.by_section
    bundle, script = (pictures.bundle, charts_script()) if pictures is not None else ("", "")
    sections = [
        _Section(table, drawn[name].svg if name in drawn else "", embedded(drawn[name].spec) if name in drawn else "")
        for name, table in overview.sections.items()
    ]
    sources = overview.sources
    as_of = words.say("as_of").format(words.cell(sources.as_of, "date"), words.cell(sources.since, "date"))
    return (
        environment()
        .get_template("report.html")
        .render(
            overview=overview, sources=sources, words=words, sections=sections, as_of=as_of, link=link, style=style_sheet(),
            bundle=_inside_script(bundle), script=_inside_script(script),
            options=embedded(pictures.locales if pictures is not None else {}),
            hashes=" ".join(f"'sha256-{_digest(_inside_script(text))}'" for text in (bundle, script) if text) or "'none'",
        )
    )  # fmt: skip


def embedded(value: Mapping[str, Any]) -> str:
    """JSON for a script element that nothing runs: no text in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _inside_script(text: str) -> str:
    """A library's own text may name the tag that would end it (inside a string, where `<\\/` says the same)."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
