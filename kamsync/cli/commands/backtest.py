"""`kamsync backtest`: other criteria on past days, and how well their choice foretold what came."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import Session, open_session
from kamsync.config import load_criteria
from kamsync.decide.backtest import LATER_MONTHS, Snapshot, report
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.facts import FACTS
from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER, Held
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.run.moments import today
from kamsync.store.accounts import name_of
from kamsync.store.evaluate import Evaluation

EVERY = {"month": 1, "quarter": 3, "year": 12}
MOST_DAYS = 240


def backtest(
    criteria: Annotated[str, typer.Option("--criteria", help="A criteria file or a preset's name.")],
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day.")],
    every: Annotated[str, typer.Option(help="month, quarter or year.")] = "month",
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Replay past days from the opportunities' own dates. Reads the cache only; says which facts cannot be replayed."""
    session = open_session(config)
    compiled = load_criteria(criteria, session.config)
    days = _days(first, last, every)
    with session.cache(must_exist=True):
        pass
    now = today(session.config, datetime.now(UTC))
    snapshots: list[Snapshot] = []
    held: dict[str, Held] = {}
    for day in days:
        tiers, held = _one_day(session, compiled, day, held)
        end = add_months(day, LATER_MONTHS)
        snapshots.append(Snapshot(day, tiers, _won_until(session, compiled, end) if end <= now else None))
        say(f"{day.isoformat()}: {sum(t != NO_TIER for t in tiers.values()):,} key accounts", "dim")
    found = report(snapshots)
    with session.cache() as cache:
        names = {account_id: name_of(cache, account_id) for account_id in found.silent}
    fixed = sorted(f.name for f in FACTS if not f.replayable and f.name in compiled.names)
    fixed += sorted({name for name in compiled.names if name in compiled.program.account_columns} - {"id", "name"})
    if json:
        show_json(
            {
                "days": [
                    {"as_of": s.day, "tiers": {t: list(s.tiers.values()).count(t) for t in sorted(set(s.tiers.values()))}}
                    for s in snapshots
                ],
                "flap_rate": found.flap_rate,
                "stability": found.stability,
                "later_revenue_share": found.later_revenue_share,
                "silent": [{"account_id": i, "name": names[i], "days": n} for i, n in found.silent.items()],
                "not_replayed": fixed,
            }
        )
        return
    show(f"{found.days} days from {days[0]} to {days[-1]} under {criteria}")
    show(f"  flap rate            {_share(found.flap_rate)}   accounts that left a tier and came back")
    show(f"  stability            {_share(found.stability)}   key accounts that were still key on the next day")
    later = f"of what was won in the {LATER_MONTHS} months after, by key accounts"
    if found.later_revenue_share is None:
        later = f"not known: {LATER_MONTHS} months have not passed since any of these days"
    show(f"  later revenue        {_share(found.later_revenue_share)}   {later}")
    show(f"  went silent          {len(found.silent):>5}   key accounts that won nothing in those months")
    for account, count in list(found.silent.items())[:10]:
        show(f"      {one_line(names[account])} ({account}), chosen on {count} days")
    if fixed:
        show(f"Not replayed, today's values were used: {', '.join(fixed)}.")


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


def _one_day(
    session: Session, compiled: CompiledProgram, day: date, held: dict[str, Held]
) -> tuple[dict[str, str], dict[str, Held]]:
    """Decides one day from what the day before left, as a nightly run would have; overrides of today are not replayed."""
    with Evaluation(session.config.cache_path, compiled, day, replayed=held) as evaluation:
        decisions = list(evaluation.decisions())
    tiers = {d.account_id: d.tier for d in decisions}
    following = {d.account_id: Held(None if d.tier == NO_TIER else d.tier, d.since) for d in decisions}
    return tiers, following


def _won_until(session: Session, compiled: CompiledProgram, end: date) -> dict[str, float]:
    """What each account won in the 12 months up to `end`."""
    with Evaluation(session.config.cache_path, compiled, end, replayed={}) as evaluation:
        return evaluation.won_amounts_12m()


def _share(value: float | None) -> str:
    return "    —" if value is None else f"{value:>5.0%}"
