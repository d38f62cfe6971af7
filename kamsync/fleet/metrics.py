"""The fleet for Prometheus, and a worker's health. Every worker tells the same of the fleet: scrape one, or let `max` choose."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from kamsync.config.fleet import Fleet
from kamsync.fleet.caches import free_bytes
from kamsync.fleet.status import STATES, FleetStatus, fleet_status
from kamsync.fleet.tables import Tables
from kamsync.run.status_server import Answer, answering, exposed


def serving(fleet: Fleet, tables: Tables) -> AbstractContextManager[None]:
    """Answers on `[worker] port` of this machine while the context is open. Raises ConfigError where it is taken."""
    return answering(
        fleet.worker.port,
        f"{fleet.path} ([worker] port)",
        health=lambda: _health(tables),
        metrics=lambda: exposed(lambda: list(_families(fleet_status(tables), fleet.work))),
    )


def _health(tables: Tables) -> Answer:
    """A worker is well that reaches its database; where it does not, the error is the answer, with status 503."""
    running = len(tables.leases())
    return HTTPStatus.OK, "application/json", json.dumps({"ok": True, "running": running}).encode() + b"\n"


def _families(status: FleetStatus, work: Path) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    def gauge(name: str, help: str, values: Iterable[tuple[tuple[str, ...], float | None]], labels: tuple[str, ...] = ()) -> Any:
        family = GaugeMetricFamily(f"kamsync_fleet_{name}", help, labels=labels)
        for labelled, value in values:
            if value is not None:
                family.add_metric(labelled, value)
        return family

    orgs = status.orgs
    yield gauge("orgs", "Orgs by state.", (((state,), status.states.get(state, 0)) for state in STATES), ("state",))
    yield gauge("workers", "Workers with a recent heartbeat.", [((), status.workers)])
    yield gauge("jobs_waiting", "Jobs in the queue.", [((), sum(org.queued for org in orgs))])
    yield gauge("disk_free_bytes", "What is left on this worker's disk.", [((), free_bytes(work))])
    jobs = CounterMetricFamily("kamsync_fleet_jobs", "Jobs that ended in the last 90 days.", labels=("kind", "outcome"))
    for labelled, count in status.outcomes.items():
        jobs.add_metric(labelled, count)
    yield jobs
    good = (((org.name,), (status.now - org.last_good_at).total_seconds() if org.last_good_at else None) for org in orgs)
    yield gauge("last_good_run_age_seconds", "How long ago the org's last good run ended.", good, ("org",))
    ages = (((org.name,), org.data_age_seconds) for org in orgs)
    yield gauge("data_age_seconds", "How long ago the org was last read.", ages, ("org",))
    left = (((org.name,), org.calls_left) for org in orgs)
    yield gauge("api_calls_left", "Calls that the org's CRM had left after its last run.", left, ("org",))
