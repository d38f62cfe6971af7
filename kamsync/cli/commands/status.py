"""`kamsync status`: what the program knows and when it learnt it, what schedule runs, what waits for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kamsync.cli.commands.runs import run_json, run_line
from kamsync.cli.console import show, show_json
from kamsync.cli.known import known_cache
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.decide.place import Place
from kamsync.decide.timetable import parse_cron
from kamsync.errors import PlanRefused
from kamsync.printable import one_line
from kamsync.report.run_trace import in_words
from kamsync.run.elsewhere import written_elsewhere
from kamsync.run.heartbeat import Heartbeat, living_schedule
from kamsync.run.outcome import waiting_for_people
from kamsync.run.trace import seen_runs
from kamsync.store.accounts import record_counts, tier_counts
from kamsync.store.known_program import KnownProgram
from kamsync.store.runs import Run
from kamsync.store.schema import Meta


@dataclass(frozen=True)
class _State:
    """Everything that is shown, read in one go."""

    config: Path
    cache_path: Path
    known: KnownProgram
    now: datetime
    counts: dict[str, int]
    tiers: dict[str, int]
    last: Run | None
    pulled: str | None
    org: str | None
    waiting: list[PlanRefused]
    living: Heartbeat | None
    elsewhere: int

    @property
    def next_run(self) -> datetime | None:
        """By the schedule that really runs; by the configuration where none does."""
        if self.living is not None:
            known = [datetime.fromisoformat(job.next_at) for job in self.living.jobs if job.next_at]
        else:
            lines = self.known.beside.lines
            found = [parse_cron(line, timezone, Place(key=name)).next_after(self.now) for name, line, timezone in lines]
            known = [moment for moment in found if moment is not None]
        return min(known, default=None)

    @property
    def is_outdated(self) -> bool:
        """Whether the schedule that runs is another one than the configuration now says."""
        configured = set(self.known.beside.lines)
        return self.living is not None and configured != {(job.name, job.line, job.timezone) for job in self.living.jobs}

    @property
    def files(self) -> dict[str, Path]:
        log = self.known.beside.log_file
        return {"configuration": self.config.absolute(), "cache": self.cache_path, **({"log": Path(log)} if log else {})}


def status(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show how old the data is, the last run, what waits for you.

    Also what the cache holds and what schedule runs. Reads the cache only.
    """
    state = _read(config)
    if json:
        show_json(_as_json(state))
    else:
        _show(state)


def _read(config: Path) -> _State:
    with known_cache(config) as (cache, known):
        return _State(
            config=config,
            cache_path=cache.path,
            known=known,
            now=datetime.now(UTC),
            counts=record_counts(cache),
            tiers=tier_counts(cache),
            last=next(iter(seen_runs(cache, 1)), None),
            pulled=cache.meta(Meta.PULLED_AT),
            org=cache.meta(Meta.ORG_NAME),
            waiting=waiting_for_people(cache, known.hash, known.program.guards),
            living=living_schedule(cache.path),
            elsewhere=written_elsewhere(cache),
        )


def _as_json(state: _State) -> dict[str, Any]:
    return {
        "crm": state.known.beside.crm,
        "org": state.org,
        "cache": str(state.cache_path),
        "files": {name: str(path) for name, path in state.files.items()},
        "pulled_at": state.pulled,
        "age_seconds": state.pulled and int((state.now - datetime.fromisoformat(state.pulled)).total_seconds()),
        "records": state.counts,
        "tiers": state.tiers,
        "last_run": state.last and run_json(state.last),
        "next_run": state.next_run and state.next_run.isoformat(),
        "schedule": state.living and asdict(state.living),
        "schedule_is_outdated": state.is_outdated,
        "written_elsewhere": state.elsewhere,
        "waiting": [{"message": one.message, "fix": one.fix} for one in state.waiting],
    }


def _show(state: _State) -> None:
    pulled = "never"
    if state.pulled:
        ago = in_words((state.now - datetime.fromisoformat(state.pulled)).total_seconds())
        pulled = f"{state.pulled} ({ago} ago)"
    show(f"{state.known.beside.label}: {one_line(state.org or 'never pulled')}   last pull {pulled}")
    for name, path in state.files.items():
        show(f"{name.capitalize()}: {path}")
    show("In the cache: " + ", ".join(f"{n:,} {stream.replace('_', ' ')}" for stream, n in state.counts.items() if n))
    show("Tiers in the CRM: " + (", ".join(f"{tier}: {count:,}" for tier, count in state.tiers.items()) or "none yet"))
    show(f"Last run: {run_line(state.last)}" if state.last else "No run yet.")
    if state.last and state.last.fix:
        show(f"    To mend it: {one_line(state.last.fix)}")
    for one in state.waiting:
        if state.last is None or one.message != state.last.message:
            show(f"Waits for you: {one_line(one.message)}")
            show(f"    To go on: {one_line(one.fix)}")
    if state.elsewhere:
        show(f"Another kamsync writes to this org: it was met on {state.elsewhere:,} accounts so far (docs/running.md).")
    _show_schedule(state)


def _show_schedule(state: _State) -> None:
    following = state.next_run.isoformat(timespec="seconds") if state.next_run else "never"
    if state.living is not None:
        lines = ", ".join(f"{job.name} {job.line!r}" for job in state.living.jobs)
        show(f"Schedule: runs since {state.living.started_at} as process {state.living.pid} on {state.living.host}: {lines}")
        if state.is_outdated:
            show("    It is not what the configuration says now: restart `kamsync run`.")
        show(f"Next run: {following}")
    elif state.known.beside.lines:
        show(f"Schedule: `kamsync run` is not running here; by the configuration the next run would be {following}.")
    else:
        show("Nothing is scheduled ([schedule] sync).")
