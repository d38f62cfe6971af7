"""`kamsync report`: the portfolio in pictures, one file that needs no network; or a file a chart or table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import Session, open_session
from kamsync.errors import ConfigError
from kamsync.files import write_private
from kamsync.glossary import LanguageName
from kamsync.report.csv_text import csv_text
from kamsync.report.overview.cells import Words, words_of
from kamsync.report.overview.overview import PERIOD_DAYS, Overview, make_overview
from kamsync.report.overview.tables import Table
from kamsync.report.page import Pictures, report_page
from kamsync.run.moments import today
from kamsync.run.overview import picturing, record_link, sources_of
from kamsync.store.evaluate import Evaluation

NEEDS_PICTURES = ConfigError("Pictures need libraries that are not installed.", fix="pip install 'kamsync[report]'")
Format = Literal["html", "png", "svg", "csv", "parquet"]
Link = Callable[[str], str]


def report(
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; a folder for the other formats. Without it, named by the day.", readable=False),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="One HTML file, or a file a chart (png, svg), a file a table (csv, parquet).")
    ] = "html",
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Show what changed since this day. Default: the last 90 days.")
    ] = None,
    language: Annotated[LanguageName | None, typer.Option(help="The report's language, instead of the programme's.")] = None,
    json: JsonOption = False,
) -> None:
    """Write the portfolio in pictures, as one file to send. It needs no network. Reads the cache only."""
    session = open_session(config)
    session.check_target(out)
    overview, link = _look(session, parse_day(since, "--since"))
    words = words_of(session.config.program, language)
    day = overview.sources.as_of.isoformat()
    if format == "html":
        target = out or Path(f"key-accounts-{day}.html")
        write_private(target, report_page(overview, words, _pictures(overview, words, link), link), "report")
        files = [target]
    else:
        files = _write_all(out or Path(f"key-accounts-{day}"), format, overview, words, link)
    if json:
        show_json(_as_json(overview, files))
        return
    for problem in overview.sources.problems:
        say(f"! {problem}")
    show(f"Wrote {files[0]}" if len(files) == 1 else f"Wrote {len(files)} files to {files[0].parent}")
    if format == "html":
        show("It opens in any browser, needs no network, and holds names of accounts: send it like any internal document.")


def _look(session: Session, since: date | None) -> tuple[Overview, Link]:
    """The overview of today, and how an account is opened in the CRM."""
    config = session.config
    day = today(config, datetime.now(UTC))
    first = since or day - timedelta(days=PERIOD_DAYS)
    if first > day:
        raise ConfigError(f"--since {first} is still to come.", fix="Give a day in the past.")
    with session.cache(must_exist=True) as cache, Evaluation(config.cache_path, picturing(config.compiled), day) as evaluation:
        found = sources_of(cache, config, evaluation, day, first)
        around = record_link(cache)
    return make_overview(found), partial(_address, around)


def _address(around: tuple[str, str] | None, account_id: str) -> str:
    return "" if around is None else f"{around[0]}{account_id}{around[1]}"


def _pictures(overview: Overview, words: Words, link: Link) -> Pictures | None:
    try:
        from kamsync.report.charts.gallery import pictures  # the extra `report`
    except ImportError:
        say(f"{NEEDS_PICTURES.message} The report has its tables only. To add them: {NEEDS_PICTURES.fix}", "yellow")
        return None
    return pictures(overview, words, link)


def _write_all(folder: Path, format: Format, overview: Overview, words: Words, link: Link) -> list[Path]:
    """One file a chart or table. Raises ConfigError where the folder cannot be made or a library is missing."""
    try:
        contents = list(_tables(format, overview) if format in ("csv", "parquet") else _charts(format, overview, words, link))
    except ImportError:
        if format == "parquet":
            raise ConfigError("Parquet needs a library that is not installed.", fix="pip install 'kamsync[parquet]'") from None
        raise NEEDS_PICTURES from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written = []
    for name, content in contents:
        path = folder / f"{name}.{format}"
        write_private(path, content, "report")
        written.append(path)
    return written


def _charts(format: Format, overview: Overview, words: Words, link: Link) -> Iterator[tuple[str, str | bytes]]:
    from kamsync.report.charts.formats import png_of, svg_of
    from kamsync.report.charts.gallery import specs
    from kamsync.report.charts.pictures import Canvas

    for name, spec in specs(Canvas(overview, words, link)):
        yield name, png_of(spec, words.language) if format == "png" else svg_of(spec, words.language)


def _tables(format: Format, overview: Overview) -> Iterator[tuple[str, str | bytes]]:
    if format == "csv":
        yield from ((name, _csv(table)) for name, table in overview.sections.items())
        return
    from kamsync.report.parquet import parquet_bytes

    yield from ((name, parquet_bytes(table)) for name, table in overview.sections.items())


def _csv(table: Table) -> str:
    return csv_text([column.name for column in table.columns], table.rows)


def _as_json(overview: Overview, files: list[Path]) -> dict[str, object]:
    sources = overview.sources
    return {
        "version": 1,
        "as_of": sources.as_of,
        "since": sources.since,
        "files": [str(path) for path in files],
        "headlines": {one.name: one.value for one in overview.headlines},
        "sections": {name: len(table.rows) for name, table in overview.sections.items()},
        "problems": list(sources.problems),
    }
