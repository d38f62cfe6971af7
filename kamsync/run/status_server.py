"""`/healthz` and `/metrics` on this machine while `kamsync run` runs. What they say is in the cache: a restart loses nothing.

Loopback only and read only: there is no sign-in, so a name that resolves here from a web page elsewhere is refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from kamsync.config import Config
from kamsync.errors import ConfigError, KamsyncError
from kamsync.http import is_loopback, parts_of
from kamsync.log import log
from kamsync.model.exchange import Usage
from kamsync.run.elsewhere import written_elsewhere
from kamsync.run.outcome import health
from kamsync.store.accounts import record_counts, tier_counts
from kamsync.store.database import Cache, open_cache
from kamsync.store.held_back import held_reasons
from kamsync.store.ledger import task_counts
from kamsync.store.runs import last_good_run, list_runs, runs_by_outcome
from kamsync.store.schema import Meta

HOST = "127.0.0.1"
MOST_REASONS = 20  # a reason names a person here and there: a metric's labels must not grow without end
Usages = Callable[[], Usage | None]
Answer = tuple[HTTPStatus, str, bytes]


@contextmanager
def serving(config: Config, usage: Usages) -> Iterator[None]:
    """Serves while the context is open, where `[serve] port` names a port. Raises ConfigError where it is taken."""
    began = datetime.now(UTC)

    def families() -> list[Any]:
        with open_cache(config.cache_path) as cache:
            return list(_families(cache, usage()))

    with answering(
        config.serve_port,
        f"{config.path} ([serve] port)",
        health=lambda: _health(config, began),
        metrics=lambda: exposed(families),
    ):
        yield


@contextmanager
def answering(port: int, place: str, *, health: Callable[[], Answer], metrics: Callable[[], Answer]) -> Iterator[None]:
    """Answers /healthz and /metrics on loopback while the context is open; nothing where `port` is 0.

    `place` names the setting. Raises ConfigError where the port is taken.
    """
    if not port:
        yield
        return

    class Handler(_Handler):
        answers: ClassVar = {"/healthz": health, "/metrics": metrics}

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ConfigError(f"{place}: {port} cannot be served: {error.strerror}.", fix="Choose another port there.") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="serving", daemon=True).start()
    log().info("serving", healthz=f"http://{HOST}:{port}/healthz", metrics=f"http://{HOST}:{port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    answers: ClassVar[Mapping[str, Callable[[], Answer]]]
    server_version, sys_version = "kamsync", ""
    timeout = 10  # a client that says nothing holds a thread no longer

    def do_GET(self) -> None:
        host = parts_of(f"//{self.headers.get('Host', '')}").hostname or ""
        find = self.answers.get(parts_of(self.path).path)
        if not is_loopback(host):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"This machine only.\n")
        elif find is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There are /healthz and /metrics.\n")
        else:
            try:
                self._send(*find())
            except KamsyncError as error:
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"{error.message}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A probe every few seconds is no event."""


def _health(config: Config, began: datetime) -> Answer:
    with open_cache(config.cache_path) as cache:
        found = health(cache, config, datetime.now(UTC), began=began)
    said = {
        "ok": found.well,
        "reason": found.reason,
        "last_good_run": found.last_good and found.last_good.isoformat(timespec="seconds"),
        "oldest_allowed_seconds": found.oldest and found.oldest.total_seconds(),
    }
    return HTTPStatus.OK if found.well else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", json.dumps(said).encode() + b"\n"


def exposed(families: Callable[[], list[Any]]) -> Answer:
    """The metric families as Prometheus reads them. prometheus-client is loaded before `families` is asked."""
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    except ImportError:
        return HTTPStatus.NOT_IMPLEMENTED, "text/plain", b"/metrics needs: pip install 'kamsync[metrics]'\n"
    registry = CollectorRegistry()
    registry.register(_Collected(families()))
    return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry)


class _Collected:
    """What was gathered for this one answer, as prometheus-client asks for it."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> list[Any]:
        return self._families


def _families(cache: Cache, usage: Usage | None) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    def gauge(name: str, help: str, values: Mapping[Any, float], labels: tuple[str, ...] = ()) -> Any:
        family = GaugeMetricFamily(f"kamsync_{name}", help, labels=labels)
        for labelled, value in values.items():
            family.add_metric(labelled, value)
        return family

    now = datetime.now(UTC)
    runs = CounterMetricFamily("kamsync_runs", "Runs that the cache remembers, by kind and outcome.", labels=("kind", "outcome"))
    for (kind, outcome), count in runs_by_outcome(cache).items():
        runs.add_metric((kind, outcome), count)
    yield runs
    for run in list_runs(cache, 1):
        if run.finished_at:
            seconds = (datetime.fromisoformat(run.finished_at) - datetime.fromisoformat(run.started_at)).total_seconds()
            yield gauge("last_run_seconds", "How long the last run took.", {(): seconds})
        written = {(name,): float(count) for name, count in run.summary.items()}
        yield gauge("last_run_writes", "What the last run wrote, was refused and held back.", written, ("what",))
        reasons = {(reason,): float(count) for reason, count in held_reasons(cache, run.run_id, MOST_REASONS).items()}
        yield gauge("last_run_held_back", "Writes that the last run held back, by reason.", reasons, ("reason",))
    elsewhere = CounterMetricFamily("kamsync_written_elsewhere", "Accounts found that another installation had written.")
    elsewhere.add_metric((), written_elsewhere(cache))
    yield elsewhere
    good, pulled = last_good_run(cache), cache.meta(Meta.PULLED_AT)
    if good is not None:
        yield gauge("last_good_run_age_seconds", "How long ago the last good run ended.", {(): (now - good).total_seconds()})
    if pulled:
        age = (now - datetime.fromisoformat(pulled)).total_seconds()
        yield gauge("data_age_seconds", "How long ago the CRM was last read.", {(): age})
    records = {(stream,): float(count) for stream, count in record_counts(cache).items()}
    yield gauge("records", "Records in the cache, by stream.", records, ("stream",))
    yield gauge("accounts", "Accounts by tier.", {(tier,): float(n) for tier, n in tier_counts(cache).items()}, ("tier",))
    tasks = {(status,): float(count) for status, count in task_counts(cache).items()}
    yield gauge("tasks", "Tasks that this program made, by what became of them.", tasks, ("status",))
    if usage is not None:
        yield gauge("api_calls_used", "Calls that the last run made.", {(): usage.used_by_us})
        if usage.remaining is not None:
            yield gauge("api_calls_left", "Calls that the CRM had left at its end.", {(): usage.remaining})
