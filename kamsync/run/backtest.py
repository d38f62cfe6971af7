"""Past days decided one after the other, each from what the day before left, as nightly runs would have. Reads the cache only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from kamsync.decide.backtest import LATER_MONTHS, Report, Snapshot, report
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER, Held, Program
from kamsync.decide.replay import LeftOut, replayable
from kamsync.store.accounts import name_of
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.past import entered_late, first_activity_day

Said = Callable[[date, int], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the days came to. `names` of the lost accounts by id; `notes`: sentences on what is replayed otherwise than it was."""

    report: Report
    names: dict[str, str]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def replay(
    cache: Cache,
    program: Program,
    days: Sequence[date],
    now: date,
    fixed: Sequence[str] = (),
    said: Said = lambda day, count: None,
) -> Replayed:
    """The programme on these days, the first one first; `said` hears of each. Raises ConfigError where nothing can be told."""
    what = replayable(program, days[0], first_activity_day(cache), fixed)
    found = report(_snapshots(cache.path, compile_program(what.program), days, now, said), what.program.tiers)
    names = {account_id: name_of(cache, account_id) for account_id in found.lost}
    return Replayed(found, names, what.left_out, (*what.notes, *of_imports(cache)))


def of_imports(cache: Cache) -> list[str]:
    """That of an import earlier days cannot tell anything: a sentence, where there was one."""
    count = entered_late(cache)
    if not count:
        return []
    return [f"{count:,} opportunities were entered after they had closed (an import?): earlier days do not see them."]


def _snapshots(path: Path, compiled: CompiledProgram, days: Sequence[date], now: date, said: Said) -> list[Snapshot]:
    """Overrides of today are not replayed."""
    snapshots: list[Snapshot] = []
    held: dict[str, Held] = {}
    won: dict[date, dict[str, float]] = {}  # each account's own
    leads: dict[date, Mapping[str, str]] = {}
    for day in days:
        with Evaluation(path, compiled, day, replayed=held) as evaluation:
            decisions = list(evaluation.decisions())
            won_then, leads[day] = evaluation.won_amounts_12m(), evaluation.leads()
        if compiled.program.unit == "account":
            won[day] = won_then
        snapshots.append(
            Snapshot(
                day,
                {d.account_id: d.tier for d in decisions if d.code != "group"},
                {d.account_id: d.since for d in decisions if d.since is not None},
                frozenset(d.account_id for d in decisions if d.eligible),
                won_then,
                None,
                {d.account_id: d.tier for d in decisions if d.code == "group"},
            )
        )
        held = {d.account_id: Held(None if d.tier == NO_TIER else d.tier, d.since, decided_tier=d.tier) for d in decisions}
        said(day, sum(d.tier != NO_TIER and d.code != "group" for d in decisions))
    for place, snapshot in enumerate(snapshots):
        end = add_months(snapshot.day, LATER_MONTHS)
        if end <= now:
            if end not in won:
                won[end] = _won_on(path, compiled, end)
            snapshots[place] = replace(snapshot, later_won=_by_lead(won[end], leads[snapshot.day]))
    return snapshots


def _by_lead(won: Mapping[str, float], leads: Mapping[str, str]) -> Mapping[str, float]:
    """What the groups of a day won: all that its members did, by the account that led it then."""
    if not leads:
        return won
    found: dict[str, float] = {}
    for account, amount in won.items():
        lead = leads.get(account, account)
        found[lead] = found.get(lead, 0.0) + amount
    return found


def _won_on(path: Path, compiled: CompiledProgram, day: date) -> dict[str, float]:
    """What each account by itself won in the 12 months up to the day."""
    bare = compile_program(replace(compiled.program, criteria=(), rules=(), seats=(), unit="account"))
    with Evaluation(path, bare, day, replayed={}) as evaluation:
        return evaluation.won_amounts_12m()
