"""Past days as they were known then, and what came after each, for `decide.calibration`. Reads the cache only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from kamsync.decide.backtest import LATER_MONTHS
from kamsync.decide.calibration import Calibration, PastDay, Wanted, calibrate, is_enough
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.months import add_months
from kamsync.decide.program import Program
from kamsync.decide.replay import LeftOut, replayable
from kamsync.errors import TryLater
from kamsync.run.backtest import Said, of_imports
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.past import first_activity_day, first_opportunity_day

EVERY_MONTHS = 6
MOST_DAYS = 8  # half-yearly: what was worth knowing five years ago says little of today
BEFORE_MONTHS = 12  # of customers, before the first day
LEAST_CUSTOMERS = 30
SEED = 1  # the same cache suggests the same


@dataclass(frozen=True, slots=True)
class Learned:
    """What the past suggests, what of the criteria it cannot tell, and sentences on what is replayed otherwise than it was."""

    found: Calibration
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def learn(cache: Cache, program: Program, now: date, wanted: Wanted, penalty: float, fixed: Sequence[str], said: Said) -> Learned:
    """Weights for the programme. `said` hears of each day. Raises TryLater where the history is too short."""
    grid = _days(cache, now)
    of_score = tuple(criterion for criterion in program.criteria if criterion.axis != "health")
    bare = replace(program, criteria=of_score, tiers=(), rules=(), seats=(), review_months=(), approve=False)
    what = replayable(bare, grid[0], first_activity_day(cache), fixed)
    days = _past(cache, compile_program(what.program), grid, said)
    names = [criterion.name for criterion in what.program.criteria]
    found = calibrate(program, names, days, wanted, penalty, np.random.default_rng(SEED))
    return Learned(found, what.left_out, (*what.notes, *of_imports(cache)))


def _days(cache: Cache, now: date) -> list[date]:
    """Oldest first; the year after the last one ends today."""
    months = range(LATER_MONTHS, LATER_MONTHS + EVERY_MONTHS * MOST_DAYS, EVERY_MONTHS)
    first = first_opportunity_day(cache)
    days = [day for back in reversed(months) if first and (day := add_months(now, -back)) >= add_months(first, BEFORE_MONTHS)]
    if not is_enough(days):
        known = f"opportunities are known from {first} on" if first else "no opportunity is known"
        ready = add_months(first, BEFORE_MONTHS + 2 * LATER_MONTHS) if first else None
        raise TryLater(
            f"Weights cannot be learned yet: three years are needed (one to see the customers, one to see what they bring, one"
            f" that is held out), and {known}.",
            fix=f"Try again on {ready}; until then compare presets: kamsync simulate --criteria NAME."
            if ready
            else "Pull first: kamsync pull.",
        )
    return days


def _past(cache: Cache, compiled: CompiledProgram, grid: Sequence[date], said: Said) -> list[PastDay]:
    """The days on which enough customers took part, with what came after."""
    seen: dict[date, tuple[list[str], np.ndarray[tuple[int, int], np.dtype[np.float64]]]] = {}
    won: dict[date, dict[str, float]] = {}
    active: dict[date, int] = {}
    bare = compile_program(replace(compiled.program, criteria=()))
    for day in [*grid, *(end for end in (add_months(one, LATER_MONTHS) for one in grid) if end not in grid)]:
        with Evaluation(cache.path, compiled if day in grid else bare, day, replayed={}) as evaluation:
            won[day] = evaluation.won_amounts_12m()
            if day in grid:
                accounts = [decision.account_id for decision in evaluation.decisions() if decision.eligible]
                seen[day] = accounts, np.array(list(evaluation.scaled_scores().values()), dtype=np.float64).T
                active[day] = evaluation.counted()
                said(day, len(accounts))
    days = []
    for day in grid:
        accounts, scaled = seen[day]
        later = won[add_months(day, LATER_MONTHS)]
        if len(accounts) >= LEAST_CUSTOMERS and any(later.get(one) for one in accounts):
            before, after = (np.array([amounts.get(one, 0.0) for one in accounts]) for amounts in (won[day], later))
            days.append(PastDay(day, accounts, scaled, before, after, active[day]))
    if not is_enough([one.day for one in days]):
        counts = ", ".join(f"{day}: {len(seen[day][0])}" for day in grid)
        raise TryLater(
            f"Weights cannot be learned yet: {LEAST_CUSTOMERS} customers are needed on two days a year apart, and there were"
            f" {counts}.",
            fix="Compare presets in the meantime: kamsync simulate --criteria NAME.",
        )
    return days
