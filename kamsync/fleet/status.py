"""How the fleet stands, for operators: each org's state with its reason and mend, ages, what waits, what is left of its calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from kamsync.fleet.queue import schema_of_queue
from kamsync.fleet.tables import Tables
from kamsync.fleet.tables.leases import Lease
from kamsync.fleet.tables.orgs import KnownOrg
from kamsync.fleet.tables.runs import FleetRun
from kamsync.store.migrations import SCHEMA_VERSION

State = Literal["ok", "running", "waiting", "held", "failing", "parked", "paused", "new"]
# The worst first, as a person who has a minute looks.
STATES: tuple[State, ...] = ("parked", "failing", "held", "running", "waiting", "paused", "new", "ok")
_FAILED = ("failed", "deadline", "partial", "overtaken")
SILENT_SECONDS = 60.0
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class OrgStatus:
    """One org now. `held`: a guard waits for a person; `waiting`: in the queue, `waits_until` where not before a moment."""

    name: str
    state: State
    reason: str
    fix: str
    app: str
    last_good_at: datetime | None
    data_age_seconds: float | None
    next_due: datetime | None
    calls_left: int | None
    queued: int
    waits_until: datetime | None
    worker: str

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it: moments in ISO 8601."""
        return {
            "org": self.name,
            "state": self.state,
            "reason": self.reason,
            "fix": self.fix,
            "app": self.app,
            "last_good_run": _iso(self.last_good_at),
            "data_age_seconds": None if self.data_age_seconds is None else round(self.data_age_seconds),
            "next_due": _iso(self.next_due),
            "api_calls_left": self.calls_left,
            "queued": self.queued,
            "waits_until": _iso(self.waits_until),
            "worker": self.worker or None,
        }


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The fleet at one moment. `workers` had a heartbeat within SILENT_SECONDS; two of them are one worker's two queues."""

    now: datetime
    orgs: tuple[OrgStatus, ...]
    workers: int
    outcomes: Mapping[tuple[str, str], int]

    @property
    def states(self) -> dict[State, int]:
        """How many orgs are in each state, the worst first."""
        counted = Counter(org.state for org in self.orgs)
        return {state: counted[state] for state in STATES if counted[state]}

    @property
    def oldest(self) -> OrgStatus | None:
        """The org whose data is oldest."""
        aged = [org for org in self.orgs if org.data_age_seconds is not None]
        return max(aged, key=lambda org: org.data_age_seconds or 0.0, default=None)

    @property
    def overdue(self) -> int:
        """How many orgs' times have come and nothing is queued for them."""
        return sum(org.next_due is not None and org.next_due < self.now and not org.queued for org in self.orgs)

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "at": _iso(self.now),
            "states": dict(self.states),
            "workers": self.workers,
            "queued": sum(org.queued for org in self.orgs),
            "orgs": [org.as_json() for org in self.orgs],
        }


def fleet_status(tables: Tables) -> FleetStatus:
    """Everything in a handful of questions to the database, however many orgs there are."""
    with tables.at_one_moment() as moment:
        return _status(moment)


def _status(tables: Tables) -> FleetStatus:
    now = datetime.now(UTC)
    leases = {lease.org: lease for lease in tables.leases()}
    last = tables.last_runs()
    queued: dict[str, list[Mapping[str, Any]]] = {}
    for job in tables.queued():  # one that is being done without a lease has just begun, or its worker is dead
        queued.setdefault(job["org"], []).append(job)
    known = tables.orgs().values()
    sharing: dict[str, list[str]] = {}
    for one in known:
        sharing.setdefault(one.portal, []).append(one.org)
    orgs = (
        _org(one, leases.get(one.org), last.get(one.org), queued.get(one.org, []), _others(one, sharing), now) for one in known
    )
    alive = sum(worker["silent_seconds"] < SILENT_SECONDS for worker in tables.workers())
    ordered = sorted(orgs, key=lambda org: (STATES.index(org.state), org.name))
    return FleetStatus(now, tuple(ordered), (alive + 1) // 2, tables.outcomes())


def _others(known: KnownOrg, sharing: Mapping[str, list[str]]) -> list[str]:
    """The orgs that read and write the same portal."""
    return [name for name in sharing[known.portal] if name != known.org] if known.portal else []


def _org(
    known: KnownOrg,
    lease: Lease | None,
    last: FleetRun | None,
    jobs: list[Mapping[str, Any]],
    others: list[str],
    now: datetime,
) -> OrgStatus:
    state, reason, fix = _state(known, lease, last, jobs)
    if others and not reason:
        reason = f"It is the same portal as {', '.join(others[:MOST_NAMED])}: what one of them writes, the other takes back."
        fix = "Keep one of the files; what both say can stand in one configuration."
    waiting = [job for job in jobs if job["status"] == "todo"]
    times = [job["scheduled_at"] for job in waiting]
    return OrgStatus(
        name=known.org,
        state=state,
        reason=reason,
        fix=fix,
        app=known.app,
        last_good_at=known.last_good_at,
        data_age_seconds=None if known.pulled_at is None else (now - known.pulled_at).total_seconds(),
        next_due=known.next_due if known.state == "active" else None,
        calls_left=known.calls_left,
        queued=len(waiting),
        waits_until=min((time for time in times if time is not None and time > now), default=None),
        worker=lease.worker if lease is not None else "",
    )


def _state(known: KnownOrg, lease: Lease | None, last: FleetRun | None, jobs: list[Mapping[str, Any]]) -> tuple[State, str, str]:
    """What matters most of it, with its reason and mend."""
    if lease is not None:
        return "running", "", ""
    if known.state in ("parked", "paused"):
        return ("parked" if known.state == "parked" else "paused"), known.reason, known.fix
    needed = max((schema_of_queue(job["queue"]) for job in jobs), default=0)
    if needed > SCHEMA_VERSION:
        words = f"Its cache is of a newer kamsync (schema {needed}, this one knows {SCHEMA_VERSION}); only such a one takes it."
        return "waiting", words, "Start a worker of that version, or upgrade this one: docs/fleet.md, Upgrading."
    if last is not None and last.outcome in _FAILED:
        return "failing", last.message, last.fix
    if jobs:
        return "waiting", last.message if last is not None else "", ""
    if last is not None and last.outcome == "refused":
        return "held", last.message, last.fix
    return ("new" if last is None else "ok"), "", ""


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
