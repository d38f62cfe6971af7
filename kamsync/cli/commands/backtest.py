"""`kamsync backtest`: criteria on past days, as those days were known then, beside the largest by revenue and beside chance."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.config import load_criteria
from kamsync.decide.months import add_months
from kamsync.errors import ConfigError
from kamsync.numerals import counted
from kamsync.report.backtest_json import backtest_to_json
from kamsync.report.backtest_text import backtest_lines
from kamsync.run.backtest import replay
from kamsync.run.moments import today

EVERY = {"month": 1, "quarter": 3, "year": 12}
MOST_DAYS = 240


def backtest(
    criteria: Annotated[str, typer.Option("--criteria", help="A criteria file or a preset's name.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day.")],
    every: Annotated[str, typer.Option(help="month, quarter or year.")] = "month",
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", metavar="FIELD", help="An account field that was the same then; repeatable.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Decide past days as known then; compare with the largest.

    With the largest by revenue, and with chance. Reads the cache only.
    """
    session = open_session(config)
    days = _days(first, last, every)
    now = today(session.config, datetime.now(UTC))
    with session.cache(must_exist=True) as cache:
        program = load_criteria(criteria, session.config).program
        found = replay(cache, program, days, now, fixed or (), _tell)
    if json:
        asked = {"criteria": criteria, "from": days[0].isoformat(), "to": days[-1].isoformat(), "every": every}
        show_json(backtest_to_json(found.report, found.names, found.left_out, found.notes, asked))
        return
    show(f"{counted(len(days), 'day')} from {days[0]} to {days[-1]} under {criteria}")
    for line in backtest_lines(found.report, found.names, found.left_out, found.notes):
        show(line)


def _days(first: str, last: str, every: str) -> list[date]:
    start, end = parse_day(first, "--from"), parse_day(last, "--to")
    if every not in EVERY:
        raise ConfigError(f"--every {every!r} is none of {', '.join(EVERY)}.", fix="Choose one of them.")
    if start is None or end is None or start > end:
        raise ConfigError(f"--from {first} is after --to {last}.", fix="Give the earlier day first.")
    days: list[date] = []
    while add_months(start, EVERY[every] * len(days)) <= end:
        days.append(add_months(start, EVERY[every] * len(days)))
        if len(days) > MOST_DAYS:
            raise ConfigError(f"That is more than {MOST_DAYS} days to replay.", fix="Take a shorter period or --every quarter.")
    return days


def _tell(day: date, key_accounts: int) -> None:
    say(f"{day.isoformat()}: {counted(key_accounts, 'key account')}", "dim")
