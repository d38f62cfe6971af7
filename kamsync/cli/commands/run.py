"""`kamsync run`: the scheduler in the foreground, or what it would do now, once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from kamsync.cli.console import error_document, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.printing import written_json
from kamsync.cli.session import Session, open_session
from kamsync.errors import ConfigError, KamsyncError
from kamsync.files import exists
from kamsync.log import configure_logs, log
from kamsync.model.exchange import Usage
from kamsync.run.apply import Applied
from kamsync.run.daemon import run_schedule
from kamsync.run.digests import send_digests
from kamsync.run.due_lines import scheduled, was_missed
from kamsync.run.notices import sender, tell
from kamsync.run.planning import PlannedRun
from kamsync.run.shell import is_recorded
from kamsync.run.status_server import serving
from kamsync.run.stop_signal import Stopping
from kamsync.run.sync import sync as run_sync
from kamsync.store.runs import last_unattended_run
from kamsync.store.schema import Meta
from kamsync.tracing import configure_traces, span


class _Night:
    """One run as the schedule makes it, and what it used of the CRM."""

    def __init__(self, session: Session) -> None:
        self._session, self.stopping = session, Stopping()
        self._usage: Usage | None = None
        self.planned: PlannedRun | None = None  # by the last run
        self._telling = threading.Lock()  # a run that ends while the schedule looks tells it once

    def usage(self) -> Usage | None:
        """Calls of the last run, None before it."""
        return self._usage

    def work(self, full: bool) -> Applied:
        """Pulls, plans, applies, and tells the channels of [[notify]] what is new, however it ends."""
        try:
            applied = self._run(full)
        finally:
            self.tell()
        self._send_digests()
        return applied

    def tell(self) -> None:
        """Tells the channels of [[notify]] what is new about the runs and the age of the data."""
        config = self._session.config
        channels = [channel for channel in config.channels if channel.who == "failures"]
        if channels and exists(config.cache_path, "cache"):
            with self._telling, self._session.cache() as cache:
                tell(cache, config, datetime.now(UTC), sender(channels))

    def _send_digests(self) -> None:
        """Whatever becomes of them, the run has written what it had to."""
        config = self._session.config
        if not any(channel.who != "failures" for channel in config.channels):
            return
        try:
            with self._session.cache() as cache:
                told = send_digests(cache, config, datetime.now(UTC))
        except KamsyncError as error:
            log().error("no digest", error=error.message, fix=error.fix)
            return
        for one in told:
            say = log().info if one.is_well else log().error
            say("digest", channel=one.channel, source=one.source, reader=one.reader, outcome=one.outcome, error=one.why)

    def _run(self, full: bool) -> Applied:
        with span("run", kind="sync", full=full) as traced, self._session.shell("sync", stopping=self.stopping) as shell:
            traced.tell(run_id=shell.run_id)
            planned, applied = run_sync(shell, full=full)
            self.planned = planned
            self._usage = shell.connection.usage()
            reasons = Counter(held.reason for held in (*planned.plan.held_back, *applied.held_back))
            for reason, count in reasons.most_common():
                log().info("held back", count=count, reason=reason)
            outcome = "done" if applied.complete else "interrupted" if applied.stopped else "partial"
            log().info("run ended", outcome=outcome, calls=self._usage.used_by_us)
            traced.tell(outcome=outcome, calls=self._usage.used_by_us, org=shell.cache.meta(Meta.ORG_ID) or "")
            if outcome == "partial":
                traced.failed(f"{len(applied.rejected)} refused by the CRM, {applied.unknown} without an answer")
        return applied

    def last_runs(self) -> tuple[datetime | None, datetime | None]:
        """When the last run, and the last full pull, began; None for never."""
        if not exists(self._session.config.cache_path, "cache"):
            return None, None
        with self._session.cache() as cache:
            full = cache.meta(Meta.FULL_PULLED_AT)
            return last_unattended_run(cache), None if full is None else datetime.fromisoformat(full)


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    once: Annotated[
        bool, typer.Option("--once", help="Run once now and end, for cron and containers: full where a full pull is due.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Sync by the schedule, in the foreground. For systemd, Docker or a terminal; Ctrl-C or SIGTERM ends it gently."""
    session = replace(open_session(config), talks=False)
    settings = session.config.log
    configure_logs(format=settings.format, level=settings.level, file=settings.file)
    configure_traces()
    night = _Night(session)
    if once:
        _once(session, night, json)
        return
    if json:
        raise ConfigError("--json tells of one run.", fix='Use it with --once; [log] format = "json" is for the schedule.')
    log().info("started", program=session.config.program.name, config=str(config))
    with serving(session.config, night.usage):
        run_schedule(
            session.config,
            lambda full: _ignore(night.work(full)),
            _tell,
            night.stopping,
            last_runs=night.last_runs,
            watch=night.tell if any(one.who == "failures" for one in session.config.channels) else None,
        )


def _once(session: Session, night: _Night, json: bool) -> None:
    from kamsync.run.stop_signal import stopping_on

    _, last_full = night.last_runs()
    now = datetime.now(UTC)
    full = any(was_missed(due, last_full, now) for due in scheduled(session.config.schedule) if due.full)
    try:
        with stopping_on(night.stopping):
            applied = night.work(full)
    except KamsyncError as error:
        # A line like any other, stamped and without addresses; `recorded` has said it where the run had begun.
        if not is_recorded(error):
            log().error("failed", error=error.message, fix=error.fix)
        if json:
            show_json(error_document(error))
        raise typer.Exit(error.exit_code) from error
    usage = night.usage()
    if json and night.planned is not None and usage is not None:
        show_json({**written_json(night.planned, applied, usage), "stopped": applied.stopped})
    if not applied.complete:
        raise typer.Exit(1)


def _ignore(applied: Applied) -> None:
    """The schedule goes on whatever a run wrote; the log and the journal have it."""


def _tell(event: str, **fields: object) -> None:
    level = log().error if "failed" in event else log().info
    level(event, **fields)
