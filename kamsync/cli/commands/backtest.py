"""`kamsync backtest`: criteria on past days, as those days were known then, beside the largest by revenue and beside chance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import Session, open_session
from kamsync.config import load_criteria
from kamsync.decide.backtest import LATER_MONTHS, Snapshot, report
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER, Held
from kamsync.decide.replay import replayable
from kamsync.errors import ConfigError
from kamsync.report.backtest_json import backtest_to_json
from kamsync.report.backtest_text import backtest_lines
from kamsync.run.moments import today
from kamsync.store.accounts import name_of
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.past import entered_late, first_activity_day

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
    """Decide past days with what was known on them, and compare with the largest by revenue. Reads the cache only."""
    session = open_session(config)
    days = _days(first, last, every)
    now = today(session.config, datetime.now(UTC))
    with session.cache(must_exist=True) as cache:
        what = replayable(load_criteria(criteria, session.config).program, days[0], first_activity_day(cache), fixed or ())
        notes = [*what.notes, *_entered_late(cache)]
    found = report(_snapshots(session, compile_program(what.program), days, now), what.program.tiers)
    with session.cache() as cache:
        names = {account_id: name_of(cache, account_id) for account_id in found.lost}
    if json:
        asked = {"criteria": criteria, "from": days[0].isoformat(), "to": days[-1].isoformat(), "every": every}
        show_json(backtest_to_json(found, names, what.left_out, notes, asked))
        return
    show(f"{len(days)} days from {days[0]} to {days[-1]} under {criteria}")
    for line in backtest_lines(found, names, what.left_out, notes):
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


def _entered_late(cache: Cache) -> list[str]:
    """Of an import, earlier days cannot tell anything."""
    count = entered_late(cache)
    if not count:
        return []
    return [f"{count:,} opportunities were entered after they had closed (an import?): earlier days do not see them."]


def _snapshots(session: Session, compiled: CompiledProgram, days: list[date], now: date) -> list[Snapshot]:
    """Each day decided from what the day before left, as a nightly run would have; overrides of today are not replayed."""
    snapshots: list[Snapshot] = []
    held: dict[str, Held] = {}
    won: dict[date, dict[str, float]] = {}
    for day in days:
        with Evaluation(session.config.cache_path, compiled, day, replayed=held) as evaluation:
            decisions = list(evaluation.decisions())
            won[day] = evaluation.won_amounts_12m()
        snapshots.append(
            Snapshot(
                day,
                {d.account_id: d.tier for d in decisions},
                {d.account_id: d.since for d in decisions if d.since is not None},
                frozenset(d.account_id for d in decisions if d.eligible),
                won[day],
                None,
            )
        )
        held = {d.account_id: Held(None if d.tier == NO_TIER else d.tier, d.since, decided_tier=d.tier) for d in decisions}
        say(f"{day.isoformat()}: {sum(d.tier != NO_TIER for d in decisions):,} key accounts", "dim")
    for place, snapshot in enumerate(snapshots):
        end = add_months(snapshot.day, LATER_MONTHS)
        if end <= now:
            if end not in won:
                won[end] = _won_on(session, compiled, end)
            snapshots[place] = replace(snapshot, later_won=won[end])
    return snapshots


def _won_on(session: Session, compiled: CompiledProgram, day: date) -> dict[str, float]:
    """What each account won in the 12 months up to the day."""
    bare = compile_program(replace(compiled.program, criteria=(), rules=()))
    with Evaluation(session.config.cache_path, bare, day, replayed={}) as evaluation:
        return evaluation.won_amounts_12m()
