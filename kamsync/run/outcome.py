"""How the nights have gone, for whoever looks from outside: is all well, how old may it be, what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kamsync.decide.guards import check_first_run, check_not_undone
from kamsync.errors import PlanRefused
from kamsync.run.due_lines import scheduled
from kamsync.run.trace import seen_runs
from kamsync.store.accounts import was_written
from kamsync.store.database import Cache
from kamsync.store.runs import held_since_undo, last_good_run, was_applied

if TYPE_CHECKING:
    from kamsync.config import Config
    from kamsync.decide.program import Guards

PERIODS = 2  # after so many missed times somebody should know


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the last good run is recent enough; `reason` says why not. `oldest` is how old it may be, None: nothing syncs."""

    last_good: datetime | None
    oldest: timedelta | None
    reason: str

    @property
    def well(self) -> bool:
        """Whether nothing is amiss."""
        return not self.reason


def health(cache: Cache, config: Config, now: datetime, *, began: datetime) -> Health:
    """`began`: when the schedule was started; where no run has gone well yet, age counts from there."""
    last = last_good_run(cache)
    oldest = oldest_allowed(config, now)
    if oldest is None or now - (last or began) <= oldest:
        return Health(last, oldest, "")
    newest = next(iter(seen_runs(cache, 1)), None)
    why = f"; the last run {newest.status}: {newest.message}" if newest is not None and newest.message else ""
    return Health(last, oldest, f"no run has gone well since {(last or began).isoformat(timespec='seconds')}{why}")


def oldest_allowed(config: Config, now: datetime) -> timedelta | None:
    """How old the last good run may be: two of the longest gaps that the schedule has in the week to come."""
    lines = scheduled(config.schedule)
    syncing = next((due.table for due in lines if not due.full), lines[0].table if lines else None)
    if syncing is None:
        return None
    moment, longest = now.astimezone(UTC), timedelta(0)
    while moment < now + timedelta(days=7) and (following := syncing.next_after(moment)) is not None:
        if moment != now:
            longest = max(longest, following.astimezone(UTC) - moment)
        moment = following.astimezone(UTC)
    return PERIODS * longest + timedelta(seconds=config.schedule.jitter_seconds) if longest else None


def waiting_for_people(cache: Cache, criteria_hash: str, guards: Guards) -> list[PlanRefused]:
    """What holds unattended runs of these criteria back until somebody acts, in the guards' own words."""
    found: list[PlanRefused] = []
    try:
        check_not_undone(held_since_undo(cache, criteria_hash))
        check_first_run(was_applied(cache) or was_written(cache), guards)
    except PlanRefused as refused:
        found.append(refused)
    last = next(iter(seen_runs(cache, 1)), None)
    if last is not None and last.status == "refused" and all(last.message != one.message for one in found):
        found.append(PlanRefused(last.message, fix=last.fix))
    return found
